"""Suite `lifecycle`: what a new client waits, what an isolated NF costs, a thousand of them."""

import time

from . import accounting
from .bed import Failure, client_address
from .distribution import quantile
from .first_byte import sequence
from .many_clients import fetch_by_clients
from .servers import Onvm
from .summary import Target

NAME = "lifecycle"
SIZE = 64
FILES = (64, 8 << 10, 64 << 10)
FIRST_BYTE_TARGET = Target(1000, at_least=False)
MEMORY_TARGET = Target(4096, at_least=False)
IDLE_TARGET = Target(1.0, at_least=False)


def amounts(plan):
    """How many clients of each kind, NFs at most, seconds of idleness."""
    if plan.is_quick:
        return {"clients": 60, "cold": 10, "nfs": 100, "idle": (1, 10), "idle_seconds": 2}
    return {"clients": 200, "cold": 30, "nfs": 1000, "idle": (1, 10, 100), "idle_seconds": 5}


def expected_seconds(plan):
    much = amounts(plan)
    round_seconds = 4 + much["clients"] * 0.06 + much["cold"] * 0.08
    return plan.pairs * round_seconds + len(much["idle"]) * (much["idle_seconds"] + 2) + much["nfs"] * 0.06


class Pool(Onvm):
    """Isolated NFs that are all wanted from the start; remembers when they were ready."""

    def __init__(self, session, idle, maximum=None, service=""):
        runner = session.runner
        super().__init__(
            runner.directory, runner.documents.root, runner.builds["ours"], "client", idle, maximum, service)
        self.history = []

    def is_ready(self):
        try:
            service = self.status()["services"][0]
        except (Failure, ValueError):
            return False
        self.history.append((time.monotonic(), service["idle"]))
        return service["idle"] >= self.idle

    def started_per_second(self):
        """From the first moment that an NF was seen ready to the first that all were."""
        begin = next(point for point in self.history if point[1] > 0)
        end = self.history[-1]
        return (end[1] - begin[1]) / (end[0] - begin[0]) if end[0] > begin[0] else None

    def pids(self):
        status = self.status()
        return {"manager": status["manager"]["pid"], "zygote": status["manager"]["zygote_pid"],
                **{nf["slot"]: nf["pid"] for nf in status["nfs"] if nf.get("pid")}}

    def idle_cpu_percent(self, seconds):
        """Of one core, everybody together, while nothing is asked of them."""
        pids = self.pids()
        before = {pid: accounting.process_seconds(pid) for pid in pids.values()}
        started = time.monotonic()
        time.sleep(seconds)
        used = sum(accounting.process_seconds(pid) - before[pid] for pid in before)
        return 100 * used / (time.monotonic() - started)


def first_bytes(session, much):
    """Three ways to come: to a full pool, to a pool that is being filled up, to an empty one."""
    path, expected = session.runner.documents.path(SIZE), session.runner.documents.content(SIZE)
    ways = {
        "full pool": dict(idle=much["clients"], maximum=much["clients"], count=much["clients"], gap=0.005),
        "pool of 16 being refilled": dict(idle=16, maximum=much["clients"] + 32, count=much["clients"], gap=0.025),
        # Of two clients that come together the second finds the pool of one empty.
        "empty pool": dict(
            idle=1, maximum=2 * much["cold"] + 2, count=2 * much["cold"], gap=0.05, retry_seconds=5, group=2),
    }
    found = {way: [] for way in ways}
    rates = []
    for pair in range(1, session.plan.pairs + 1):
        for way, how in ways.items():
            how = dict(how)
            idle, maximum, count = (how.pop(key) for key in ("idle", "maximum", "count"))
            with Pool(session, idle, maximum) as pool:
                rates += [rate for rate in [pool.started_per_second()] if rate and idle == much["clients"]]
                pool.wait_until(lambda: pool.is_settled(idle), 30, "the pool is full")
                addresses = [client_address(number) for number in range(1, count + 1)]
                times = sequence(addresses, path, expected, how.pop("gap"), **how)
            microseconds = [seconds * 1e6 for seconds in times]
            found[way].append(microseconds)
            steps = [(value, 1) for value in microseconds]
            session.progress.step(
                f"{pair}/{session.plan.pairs}  {way:26} first byte p50 {quantile(steps, 0.5):7.0f} "
                f"p99 {quantile(steps, 0.99):7.0f} us", round_share(session.plan))
    for way, rounds in found.items():
        for fraction, target in ((0.5, None), (0.99, None if way == "empty pool" else FIRST_BYTE_TARGET)):
            values = [quantile([(value, 1) for value in times], fraction) for times in rounds]
            session.measured(NAME, f"first SYN to first byte, {way}", f"us p{fraction * 100:.0f}", values, target)
    if rates:
        session.measured(NAME, "NFs started while the pool fills", "NFs/s", rates)
    return {"first_byte_microseconds": found, "nfs_per_second": rates}


def round_share(plan):
    much = amounts(plan)
    return (4 + much["clients"] * 0.06 + much["cold"] * 0.08) / 3


def idle_processor(session, much):
    found = {}
    for count in much["idle"]:
        with Pool(session, count) as pool:
            pool.wait_until(lambda: pool.is_settled(count), 30, "the pool is full")
            time.sleep(1)
            found[count] = pool.idle_cpu_percent(much["idle_seconds"])
        session.progress.step(f"{count} sleeping NFs: {found[count]:.3f} % of a core", much["idle_seconds"] + 2)
        session.measured(NAME, f"{count} sleeping NFs and the manager", "% of a core", [found[count]])
    return {"idle_cpu_percent": found}


def a_thousand(session, much):
    """As many clients as NFs, each with its own; what they cost then, and asleep."""
    count, documents = much["nfs"], session.runner.documents
    for size in FILES:
        documents.content(size)
    time.sleep(1)
    available = accounting.available_kib()
    found = {"nfs": count}
    started = time.monotonic()
    with Pool(session, count, service="    idle_timeout: 10m\n") as pool:
        found["start_seconds"] = time.monotonic() - started
        found["nfs_per_second"] = pool.started_per_second()
        pool.wait_until(lambda: pool.is_settled(count), 60, "every NF is ready")
        found["kib_per_nf_machine_idle"] = (available - accounting.available_kib()) / count

        def while_connected():
            status = pool.status()
            found["bound"] = status["services"][0]["bound"]
            found["connections"] = [nf["connections"] for nf in status["nfs"] if nf.get("pid")]

        started = time.monotonic()
        fetch_by_clients(count, documents, FILES, while_connected)
        found["fetch_seconds"] = time.monotonic() - started
        if found["bound"] != count or any(number != 1 for number in found["connections"]):
            raise Failure(f"{count} clients on {found['bound']} NFs, which is not an NF for each")
        found["kib_per_nf_machine_served"] = (available - accounting.available_kib()) / count
        ended = {cause: number for cause, number in pool.status()["services"][0]["ended"].items() if number}
        if ended:
            raise Failure(f"NFs ended that had a client: {ended}\n{pool.tail()}")
        nfs = [pid for name, pid in pool.pids().items() if isinstance(name, int)]
        memory = [accounting.smaps(pid) for pid in nfs]
        found["umem_kib"] = accounting.memfd_kib(nfs[0])
        found["memory_kib"] = {key: [one[key] for one in memory] for key in ("pss", "private", "shared_memory")}
        time.sleep(1)
        found["idle_cpu_percent"] = pool.idle_cpu_percent(much["idle_seconds"])
        found["drops"] = pool.drops()
    report_a_thousand(session, count, found)
    return {"many": found}


def report_a_thousand(session, count, found):
    what = f"{count} isolated NFs"
    session.progress.step(
        f"{count} clients fetched {len(FILES)} files each from an NF of their own in {found['fetch_seconds']:.1f} s, "
        f"none failed", count * 0.06)
    session.measured(NAME, f"{what}: clients served, each by its own", "clients", [found["bound"]],
                     Target(count, at_least=True))
    if found["nfs_per_second"]:
        session.measured(NAME, f"{what}: started", "NFs/s", [found["nfs_per_second"]])
    for key, name in (("pss", "PSS, packet memory included"), ("private", "private memory"),
                      ("shared_memory", "PSS of packet memory and telemetry")):
        session.measured(NAME, f"{what}: {name}, each", "KiB", found["memory_kib"][key])
    session.measured(NAME, f"{what}: packet memory mapped, each", "KiB", [found["umem_kib"]])
    session.measured(NAME, f"{what}: all the machine has less, each, before the first client", "KiB",
                     [found["kib_per_nf_machine_idle"]])
    session.measured(NAME, f"{what}: all the machine has less, each, after they served", "KiB",
                     [found["kib_per_nf_machine_served"]], MEMORY_TARGET)
    session.measured(NAME, f"{what} and the manager, asleep after they served", "% of a core",
                     [found["idle_cpu_percent"]], IDLE_TARGET)


def run(session):
    much = amounts(session.plan)
    session.progress.title("lifecycle: new clients, sleeping NFs, many NFs")
    session.bed.ensure(clients=max(much["nfs"], much["clients"]))
    for part in (first_bytes, idle_processor, a_thousand):
        try:
            session.records.setdefault(NAME, {}).update(part(session, much))
        except Failure as failure:
            session.fail(NAME, part.__name__.replace("_", " "), str(failure))

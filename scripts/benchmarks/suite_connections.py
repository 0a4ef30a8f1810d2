"""Suite `connections`: how fast connections come, and what a hundred thousand that do nothing cost."""

import time

from . import accounting
from .bed import Failure
from .case import Case, Comparison
from .distribution import quantile
from .load import Load
from .idle_connections import IdleConnections, descriptor_limit
from .servers import Nginx, Onvm
from .summary import Row

NAME = "connections"
SIZE, CLIENTS = 64, 16
ROUNDS_OF_IDLE = 3
ACTIVE = Load.parse("64B-c1")
CASES = (
    Case.of("64B-c16-close", "none nginx"),
    Case.of(
        "64B-c256-close", "none nginx", Comparison("none", "nginx", "requests_per_second"),
        Comparison("none", "nginx", "cpu_microseconds_per_request"), quick=True),
)


def cases(plan):
    chosen = [case for case in CASES if case.is_quick or not plan.is_quick]
    return [case.against_peer() for case in chosen] if plan.peer else chosen


def idle_count(plan):
    return 10_000 if plan.is_quick else 100_000


def _idle_seconds(plan):
    """For one server: opening, an active connection among them, closing."""
    return 3 + plan.seconds + idle_count(plan) * 0.00025


def _rounds(plan):
    return min(plan.pairs, 1 if plan.is_quick else ROUNDS_OF_IDLE)


def expected_seconds(plan):
    runs = sum(len(case.contestants) for case in cases(plan)) * plan.pairs
    return runs * plan.sample_seconds() + 2 * _rounds(plan) * _idle_seconds(plan)


def servers(session):
    """Both with room for all of them, and no mind to close an idle one.

    nginx needs a descriptor a connection: where the limit is lower than that it gets more workers, on the same core.
    """
    runner, room = session.runner, idle_count(session.plan) + 4096
    options = (("connections", str(room)), ("idle_timeout_ms", "600000"))

    def ours(build):
        return Onvm(runner.directory, runner.documents.root, runner.builds[build], "none", options=options)

    if session.plan.peer:
        return {"none": ours("ours"), "peer-none": ours("peer")}
    workers = -(-room // descriptor_limit())
    return {"none": ours("ours"), "nginx": Nginx(runner.directory, runner.documents.root, room, workers)}


def process_kib(server):
    """PSS of the processes that hold the connections."""
    if isinstance(server, Onvm):
        pids = [nf["pid"] for nf in server.nfs()]
    else:
        children = f"/proc/{server.process.pid}/task/{server.process.pid}/children"
        with open(children) as file:
            pids = file.read().split()
    return sum(accounting.smaps(pid)["pss"] for pid in pids)


def idle_sample(session, server):
    """One server with all connections open: what they took, and a client among them."""
    plan, runner = session.plan, session.runner
    count, path, content = idle_count(plan), runner.documents.path(SIZE), runner.documents.content(SIZE)
    with server:
        runner.documents.check(SIZE, CLIENTS)
        available, process = accounting.available_kib(), process_kib(server)
        started = time.monotonic()
        idle = IdleConnections(count, CLIENTS, path, content)
        try:
            opened = time.monotonic() - started
            machine_kib, own_kib = available - accounting.available_kib(), process_kib(server) - process
            window = accounting.Window()
            result = runner.wrk.run(ACTIVE, path, plan.seconds, window.mark, watch=False)
            idle.check()
        finally:
            idle.close()
    latency = result["latency"]
    return {
        "connections": count, "opened_per_second": count / opened, "requests": result["requests"],
        "machine_bytes_each": machine_kib * 1024 / count, "process_bytes_each": own_kib * 1024 / count,
        "p50": quantile(latency, 0.5), "p99": quantile(latency, 0.99), "cost": window.finish()}


def idle_connections(session):
    rounds, samples = _rounds(session.plan), {}
    count = idle_count(session.plan)
    session.progress.title(f"connections: {count:,} idle connections of {CLIENTS} clients, and an active one")
    for pair in range(1, rounds + 1):
        for name, server in servers(session).items():
            sample = idle_sample(session, server)
            samples.setdefault(name, []).append(sample)
            session.progress.step(
                f"{pair}/{rounds}  {name:12} {sample['process_bytes_each']:6.0f} bytes each in the server's process, "
                f"{sample['machine_bytes_each']:6.0f} in the machine, p50 {sample['p50']:5.0f} us",
                _idle_seconds(session.plan))
    (ours, our_samples), (peer, peer_samples) = samples.items()
    for key, what, unit in (
            ("process_bytes_each", "memory of the server's process, each", "bytes"),
            ("machine_bytes_each", "memory of the machine (the client's side, too), each", "bytes"),
            ("p50", "an active one among them", "us p50"), ("p99", "an active one among them", "us p99")):
        session.rows.append(Row.compare(
            NAME, f"{count:,} idle connections: {what}", unit, [s[key] for s in our_samples], peer,
            [s[key] for s in peer_samples]))
    return samples


def run(session):
    for case in cases(session.plan):
        session.run_case(NAME, case)
    session.bed.ensure()
    try:
        session.records[NAME] = {"idle": idle_connections(session)}
    except Failure as failure:
        session.fail(NAME, "idle connections", str(failure))

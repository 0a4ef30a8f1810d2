"""What a run cost: processor time of the whole machine and of processes, TCP's counters, memory."""

import os
import pathlib
import re
import time

from .bed import CLIENT, HOST, run, within

TICKS = os.sysconf("SC_CLK_TCK")
_STATES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_TCP_COUNTERS = (
    "RetransSegs", "InErrs", "OutRsts", "TCPTimeouts", "TCPSynRetrans", "TCPLostRetransmit", "ListenDrops", "TCPOFOQueue")


def parse_stat(text):
    """Seconds of each core by state, from /proc/stat (proc(5)). Guest time is in user time already."""
    cores = {}
    for number, fields in re.findall(r"^cpu(\d+) (.*)$", text, re.M):
        cores[int(number)] = dict(zip(_STATES, (int(field) / TICKS for field in fields.split())))
    return cores


def parse_tcp_counters(text):
    """The counters of /proc/net/snmp and /proc/net/netstat: a line of names, then a line of values."""
    found = {}
    lines = text.splitlines()
    for names, values in zip(lines, lines[1:]):
        if names.split(":")[0] in ("Tcp", "TcpExt") and names.split(":")[0] == values.split(":")[0]:
            if not values.split()[1].lstrip("-").isdigit():
                continue
            found.update(zip(names.split()[1:], map(int, values.split()[1:])))
    return found


def tcp_counters(namespace):
    return parse_tcp_counters(run(*within(namespace, "cat", "/proc/net/snmp", "/proc/net/netstat")))


def napi_threads():
    """CPU seconds of the kernel threads that poll devices (threaded NAPI), by name."""
    found = {}
    for comm in pathlib.Path("/proc").glob("[0-9]*/comm"):
        try:
            name = comm.read_text().strip()
            if name.startswith("napi/"):
                found[f"{name} [{comm.parent.name}]"] = process_seconds(comm.parent.name)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def process_seconds(pid):
    """CPU seconds of a single-threaded process, to the nanosecond (Documentation/scheduler/sched-stats.rst)."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def smaps(pid):
    """KiB of a process: Pss, what only it has (private), and what it shares with others by memfd (Pss_Shmem)."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    fields = {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB", text, re.M)}
    return {"pss": fields["Pss"], "private": fields["Private_Clean"] + fields["Private_Dirty"],
            "shared_memory": fields["Pss_Shmem"]}


def memfd_kib(pid):
    """KiB of anonymous files (memfd_create(2)) that a process maps writable: its packet memory and telemetry page."""
    lines = pathlib.Path(f"/proc/{pid}/maps").read_text()
    found = re.findall(r"^(\w+)-(\w+) .w.s \w+ \S+ \d+\s+/memfd:", lines, re.M)
    return sum(int(stop, 16) - int(start, 16) for start, stop in found) // 1024


def available_kib():
    """MemAvailable of the machine."""
    return int(re.search(r"^MemAvailable:\s+(\d+) kB", pathlib.Path("/proc/meminfo").read_text(), re.M)[1])


class Window:
    """Counters at the begin of a piece of a run, and what they grew by until its end."""

    def __init__(self):
        self.tcp = {name: tcp_counters(name) for name in (HOST, CLIENT)}
        self.stat = self.napi = self.result = None

    def mark(self, moment):
        """Called with "begin" and "end" by whoever runs the load; processor time is taken between them."""
        now, stat = time.monotonic(), parse_stat(pathlib.Path("/proc/stat").read_text())
        if moment == "begin":
            self.time, self.stat, self.napi = now, stat, napi_threads()
            return
        elapsed = now - self.time
        cores = {}
        for number, states in stat.items():
            delta = {state: seconds - self.stat[number][state] for state, seconds in states.items()}
            # Idle time is measured, the other states are sampled by the tick: busy is what is left of the clock.
            busy = max(0.0, elapsed - delta["idle"] - delta["iowait"] - delta["steal"])
            cores[number] = {"busy": busy / elapsed, **{state: delta[state] / elapsed for state in delta}}
        self.result = {
            "seconds": elapsed, "cores": cores,
            "busy_cores": sum(core["busy"] for core in cores.values()),
            "steal": sum(core["steal"] for core in cores.values()),
            "napi_threads": {name: (seconds - self.napi.get(name, 0.0)) / elapsed
                             for name, seconds in napi_threads().items()},
        }

    def finish(self):
        """Everything, after the load ended."""
        tcp = {}
        for namespace, side in ((HOST, "server"), (CLIENT, "client")):
            after = tcp_counters(namespace)
            tcp[side] = {name: after[name] - self.tcp[namespace][name] for name in _TCP_COUNTERS if name in after}
        return {**self.result, "tcp": tcp}

"""The closed-loop client: wrk, a process for each client address, together on the client's core."""

import json
import re
import subprocess
import time

from .bed import CLIENT, CLIENT_CORE, SERVER, Failure, run, within

TIMEOUT_SECONDS = 5
# A connection that got nothing for so long while its load went on counts as stuck; wrk itself would not say so.
STALL_MILLISECONDS = 1500

# wrk's own report rounds; this prints one JSON line. Latencies are in microseconds, with how many had each.
SCRIPT = """
done = function(summary, latency)
    local errors = summary.errors
    local steps = {}
    for index = 1, #latency do
        local value, count = latency(index)
        steps[index] = string.format("[%d,%d]", value, count)
    end
    print(string.format(
        'RESULT {"requests": %d, "microseconds": %d, "bytes": %d, "connect": %d, "read": %d, "write": %d, ' ..
        '"status": %d, "timeout": %d, "latencies": [%s]}',
        summary.requests, summary.duration, summary.bytes, errors.connect, errors.read, errors.write,
        errors.status, errors.timeout, table.concat(steps, ",")))
end
"""

_ERRORS = ("connect", "read", "write", "status", "timeout")


def parse_report(text):
    """What one wrk process printed through SCRIPT."""
    match = re.search(r"^RESULT (\{.*\})$", text, re.M)
    if not match:
        raise Failure(f"wrk ended without a result: {text.strip()[-500:]}")
    return json.loads(match[1])


def measured(report, connections):
    """The latencies that requests had, of those that wrk reports: [(microseconds, count)].

    For each latency of at least twice the mean interval of a connection's requests, wrk adds the shorter ones that
    requests sent meanwhile would have had (stats_correct in its stats.c). The faster the server, the more it adds for the
    same pause of the machine, which is nobody's latency. Here they are taken out again, the longest one's first; what
    a pause does to requests that come at fixed times is what the cases with a rate measure.
    """
    each = report["requests"] // connections
    counts = dict(map(tuple, report["latencies"]))
    if each > 0:
        interval = report["microseconds"] // each
        for value in sorted(counts, reverse=True):
            if value < 2 * interval or counts[value] <= 0:
                continue
            shorter = value - interval
            while shorter > interval:
                counts[shorter] = counts.get(shorter, 0) - counts[value]
                shorter -= interval
    if min(counts.values(), default=0) < 0 or sum(counts.values()) != report["requests"]:
        raise Failure(f"wrk reports {sum(counts.values())} latencies of {report['requests']} requests")
    return [(value, count) for value, count in sorted(counts.items()) if count]


def merge(reports, connections):
    """One result of the reports of all processes, with so many connections each; a report with an error is a failure."""
    for report in reports:
        errors = {name: report[name] for name in _ERRORS if report[name]}
        if errors:
            raise Failure(f"wrk counted errors: {errors}")
        if report["requests"] == 0:
            raise Failure("wrk completed no request")
    steps = []
    for report in reports:
        steps += measured(report, connections)
    return {
        "requests_per_second": sum(r["requests"] / r["microseconds"] * 1e6 for r in reports),
        "megabytes_per_second": sum(r["bytes"] / r["microseconds"] for r in reports),
        "requests": sum(r["requests"] for r in reports),
        "latency": steps,
    }


def check_connections(text, wanted, limit=STALL_MILLISECONDS):
    """In what `ss -Htni` shows while the load goes on, all connections are there and something came on each lately.

    wrk counts neither a connection that is never established nor one on which nothing comes any more as an error.
    """
    entries = re.findall(r"^(\S.*(?:\n\s+.*)?)", text, re.M)
    established = [entry for entry in entries if entry.startswith("ESTAB")]
    if len(established) != wanted:
        others = sorted({entry.split()[0] for entry in entries} - {"ESTAB"})
        raise Failure(f"{len(established)} of {wanted} connections are established ({', '.join(others) or 'no others'})")
    for entry in established:
        last = re.search(r"\blastrcv:(\d+)", entry)
        if last and int(last[1]) > limit:
            raise Failure(f"nothing came for more than {limit} ms: {' '.join(entry.split())[:200]}")


class Wrk:
    """Runs a load for some seconds; `during` is called a little after its start and a little before its end.

    Without `watch` its connections are not looked at one by one: others than wrk's may be open and idle.
    """

    def __init__(self, directory):
        self.script = directory / "report.lua"
        self.script.write_text(SCRIPT)

    def run(self, load, path, seconds, during, watch=True):
        jobs = [subprocess.Popen(self._command(load, path, seconds, number), stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, start_new_session=True)
                for number in range(1, load.clients + 1)]
        started = time.monotonic()
        try:
            margin = 0.15
            time.sleep(margin)
            during("begin")
            if watch and load.keep_alive:
                # Long before the end, which is not the same moment for all processes.
                time.sleep(max(0, started + 0.6 * seconds - time.monotonic()))
                # "connected" would leave out those that are still to be established.
                shown = run(*within(CLIENT, "ss", "-Htni", "state", "all", "exclude", "time-wait", "dst", SERVER))
                check_connections(shown, load.connections, min(STALL_MILLISECONDS, 400 * seconds))
            time.sleep(max(0, started + seconds - margin - time.monotonic()))
            during("end")
            reports = [parse_report(job.communicate(timeout=30)[0]) for job in jobs]
        except subprocess.TimeoutExpired as expired:
            raise Failure("wrk did not end") from expired
        finally:
            for job in jobs:
                if job.poll() is None:
                    job.kill()
                    job.wait()
        return merge(reports, load.connections // load.clients)

    def _command(self, load, path, seconds, number):
        headers = [] if load.keep_alive else ["-H", "Connection: close"]
        return within(
            CLIENT, "wrk", "-t", 1, "-c", load.connections // load.clients, "-d", f"{seconds}s",
            "--timeout", f"{TIMEOUT_SECONDS}s", "-s", self.script, *headers, f"http://{SERVER}{path}",
            core=CLIENT_CORE, client=number)

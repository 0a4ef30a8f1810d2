"""Suite `http`: requests of files over sizes, connections and isolation, against nginx on the same veth."""

from .case import Case, Comparison

NAME = "http"
_REQUESTS, _BYTES = "requests_per_second", "megabytes_per_second"
_CPU = "cpu_microseconds_per_request"

# What stands between two lines of the table of targets is measured too: every size, 1 to 256 connections.
CASES = (
    Case.of(
        "64B-c64", "none nginx", Comparison("none", "nginx", _REQUESTS, 2.1), Comparison("none", "nginx", _CPU),
        Comparison("none", "nginx", "p50"), Comparison("none", "nginx", "p99"), quick=True),
    Case.of(
        "64B-c64-k16", "client none connection", Comparison("client", "none", _REQUESTS, 0.95),
        Comparison("client", "none", _CPU), Comparison("connection", "none", _REQUESTS), quick=True),
    Case.of(
        "64B-c1", "none client nginx", Comparison("none", "nginx", "p50", 0.35),
        Comparison("none", "nginx", "p99", 0.6), Comparison("client", "nginx", "p50", 0.35),
        Comparison("client", "nginx", "p99", 0.6), Comparison("none", "nginx", _CPU)),
    Case.of(
        "64B-c64-close", "none client nginx", Comparison("none", "nginx", _REQUESTS, 2.0),
        Comparison("client", "nginx", _REQUESTS, 2.0), Comparison("none", "nginx", _CPU)),
    Case.of(
        "64B-c64-k16-r1000", "none client connection nginx", *(
            Comparison(isolation, "nginx", metric, 1.0 if metric == "p99" else None)
            for isolation in ("none", "client", "connection") for metric in ("p99", "p50", _CPU))),
    Case.of(
        "1MiB-c16-k16", "client none nginx-nogso nginx none-nogso", Comparison("client", "none", _BYTES, 1.1),
        Comparison("none", "nginx-nogso", _BYTES, 1.5), Comparison("client", "nginx-nogso", _BYTES, 1.5),
        Comparison("none", "nginx", _BYTES, 0.75), Comparison("client", "nginx", _BYTES, 0.75),
        Comparison("none-nogso", "nginx-nogso", _BYTES), Comparison("client", "none", _CPU), quick=True),
    Case.of(
        "10MiB-c16-k16", "client none nginx-nogso nginx", Comparison("client", "none", _BYTES, 1.1),
        Comparison("none", "nginx-nogso", _BYTES), Comparison("none", "nginx", _BYTES)),
    Case.of(
        "1MiB-c16-k16-mtu9000", "client none nginx-nogso nginx", Comparison("none", "nginx-nogso", _BYTES, 1.5),
        Comparison("client", "nginx-nogso", _BYTES, 1.5), Comparison("none", "nginx", _BYTES),
        Comparison("client", "none", _BYTES)),
    Case.of("1KiB-c64", "none nginx"),
    Case.of("8KiB-c64", "none nginx-nogso nginx"),
    Case.of("64KiB-c64", "none nginx-nogso nginx"),
    Case.of("64B-c16", "none nginx"),
    Case.of("64B-c256", "none nginx"),
    Case.of("8KiB-c64-close", "none nginx"),
)


def cases(plan):
    """The cases to run: all, the quick ones, or those named, which may be any load (see Load)."""
    if plan.cases:
        known = {case.name: case for case in CASES}
        chosen = []
        for name in plan.cases:
            if plan.contestants or name not in known:
                chosen.append(Case.of(name, plan.contestants or "none nginx"))
            else:
                chosen.append(known[name])
    else:
        chosen = [case for case in CASES if case.is_quick or not plan.is_quick]
    return [case.against_peer() for case in chosen] if plan.peer else chosen


def expected_seconds(plan):
    return sum(len(case.contestants) for case in cases(plan)) * plan.pairs * plan.sample_seconds()


def run(session):
    for case in cases(session.plan):
        session.run_case(NAME, case)

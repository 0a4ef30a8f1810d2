"""Suite `figure`: one NF process for all clients (traditional) against one per client (isolated), over file size."""

from .case import Case, Comparison

NAME = "figure"
SIZES = ("64B", "1KiB", "8KiB", "64KiB", "1MiB", "10MiB")
QUICK_SIZES = ("64B", "64KiB", "1MiB")


def cases(plan):
    """16 clients with four connections each; bytes a second, which requests a second follow by the size."""
    chosen = [
        Case.of(f"{size}-c64-k16", "client none", Comparison("client", "none", "megabytes_per_second"))
        for size in (QUICK_SIZES if plan.is_quick else SIZES)]
    return [case.against_peer() for case in chosen] if plan.peer else chosen


def expected_seconds(plan):
    return sum(len(case.contestants) for case in cases(plan)) * plan.pairs * plan.sample_seconds()


def run(session):
    for case in cases(session.plan):
        session.run_case(NAME, case)

"""One run of the programme: what was asked for, what came out, what failed."""

import dataclasses
import pathlib

from .bed import Failure
from .progress import Progress
from .summary import Row


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much is measured."""

    pairs: int
    seconds: int
    is_quick: bool = False
    peer: bool = False
    cases: tuple = ()
    contestants: str = ""

    # A server's start, the checks of content and its stop, beside the load.
    OVERHEAD_SECONDS = 0.5

    def sample_seconds(self):
        return self.seconds + self.OVERHEAD_SECONDS


class Session:
    """Collects samples, rows and failures of all suites. Nothing that was measured is left out of `samples`."""

    def __init__(self, plan, bed, runner, directory, progress=None):
        self.plan, self.bed, self.runner = plan, bed, runner
        self.directory = pathlib.Path(directory)
        self.progress = progress or Progress(0)
        self.cases, self.rows, self.failures = [], [], []
        # What suites measured that is not a case, by suite.
        self.records = {}

    def run_case(self, suite, case):
        """All pairs of a case. A failed run ends the case and fails the suite; it stays in the record."""
        plan, samples, failure = self.plan, [], None
        self.progress.title(f"{suite} {case.name}: {case.load.description}; {plan.pairs} rounds of {plan.seconds} s")
        steps_left = plan.pairs * len(case.contestants)
        try:
            for pair in range(1, plan.pairs + 1):
                for contestant in case.contestants:
                    sample = self.runner.sample(contestant, case.load, plan.seconds)
                    samples.append({"pair": pair, **sample})
                    steps_left -= 1
                    self.progress.step(describe(pair, plan.pairs, sample), plan.sample_seconds())
        except Failure as error:
            failure = str(error)
            self.fail(suite, case.name, failure)
            self.progress.done += steps_left * plan.sample_seconds()
        self.cases.append({
            "suite": suite, "case": case.name, "load": dataclasses.asdict(case.load), "samples": samples,
            "failure": failure})
        if failure is None:
            self.rows += case.rows(suite, samples)
        return samples if failure is None else None

    def measured(self, suite, what, unit, values, target=None):
        """A result without a peer."""
        self.rows.append(Row.of(suite, what, unit, values, target))

    def fail(self, suite, what, reason):
        self.failures.append({"suite": suite, "what": what, "reason": reason})
        self.progress.title(f"FAILED {suite} {what}: {reason}")


def describe(pair, pairs, sample):
    return (
        f"{pair}/{pairs}  {sample['contestant']:12} {sample['requests_per_second']:9.0f} requests/s "
        f"{sample['megabytes_per_second']:8.1f} MB/s  p50 {sample['p50']:7.0f} p99 {sample['p99']:7.0f} us "
        f"{sample['cpu_microseconds_per_request']:8.1f} CPU us/request")

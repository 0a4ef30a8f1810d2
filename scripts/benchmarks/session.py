"""One run of the programme: what was asked for, what came out, what failed."""

import dataclasses
import pathlib

from .bed import Failure
from .progress import Progress
from .summary import Row


# Of all processors together; half a percent is enough to make a p99.
STEAL_LIMIT = 0.005


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

    @property
    def extra_pairs(self):
        """Rounds more at most, when others were disturbed."""
        return (self.pairs + 1) // 2

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
        # Runs of the current case that are still to come, of those planned.
        self.progress_of_case = 0

    def run_case(self, suite, case):
        """All rounds of a case. A failed run ends the case and fails the suite; it stays in the record.

        A round during which the host took the processors away is followed by another, within a limit. The rounds with
        the least of it are then compared, whatever came out; the others stay in the record, and the report names them.
        """
        plan, samples = self.plan, []
        # In the record from the start: what an interruption leaves is in it, too.
        record = {"suite": suite, "case": case.name, "load": dataclasses.asdict(case.load), "samples": samples,
                  "failure": None}
        self.cases.append(record)
        self.progress.title(f"{suite} {case.name}: {case.load.description}; {plan.pairs} rounds of {plan.seconds} s")
        steal, wanted = [], plan.pairs
        self.progress_of_case = wanted * len(case.contestants)
        try:
            while len(steal) < wanted:
                steal.append(self._run_round(case, len(steal) + 1, wanted, samples))
                disturbed = sum(share > STEAL_LIMIT for share in steal)
                more = plan.pairs + min(disturbed, plan.extra_pairs)
                self._plan_rounds(case, more - wanted)
                wanted = more
        except Failure as error:
            record["failure"] = str(error)
            self.fail(suite, case.name, record["failure"])
            self.progress.done += self.progress_of_case * plan.sample_seconds()
            return
        used = set(sorted(range(len(steal)), key=steal.__getitem__)[:plan.pairs])
        for sample in samples:
            sample["used"] = sample["pair"] - 1 in used
        self.rows += case.rows(suite, [sample for sample in samples if sample["used"]])

    def _run_round(self, case, number, wanted, samples):
        """Every contestant once; returns the largest share of the processors that the host took."""
        steal = 0.0
        for contestant in case.contestants:
            sample = self.runner.sample(contestant, case.load, self.plan.seconds)
            samples.append({"pair": number, **sample})
            steal = max(steal, sample["cost"]["steal"] / len(sample["cost"]["cores"]))
            self.progress_of_case -= 1
            self.progress.step(describe(number, wanted, sample), self.plan.sample_seconds())
        return steal

    def _plan_rounds(self, case, count):
        self.progress_of_case += count * len(case.contestants)
        self.progress.planned += count * len(case.contestants) * self.plan.sample_seconds()

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

"""Medians, ratios of pairs, spreads, and targets."""

import dataclasses
import math
import statistics


@dataclasses.dataclass(frozen=True)
class Summary:
    """What several runs gave: the median and how far they were apart."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values):
        values = list(values)
        if not values:
            raise ValueError("nothing was measured")
        return cls(statistics.median(values), min(values), max(values), len(values))


def pair_ratios(ours, theirs):
    """The ratio of each pair of runs that came one after the other; what drifts slowly cancels out."""
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} runs against {len(theirs)}: they are not pairs")
    return [a / b if b else math.inf for a, b in zip(ours, theirs)]


@dataclasses.dataclass(frozen=True)
class Target:
    """A bound that the issue or the README promises."""

    bound: float
    at_least: bool

    def is_met(self, value):
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self):
        return f"{'>=' if self.at_least else '<='} {self.bound:g}"


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the result: ours, perhaps against a peer, perhaps with a target (of the ratio, if there is one)."""

    suite: str
    what: str
    unit: str
    ours: Summary
    peer: str = ""
    theirs: Summary = None
    ratio: Summary = None
    target: Target = None

    @classmethod
    def of(cls, suite, what, unit, values, target=None):
        return cls(suite, what, unit, Summary.of(values), target=target)

    @classmethod
    def compare(cls, suite, what, unit, ours, peer, theirs, target=None):
        return cls(suite, what, unit, Summary.of(ours), peer, Summary.of(theirs),
                   Summary.of(pair_ratios(ours, theirs)), target)

    @property
    def is_met(self):
        """None where there is no target."""
        if self.target is None:
            return None
        return self.target.is_met((self.ratio or self.ours).median)

    def as_dictionary(self):
        return {**dataclasses.asdict(self), "met": self.is_met}

"""A case: one load, several servers in turn, and what is compared."""

import dataclasses
import time

from .accounting import Window
from .bed import CLIENT_CORE, Failure
from .distribution import quantile, thin
from .load import Load
from .paced import Paced
from .servers import Contestant, Nginx, Onvm
from .summary import Row, Target
from .wrk import Wrk

# Metric -> unit, whether more is better.
METRICS = {
    "requests_per_second": ("requests/s", True),
    "megabytes_per_second": ("MB/s", True),
    "p50": ("us p50", False),
    "p99": ("us p99", False),
    "p999": ("us p99.9", False),
    "cpu_microseconds_per_request": ("CPU us/request", False),
}


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Ours against theirs by a metric; `target` bounds the ratio."""

    ours: str
    theirs: str
    metric: str
    target: float = None

    def bound(self):
        return None if self.target is None else Target(self.target, METRICS[self.metric][1])


@dataclasses.dataclass(frozen=True)
class Case:
    """Contestants run in this order, again and again: A B C A B C."""

    load: Load
    contestants: tuple
    comparisons: tuple
    is_quick: bool = False

    @classmethod
    def of(cls, name, contestants, *comparisons, quick=False):
        """`contestants` as words; without comparisons each is held against the last by its throughput."""
        load, names = Load.parse(name), tuple(contestants.split())
        if not comparisons:
            metric = "megabytes_per_second" if load.is_bulk else "requests_per_second"
            comparisons = [Comparison(one, names[-1], metric) for one in names[:-1]]
        return cls(load, tuple(Contestant(one) for one in names), tuple(comparisons), quick)

    @property
    def name(self):
        return self.load.name

    def against_peer(self):
        """The same load on each of our servers and on that of another build; targets are about nginx, so none."""
        ours = [contestant for contestant in self.contestants if contestant.is_ours]
        metrics = ["megabytes_per_second" if self.load.is_bulk else "requests_per_second",
                   "p50", "p99", "cpu_microseconds_per_request"]
        return Case(
            self.load, tuple(one for c in ours for one in (c, Contestant(f"peer-{c.name}"))),
            tuple(Comparison(c.name, f"peer-{c.name}", metric) for c in ours for metric in metrics), self.is_quick)

    def rows(self, suite, samples):
        """What was compared, from all samples of the case."""
        of = {c.name: [s for s in samples if s["contestant"] == c.name] for c in self.contestants}
        return [
            Row.compare(
                suite, f"{self.name} {c.ours}", METRICS[c.metric][0], [s[c.metric] for s in of[c.ours]],
                c.theirs, [s[c.metric] for s in of[c.theirs]], c.bound())
            for c in self.comparisons]


class CaseRunner:
    """Runs samples: a server started for it, content checked before and after, one load."""

    def __init__(self, bed, directory, documents, builds):
        self.bed, self.directory, self.documents, self.builds = bed, directory, documents, builds
        self.wrk, self.paced = Wrk(directory), Paced(directory)

    def server(self, contestant, load):
        if contestant.kind == "nginx":
            return Nginx(self.directory, self.documents.root)
        build = self.builds["peer" if contestant.is_peer else "ours"]
        if contestant.isolation != "connection":
            return Onvm(self.directory, self.documents.root, build, contestant.isolation, load.clients)
        # A process for each connection, ready before it comes: the load's, one that each wrk tries first, the checks'.
        # No more than these, or the pool would be filled up again at the cost of what is measured.
        return Onvm(self.directory, self.documents.root, build, "connection", load.connections + 3 * load.clients)

    def sample(self, contestant, load, seconds):
        """One run; raises Failure when anything in it was not as it must be."""
        path = self.documents.path(load.size)
        self.bed.ensure(mtu=load.mtu)
        self.bed.set_segmentation_offload(contestant.has_segmentation_offload)
        started = time.monotonic()
        try:
            with self.server(contestant, load) as server:
                self.documents.check(load.size, load.clients)
                wanted = load.connections + load.clients if contestant.isolation == "connection" else 0
                server.wait_until(lambda: server.is_settled(wanted), 30, "its NFs are ready again")
                window = Window()
                if load.rate:
                    result = self.paced.run(load, self.documents.file(load.size), path, seconds, window.mark)
                else:
                    result = self.wrk.run(load, path, seconds, window.mark)
                cost = window.finish()
                drops = server.drops()
                self.documents.check(load.size, load.clients)
        except Failure as failure:
            raise Failure(f"{contestant.name}: {failure}") from failure
        finally:
            self.bed.set_segmentation_offload(True)
        latency = result.pop("latency")
        busy = cost["busy_cores"]
        return {
            "contestant": contestant.name, **result,
            "p50": quantile(latency, 0.50), "p99": quantile(latency, 0.99), "p999": quantile(latency, 0.999),
            "cpu_microseconds_per_request": busy / result["requests_per_second"] * 1e6,
            "latency": thin(latency), "cost": cost, "drops": drops, "client_core": CLIENT_CORE,
            "sample_seconds": time.monotonic() - started,
        }

"""What fits: all ways to train a model on so many cards, which are worth a look, and why the others are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from whet.base.catalogue import optimizer, tuner
from whet.base.parallel import Parallel
from whet.plan.decide import decided, with_enough, with_mesh, with_micro
from whet.plan.job import PACKED, Job, traced_tuners
from whet.plan.speed import speed
from whet.plan.subject import Speed
from whet.plan.timeline import MemoryPlan
from whet.plan.typed import settings


@dataclass(frozen=True, slots=True)
class Way:
    """One way to train what is `given`, with its memory (`least` with one sample at once), and its speed."""

    given: Job
    job: Job
    memory: MemoryPlan
    least: MemoryPlan
    speed: Speed | None

    @property
    def fits(self) -> bool:
        return self.memory.peak.total <= self.job.card.usable_bytes

    @property
    def tokens_per_s(self) -> float:
        return self.speed.tokens_per_s if self.speed else 0.0

    def settings(self) -> list[str]:
        """As they are typed behind `whet train`, or behind the config that was given."""
        return settings(self.job, self.given)

    def __str__(self) -> str:
        return " ".join(word for word in self.settings() if not word.startswith("train.micro_batch"))

    @property
    def learns(self) -> str:
        """What is trained: ways that train the same compete."""
        beside = f" beside weights in {self.job.quantize}" if self.job.quantize else ""
        return "all weights" if self.job.is_whole else f"{self.job.tuner}{beside}"

    @property
    def why_not(self) -> str:
        """A sentence, of a way that does not fit: what is too much, where, and by how much."""
        peak, most = self.least.peak, max(self.least.peak.parts.items(), key=lambda part: part[1])
        times = peak.total / self.job.card.usable_bytes
        return f"needs {times:.3g} times the memory in {peak}; most of it is {most[0]}"


@dataclass(frozen=True, slots=True)
class Found:
    """`fitting` are ways that fit, `front` those of them that none that learns the same beats in both memory and speed,
    the fastest first."""

    fitting: Sequence[Way]
    front: Sequence[Way]
    rejected: Sequence[Way]

    def chosen(self) -> Way | None:
        """All weights where that fits, else adapters beside weights that are whole, else beside packed ones; of these
        the one whose numbers are narrowed least, and of those the fastest."""
        return min(self.fitting, key=_rank, default=None)

    def shown(self) -> dict[str, list[Way]]:
        """The front, and the way that is taken, by what is learned; what is taken first at the top."""
        chosen = self.chosen()
        found: dict[str, list[Way]] = {}
        for way in sorted((way for way in self.fitting if way in self.front or way is chosen), key=_rank):
            found.setdefault(way.learns, []).append(way)
        return found

    def reasons(self) -> list[tuple[str, int, Way]]:
        """Of ways that do not fit: what they learn, how many there are, and the one that lacks least."""
        found: dict[str, list[Way]] = {}
        for way in sorted(self.rejected, key=lambda way: way.least.peak.total):
            found.setdefault(way.learns, []).append(way)
        return [(what, len(ways), ways[0]) for what, ways in found.items()]


def way_dict(way: Way) -> dict[str, Any]:
    """A way for programs."""
    return {
        "settings": way.settings(), "learns": way.learns, "fits": way.fits,
        "peak_bytes": round(way.memory.peak.total), "peak": str(way.memory.peak),
        "least_bytes": round(way.least.peak.total), "micro_batch": way.job.micro,
        "tokens_per_s": way.tokens_per_s if way.speed else None, "why_not": None if way.fits else way.why_not,
    }  # fmt: skip


def _rank(way: Way) -> tuple[bool, float, int, float]:
    job = way.job
    missing = 0.0 if job.quantize is None else 2.0 - PACKED[job.quantize]  # bytes a weight
    narrow = int(job.precision == "bf16-pure") + int(job.settings.get("state", "fp32") != "fp32")
    return not job.is_whole, missing, narrow, -way.tokens_per_s


def fitted(job: Job, gpus: int, told: Parallel | None = None, *, is_batch_open: bool = True) -> Found:
    """All ways for so many cards. Those that differ in nothing but tokens at once are one: the most that fit.

    Sizes of the mesh that are `told` stay. A step whose tokens are open has enough of them for all ranks.
    """
    enough = with_enough if is_batch_open else None
    is_whole = told is not None and told.tensor > 1  # ranks do not share matrices that are packed
    ways = [_way(job, one, gpus, told, enough) for one in _jobs(job) if one.quantize is None or not is_whole]
    fitting = [way for way in ways if way.fits]
    # Ways that learn the same compete: a smaller and faster adapter says nothing about training all weights.
    front = [way for way in fitting if not any(_beats(other, way) for other in fitting)]
    front.sort(key=lambda way: -way.tokens_per_s)
    return Found(fitting, front, [way for way in ways if not way.fits])


def _way(given: Job, job: Job, gpus: int, told: Parallel | None, enough: Callable[[Job], Job] | None) -> Way:
    placed = with_mesh(job, gpus, told, enough) if gpus > 1 else job
    least = decided(replace(placed, micro=placed.length))
    ways = [Way(given, one.job, one.memory, least.memory, speed(one.job)) for one in (with_micro(placed), least)]
    # The more a pipeline takes at once, the longer its ranks wait, and the fewer times they gather weights.
    return max(ways, key=lambda way: way.tokens_per_s) if placed.mesh.pipeline > 1 else ways[0]


def _beats(one: Way, other: Way) -> bool:
    """Whether one is as good in memory and speed as another that learns the same, and better in one of them."""
    if one.learns != other.learns:
        return False
    mine, theirs = (one.least.peak.total, -one.tokens_per_s), (other.least.peak.total, -other.tokens_per_s)
    return mine != theirs and mine[0] <= theirs[0] and mine[1] <= theirs[1]


def _jobs(job: Job) -> Iterator[Job]:
    has_experts = "num_experts" in job.model.sizes
    for name in traced_tuners():
        kind = tuner.get(name)
        if has_experts and not kind.facts.all_weights:
            continue
        rank = job.rank if name == job.tuner else kind.settings().values().get("rank", 0)
        tuned = replace(job, tuner=name, rank=rank, quantize=None)
        packed = [*PACKED] if not kind.facts.all_weights and job.card.vendor == "nvidia" else []
        for quantize in [None, *packed]:
            for state in _states(job):
                for precision in _precisions(job):
                    for recompute in (False, True):
                        how = {**job.settings, **state}
                        yield replace(tuned, quantize=quantize, settings=how, precision=precision, recompute=recompute)


def _states(job: Job) -> list[dict[str, Any]]:
    """Formats of the optimizer's state, where it has several."""
    if "state" not in optimizer.get(job.optimizer).settings.model_fields:
        return [{}]
    return [{"state": "fp32"}, {"state": "8bit"}]


def _precisions(job: Job) -> list[str]:
    return [job.precision] if job.precision == "fp32" else ["bf16", "bf16-pure"]

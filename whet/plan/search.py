"""What fits: all ways to train a model on so many cards, which are worth a look, and why the others are not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from whet.base.catalogue import optimizer, tuner
from whet.plan.decide import with_mesh, with_micro
from whet.plan.job import PACKED, Job, traced_tuners
from whet.plan.speed import Speed, speed
from whet.plan.timeline import MemoryPlan


@dataclass(frozen=True, slots=True)
class Way:
    """One way to train, with its memory and its speed."""

    job: Job
    memory: MemoryPlan
    speed: Speed | None

    @property
    def fits(self) -> bool:
        return self.memory.peak.total <= self.job.card.usable_bytes

    @property
    def tokens_per_s(self) -> float:
        return self.speed.tokens_per_s if self.speed else 0.0

    def settings(self) -> list[str]:
        """As they are typed behind `whet train`."""
        job = self.job
        found = [f"tuner={job.tuner}", f"train.precision={job.precision}", f"train.micro_batch={job.micro}"]
        found += [f"model.quantize={job.quantize}"] if job.quantize else []
        found += ["train.recompute=true"] if job.recompute else []
        state = job.settings.get("state")
        found += [f"optimizer.state={state}"] if state not in (None, "fp32") else []
        axes = {
            axis: getattr(job.mesh, axis) for axis in ("replicate", "shard", "context", "tensor", "pipeline", "expert")
        }
        found += [f"parallel.{axis}={size}" for axis, size in axes.items() if size > 1]
        return found

    def __str__(self) -> str:
        return " ".join(word for word in self.settings() if not word.startswith("train.micro_batch"))

    @property
    def why_not(self) -> str:
        """A sentence, of a way that does not fit: what is too much, where, and by how much."""
        peak, most = self.memory.peak, max(self.memory.peak.parts.items(), key=lambda part: part[1])
        times = peak.total / self.job.card.usable_bytes
        return f"needs {times:.3g} times the memory in {peak}; most of it is {most[0]}"


@dataclass(frozen=True, slots=True)
class Found:
    """`front` are ways that fit and that no other beats in both memory and speed, the fastest first."""

    front: Sequence[Way]
    rejected: Sequence[Way]
    beaten: int

    def chosen(self) -> Way | None:
        """All weights where that fits, else adapters beside weights that are whole, else beside packed ones; of these
        the fastest."""
        order = sorted(
            self.front, key=lambda way: (not way.job.is_whole, way.job.quantize is not None, -way.tokens_per_s)
        )
        return order[0] if order else None


def fitted(job: Job, gpus: int) -> Found:
    """All ways for so many cards. Those that differ in nothing but tokens at once are one: the most that fit."""
    ways = [_way(one, gpus) for one in _jobs(job)]
    fitting = [way for way in ways if way.fits]
    # Ways of one kind compete: a smaller and faster adapter says nothing about training all weights.
    front = [way for way in fitting if not any(_beats(other, way) for other in fitting)]
    front.sort(key=lambda way: -way.tokens_per_s)
    return Found(front, [way for way in ways if not way.fits], len(fitting) - len(front))


def _way(job: Job, gpus: int) -> Way:
    found = with_micro(with_mesh(job, gpus) if gpus > 1 else job)
    return Way(found.job, found.memory, speed(found.job))


def _beats(one: Way, other: Way) -> bool:
    if (one.job.is_whole, one.job.quantize) != (other.job.is_whole, other.job.quantize) or one is other:
        return False
    mine, theirs = (one.memory.peak.total, -one.tokens_per_s), (other.memory.peak.total, -other.tokens_per_s)
    return mine != theirs and mine[0] <= theirs[0] and mine[1] <= theirs[1]


def _jobs(job: Job) -> Iterator[Job]:
    has_experts = "num_experts" in job.model.sizes
    for name in traced_tuners():
        kind = tuner.get(name)
        if has_experts and not kind.facts.all_weights:
            continue
        tuned = replace(job, tuner=name, rank=kind.settings().values().get("rank", 0), quantize=None)
        packed = [*PACKED] if not kind.facts.all_weights and job.card.vendor == "nvidia" else []
        for quantize in [None, *packed]:
            for state in _states(job):
                for precision in _precisions(job):
                    for recompute in (False, True):
                        settings = {**job.settings, **state}
                        yield replace(
                            tuned, quantize=quantize, settings=settings, precision=precision, recompute=recompute
                        )


def _states(job: Job) -> list[dict[str, Any]]:
    """Formats of the optimizer's state, where it has several."""
    if "state" not in optimizer.get(job.optimizer).settings.model_fields:
        return [{}]
    return [{"state": "fp32"}, {"state": "8bit"}]


def _precisions(job: Job) -> list[str]:
    return [job.precision] if job.precision == "fp32" else ["bf16", "bf16-pure"]

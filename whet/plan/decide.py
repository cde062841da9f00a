"""What a config leaves open, chosen by predicted memory: tokens at once, and the mesh; and what would help."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from whet.base.catalogue import optimizer, tuner
from whet.base.parallel import Parallel
from whet.plan.job import CPU_TOKENS, Job, traced_tuners
from whet.plan.memory import plan_memory
from whet.plan.mesh import candidates
from whet.plan.speed import speed
from whet.plan.subject import Lever, Plan
from whet.plan.timeline import MemoryPlan

WAVES = 4  # micro-batches of a step for each stage of a pipeline that are enough: its ranks wait a fifth of their time
STEP = 256  # tokens at once are multiples of it, where they are more than the longest sample


@dataclass(frozen=True, slots=True)
class Decided:
    """A job with everything decided, its memory, and whether the card has as much."""

    job: Job
    memory: MemoryPlan

    @property
    def fits(self) -> bool:
        return self.memory.peak.total <= self.job.card.usable_bytes

    def plan(self) -> Plan:
        """With what would help, where the card has too little."""
        helpful = [] if self.fits else levers(self.job)
        return Plan(self.job.subject, self.memory, helpful, speed(self.job), self.job.measured)


def decided(job: Job) -> Decided:
    return Decided(job, plan_memory(job))


def with_enough(job: Job) -> Job:
    """The job with at least as many tokens in a step as keep all ranks at work."""
    times = WAVES * job.mesh.pipeline if job.mesh.pipeline > 1 else 1
    return replace(job, step_tokens=max(job.step_tokens, times * job.micro * job.mesh.readers))


def with_mesh(job: Job, gpus: int, told: Parallel | None = None, enough: Callable[[Job], Job] | None = None) -> Job:
    """The job on the first mesh of so many ranks that holds one sample at once; where none does, on the least full.

    Sizes that are `told` stay; `enough` may change what a step has on a mesh.
    """
    least: Decided | None = None
    for mesh in candidates(job.card, gpus, job.model, told or Parallel()):
        if mesh.tensor > 1 and job.quantize is not None:
            continue  # ranks do not share matrices that are packed
        placed = replace(job, mesh=mesh, micro=job.length)
        found = decided(placed if enough is None else enough(placed))
        if found.fits:
            return found.job
        if least is None or found.memory.peak.total < least.memory.peak.total:
            least = found
    return least.job if least else job


def with_micro(job: Job) -> Decided:
    """The most tokens at once that fit the card, at least the longest sample; on a CPU no more than it gains from."""
    return most_at_once(job, lambda memory: memory.peak.total <= job.card.usable_bytes)


def most_at_once(job: Job, fits: Callable[[MemoryPlan], bool]) -> Decided:
    """The job with the most tokens at once whose memory fits, at least those of the longest sample."""
    most = most_tokens(job)
    best = decided(replace(job, micro=job.length))
    low, high = job.length // STEP, most // STEP
    if not fits(best.memory) or most <= job.length:
        return best
    whole = decided(replace(job, micro=most))
    if fits(whole.memory):
        return whole
    while high - low > 1:
        middle = (low + high) // 2
        found = decided(replace(job, micro=middle * STEP))
        low, high, best = (middle, high, found) if fits(found.memory) else (low, middle, best)
    return best


def most_tokens(job: Job) -> int:
    """Tokens at once beyond which there are none: those of a step on a rank, on a CPU what it gains from."""
    most = -(-job.step_tokens // job.mesh.readers)
    return max(job.length, min(most, CPU_TOKENS) if job.card.kind == "cpu" else most)


def levers(job: Job) -> list[Lever]:
    """Changes that lower the peak, the most helpful first."""
    now = plan_memory(job).peak.total
    found = [Lever(setting, plan_memory(other).peak.total) for setting, other in _changes(job)]
    return sorted((lever for lever in found if lever.peak < now), key=lambda lever: lever.peak)


def _changes(job: Job) -> Iterator[tuple[str, Job]]:
    if not job.recompute:
        yield "train.recompute=true", replace(job, recompute=True)
    if job.micro > job.length:
        yield f"train.micro_batch={job.length}", replace(job, micro=job.length)
    if job.precision != "bf16-pure" and job.card.device == "cuda":
        yield "train.precision=bf16-pure", replace(job, precision="bf16-pure")
    for name in traced_tuners() if job.is_whole and "num_experts" not in job.model.sizes else ():
        if name != job.tuner:
            yield f"tuner={name}", replace(job, tuner=name, rank=tuner.get(name).settings().values().get("rank", 0))
    if not job.is_whole and job.quantize is None and job.card.vendor == "nvidia":
        yield "model.quantize=nf4", replace(job, quantize="nf4")
    if "state" in optimizer.get(job.optimizer).settings.model_fields and job.settings.get("state") == "fp32":
        yield "optimizer.state=8bit", replace(job, settings={**job.settings, "state": "8bit"})

"""What a config leaves to the plan, `parallel: auto` and `train.micro_batch: auto`: what is taken, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from whet.base.errors import ConfigError
from whet.base.mesh import Mesh
from whet.base.parallel import Parallel
from whet.base.units import size
from whet.plan.decide import STEP, decided, levers, most_at_once, most_tokens
from whet.plan.job import CPU_TOKENS, Job
from whet.plan.memory import plan_memory
from whet.plan.mesh import candidates
from whet.plan.timeline import MemoryPlan, Moment

# Components that are there before the first step, and what the process takes beside its tensors.
_THERE = ("weights", "overhead")
_SHOWN = 3  # meshes that were passed over, in words


@dataclass(frozen=True, slots=True)
class Budget:
    """Bytes that a rank may take, and how they come about, in words."""

    num_bytes: float
    words: str


@dataclass(frozen=True, slots=True)
class AtOnce:
    """Tokens at once on a rank, and why so many."""

    tokens: int
    words: str


def tokens_at_once(job: Job, free: Budget) -> AtOnce:
    """The most tokens at once whose step fits into what is `free` once the weights are in place.

    At least those of the longest sample; the words say so where even these do not fit.
    """
    found = most_at_once(job, lambda memory: beyond(memory) <= free.num_bytes)
    took, moment = beyond(found.memory), found.memory.peak
    words = (
        f"train.micro_batch=auto is {found.job.micro:,} tokens at once: beyond weights a step takes {size(took)} at "
        f"its peak ({moment}: {_sum_of(moment, _THERE)}), and {size(free.num_bytes)} are free ({free.words}); "
    )
    return AtOnce(found.job.micro, words + _limit(found.job, took <= free.num_bytes))


def _limit(job: Job, fits: bool) -> str:
    """What keeps tokens at once from being more."""
    if not fits:
        return "fewer are not possible: it is the longest sample"
    if job.micro >= most_tokens(job):
        is_capped = job.card.kind == "cpu" and job.micro >= CPU_TOKENS
        return "a CPU gains from no more" if is_capped else "a step has no more on a rank"
    more = decided(replace(job, micro=(job.micro // STEP + 1) * STEP))
    return f"{more.job.micro:,} would take {size(beyond(more.memory))}"


def beyond(memory: MemoryPlan) -> float:
    """Bytes of a step at its peak, beside weights and what the process takes."""
    return memory.peak.total - sum(memory.peak.parts.get(name, 0.0) for name in _THERE)


def _sum_of(moment: Moment, without: tuple[str, ...] = ()) -> str:
    parts = {name: num for name, num in moment.parts.items() if name not in without and num >= 1}
    return " + ".join(f"{name} {size(num)}" for name, num in parts.items()) or "nothing"


@dataclass(frozen=True, slots=True)
class ChosenMesh:
    """The mesh that is taken, with why."""

    mesh: Mesh
    words: str


def chosen_mesh(
    job: Job, ranks: int, told: Parallel, refused: Callable[[Mesh], str | None], budget: Budget
) -> ChosenMesh:
    """The first mesh of so many ranks, of those that talk least first, on which a step with one sample at once fits.

    Sizes above 1 that are `told` stay. `refused` says what speaks against a mesh for this run. Raises ConfigError, with
    the arithmetic, where none divides the model, none is let in, or none fits.
    """
    passed: list[tuple[Mesh, str]] = []
    least: tuple[Mesh, MemoryPlan] | None = None
    for mesh in candidates(job.card, ranks, job.model, told):
        if (why := refused(mesh)) is not None:
            passed.append((mesh, why))
            continue
        memory = plan_memory(replace(job.on(mesh), micro=job.length))
        if memory.peak.total <= budget.num_bytes:
            return ChosenMesh(mesh, _taken(job, mesh, memory, budget, passed))
        passed.append((mesh, f"takes {size(memory.peak.total)}"))
        if least is None or memory.peak.total < least[1].peak.total:
            least = mesh, memory
    if least is None:
        raise _none_let_in(job, ranks, passed)
    raise _none_fits(job, ranks, least, budget)


def _taken(job: Job, mesh: Mesh, memory: MemoryPlan, budget: Budget, passed: list[tuple[Mesh, str]]) -> str:
    peak = memory.peak
    words = (
        f"parallel=auto is {mesh}: with a sample of {job.length:,} tokens at once a rank takes {size(peak.total)} at "
        f"its peak ({peak}: {_sum_of(peak)}) of {size(budget.num_bytes)} ({budget.words})"
    )
    if passed:
        words += "; passed over: " + "; ".join(f"{one} {why}" for one, why in passed[-_SHOWN:])
    return words


def _none_let_in(job: Job, ranks: int, passed: list[tuple[Mesh, str]]) -> ConfigError:
    """Raised where the plan has nothing to choose from."""
    if passed:
        mesh, why = passed[0]
        return ConfigError(
            f"`parallel: auto` finds no mesh of {ranks} ranks that the run goes with; {mesh}: {why}", at="parallel",
            hint=f"parallel.shard={ranks}, which says what speaks against it",
        )  # fmt: skip
    heads = int(job.model.sizes["num_attention_heads"])
    return ConfigError(
        f"`parallel: auto` finds no mesh of {ranks} ranks with the sizes that are given: {heads} heads, "
        f"{len(job.model.layers)} layers", at="parallel", hint=f"parallel.shard={ranks}",
    )  # fmt: skip


def _none_fits(job: Job, ranks: int, least: tuple[Mesh, MemoryPlan], budget: Budget) -> ConfigError:
    mesh, memory = least
    peak = memory.peak
    helpful = levers(replace(job.on(mesh), micro=job.length))
    hint = helpful[0].setting if helpful else f"--ranks {2 * ranks}"
    return ConfigError(
        f"`parallel: auto` finds no mesh of {ranks} ranks on which a sample of {job.length:,} tokens fits: the least "
        f"is {mesh}, where a rank takes {size(peak.total)} in {peak} ({_sum_of(peak)}) of {size(budget.num_bytes)} "
        f"({budget.words})", at="parallel", hint=hint,
    )  # fmt: skip

"""What each rank of a pipeline has: its layers, as `whet.parallel` cuts them, and micro-batches that wait in it."""

from __future__ import annotations

from functools import cache

from whet.parallel.pipeline.balance import balanced
from whet.parallel.pipeline.schedule import in_flight, places, stages_each, table
from whet.plan.job import Job
from whet.plan.timeline import Stage


def stages_of(job: Job) -> list[Stage]:
    """The layers of each rank of the pipeline, and the most micro-batches whose activations it holds at a time.

    Raises ConfigError for a schedule that has no place for so many stages.
    """
    layers, ranks, schedule = range(len(job.model.layers)), job.mesh.pipeline, job.mesh.schedule
    if ranks == 1:
        return [Stage("", layers)]
    each = stages_each(schedule, "auto")
    runs = _runs(_costs(job), ranks * each, _head(job))
    where, waiting = places(schedule, ranks, each), in_flight(table(schedule, ranks, each, job.num_micro))
    found = []
    for rank in range(ranks):
        own = [stage for stage, place in enumerate(where) if place == rank]
        numbers = [number for stage in own for number in runs[stage]]
        is_last = len(runs) - 1 in own
        found.append(Stage(f"stage {rank}", numbers, 0 in own, is_last, waiting[rank], each))
    return found


@cache
def _runs(costs: tuple[float, ...], stages: int, head: float) -> list[range]:
    return balanced(costs, stages, last=head)


def _costs(job: Job) -> tuple[float, ...]:
    """Products a token of each layer, by which ranks are balanced: its matrices, and experts that a token meets."""
    sizes = job.model.sizes
    share = sizes.get("num_experts_per_tok", 1.0) / sizes.get("num_experts", 1.0)
    by_kind = dict.fromkeys(job.model.layers, 0.0)
    for tensor in job.model.tensors():
        if tensor.layer is not None and len(tensor.shape) > 1:
            by_kind[tensor.layer] += tensor.numbers / tensor.times * (share if tensor.role == "expert" else 1.0)
    return tuple(by_kind[kind] for kind in job.model.layers)


def _head(job: Job) -> float:
    return job.model.sizes["vocab_size"] * job.model.sizes["hidden_size"]

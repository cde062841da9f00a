"""The plan of a run whose memory no formula tells: a step of it is taken on tensors without values.

Of a mesh it is taken by one rank of each stage of the pipeline, the first, which has the most where shards differ.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from typing import Any

from torch import nn
from torch.distributed.tensor import DTensor

from whet.base.at_once import at_once, computed_by
from whet.base.mesh import Mesh
from whet.base.run import Run
from whet.base.step_size import step_tokens
from whet.contracts.model import ParamRole
from whet.kernels.float8 import check_capability
from whet.models.tuning.wrapper import wrapper_of
from whet.parallel.pipeline.schedule import in_flight, stages_each, table
from whet.parallel.simulated import rank_alone
from whet.parallel.sizes import mesh_sizes
from whet.parallel.world import World
from whet.plan.calibration import Calibration, calibrated
from whet.plan.hardware.cards import Card
from whet.plan.job import CPU_TOKENS, precision_on
from whet.plan.layers import experts
from whet.plan.subject import Lever, ModelFacts, Plan, Subject
from whet.plan.timeline import MemoryPlan, Moment, Stage, with_overhead
from whet.plan.tracing.workspaces import Processor
from whet.train.checkpoint_memory import copied_bytes, with_copy
from whet.train.foreseen import ALONE, CPU, Hollow, example_batch, foresee, hollow_run
from whet.train.rollout_memory import with_rollouts
from whet.train.setup.chosen import chosen_of
from whet.train.setup.combinations import check_combinations
from whet.train.setup.model_features import model_features

FEW = 4  # samples at once whose step is taken as it is; of more, memory is worked out from steps of one and two
SHORTEST = 16  # tokens of a sample that is worth a place beside longer ones


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is planned: a run on so many `ranks`, each with a card, with the model of `config`; `micro` tokens at once,
    or as many as fit; it `asks_runs` that have finished on this machine."""

    run: Run
    name: str
    config: Mapping[str, Any]
    card: Card
    length: int
    micro: int | None
    asks_runs: bool = False
    ranks: int = 1

    @property
    def mesh(self) -> Mesh:
        told = self.run.parallel
        sizes: dict[str, Any] = dict(mesh_sizes(told, self.ranks))
        return Mesh(**sizes, zero=told.zero, sequence=told.sequence, schedule=told.schedule)

    @property
    def step_tokens(self) -> int:
        """Tokens of a step, on all ranks."""
        return step_tokens(self.run.train, self.length)

    def num_micro(self, micro: int) -> int:
        """Micro-batches of a step on a rank."""
        return max(1, -(-self.step_tokens // (micro * self.mesh.readers)))

    def num_taken(self, micro: int) -> int:
        """Micro-batches of which as many wait in a rank as of those of a step: two, and more in a pipeline."""
        mesh, told = self.mesh, self.run.parallel
        if mesh.pipeline == 1:
            return 2
        most, each = self.num_micro(micro), stages_each(told.schedule, told.stages)
        waiting = [in_flight(table(told.schedule, mesh.pipeline, each, count)) for count in (most, *range(2, most))]
        return waiting[1:].index(waiting[0]) + 2 if waiting[0] in waiting[1:] else most


def planned(wanted: Wanted) -> Plan:
    """The plan. Raises WhetError for what the run would be refused for on that card, and on those ranks."""
    run, on = wanted.run, wanted.card
    if wanted.ranks > 1:
        check_combinations(run, chosen_of(run))
    if run.train.fp8 != "none":
        check_capability(run.train.fp8, on.device, on.capability)
    train = run.train.model_copy(update={"precision": precision_on(run, wanted.card)})
    wanted = replace(wanted, run=run.model_copy(update={"train": train}))
    found = _with_micro(wanted, _traced(wanted))
    return found if found.fits else replace(found, levers=list(_levers(wanted, found)))


@dataclass(frozen=True, slots=True)
class _Step:
    """The moments of a step, and what it has in the memory of the host beside a card."""

    moments: Sequence[Moment] = ()
    host_bytes: float = 0.0


@dataclass(frozen=True, slots=True)
class _Traced:
    """The moments of steps with `one` sample and with `two` in a micro-batch, of which others are worked out, or those
    of `given` tokens at once."""

    made: Hollow
    one: _Step
    two: _Step
    given: _Step
    measured: Calibration | None

    @classmethod
    def of(cls, wanted: Wanted, world: World) -> _Traced:
        """By a rank of this world."""
        made = hollow_run(wanted.run, wanted.config, world, wanted.card.device)
        if wanted.ranks > 1:
            loaded = made.trained.loaded
            features = dict(model_features(wanted.run, loaded))
            check_combinations(wanted.run, chosen_of(wanted.run), loaded.capabilities.family, features)
        measured = _calibrated(wanted, made) if wanted.asks_runs else None
        if wanted.micro is not None and wanted.micro <= FEW * wanted.length:
            given = _step(wanted, made, _lengths(wanted.micro, wanted.length))
            return cls(made, _Step(), _Step(), given, measured)
        one, two = (_step(wanted, made, [wanted.length] * count) for count in (1, 2))
        return cls(made, one, two, _Step(), measured)

    def moments(self, samples: float) -> Iterator[Moment]:
        """Those of so many samples, where none are given. Bytes are taken to rise evenly with them, as those of
        attention in flash kernels do."""
        yield from self.given.moments
        more = {(moment.phase, moment.what): moment.parts for moment in self.two.moments}
        for moment in self.one.moments:
            other = more.get((moment.phase, moment.what), moment.parts)
            names = dict.fromkeys((*moment.parts, *other))
            parts = {
                name: moment.parts.get(name, 0.0) + (samples - 1) * (other.get(name, 0.0) - moment.parts.get(name, 0.0))
                for name in names
            }
            yield Moment(moment.phase, moment.what, parts)

    def host_bytes(self, samples: float) -> float:
        """What so many samples leave in the host's memory, in the same way."""
        one, two = self.one.host_bytes, self.two.host_bytes
        return self.given.host_bytes if self.given.moments else one + (samples - 1) * (two - one)


def _traced(wanted: Wanted) -> list[_Traced]:
    """By one rank of each stage."""
    found = []
    for world in _worlds(wanted):
        with world as own:
            found.append(_Traced.of(wanted, own))
    return found


def _worlds(wanted: Wanted) -> Iterator[AbstractContextManager[World]]:
    if wanted.ranks > 1:
        mesh = wanted.mesh
        sizes = mesh_sizes(wanted.run.parallel, wanted.ranks)
        for stage in range(mesh.pipeline):  # the outermost axis
            yield rank_alone(sizes, stage * (mesh.ranks // mesh.pipeline))
    else:
        yield closing(World.alone(CPU) if wanted.run.train.offload.weights else ALONE)


def _on_host(wanted: Wanted, made: Hollow) -> dict[str, float]:
    """What a card leaves on its host of weights, gradients and state: shards, and all of what belongs to them."""
    if not wanted.run.train.offload.weights or wanted.card.device == "cpu":
        return {}
    shards = {"weights": _shard_bytes(made.trained.loaded.module), "beside": sum(map(_shard_bytes, made.beside))}
    return {**shards, "gradients": math.inf, "optimizer": math.inf}


def _shard_bytes(module: nn.Module) -> float:
    shards = [one.to_local() for one in module.parameters() if isinstance(one, DTensor)]
    return float(sum(shard.nbytes for shard in shards))


def _without(moment: Moment, kept: Mapping[str, float]) -> Moment:
    parts = {name: max(0.0, size - kept.get(name, 0.0)) for name, size in moment.parts.items()}
    return replace(moment, parts=parts)


def _host_bytes(moments: Sequence[Moment], kept: Mapping[str, float]) -> float:
    """The most of it that there is at a time."""
    return max(sum(min(size, moment.parts.get(name, 0.0)) for name, size in kept.items()) for moment in moments)


def _lengths(micro: int, length: int) -> list[int]:
    """Of the samples in so many tokens at once: the longest ones, and what is left."""
    rest = micro % length
    return [length] * max(1, micro // length) + ([rest] if micro > length and rest >= SHORTEST else [])


def _step(wanted: Wanted, made: Hollow, lengths: Sequence[int]) -> _Step:
    run, card = wanted.run, wanted.card
    for memory in made.host_memories:
        memory.peak_bytes = memory.held_bytes
    with computed_by(at_once(card.device)):
        batch = example_batch(made.trained, lengths, made.reference)
        count = wanted.num_taken(sum(lengths))
        found = foresee(made, [batch] * count, Processor.here() if card.kind == "cpu" else None)
    found = with_rollouts(run, made.trained, wanted.config, card, wanted.length, found)
    copy = copied_bytes(run, made.trained)
    if card.device == "cpu":
        return _Step(with_copy(found, copy))
    kept = _on_host(wanted, made)
    offloaded = sum(memory.peak_bytes + sum(memory.storages.values()) for memory in made.host_memories)
    return _Step([_without(one, kept) for one in found], _host_bytes(found, kept) + offloaded + copy)


def _calibrated(wanted: Wanted, made: Hollow) -> Calibration | None:
    facts = _facts(wanted, made)
    return calibrated(wanted.card, facts.model_type, facts.parameters)


def _with_micro(wanted: Wanted, traced: Sequence[_Traced]) -> Plan:
    """The plan with as many tokens at once as wanted; where that is open, with the most samples that fit."""
    if wanted.micro is not None:
        return _plan(wanted, traced, max(1.0, wanted.micro / wanted.length))
    most = max(wanted.length, -(-wanted.step_tokens // wanted.mesh.readers))
    most = min(most, max(wanted.length, CPU_TOKENS)) if wanted.card.kind == "cpu" else most
    low, high = 1, max(1, most // wanted.length)
    best = _plan(wanted, traced, 1)
    while best.fits and low < high:
        middle = (low + high + 1) // 2
        found = _plan(wanted, traced, middle)
        low, high, best = (middle, high, found) if found.fits else (low, middle - 1, best)
    return best


def _plan(wanted: Wanted, traced: Sequence[_Traced], samples: float) -> Plan:
    """With the memory of the rank that takes most."""
    measured = traced[0].measured
    found = [
        MemoryPlan(
            Stage(f"stage {number}" if len(traced) > 1 else "", ()),
            [with_overhead(moment, wanted.card, wanted.ranks, measured) for moment in one.moments(samples)],
            one.host_bytes(samples),
        )
        for number, one in enumerate(traced)
    ]
    memory = max(found, key=lambda own: own.peak.total)
    return Plan(_subject(wanted, traced[0], int(samples * wanted.length)), memory, measured=measured)


def _facts(wanted: Wanted, made: Hollow) -> ModelFacts:
    loaded, config = made.trained.loaded, wanted.config
    by_role, count = loaded.costs.parameters, experts(config)
    share = config.get("num_experts_per_tok", count) / count if count else 1.0
    adapter = sum(p.numel() for p in loaded.module.parameters() if p.requires_grad) if wrapper_of(loaded.module) else 0
    total = sum(by_role.values()) - adapter
    return ModelFacts(
        wanted.name, str(config["model_type"]), total,
        total - int(by_role.get(ParamRole.EXPERT, 0) * (1 - share)), len(loaded.layers),
    )  # fmt: skip


def _subject(wanted: Wanted, traced: _Traced, micro: int) -> Subject:
    run = wanted.run
    return Subject(
        _facts(wanted, traced.made), wanted.card, wanted.mesh, run.tuner.kind, run.tuner.values().get("rank", 0),
        run.train.precision, run.optimizer.kind, run.model.values().get("quantize"), run.train.recompute != "none",
        run.objective.kind, micro, wanted.num_micro(micro), wanted.step_tokens, wanted.length, "step",
    )  # fmt: skip


def _levers(wanted: Wanted, found: Plan) -> Iterator[Lever]:
    """Changes that lower the peak, the most helpful first."""
    wanted, now = replace(wanted, micro=found.subject.micro), found.memory.peak.total
    tried = [(setting, _with_micro(other, _traced(other)).memory.peak.total) for setting, other in _changes(wanted)]
    for setting, peak in sorted(tried, key=lambda one: one[1]):
        if peak < now:
            yield Lever(setting, peak)


def _changes(wanted: Wanted) -> Iterator[tuple[str, Wanted]]:
    train = wanted.run.train
    changes: list[tuple[str, dict[str, Any]]] = []
    if train.recompute != "full":
        changes.append(("train.recompute=full", {"recompute": "full"}))
    if wanted.card.device == "cuda" and not train.offload.activations:
        offload = train.offload.model_copy(update={"activations": True})
        changes.append(("train.offload.activations=true", {"offload": offload}))
    if train.precision == "bf16" and wanted.card.device == "cuda":
        changes.append(("train.precision=bf16-pure", {"precision": "bf16-pure"}))
    for setting, update in changes:
        run = wanted.run.model_copy(update={"train": train.model_copy(update=update)})
        yield setting, replace(wanted, run=run)
    if wanted.micro and wanted.micro > wanted.length:
        yield f"train.micro_batch={wanted.length}", replace(wanted, micro=wanted.length)

"""Cutting: where a model of transformers is cut into the stages of a pipeline, and what is left of it on each rank."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch.distributed as dist
from torch import nn

from whet.base.errors import ModelError, one_line
from whet.contracts.model import Loaded, ParamRole
from whet.models.features.carried import carry
from whet.models.forward.backbone import decoder_of, unwrapped
from whet.models.text import text_config
from whet.parallel.dataflow import calls_of
from whet.parallel.pipeline.balance import balanced
from whet.parallel.pipeline.carrier import Form
from whet.parallel.pipeline.schedule import places
from whet.parallel.pipeline.stages import AT, HINT, BlankEmbedding, Cut, PassThrough, Stages, outside


def planned(model: Loaded, ranks: int, each: int, schedule: str) -> Cut:
    """How a model without values is cut for so many ranks. Raises ModelError where it has too few layers, or parts
    that no stage could have for itself."""
    stages, count = ranks * each, len(model.layers)
    if count < stages:
        product = f"{ranks} ranks x {each} stages = {stages}" if each > 1 else f"{ranks}"
        plainly = ", or parallel.schedule=1f1b parallel.stages=auto" if each > 1 and ranks <= count else ""
        raise ModelError(
            f"`parallel.pipeline` asks for {product} stages, and the model has {count} layers: each needs one", at=AT,
            hint=f"{AT}={max(count // each, 1)}{plainly}",
        )  # fmt: skip
    parts = _Parts.of(model)
    runs = balanced(parts.costs, stages, last=parts.head)
    _check_apart(model, runs)
    names = [frozenset(parts.names(model, run, at == 0, at == stages - 1)) for at, run in enumerate(runs)]
    found = Cut(runs, places(schedule, ranks, each), schedule, parts.tied, names)
    _check_trained(model, found, ranks)
    return found


def cut(model: Loaded, planned: Cut, rank: int, group: dist.ProcessGroup | None = None) -> None:
    """Leave in the module, which is on meta, what the rank at this place of the pipeline holds, and let it know, and in
    which group the others are."""
    module, parts = model.module, _Parts.of(model)
    passed = [PassThrough(parts.holder[number]) for number in range(len(model.layers))]
    for stage, run in enumerate(planned.runs):
        if not planned.holds(rank, stage):
            parts.holder._modules.update({str(number): passed[number] for number in run})
    has_first, has_last = planned.holds(rank, 0), planned.holds(rank, planned.last)
    table: Any = parts.decoder.get_submodule(parts.table)
    form = Form((parts.width,), table.weight.dtype)
    for name in () if has_first else parts.first:
        part = parts.decoder._modules[name]
        if has_last and planned.tied and name == parts.entry:
            _leave(part, table)
        else:
            stand_in = BlankEmbedding(form) if name == parts.entry else PassThrough(part)
            parts.decoder._modules[name] = _known(stand_in, part, table)
    if not has_last:
        for name in parts.last:
            parts.decoder._modules[name] = PassThrough(parts.decoder._modules[name])
        output: Any = unwrapped(module)
        for owner, name in parts.outside:
            head = owner._modules[name]
            owner._modules[name] = _known(PassThrough(head), head, output.get_output_embeddings())
    ends = (parts.entry, parts.table, parts.first, parts.last)
    carry(module, Stages(planned, rank, form, *ends, tuple(model.layers), passed, group))


def _known(stand_in: PassThrough, part: Any, end: nn.Module | None) -> PassThrough:
    """What stands where a part is, with the names inside it by which a class looks for one of its ends (BERT)."""
    at: nn.Module = stand_in
    for word in filter(None, next((name for name, one in part.named_modules() if one is end), "").split(".")):
        at.add_module(word, PassThrough())
        at = at.get_submodule(word)
    return stand_in


def _leave(entry: nn.Module, table: nn.Module) -> None:
    """Of a part that embeds tokens what the head shares: what else it has, the first stage steps."""
    for name, part in entry.named_children():
        if not any(one is table for one in part.modules()):
            entry._modules[name] = PassThrough(part)


def _check_apart(model: Loaded, runs: Sequence[range]) -> None:
    """Raise ModelError where stages share a weight that is not that of embedding and head."""
    known: dict[int, int] = {}
    for stage, run in enumerate(runs):
        for number in run:
            for name, parameter in model.module.get_submodule(model.layers[number]).named_parameters():
                if known.setdefault(id(parameter), stage) != stage:
                    raise ModelError(
                        f"`{name}` is one weight of several layers, which lie on different stages", at=AT,
                        hint=f"{HINT}, and parallel.shard",
                    )  # fmt: skip


def _check_trained(model: Loaded, cut: Cut, ranks: int) -> None:
    """Raise ModelError where a rank has none of the weights that are trained, and an optimizer nothing to step."""
    trained = {name for name, parameter in model.module.named_parameters() if parameter.requires_grad}
    for rank in range(ranks) if trained else ():
        own = [stage for stage in cut.own(rank) if not trained.isdisjoint(cut.names[stage])]
        if not own:
            layers = ", ".join(f"{cut.runs[stage].start} to {cut.runs[stage].stop - 1}" for stage in cut.own(rank))
            raise ModelError(
                f"rank {rank} of `parallel.pipeline` has the layers {layers}, of which nothing is trained", at=AT,
                hint=f"{HINT}, or a tuner that trains some of every layer: tuner=lora",
            )  # fmt: skip


@dataclass(frozen=True)
class _Parts:
    """A whole model as it is cut: its decoder, whose children are `first` parts, layers and `last` parts, with the
    parts `outside` of it that come after (a head), and what each costs. `entry` is the first part that embeds tokens,
    by the embedding `table`."""

    decoder: Any
    holder: Any
    entry: str
    table: str
    first: tuple[str, ...]
    last: tuple[str, ...]
    outside: Sequence[tuple[nn.Module, str]]
    costs: Sequence[float]
    head: float
    tied: bool

    @property
    def width(self) -> int:
        return text_config(self.decoder.config).hidden_size

    def names(self, model: Loaded, run: range, is_first: bool, is_last: bool) -> Iterator[str]:
        """Those of the parameters that a stage with these layers has."""
        held = {id(p) for number in run for p in model.module.get_submodule(model.layers[number]).parameters()}
        ends = [self.decoder._modules[name] for name in (*(self.first * is_first), *(self.last * is_last))]
        ends += [owner._modules[name] for owner, name in self.outside] * is_last
        held |= {id(parameter) for part in ends for parameter in part.parameters()}
        return (name for name, parameter in model.module.named_parameters() if id(parameter) in held)

    @classmethod
    def of(cls, model: Loaded) -> _Parts:
        module: Any = model.module
        whole: Any = unwrapped(module)
        decoder: Any = decoder_of(whole)
        holder: Any = module.get_submodule(model.layers[0].rpartition(".")[0])
        plan: Collection[str] = getattr(decoder.config, "base_model_pp_plan", None) or ()
        own = dict(decoder.named_children())
        is_derived = not plan and model.capabilities.family == "masked"
        if is_derived:
            plan = [name for name, part in own.items() if next(part.parameters(), None) is not None]
        embedding = whole.get_input_embeddings()
        repeated, entry = (
            next((name for name, part in own.items() if any(one is inside for one in part.modules())), None)
            for inside in (holder, embedding)
        )
        if entry is None or repeated not in plan or entry not in plan:
            raise ModelError(
                f"transformers has no plan that cuts {type(whole).__name__} into stages", at=AT,
                hint=f"{HINT}, and parallel.shard",
            )  # fmt: skip
        order = tuple(name for name in plan if name in own)
        at = order.index(repeated)
        first, last = order[:at], order[at + 1 :]
        layered = {id(p) for name in model.layers for p in module.get_submodule(name).parameters()}
        for name, parameter in decoder.named_parameters():
            if name.partition(".")[0] not in (*first, *last) and id(parameter) not in layered:
                raise ModelError(
                    f"`{name}` ({tuple(parameter.shape)}) is of no layer, and the plan of {type(whole).__name__} gives "
                    "it to no stage", at=AT, hint=f"{HINT}, and parallel.shard",
                )  # fmt: skip
        if is_derived:
            _check_order(model, decoder, first, last)
        beside = list(outside(module, decoder))
        ends = {id(p) for name in first for p in own[name].parameters()}
        after = [p for owner, name in beside for p in owner.get_submodule(name).parameters()]
        head = float(sum(p.numel() for p in after if p.dim() > 1))
        costs = [_cost(model, name) for name in model.layers]
        table = next(name for name, part in decoder.named_modules() if part is embedding)
        return cls(decoder, holder, entry, table, first, last, beside, costs, head, any(id(p) in ends for p in after))


def _check_order(model: Loaded, decoder: nn.Module, first: Sequence[str], last: Sequence[str]) -> None:
    """Raise ModelError where a model's body does not call its parts from the `first` on to the `last`."""
    names = {id(part): name for name, part in unwrapped(model.module).named_modules()}
    numbered = [(number, model.module.get_submodule(name)) for number, name in enumerate(model.layers)]
    numbered += [(-1, decoder.get_submodule(name)) for name in first]
    numbered += [(len(model.layers), decoder.get_submodule(name)) for name in last]
    places = {names[id(one)]: number for number, part in numbered for one in part.modules()}
    whole: Any = model.model
    try:
        calls = calls_of(model.module, whole.facts.way)
    except Exception as error:  # whatever a class's own code raises without values
        raise ModelError(
            f"{type(unwrapped(model.module)).__name__} has no plan in transformers that cuts it into stages, and whet "
            f"finds none: {one_line(error)}", at=AT, hint=f"{HINT}, and parallel.shard",
        ) from error  # fmt: skip
    called = [places[name] for name in calls if name in places]
    if called != sorted(called) or not set(range(len(model.layers))) <= set(called):
        raise ModelError(
            f"{type(unwrapped(model.module)).__name__} calls its parts in another order than that of its layers", at=AT,
            hint=f"{HINT}, and parallel.shard",
        )  # fmt: skip


def _cost(model: Loaded, layer: str) -> float:
    """Products a token of one layer: its matrices, and of experts those that a token goes through."""
    config: Any = text_config(unwrapped(model.module).config)
    chosen = getattr(config, "num_experts_per_tok", None)
    names = ("num_experts", "num_local_experts", "n_routed_experts")
    count = next((found for name in names if (found := getattr(config, name, None))), None)
    share = chosen / count if chosen and count else 1.0
    named = model.module.get_submodule(layer).named_parameters()
    matrices = [(model.roles.get(f"{layer}.{name}"), p) for name, p in named if p.dim() > 1]
    return sum(p.numel() * (share if role is ParamRole.EXPERT else 1.0) for role, p in matrices)

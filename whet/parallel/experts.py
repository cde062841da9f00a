"""Expert parallelism: each rank holds some of a layer's experts, and tokens go to where theirs are (Lepikhin et al.
2021, section 3).

Ranks on `expert` have samples of their own: a token's rows go to the ranks of its experts and come back, two exchanges
a layer. Ranks on `tensor` have the same tokens: each runs those of its experts, and outputs are added. LoRA may be on
the experts.
"""

# N tokens  K experts of a token  M pairs of a token and an expert  R rows that this rank's experts take  D model

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MethodType
from typing import Any

import torch
import torch.distributed as dist
from peft.tuners.lora import ParamWrapper
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh

from whet.base.errors import ModelError
from whet.kernels.collectives import copied, exchanged, reduced
from whet.kernels.layout import local
from whet.kernels.quantized import Quantized
from whet.models.forward.backbone import unwrapped
from whet.parallel.adapted_experts import as_planned, handed_on, layers_around, with_adapters
from whet.parallel.placed import having, numberless, placed

# How transformers' plans of experts call a parameter that has a row for each expert.
WHOLE_EXPERTS = "grouped_gemm"
AT, HINT = "parallel.expert", "parallel.expert=1"


def experts_of(module: nn.Module, ranks: int, at: str = AT) -> tuple[str, ...]:
    """The modules of a model that hold the experts of a layer, by name; none where it has none.

    Raises ModelError, with the arithmetic, where so many `ranks` cannot have equally many, and where they are
    quantized, or held by an adapter otherwise than LoRA does.
    """
    model: Any = unwrapped(module)
    plan = {key: word for key, word in (getattr(model, "ep_plan", None) or {}).items() if word == WHOLE_EXPERTS}
    names = {id(part): name for name, part in module.named_modules()}
    found: list[str] = []
    for own, part in model.named_modules():
        held = dict(part.named_parameters(recurse=False))
        if any(numberless(as_planned(f"{own}.{name}")) in plan for name in held):
            around = list(layers_around(model, own))
            if not all(isinstance(layer, ParamWrapper) for layer in around):
                raise _refused(at)
            number = vars(part).get("num_experts")
            for name, parameter in held.items():
                _divide(f"{own}.{name}", parameter, number, ranks, at)
            found.append(names[id(part)])
    places = tuple({f"{name.rpartition('.')[0]}." for name in plan})
    if not found and any(numberless(name).startswith(places) for name, _ in model.named_parameters()):
        raise _refused(at)
    return tuple(found)


def _refused(at: str) -> ModelError:
    return ModelError(
        "the adapter holds experts otherwise than by matrices of LoRA beside them, and ranks do not share such experts",
        at="tuner", hint=f"{at}=1, or tuner=full",
    )  # fmt: skip


def parameters_of(experts: nn.Module) -> Iterator[str]:
    """The own parameters of such a module, which are all cut by experts: in the first dimension."""
    return (name for name, _ in experts.named_parameters(recurse=False))


def deal(module: nn.Module, names: Sequence[str], mesh: DeviceMesh, groups: Groups) -> None:
    """Deal the experts of a module that is on meta, in place, over a mesh of one dimension: the product of `groups`."""
    for name in names:
        part = module.get_submodule(name)
        for own in parameters_of(part):
            part._parameters[own] = placed(part._parameters[own], mesh, 0)
        part.forward = MethodType(partial(_run, groups=groups), part)
        for layer in layers_around(module, name):
            layer.forward = MethodType(handed_on, layer)  # type: ignore[method-assign]


@dataclass(frozen=True, slots=True)
class Groups:
    """Ranks that have tokens of their own, and those that have the same ones; None is this rank alone."""

    expert: dist.ProcessGroup | None
    tensor: dist.ProcessGroup | None

    @property
    def sizes(self) -> tuple[int, int]:
        return tuple(1 if group is None else group.size() for group in (self.expert, self.tensor))  # type: ignore

    @property
    def place(self) -> int:
        """This rank's, of those that experts are dealt to: `expert` is the outer one."""
        row, column = (0 if group is None else group.rank() for group in (self.expert, self.tensor))
        return row * self.sizes[1] + column

    def __deepcopy__(self, memo: object) -> Groups:
        return self  # a copy of a module talks to the same ranks


def _divide(own: str, parameter: nn.Parameter, experts: int | None, ranks: int, at: str) -> None:
    if isinstance(parameter, Quantized) or parameter.shape[0] != experts:
        what = "is quantized" if isinstance(parameter, Quantized) else "has no row for each expert"
        raise ModelError(f"`{own}` {what}, and ranks do not share such experts", at=at, hint=f"{at}=1")
    if experts % ranks:
        fitting = next(n for n in range(ranks, 0, -1) if experts % n == 0)
        raise ModelError(
            f"`{own}` has {experts} experts, and {experts} / {ranks} leaves a rest of {experts % ranks}", at=at,
            hint=f"{at}={fitting}",
        )  # fmt: skip


def _run(
    self: nn.Module, hidden_ND: Tensor, index_NK: Tensor, weights_NK: Tensor, *, groups: Groups,
    adapters: Sequence[ParamWrapper] = (),
) -> Tensor:  # fmt: skip
    """What all experts make of this rank's tokens (N, D), each weighed. The `adapters` add to their weights."""
    tokens, chosen, width = len(hidden_ND), index_NK.shape[-1], hidden_ND.shape[-1]
    if groups.tensor is not None:
        hidden_ND, weights_NK = (copied(x, groups.tensor) for x in (hidden_ND, weights_NK))
    held = {name: local(p) for name, p in self._parameters.items() if p is not None}
    each = len(next(iter(held.values())))
    first = groups.place * each
    held = {name: with_adapters(p, name, first, adapters, groups.tensor) for name, p in held.items()}
    places = _Places.of(index_NK.flatten(), each, groups)
    rows_MD = hidden_ND[places.pairs // chosen]
    if groups.expert is None:
        out_MD = _alone(self, held, rows_MD, places.local)
    else:
        counts, told = places.exchanged(groups.expert)
        sent, taken = ([(n, width) for n in told.sum(1).tolist()] for told in (counts, told))
        rows_RD = torch.cat(exchanged(rows_MD.split([n for n, _ in sent]), taken, groups.expert))
        ids = torch.arange(each, device=rows_RD.device).repeat(len(told)).repeat_interleave(told.flatten())
        out_RD = _alone(self, held, rows_RD, ids)
        out_MD = torch.cat(exchanged(out_RD.split([n for n, _ in taken]), sent, groups.expert))
    weighed_MD = out_MD * weights_NK.flatten()[places.pairs, None]
    blank = weighed_MD.new_zeros(tokens * chosen, width)
    out_ND = blank.index_copy(0, places.pairs, weighed_MD).view(tokens, chosen, width).sum(1).to(hidden_ND.dtype)
    return out_ND if groups.tensor is None else reduced(out_ND, groups.tensor)


@dataclass(frozen=True, slots=True)
class _Places:
    """The `pairs` of a token and an expert that this rank sends on, sorted by rank and expert, the rank on `expert`
    that each goes to, and which of its experts is meant."""

    pairs: Tensor
    rank: Tensor
    local: Tensor
    each: int

    @classmethod
    def of(cls, experts_M: Tensor, each: int, groups: Groups) -> _Places:
        """Of ranks with the same tokens each sends those of its own column of experts."""
        columns = groups.sizes[1]
        holder = experts_M // each  # on `expert` and `tensor` together, `expert` outermost
        mine = torch.arange(len(experts_M), device=experts_M.device)
        if groups.tensor is not None:
            mine = (holder % columns == groups.tensor.rank()).nonzero().squeeze(1)
        pairs = mine[experts_M[mine].argsort(stable=True)]
        return cls(pairs, holder[pairs] // columns, experts_M[pairs] % each, each)

    def exchanged(self, group: dist.ProcessGroup) -> tuple[Tensor, Tensor]:
        """How many pairs go to each expert of each rank (ranks, experts), and how many of each rank come to its own."""
        counts = torch.bincount(self.rank * self.each + self.local, minlength=group.size() * self.each)
        counts = counts.view(group.size(), self.each)
        told = torch.empty_like(counts)
        dist.all_to_all_single(told, counts, group=group)
        return counts, told


def _alone(self: nn.Module, held: Mapping[str, Tensor], rows_RD: Tensor, ids_R: Tensor) -> Tensor:
    """What this rank's experts, whose weights are `held`, make of rows, each of one of them.

    A row of zeros goes along, whose output is left out: a rank without rows talks to the others in the backward pass as
    all do, and its weights have gradients.
    """
    rows_RD = torch.cat([rows_RD, rows_RD.new_zeros(1, rows_RD.shape[-1])])
    ids_R1 = torch.cat([ids_R, ids_R.new_zeros(1)])[:, None]
    number = {"num_experts": len(next(iter(held.values())))}
    with having(self._parameters, held), having(vars(self), number):
        return type(self).forward(self, rows_RD, ids_R1, rows_RD.new_ones(len(rows_RD), 1))[:-1]

"""Sequence parallelism: between the cut matrices of a layer, each rank of `tensor` has some of the tokens
(Korthikanti et al. 2022, section 4.2.2).

Norms, dropout and what is added to a layer's input are computed and kept once, not on every rank. Attention and MLP
still see all tokens: they are gathered before, and the sum over ranks that follows leaves each rank its own.
"""

# T tokens of a row  t those of this rank  D model

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from inspect import signature
from types import MethodType
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.base.seeds import forked
from whet.kernels.collectives import collected, collected_apart, copied, spread
from whet.parallel.styles import Style

AT, HINT = "parallel.sequence", "parallel.sequence=false"
# What parts call tokens that they are given beside their input (BERT, and what was made of it).
_SECOND = {"input_tensor"}
_INWARDS, _OUTWARDS = {Style.COLUMNS, Style.GATHERED}, {Style.ROWS, Style.PARTED}


@dataclass(frozen=True, slots=True)
class Regions:
    """The `layers` of a model in their order, and the parts of them in which something is cut, by name: whether all of
    such a part is, so that a sum over its outputs, and one over its inputs' gradients, is all that ranks must tell each
    other. Between them every rank has all tokens, or (`is_spread`) some."""

    layers: tuple[str, ...]
    cut: Mapping[str, bool]
    is_spread: bool = False

    def on(self, here: Collection[str]) -> Regions:
        """Those that lie here, where other ranks hold some of the layers."""
        layers = tuple(name for name in self.layers if name in here)
        return Regions(layers, {name: whole for name, whole in self.cut.items() if name in here}, self.is_spread)

    def is_cut(self, name: str) -> bool:
        """Whether a module lies in such a part, all of which is cut."""
        return any(whole and name.startswith(f"{region}.") for region, whole in self.cut.items())


def regions_of(
    module: nn.Module, layers: Sequence[str], styles: Mapping[str, Style], experts: Sequence[str], is_spread: bool
) -> Regions:
    """The regions of a model: of each layer, the children in which a module is cut, or holds experts, and those that
    are made of several modules: attention of which the plan cuts nothing has to see all tokens, too."""
    cut = tuple(name for name, style in styles.items() if style in _INWARDS | _OUTWARDS)
    found = {
        f"{layer}.{name}": _is_cut(f"{layer}.{name}", part, styles)
        for layer in layers
        for name, part in module.get_submodule(layer).named_children()
        if any(one.startswith(f"{layer}.{name}.") for one in (*cut, *experts))
        or next(part.parameters(), None) is not None
        and next(part.children(), None) is not None
    }
    return Regions(tuple(layers), found, is_spread)


def styles_between(module: nn.Module, regions: Regions, styles: Mapping[str, Style]) -> dict[str, Style]:
    """Those of modules beside the regions of layers, which have some of the tokens, and weights that are whole.

    Raises ModelError where a layer computes with weights of its own, or is cut itself, and where its parts are no
    functions of one row of tokens each.
    """
    found: dict[str, Style] = {}
    for layer in regions.layers:
        block = module.get_submodule(layer)
        own = [name for name, _ in block.named_parameters(recurse=False)]
        for name, part in block.named_children():
            own += [name] if f"{layer}.{name}" in styles else []
            if f"{layer}.{name}" not in regions.cut:
                found |= {f"{layer}.{name}.{one}".rstrip("."): Style.SUMMED for one in _holding(part)}
        if own:
            raise ModelError(
                f"`{layer}` computes with its own `{own[0]}`, and would have some of the tokens only", at=AT, hint=HINT
            )
        _check_parts(module, layer, regions)
    return found


def _check_parts(module: nn.Module, layer: str, regions: Regions) -> None:
    """Raise ModelError where a region is no module that is called, or is given more tokens than its input."""
    for name in (name for name in regions.cut if name.startswith(f"{layer}.")):
        part = module.get_submodule(name)
        second = _SECOND & signature(part.forward).parameters.keys()
        if isinstance(part, nn.ModuleList) or second:
            beside = f"also reads `{min(second)}`" if second else "is a list of parts"
            raise ModelError(
                f"`{name}` {beside}, and tokens are gathered for parts of a layer that read one row of them", at=AT,
                hint=HINT,
            )  # fmt: skip


def lay(module: nn.Module, regions: Regions, group: dist.ProcessGroup) -> None:
    """Let the ranks of a group, over which a module is cut, tell each other of the inputs of regions; and have some of
    the tokens each between these, where they are spread."""
    if not regions.is_spread:
        for name in (name for name, whole in regions.cut.items() if whole):
            _around(module.get_submodule(name), partial(_of_all, group=group))
        return
    rows = _Rows(group, draws_noise(module))
    for number, name in enumerate(regions.layers):
        ends = (number == 0, number == len(regions.layers) - 1)
        _around(module.get_submodule(name), partial(_layer, rows=rows, ends=ends))
    for number, (name, whole) in enumerate(regions.cut.items()):
        seen = partial(_all_of_it, rows=rows) if whole else partial(_some_of_it, rows=rows, number=number)
        _around(module.get_submodule(name), seen)


def draws_noise(module: Any) -> bool:
    """Whether a model drops anything out while it is trained."""
    config = getattr(module, "config", None)
    rates = [value for name, value in vars(config).items() if "drop" in name] if config is not None else []
    rates += [part.p for part in module.modules() if isinstance(part, nn.Dropout)]
    return any(isinstance(rate, float) and rate > 0 for rate in rates)


def _is_cut(name: str, part: nn.Module, styles: Mapping[str, Style]) -> bool:
    """Whether all weights of a part are cut, or know of the cut, and one matrix gives its outputs. Attention that may
    read a second stream is none: what it is given as such is nothing that a region tells of."""
    if "key_value_states" in signature(part.forward).parameters:
        return False
    found = [styles.get(f"{name}.{one}".rstrip(".")) for one in _holding(part)]
    return None not in found and sum(style in _OUTWARDS for style in found) == 1


def _holding(part: nn.Module) -> Iterator[str]:
    """The modules of a part that have parameters of their own, by name."""
    return (name for name, one in part.named_modules() if next(one.parameters(recurse=False), None) is not None)


@dataclass(slots=True)
class _Rows:
    """How many tokens the row that a layer runs over has, and the seed of what the layer draws."""

    group: dist.ProcessGroup
    has_noise: bool
    tokens: int = 0
    seed: int = 0

    def noise(self, module: nn.Module, *place: int | str) -> AbstractContextManager[None]:
        """Draws of a place, where there are any."""
        return forked(self.seed, *place) if self.has_noise and module.training else nullcontext()

    def __deepcopy__(self, memo: object) -> _Rows:
        return self  # a copy of a module talks to the same ranks


def _around(part: nn.Module, change: Any) -> None:
    part.forward = MethodType(partial(_changed, inner=part.forward, change=change), part)


def _changed(self: nn.Module, *args: Any, inner: Any, change: Any, **kwargs: Any) -> Any:
    """A module's forward with its hidden states, which come first or by name, and the rest of its arguments apart."""
    if args:
        return change(self, args[0], lambda hidden: inner(hidden, *args[1:], **kwargs), told=kwargs)
    hidden = kwargs.pop("hidden_states")
    return change(self, hidden, lambda hidden: inner(hidden_states=hidden, **kwargs), told=kwargs)


def _layer(
    self: nn.Module, hidden: Tensor, inner: Any, *, told: Mapping[str, Any], rows: _Rows, ends: tuple[bool, bool]
) -> Any:
    """A layer over this rank's tokens: the first takes all of them, and the last gives all."""
    positions = told.get("position_ids")
    if ends[0]:
        rows.tokens, hidden = hidden.shape[-2], spread(hidden, rows.group)
    elif isinstance(positions, Tensor):  # a layer that is computed again may be of another row than the last one
        rows.tokens = positions.shape[-1]
    if rows.has_noise and self.training:
        rows.seed = int(torch.randint(2**62, ()))
    tokens = rows.tokens
    with rows.noise(self, rows.group.rank()):
        found = inner(hidden)
    if not ends[1]:
        return found
    # FSDP2 hangs its hook on what a layer gives, and warns of a view, which rows that do not divide make of it.
    return _first(found, lambda states: collected(states, tokens, rows.group).clone())


def _of_all(self: nn.Module, hidden: Tensor, inner: Any, *, told: Any, group: dist.ProcessGroup) -> Any:
    """A part that is cut as a whole, of inputs that are the same on all ranks."""
    return inner(copied(hidden, group))


def _all_of_it(self: nn.Module, hidden: Tensor, inner: Any, *, told: Any, rows: _Rows) -> Any:
    """A part that is cut as a whole: its last matrix leaves each rank its own tokens."""
    return inner(collected_apart(hidden, rows.tokens, rows.group))


def _some_of_it(self: nn.Module, hidden: Tensor, inner: Any, *, told: Any, rows: _Rows, number: int) -> Any:
    """A part that all ranks compute over all tokens, alike but for what is cut in it."""
    with rows.noise(self, "region", number):
        found = inner(collected(hidden, rows.tokens, rows.group))
    return _first(found, lambda states: spread(states, rows.group))


def _first(found: Any, change: Any) -> Any:
    """Hidden states changed, which a module gives alone or before other things."""
    return change(found) if isinstance(found, Tensor) else (change(found[0]), *found[1:])

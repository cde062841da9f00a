"""Tensor parallelism: each rank holds and computes its part of a layer's matrices (Shoeybi et al. 2019, section 3).

Weights are distributed tensors, so that whoever fills, steps, clips or stores them knows where they lie. Layers compute
with the part that is here: outside of what is cut every rank has all activations, and their whole gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh

from whet.base.seeds import apart
from whet.kernels.collectives import copied, gathered, parted, reduced, spread_sum
from whet.kernels.float8 import Cut
from whet.kernels.layout import Layout, local
from whet.models.forward.products import check_cut, multiplied
from whet.parallel.placed import having, placed
from whet.parallel.sequence import Regions
from whet.parallel.styles import Style
from whet.parallel.tensor_plan import parameters_of


def cut(module: nn.Module, styles: Mapping[str, Style], mesh: DeviceMesh, regions: Regions) -> None:
    """Cut the module, which is on meta, in place, over a mesh of the one dimension `tensor`. Matrices in `regions` that
    are cut as a whole leave their inputs to these, and outputs, where ranks have some of the tokens, to those ranks."""
    parts = {name: (module.get_submodule(name), style) for name, style in styles.items()}
    lying = {
        parameter: placed(parameter, mesh, dim)
        for part, style in parts.values()
        for name, dim in parameters_of(part, style)
        if (parameter := part._parameters[name]) is not None
    }
    for owner in module.modules():  # tied weights stay one
        owner._parameters.update({name: lying[own] for name, own in owner._parameters.items() if own in lying})
    for name, (part, style) in parts.items():
        forwards = _FORWARDS
        if regions.is_cut(name):
            forwards = forwards | _INSIDE | (_SPREAD if regions.is_spread else {})
        if isinstance(part, nn.Linear):
            check_cut(name, part, local(part.weight), mesh.size())
        part.forward = MethodType(partial(forwards[style], group=mesh.get_group()), part)


def _columns(self: nn.Linear, x: Tensor, *, group: Any) -> Tensor:
    return _own_columns(self, copied(x, group), group=group)


def _own_columns(self: nn.Linear, x: Tensor, *, group: Any) -> Tensor:
    bias = None if self.bias is None else local(self.bias)
    return multiplied(self, x, local(self.weight), bias, Cut(0, group))


def _rows(self: nn.Linear, x: Tensor, *, group: Any) -> Tensor:
    y = reduced(multiplied(self, x, local(self.weight), cut=Cut(1, group)), group)
    return y if self.bias is None else y + self.bias.to(y.dtype)


def _spread_rows(self: nn.Linear, x: Tensor, *, group: Any) -> Tensor:
    y = spread_sum(multiplied(self, x, local(self.weight), cut=Cut(1, group)), group)
    return y if self.bias is None else y + copied(self.bias, group).to(y.dtype)


def _gathered(self: nn.Linear, x: Tensor, *, group: Any) -> Tensor:
    return gathered(_columns(self, x, group=group), group)


def _gathered_own(self: nn.Linear, x: Tensor, *, group: Any) -> Tensor:
    return gathered(_own_columns(self, x, group=group), group)


def _parted(self: nn.Linear, x: Tensor, *, group: Any) -> Tensor:
    return _rows(self, parted(x, group), group=group)


def _spread_parted(self: nn.Linear, x: Tensor, *, group: Any) -> Tensor:
    return _spread_rows(self, parted(x, group), group=group)


def _summed(self: nn.Module, *args: Any, group: Any, **kwargs: Any) -> Any:
    own = {name: copied(p, group) for name, p in self._parameters.items() if p is not None}
    with having(self._parameters, own):
        return type(self).forward(self, *args, **kwargs)


def _tokens(self: nn.Embedding, ids: Tensor, *, group: Any) -> Tensor:
    """Each token from the rank that has it. The class's own forward may do more than look it up (gemma scales)."""
    rows = Layout.of(self.weight).here[0]
    is_here = (ids >= rows.start) & (ids < rows.stop)
    padding = self.padding_idx
    mine = padding is not None and rows.start <= padding < rows.stop
    own = padding - rows.start if mine and padding is not None else None
    with having(self._parameters, {"weight": local(self.weight)}), having(vars(self), {"padding_idx": own}):
        found = type(self).forward(self, torch.where(is_here, ids - rows.start, 0))
    return reduced(found.masked_fill(~is_here[..., None], 0.0), group)


def _heads(self: nn.Embedding, ids: Tensor, *, group: Any) -> Tensor:
    """Biases of this rank's heads, which go on apart."""
    with having(self._parameters, {"weight": local(self.weight)}):
        return type(self).forward(self, ids)


def _noise(self: nn.Module, x: Tensor, *, group: Any) -> Tensor:
    with apart(group.rank()):
        return type(self).forward(self, x)


_FORWARDS: dict[Style, Callable[..., Any]] = {
    Style.COLUMNS: _columns, Style.ROWS: _rows, Style.GATHERED: _gathered, Style.PARTED: _parted,
    Style.SUMMED: _summed, Style.TOKENS: _tokens, Style.NOISE: _noise, Style.HEADS: _heads,
}  # fmt: skip
_INSIDE: dict[Style, Callable[..., Any]] = {Style.COLUMNS: _own_columns, Style.GATHERED: _gathered_own}
_SPREAD: dict[Style, Callable[..., Any]] = {Style.ROWS: _spread_rows, Style.PARTED: _spread_parted}

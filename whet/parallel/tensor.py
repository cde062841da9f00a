"""Tensor parallelism: each rank holds and computes its part of a layer's matrices (Shoeybi et al. 2019, section 3).

Weights are distributed tensors, so that whoever fills, steps, clips or stores them knows where they lie. Layers compute
with the part that is here: outside of what is cut every rank has all activations, and their whole gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import Shard, distribute_tensor
from torch.nn import functional as F

from whet.kernels.collectives import copied, gathered, parted, reduced
from whet.kernels.layout import Layout, local
from whet.parallel.tensor_plan import Style, parameters_of


def cut(module: nn.Module, styles: Mapping[str, Style], mesh: DeviceMesh) -> None:
    """Cut the module, which is on meta, in place, over a mesh of the one dimension `tensor`."""
    parts = {name: (module.get_submodule(name), style) for name, style in styles.items()}
    placed = {
        parameter: _placed(parameter, mesh, dim)
        for part, style in parts.values()
        for name, dim in parameters_of(part, style)
        if (parameter := part._parameters[name]) is not None
    }
    for owner in module.modules():  # tied weights stay one
        owner._parameters.update({name: placed[own] for name, own in owner._parameters.items() if own in placed})
    for part, style in parts.values():
        part.forward = MethodType(partial(_FORWARDS[style], group=mesh.get_group()), part)


def _placed(parameter: nn.Parameter, mesh: DeviceMesh, dim: int) -> nn.Parameter:
    whole = distribute_tensor(parameter.detach(), mesh, [Shard(dim)], src_data_rank=None)
    return nn.Parameter(whole, requires_grad=parameter.requires_grad)


def _columns(self: nn.Linear, x: Tensor, *, group: Any) -> Tensor:
    return F.linear(copied(x, group), local(self.weight), None if self.bias is None else local(self.bias))


def _rows(self: nn.Linear, x: Tensor, *, group: Any) -> Tensor:
    y = reduced(F.linear(x, local(self.weight)), group)
    return y if self.bias is None else y + self.bias.to(y.dtype)


def _gathered(self: nn.Linear, x: Tensor, *, group: Any) -> Tensor:
    return gathered(_columns(self, x, group=group), group)


def _parted(self: nn.Linear, x: Tensor, *, group: Any) -> Tensor:
    return _rows(self, parted(x, group), group=group)


def _summed(self: nn.Module, *args: Any, group: Any, **kwargs: Any) -> Any:
    own = {name: copied(p, group) for name, p in self._parameters.items() if p is not None}
    with _having(self._parameters, own):
        return type(self).forward(self, *args, **kwargs)


def _tokens(self: nn.Embedding, ids: Tensor, *, group: Any) -> Tensor:
    """Each token from the rank that has it. The class's own forward may do more than look it up (gemma scales)."""
    rows = Layout.of(self.weight).here[0]
    is_here = (ids >= rows.start) & (ids < rows.stop)
    padding = self.padding_idx
    mine = padding is not None and rows.start <= padding < rows.stop
    own = padding - rows.start if mine and padding is not None else None
    with _having(self._parameters, {"weight": local(self.weight)}), _having(vars(self), {"padding_idx": own}):
        found = type(self).forward(self, torch.where(is_here, ids - rows.start, 0))
    return reduced(found.masked_fill(~is_here[..., None], 0.0), group)


_FORWARDS: Mapping[Style, Callable[..., Any]] = {
    Style.COLUMNS: _columns, Style.ROWS: _rows, Style.GATHERED: _gathered, Style.PARTED: _parted,
    Style.SUMMED: _summed, Style.TOKENS: _tokens,
}  # fmt: skip


@contextmanager
def _having(place: Any, values: Mapping[str, Any]) -> Iterator[None]:
    """Inside, names have other values: a layer computes with what lies on this rank."""
    before = {name: place[name] for name in values}
    place.update(values)
    try:
        yield
    finally:
        place.update(before)

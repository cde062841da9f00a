"""Weights of a plain decoder packed for products on the CPU, in place: as many bytes as before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from whet.kernels.cpu_linear import packed, packs
from whet.models.decoding.lean import is_bare, lean_of
from whet.models.forward.backbone import unwrapped


@contextmanager
def prepacked(module: nn.Module) -> Iterator[None]:
    """Packed weights inside the block, where `Lean` reads them and nobody else can; the same bits as before after it.

    Left as they are: weights that something else reads too, such as those of an embedding, and all of a module that
    `Lean` does not stand for.
    """
    done: list[tuple[nn.Linear, bool]] = []
    try:
        for linear in _linears(module):
            weight = linear.weight
            linear.weight = nn.Parameter(packed(weight.detach()), requires_grad=False)
            done.append((linear, weight.requires_grad))
            del weight  # one layer's weights at a time are there twice
        yield
    finally:
        for linear, requires_grad in done:
            linear.weight = nn.Parameter(linear.weight.detach().to_dense(), requires_grad=requires_grad)


def _linears(module: nn.Module) -> list[nn.Linear]:
    """The layers that `Lean` multiplies with itself, with weights of their own for which it pays."""
    if lean_of(module) is None:
        return []
    own: Any = unwrapped(module)
    found = [own.lm_head]
    for layer in own.model.layers:
        found += [getattr(layer.self_attn, f"{name}_proj") for name in "qkvo"]
        found += [getattr(layer.mlp, f"{name}_proj") for name in ("gate", "up", "down")]
    readers: dict[int, int] = {}
    for part in own.modules():
        for weight in part._parameters.values():
            readers[id(weight)] = readers.get(id(weight), 0) + 1
    plain = [one for one in found if type(one) is nn.Linear and is_bare(one) and type(one.weight) is nn.Parameter]
    return [one for one in plain if readers[id(one.weight)] == 1 and packs(one.weight)]

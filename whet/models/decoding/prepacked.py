"""Weights of a plain decoder packed for products on the CPU, in place: as many bytes as before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

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
    lean = lean_of(module)
    if lean is None:
        return []
    readers = Counter(id(weight) for part in unwrapped(module).modules() for weight in part._parameters.values())
    plain = [one for one in lean.linears if type(one) is nn.Linear and is_bare(one)]
    return [
        one for one in plain if type(one.weight) is nn.Parameter and readers[id(one.weight)] == 1 and packs(one.weight)
    ]

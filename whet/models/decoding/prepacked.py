"""Weights of a plain decoder packed for products on the CPU, in place: as many bytes as before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from whet.kernels.cpu_linear import packed, packs
from whet.models.decoding.lean import is_bare, lean_of
from whet.models.forward.backbone import unwrapped


@contextmanager
def prepacked(module: nn.Module) -> Iterator[None]:
    """Packed weights inside the block, where `Lean` reads them and nobody else can; the same bits as before after it.

    Layers that multiply the same inputs become one product (`joined` of lean.py). Left as they are: weights that
    something else reads too, such as those of an embedding, and all of a module that `Lean` does not stand for.
    """
    with ExitStack() as stack:
        for linears in _products(module):
            stack.enter_context(_packed(linears))
        yield


@contextmanager
def _packed(linears: Sequence[nn.Linear]) -> Iterator[None]:
    """One layer, or several as one product. One layer's weights at a time are there twice, those of several thrice."""
    first, *others = linears
    sizes, trained = [one.out_features for one in linears], [one.weight.requires_grad for one in linears]
    biases = [one.bias for one in linears]
    whole = torch.cat([one.weight.detach() for one in linears]) if others else first.weight.detach()
    first.weight = _untrained(packed(whole))  # before anything is taken away: memory may run out
    if others and biases[0] is not None:
        first.bias = _untrained(torch.cat([one.detach() for one in biases]))
    for one in others:
        one.weight = _untrained(whole.new_empty(0, one.in_features))
        one.register_parameter("bias", None)
    del whole
    try:
        yield
    finally:
        parts = first.weight.detach().to_dense().split(sizes)
        for one, part, bias, requires_grad in zip(linears, parts, biases, trained, strict=True):
            one.weight = nn.Parameter(part.clone() if others else part, requires_grad=requires_grad)
            one.bias = bias


def _untrained(weight: Tensor) -> nn.Parameter:
    return nn.Parameter(weight, requires_grad=False)


def _products(module: nn.Module) -> list[list[nn.Linear]]:
    """The products that `Lean` makes of weights which nothing else reads, and for which packing pays."""
    lean = lean_of(module)
    if lean is None:
        return []
    readers = Counter(id(weight) for part in unwrapped(module).modules() for weight in part._parameters.values())

    def is_own(one: nn.Linear) -> bool:
        return (
            type(one) is nn.Linear
            and is_bare(one)
            and type(one.weight) is nn.Parameter
            and readers[id(one.weight)] == 1
        )

    found = list[list[nn.Linear]]()
    for linears in lean.products:
        own = [one for one in linears if is_own(one)]
        alike = (
            len(own) == len(linears)
            and len({(one.bias is None, one.weight.dtype, one.weight.device) for one in own}) == 1
        )
        groups = [own] if alike else [[one] for one in own]
        found += [group for group in groups if packs(group[0].weight, sum(one.weight.numel() for one in group))]
    return found

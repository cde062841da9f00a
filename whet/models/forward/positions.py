"""Embeddings of positions that number the tokens of a row by themselves: told where each sample of it begins."""

# T tokens  D model

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

PLACES = "whet_positions"  # the attribute of such an embedding: positions of the row that is computed


def follow(module: nn.Module) -> None:
    """Let such embeddings follow the samples of a packed row. Only these instances change.

    Bart and its relatives have them (transformers 5.23); without a packed row they do what they did.
    """
    for part in module.modules():
        if isinstance(part, nn.Embedding) and type(part).__name__.endswith("PositionalEmbedding"):
            part.forward = MethodType(_embedded, part)  # type: ignore[method-assign]
            object.__setattr__(part, PLACES, None)


@contextmanager
def placed(module: nn.Module, positions_T: Tensor) -> Iterator[None]:
    """Inside, the tokens of the row that is computed have these positions."""
    touched = [part for part in module.modules() if PLACES in part.__dict__]
    for one in touched:
        object.__setattr__(one, PLACES, positions_T)
    try:
        yield
    finally:
        for one in touched:
            object.__setattr__(one, PLACES, None)


def _embedded(self: Any, *args: Any, **kwargs: Any) -> Tensor:
    positions_T = self.__dict__.get(PLACES)
    if positions_T is None:
        return type(self).forward(self, *args, **kwargs)
    # Sines and cosines (Marian, Pegasus) stay as they are: their own forward is under `torch.no_grad`.
    is_fixed = hasattr(type(self).forward, "__wrapped__")
    return F.embedding(positions_T + getattr(self, "offset", 0), self.weight.detach() if is_fixed else self.weight)

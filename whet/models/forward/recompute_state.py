"""Recompute with the state that parts of a model had for one row: they are told it again for that row's recompute.

A backward pass comes when the row's forward pass is over, and another row may have been computed in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from torch import nn

from whet.models.forward import encoder_decoder, mixers, positions

_TOLD = (mixers.NOW, encoder_decoder.LONGEST, positions.PLACES)
Told = Sequence[tuple[nn.Module, str, Any]]


def checkpoint_options(module: nn.Module) -> dict[str, Any]:
    """How `torch.utils.checkpoint` is to be called in a module whose parts are told something of each row.

    Parts that are told nothing need nothing more (and `torch.compile` could not go through it).
    """
    parts = [(part, name) for part in module.modules() for name in _TOLD if name in part.__dict__]
    return {"use_reentrant": False, **({"context_fn": _contexts(parts)} if parts else {})}


def _contexts(
    parts: Sequence[tuple[nn.Module, str]],
) -> Callable[[], tuple[AbstractContextManager[None], AbstractContextManager[None]]]:
    """For a layer's forward pass and for its recompute: the second is told what the first was."""

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _state_restored([(part, name, part.__dict__[name]) for part, name in parts])

    return contexts


@contextmanager
def _state_restored(told: Told) -> Iterator[None]:
    before = [(part, name, part.__dict__[name]) for part, name, _ in told]
    _tell(told)
    try:
        yield
    finally:
        _tell(before)


def _tell(told: Told) -> None:
    for part, name, value in told:
        object.__setattr__(part, name, value)


def has_own_checkpointing(module: nn.Module) -> bool:
    """Whether the module is of a class of transformers that can checkpoint its layers itself."""
    return hasattr(module, "activation_checkpointing_enable") or hasattr(module, "gradient_checkpointing_enable")

"""What layers keep for the backward pass: all, what is dear to compute again, or their inputs alone; and where.

transformers' layers (`GradientCheckpointingLayer`) let a function compute them; layers of other classes get one around
their `forward`. Ranks that have cut a layer's weights gather them outside of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from types import MethodType
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

from whet.contracts.model import Loaded
from whet.models.forward import dear
from whet.models.forward.offloaded import Offload
from whet.models.forward.recomputed import checkpointing, recomputes_itself

Contexts = Callable[[], tuple[Any, Any]]
Around = Callable[..., Any]


@dataclass(frozen=True)
class Keeping:
    """Of layers, from the first on, every `every`th is computed again: all of it (`full`) or what is cheap
    (`selective`). What all of them keep leaves the device where there is an `offload`."""

    recompute: str = "none"
    every: int = 1
    offload: Offload | None = None

    def __bool__(self) -> bool:
        return self.recompute != "none" or self.offload is not None


def keep(model: Loaded, how: Keeping) -> None:
    """Let the layers of the model, which may be on meta, keep what is said."""
    module: Any = model.module
    if not how:
        return
    again = _KINDS[how.recompute](module, how.offload)
    if again is not None and recomputes_itself(module):
        _enable(module, again.keywords)
    own: Sequence[Any] = [part for part in module.modules() if isinstance(part, GradientCheckpointingLayer)]
    for number, layer in enumerate(own or map(module.get_submodule, model.layers)):
        around = again if number % how.every == 0 else None
        if own:
            _let_around(layer, around, how.offload)
        elif around is not None or how.offload is not None:
            layer.forward = MethodType(partial(_forward, around=_around(layer, around, how.offload)), layer)


def _enable(module: Any, how: Mapping[str, Any]) -> None:
    """Have transformers prepare a model for layers that are computed again: it lets inputs have gradients."""
    if hasattr(module, "activation_checkpointing_enable"):
        module.activation_checkpointing_enable(activation_checkpointing_kwargs=how)
    else:  # transformers before 5.22 knows only this name
        module.gradient_checkpointing_enable(gradient_checkpointing_kwargs=how)


def _let_around(layer: Any, again: Around | None, offload: Offload | None) -> None:
    layer.gradient_checkpointing = again is not None or offload is not None
    layer._gradient_checkpointing_func = _around(layer, again, offload)


def _forward(layer: nn.Module, *args: Any, around: Around, **kwargs: Any) -> Any:
    return around(partial(type(layer).forward, layer, **kwargs), *args)


def _around(layer: nn.Module, again: Around | None, offload: Offload | None) -> Around:
    if offload is None:
        return again or _plainly
    return _Offloaded(layer, again or _plainly, offload)


def _plainly(compute: Callable[..., Any], *args: Any) -> Any:
    return compute(*args)


@dataclass(frozen=True)
class _Offloaded:
    """Computes a layer, and lets go of what it keeps. A copy of the layer takes a copy of this along."""

    layer: nn.Module
    again: Around
    offload: Offload

    def __call__(self, compute: Callable[..., Any], *args: Any) -> Any:
        with self.offload.layer(self.layer):
            return self.again(compute, *args)


def _nothing(module: nn.Module, offload: Offload | None) -> None:
    return None


def _fully(module: nn.Module, offload: Offload | None) -> partial[Any]:
    return partial(checkpoint, **checkpointing(module))


def _selectively(module: nn.Module, offload: Offload | None) -> partial[Any]:
    how = checkpointing(module)
    choice = partial(dear.contexts, offload)
    told = how.get("context_fn")
    how["context_fn"] = choice if told is None else partial(_both, told, choice)
    return partial(checkpoint, **how)


_KINDS: dict[str, Callable[[nn.Module, Offload | None], partial[Any] | None]] = {
    "none": _nothing, "full": _fully, "selective": _selectively,
}  # fmt: skip


def _both(first: Contexts, second: Contexts) -> tuple[Any, Any]:
    (once, again), (own_once, own_again) = first(), second()
    return _inside(once, own_once), _inside(again, own_again)


@contextmanager
def _inside(*contexts: Any) -> Iterator[None]:
    with ExitStack() as stack:
        for one in contexts:
            stack.enter_context(one)
        yield

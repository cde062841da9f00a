"""Activation checkpointing: what layers save for the backward pass (all, selected ops, or their inputs), and where; and
layers that are compiled with it.

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

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

from whet.contracts.model import Loaded
from whet.models.forward import selective_recompute
from whet.models.forward.activation_offload import ActivationOffload
from whet.models.forward.recompute_state import checkpoint_options, has_own_checkpointing

Contexts = Callable[[], tuple[Any, Any]]
LayerCall = Callable[..., Any]


@dataclass(frozen=True)
class Checkpointing:
    """Of layers, from the first on, every `every`th is recomputed: all of it (`full`) or what is cheap (`selective`).
    What all of them save is offloaded where there is an `offload`. Layers are `compiled`, by a back
    end of torch.compile, with what is computed again; what leaves is what their graphs save."""

    recompute: str = "none"
    every: int = 1
    offload: ActivationOffload | None = None
    compiled: str | None = None

    def __bool__(self) -> bool:
        return self.recompute != "none" or self.offload is not None or self.compiled is not None


def apply_checkpointing(model: Loaded, how: Checkpointing) -> None:
    """Let the layers of the model, which may be on meta, save what is said."""
    module: Any = model.module
    if not how:
        return
    recompute = _KINDS[how.recompute](module, how)
    if recompute is not None and has_own_checkpointing(module):
        _enable(module, recompute.keywords)
    own: Sequence[Any] = [part for part in module.modules() if isinstance(part, GradientCheckpointingLayer)]
    for number, layer in enumerate(own or map(module.get_submodule, model.layers)):
        call: LayerCall | None = recompute if number % how.every == 0 else None
        if how.compiled is not None and how.offload is not None:  # there is no graph of what leaves
            call = torch.compile(call or _plain_call, backend=how.compiled)
        if own:
            _set_layer_call(layer, call, how.offload)
        elif call is not None or how.offload is not None:
            layer.forward = MethodType(partial(_forward, layer_call=_layer_call(layer, call, how.offload)), layer)
    if how.compiled is not None and how.offload is None:
        for name in model.layers or [""]:
            module.get_submodule(name).compile(backend=how.compiled)


def _enable(module: Any, how: Mapping[str, Any]) -> None:
    """Have transformers prepare a model for layers that are recomputed: it lets inputs have gradients."""
    if hasattr(module, "activation_checkpointing_enable"):
        module.activation_checkpointing_enable(activation_checkpointing_kwargs=how)
    else:  # transformers before 5.22 knows only this name
        module.gradient_checkpointing_enable(gradient_checkpointing_kwargs=how)


def _set_layer_call(layer: Any, recompute: LayerCall | None, offload: ActivationOffload | None) -> None:
    layer.gradient_checkpointing = recompute is not None or offload is not None
    layer._gradient_checkpointing_func = _layer_call(layer, recompute, offload)


def _forward(layer: nn.Module, *args: Any, layer_call: LayerCall, **kwargs: Any) -> Any:
    return layer_call(partial(type(layer).forward, layer, **kwargs), *args)


def _layer_call(layer: nn.Module, recompute: LayerCall | None, offload: ActivationOffload | None) -> LayerCall:
    if offload is None:
        return recompute or _plain_call
    return _Offloaded(layer, recompute or _plain_call, offload)


def _plain_call(compute: Callable[..., Any], *args: Any) -> Any:
    return compute(*args)


@dataclass(frozen=True)
class _Offloaded:
    """Computes a layer, and offloads what it saves. A copy of the layer takes a copy of this along."""

    layer: nn.Module
    recompute: LayerCall
    offload: ActivationOffload

    def __call__(self, compute: Callable[..., Any], *args: Any) -> Any:
        with self.offload.layer(self.layer):
            return self.recompute(compute, *args)


def _no_recompute(module: nn.Module, how: Checkpointing) -> None:
    return None


def _full_recompute(module: nn.Module, how: Checkpointing) -> partial[Any]:
    return partial(checkpoint, **checkpoint_options(module))


def _selective_recompute(module: nn.Module, how: Checkpointing) -> partial[Any]:
    options = checkpoint_options(module)
    contexts = selective_recompute.contexts if how.compiled is None else selective_recompute.in_graph
    choice = partial(contexts, how.offload)
    told = options.get("context_fn")
    options["context_fn"] = choice if told is None else partial(_both, told, choice)
    return partial(checkpoint, **options)


_KINDS: dict[str, Callable[[nn.Module, Checkpointing], partial[Any] | None]] = {
    "none": _no_recompute, "full": _full_recompute, "selective": _selective_recompute,
}  # fmt: skip


def _both(first: Contexts, second: Contexts) -> tuple[Any, Any]:
    (forward, recompute), (own_forward, own_recompute) = first(), second()
    return _inside(forward, own_forward), _inside(recompute, own_recompute)


@contextmanager
def _inside(*contexts: Any) -> Iterator[None]:
    with ExitStack() as stack:
        for one in contexts:
            stack.enter_context(one)
        yield

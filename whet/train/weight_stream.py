"""The weights of a model in training, one by one under the names of its published files, adapters folded in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from whet.base.errors import RunError
from whet.contracts.executor import Executor
from whet.generate.shadow_model import beside, shape_of
from whet.models.features.carried import is_added
from whet.models.merging.layers import Parts, breaks_ties, let_go, live_weights, plain
from whet.models.tuning.wrapper import wrapper_of
from whet.parallel.pipeline.stages import stages_of

# Whole tensors by their names, or all there are: all ranks ask for them together.
Whole = Callable[[Collection[str] | None], Iterator[tuple[str, Tensor]]]


def live_tensors(module: nn.Module, executor: Executor) -> Iterator[tuple[str, Tensor]]:
    """(name as transformers saves it, whole tensor on its device) of each weight as it is now; tied ones once.

    Gathers one tensor at a time, with an adapter one layer; where ranks share the weights all of them take part. Raises
    RunError for an adapter that breaks a tie.
    """
    return published(module, executor.weights)


def published(module: nn.Module, whole: Whole) -> Iterator[tuple[str, Tensor]]:
    """The same of a module whose values `whole` gives."""
    if wrapper_of(module) is None:
        named = whole({name for name, _ in module.named_parameters() if not is_added(module, name)})
    elif is_shared(module):
        named = _folded(_untied(shape_of(module)), whole)
    else:
        named = live_weights(_untied(module))
    # A generator here would hold a tensor while the next one is put together.
    return filter(lambda pair: not is_added(module, pair[0]), named)


def is_shared(module: nn.Module) -> bool:
    """Whether a rank has a part of the weights, or of the layers."""
    return stages_of(module) is not None or any(isinstance(p, DTensor) for p in module.parameters())


def _untied(module: nn.Module) -> nn.Module:
    if breaks_ties(module):
        raise RunError(
            "the adapter changes one end of weights that are tied, which an engine holds only once",
            at="tuner.targets", hint="tuner.targets=all-linear",
        )  # fmt: skip
    return module


def _folded(shape: nn.Module, whole: Whole) -> Iterator[tuple[str, Tensor]]:
    """As `live_weights`, of a model that ranks share: of the tree `shape`, which has no values, one layer at a time is
    filled on every rank."""
    parts = Parts.of(shape)
    for name, layer in parts.layers.items():
        at = f"{name}."
        held = whole({at + key for key, _ in layer.named_parameters()})
        # Copies: what a rank has whole already is its own weight, and is merged in place.
        tensors = {key.removeprefix(at): tensor.to(torch.float32, copy=True) for key, tensor in held}
        filled = beside(layer, tensors)
        del tensors
        yield from parts.named(name, plain(filled))
        let_go(filled)
    yield from whole(parts.others)

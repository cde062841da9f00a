"""A module of any class as a model: built on meta, and drawn from the run's seed when it is filled."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from whet.base.seeds import forked
from whet.contracts.model import Capabilities, Loaded, Model, Weights
from whet.models.loading.context import BuildContext
from whet.models.loading.loaded import loaded


def drawn(
    build: Callable[[], nn.Module],
    context: BuildContext,
    capabilities: Capabilities,
    runs: Callable[[nn.Module], Model],
    *,
    layers: Sequence[str] | None = None,
    vocab: int | None = None,
) -> Loaded:
    """The model whose module `build` gives, with the run's tuner and features; `runs` makes it one that objectives ask.

    `build` is called twice: on meta, and when values are asked for, with the default generator forked from the seed.
    It must take everything that it draws from there. `layers` name its repeated blocks; `vocab` is how many tokens
    it knows, where it reads any.
    """

    def made(device: str) -> nn.Module:
        with forked(context.seed, "model"), torch.device(device):
            module = build().to(context.dtype)
        return context.prepared(module, device)

    module = made("meta")
    return loaded(
        module, None, capabilities, runs(module), layers=layers, vocab=vocab, weights=Weights(lambda: made("cpu")),
    )  # fmt: skip

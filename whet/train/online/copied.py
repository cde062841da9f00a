"""A copy of the model in training that answers with the weights of an earlier moment, while training goes on."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from whet.contracts.rewards import Player, Trajectory
from whet.models.tuning import fast_lora

Weights = Mapping[str, Tensor]


class Copy:
    """A module of the same kind, with weights of its own where they are trained.

    With `shares_frozen` those that are frozen for good are the same tensors: beside an adapter the base is in memory
    once. Takes memory of the other weights, and as much again for every moment that is kept.
    """

    def __init__(self, live: nn.Module, *, shares_frozen: bool) -> None:
        frozen = {id(p): p for p in live.parameters() if not p.requires_grad} if shares_frozen else {}
        self._live, self._shared = live, {name for name, p in live.named_parameters() if id(p) in frozen}
        self.module = copy.deepcopy(live, dict(frozen))
        if any(fast_lora.is_plain(part) and "forward" in vars(part) for part in live.modules()):
            fast_lora.install(self.module)  # projections that share an input would share it with the live ones
        self.module.eval()
        self._held: Weights | None = None

    def moment(self) -> Weights:
        """The live weights as they are now."""
        return {name: tensor.detach().clone() for name, tensor in self._own(self._live)}

    def take(self, weights: Weights) -> None:
        """Have these weights."""
        if self._held is weights:
            return
        with torch.no_grad():
            for name, tensor in self._own(self.module):
                tensor.copy_(weights[name])
        self._held = weights

    def _own(self, module: nn.Module) -> Iterator[tuple[str, Tensor]]:
        yield from ((name, p) for name, p in module.named_parameters() if name not in self._shared)
        yield from module.named_buffers()


@dataclass(frozen=True, slots=True)
class Copied:
    """Answers with the copy (contract: `whet.contracts.rewards.Freezable`), by default with the weights of now."""

    copy: Copy
    playing: Player

    def __call__(self, *given: Any, **named: Any) -> list[list[Trajectory]]:
        return self.frozen()(*given, **named)

    def frozen(self) -> Player:
        return partial(self._play, self.copy.moment())

    def _play(self, weights: Weights, *given: Any, **named: Any) -> list[list[Trajectory]]:
        self.copy.take(weights)
        return self.playing(*given, **named)

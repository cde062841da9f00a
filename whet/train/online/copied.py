"""Answers with the weights of an earlier moment, while training goes on: each rollout has a model of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from whet.contracts.rewards import Player, Trajectory
from whet.generate.beside import beside


def snapshot(live: nn.Module, *, shares_frozen: bool) -> nn.Module:
    """The model as it is now: the same modules over copies of the weights, in evaluation mode.

    With `shares_frozen` those that are frozen for good are the same tensors: beside an adapter the base is in memory
    once.
    """
    kept: dict[str, Tensor] = dict(live.named_buffers())
    kept |= {name: p for name, p in live.named_parameters() if p.requires_grad or not shares_frozen}
    return beside(live, {name: tensor.detach().clone() for name, tensor in kept.items()})


@dataclass(frozen=True, slots=True)
class Copied:
    """Answers with copies (contract: `whet.contracts.rewards.Freezable`), by default of the weights of now.

    Each takes memory until its answers are there. `take` makes one, and `playing` a player that answers with it.
    """

    take: Callable[[], nn.Module]
    playing: Callable[[nn.Module], Player]

    def __call__(self, *given: Any, **named: Any) -> list[list[Trajectory]]:
        return self.frozen()(*given, **named)

    def frozen(self) -> Player:
        return self.playing(self.take())

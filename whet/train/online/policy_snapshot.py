"""Answers with the weights of an earlier moment, while training goes on: each rollout has a model of its own.

Of a model whose weights ranks share, every rank gathers the whole of them at that moment, in the thread that trains.
What answers then is whole on each rank, so that no rank waits for another while it answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from whet.contracts.rewards import Player, Trajectory
from whet.generate.eval_mode import reshard
from whet.generate.shadow_model import beside, is_sharded, shape_of
from whet.kernels.quantized import Quantized


def taking(live: nn.Module, *, shares_frozen: bool) -> Callable[[], nn.Module]:
    """What takes a copy of the model as it is when it is called."""
    if is_sharded(live):
        return Whole(live, shares_frozen=shares_frozen)
    return partial(snapshot, live, shares_frozen=shares_frozen)


def snapshot(live: nn.Module, *, shares_frozen: bool) -> nn.Module:
    """The model as it is now: the same modules over copies of the weights, in evaluation mode.

    With `shares_frozen` those that are frozen for good are the same tensors: beside an adapter the base is in memory
    once.
    """
    kept: dict[str, Tensor] = dict(live.named_buffers())
    kept |= {name: p for name, p in live.named_parameters() if p.requires_grad or not shares_frozen}
    return beside(live, {name: tensor.detach().clone() for name, tensor in kept.items()})


class Whole:
    """Takes the sharded model as it is now, whole: all ranks at once, from the thread that trains.

    With `shares_frozen` weights that are frozen for good are gathered once, and stay on every rank.
    """

    def __init__(self, live: nn.Module, *, shares_frozen: bool) -> None:
        self._live, self._shares_frozen = live, shares_frozen
        self._frozen: dict[str, Tensor] = {}

    def __call__(self) -> nn.Module:
        reshard(self._live)
        tensors: dict[str, Tensor] = {name: b.detach().clone() for name, b in self._live.named_buffers()}
        for name, parameter in self._live.named_parameters():
            if name in self._frozen:
                tensors[name] = self._frozen[name]
                continue
            tensors[name] = _whole(parameter)
            if self._shares_frozen and not parameter.requires_grad:
                tensors[name] = self._frozen[name] = nn.Parameter(tensors[name], requires_grad=False)
        return beside(shape_of(self._live), tensors)


def _whole(parameter: nn.Parameter) -> Tensor:
    """A copy of the whole weight; a quantized one is whole on every rank, and never changes."""
    if isinstance(parameter, Quantized):
        return parameter
    return parameter.full_tensor().detach() if isinstance(parameter, DTensor) else parameter.detach().clone()


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

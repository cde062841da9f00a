"""Answers of ranks that share the matrices of one model: they answer the prompts of all of them together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from whet.contracts.rewards import Message, Player, Trajectory, unheard
from whet.generate.dealt_tools import DealtTools
from whet.generate.episodes import Episodes
from whet.generate.groups import Groups
from whet.parallel.world import World


@dataclass(frozen=True, slots=True)
class ByTensor:
    """Answers a rank's own prompts (contract: `whet.contracts.rewards.Player`), which all ranks of `tensor` call
    together, each with its own and any number of them.

    The prompts of all are one batch. Each rank computes with its part of the matrices, and keeps the keys and values of
    its heads alone.
    """

    world: World
    playing: Player

    def __call__(
        self,
        prompts: Sequence[Sequence[Message] | str],
        rows: Sequence[Mapping[str, Any]],
        num: int,
        *,
        seed: int,
        numbers: Sequence[int],
        at: Callable[[str], None] = unheard,
    ) -> list[list[Trajectory]]:
        at("the prompts of the other ranks of `tensor`")
        asked = self.world.gathered(list(zip(prompts, rows, numbers, strict=True)), "tensor")
        every = [one for own in asked for one in own]
        found = self.playing(
            [prompt for prompt, _, _ in every], [row for _, row, _ in every], num, seed=seed,
            numbers=[number for _, _, number in every], at=at,
        )  # fmt: skip
        first = sum(map(len, asked[: self.world.index("tensor")]))
        return found[first : first + len(prompts)]


def by_tensor(world: World, ours: Groups | Episodes) -> ByTensor:
    """Our own decoder on ranks that share matrices. Tools are run by all of them."""
    if isinstance(ours, Groups):
        return ByTensor(world, ours)
    return ByTensor(world, replace(ours, toolbox=DealtTools(ours.toolbox, world, "tensor")))

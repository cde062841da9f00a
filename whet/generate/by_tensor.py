"""Answers of ranks that share the matrices of one model: they answer the prompts of all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from whet.contracts.rewards import Heard, Player, Question, Trajectory, unheard
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
        self, questions: Sequence[Question], num: int, *, seed: int, at: Heard = unheard
    ) -> list[list[Trajectory]]:
        at("the prompts of the other ranks of `tensor`")
        asked = self.world.gathered(list(questions), "tensor")
        found = self.playing([one for own in asked for one in own], num, seed=seed, at=at)
        first = sum(map(len, asked[: self.world.index("tensor")]))
        return found[first : first + len(questions)]


def by_tensor(world: World, ours: Groups | Episodes) -> ByTensor:
    """Our own decoder on ranks that share matrices. Tools are run by all of them."""
    if isinstance(ours, Groups):
        return ByTensor(world, ours)
    return ByTensor(world, replace(ours, toolbox=DealtTools(ours.toolbox, world, "tensor")))

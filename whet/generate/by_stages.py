"""Answers of ranks that have different layers of one model: they answer the prompts of all of them together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from whet.contracts.rewards import Message, Player, Trajectory, unheard
from whet.generate.dealt_tools import DealtTools
from whet.generate.episodes import Episodes
from whet.generate.groups import Groups
from whet.parallel.pipeline.over_stages import OverStages
from whet.parallel.world import World


@dataclass(frozen=True, slots=True)
class ByStages:
    """Answers a rank's own prompts (contract: `whet.contracts.rewards.Player`), which all ranks of a pipeline call
    together, each with its own and any number of them.

    The prompts of each rank are a batch of their own, and batches take turns: while one is at a stage, others are at
    the others.
    """

    world: World
    module: OverStages
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
        at("the prompts of the other stages")
        self.module.tell(at)
        asked = self.world.gathered((prompts, rows, numbers), "stages")
        jobs = [
            partial(self.playing, prompts, rows, num, seed=seed, numbers=numbers, at=at)
            for prompts, rows, numbers in asked
            if prompts
        ]
        found = iter(self.module.turns.run(jobs))
        self.module.carrier.settle()  # and not before: what one turn has sent another may have to take first
        answered = [next(found) if prompts else [] for prompts, _, _ in asked]
        return answered[self.world.index("stages")]


def by_stages(world: World, ours: Groups | Episodes, module: OverStages) -> ByStages:
    """Our own decoder on the ranks of a pipeline, of which this one has these stages. Tools are run by all of them."""
    if isinstance(ours, Groups):
        return ByStages(world, module, replace(ours, module=module))
    local: Any = ours.engine
    engine = replace(local, loaded=replace(local.loaded, module=module))
    toolbox = DealtTools(ours.toolbox, world, "stages")
    return ByStages(world, module, replace(ours, engine=engine, toolbox=toolbox, together=int))

"""Answers of ranks that have different layers of one model: they answer the prompts of all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from whet.contracts.rewards import Heard, Player, Question, Trajectory, unheard
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
        self, questions: Sequence[Question], num: int, *, seed: int, at: Heard = unheard
    ) -> list[list[Trajectory]]:
        at("the prompts of the other stages")
        self.module.tell(at)
        asked = self.world.gathered(list(questions), "stages")
        jobs = [partial(self.playing, own, num, seed=seed, at=at) for own in asked if own]
        found = iter(self.module.turns.run(jobs))
        self.module.carrier.settle()  # and not before: what one turn has sent another may have to take first
        answered = [next(found) if own else [] for own in asked]
        return answered[self.world.index("stages")]


def by_stages(world: World, ours: Groups | Episodes, module: OverStages) -> ByStages:
    """Our own decoder on the ranks of a pipeline, of which this one has these stages. Tools are run by all of them."""
    if isinstance(ours, Groups):
        return ByStages(world, module, replace(ours, module=module))
    local: Any = ours.engine
    engine = replace(local, loaded=replace(local.loaded, module=module))
    toolbox = DealtTools(ours.toolbox, world, "stages")
    return ByStages(world, module, replace(ours, engine=engine, toolbox=toolbox, together=int))

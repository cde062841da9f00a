"""Who answers in a run's rollouts: our decoder with the live weights, or another engine that is sent them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from whet.base.catalogue import engine
from whet.base.run import Run
from whet.contracts.model import Loaded
from whet.contracts.rewards import Player, Trajectory
from whet.generate.groups import Groups
from whet.generate.playing import Playing
from whet.generate.protocol import Engine, GenerateSettings
from whet.parallel.world import World
from whet.train.live import live_tensors
from whet.train.patience import patiently


def player_of(run: Run, world: World, loaded: Loaded) -> Player:
    """The player that `rollout.engine` means."""
    made = run.rollout
    settings = GenerateSettings(
        max_new_tokens=made.max_new_tokens, temperature=made.temperature, top_k=made.top_k, top_p=made.top_p,
        min_p=made.min_p,
    )  # fmt: skip
    if made.engine.kind == "local":
        return Groups(loaded.module, loaded.processor, settings, made.batch_tokens)
    other: Engine = engine.get(made.engine.kind).build(loaded, **made.engine.values())
    playing = Playing(other, loaded.processor, settings)
    return Elsewhere(world, loaded, other, playing, made.engine.kind, made.timeout_s, made.restarts)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another engine: sent the weights before each rollout where it takes them, and waited for with patience."""

    world: World
    loaded: Loaded
    engine: Engine
    playing: Playing
    name: str
    timeout_s: float
    restarts: int

    def __call__(
        self, prompts: Sequence[Any], rows: Sequence[Mapping[str, Any]], num: int, *, seed: int, numbers: Sequence[int]
    ) -> list[list[Trajectory]]:
        self._sync()
        what = f"the engine `{self.name}` with {len(prompts)} prompts, {num} answers to each"
        ask = partial(self.playing, prompts, rows, num, seed=seed, numbers=numbers)
        again = getattr(self.engine, "restart", None)
        found = patiently(ask, what, timeout_s=self.timeout_s, restarts=self.restarts, again=again)
        self.world.wait()  # the others may still be asking, of the weights that they were asked with
        return found

    def _sync(self) -> None:
        """Hand the weights to the engine. All ranks gather them; the leader's engine takes them."""
        take = getattr(self.engine, "sync", None)
        if take is None:
            return
        tensors = live_tensors(self.loaded.module)
        if self.world.leads:
            take(tensors)
        for _ in tensors:  # what the engine left, and on the other ranks all of them
            pass
        self.world.wait()

"""Who answers in a run's rollouts: our decoder with the live weights, or another engine that is sent them."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from whet.base.catalogue import engine
from whet.base.run import Run
from whet.contracts.model import Loaded
from whet.contracts.rewards import Player, Trajectory
from whet.data.template import chat_template
from whet.generate.borrow import Lockstep
from whet.generate.episodes import Episodes
from whet.generate.groups import Groups
from whet.generate.playing import Playing
from whet.generate.prompts import stop_ids
from whet.generate.protocol import Engine, GenerateSettings
from whet.generate.tools import Toolbox, load_tools
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
    is_local = made.engine.kind == "local"
    if is_local and not made.tools:
        return Groups(loaded.module, loaded.processor, settings, made.batch_tokens)
    other: Engine = engine.get(made.engine.kind).build(loaded, **made.engine.values())
    playing = _with_tools(run, loaded, other, settings) if made.tools else Playing(other, loaded.processor, settings)
    if is_local:
        return playing
    return Elsewhere(world, loaded, other, playing, made.engine.kind, made.timeout_s, made.restarts)


def _with_tools(run: Run, loaded: Loaded, answers: Engine, settings: GenerateSettings) -> Episodes:
    """Conversations with the run's tools, rendered with the run's template."""
    made = run.rollout
    tokenizer: Any = copy.copy(loaded.processor)
    tokenizer.chat_template = chat_template(loaded.processor, run.data.template).text
    toolbox = Toolbox(load_tools(made.tools), timeout_s=made.tool_timeout_s)
    together = Lockstep(loaded.module).most if made.engine.kind == "local" else int
    stops = stop_ids(loaded.module, tokenizer)
    return Episodes(answers, tokenizer, toolbox, settings, stops, made.max_turns, math.inf, together)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another engine: sent the weights before each rollout where it takes them, and waited for with patience."""

    world: World
    loaded: Loaded
    engine: Engine
    playing: Player
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

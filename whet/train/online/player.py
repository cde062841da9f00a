"""Who answers in a run's rollouts: our decoder with the live weights, or another engine that is sent them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from whet.base.catalogue import engine
from whet.base.run import Run
from whet.contracts.executor import Executor
from whet.contracts.model import Loaded
from whet.contracts.rewards import Player, Trajectory, unheard
from whet.generate.engine_rollout import Playing
from whet.generate.episodes import Episodes
from whet.generate.eval_mode import Lockstep
from whet.generate.groups import Groups
from whet.generate.prefetch import Watch
from whet.generate.prompts import stop_ids
from whet.generate.protocol import Engine, GenerateSettings
from whet.generate.tools import Toolbox, load_tools
from whet.parallel.pipeline.stages import stages_of
from whet.parallel.world import World
from whet.train.online.policy_snapshot import Copied, taking
from whet.train.setup.rows import voiced
from whet.train.step.whole_module import whole_module
from whet.train.weight_stream import live_tensors


def player_of(run: Run, world: World, loaded: Loaded, executor: Executor, *, is_adapter: bool) -> Player:
    """The player that `rollout.engine` means; with staleness one that can answer with the weights of a moment."""
    made = run.rollout
    settings = GenerateSettings(
        max_new_tokens=made.max_new_tokens, temperature=made.temperature, top_k=made.top_k, top_p=made.top_p,
        min_p=made.min_p,
    )  # fmt: skip
    if engine.get(made.engine.kind).facts.in_training:
        ours = _ours(run, loaded, settings)
        if stages_of(loaded.module) is not None:
            return Copied(partial(whole_module, loaded.module, executor), partial(_with_module, ours))
        if not made.staleness:
            return ours
        return Copied(taking(loaded.module, shares_frozen=is_adapter), partial(_with_module, ours))
    other: Engine = engine.get(made.engine.kind).build(loaded, **made.engine.values())
    playing = _with_tools(run, loaded, other, settings) if made.tools else Playing(other, loaded.processor, settings)
    return Elsewhere(world, partial(live_tensors, loaded.module, executor), other, playing)


def _ours(run: Run, loaded: Loaded, settings: GenerateSettings) -> Groups | Episodes:
    """Our own decoder."""
    made = run.rollout
    if not made.tools:
        return Groups(loaded.module, loaded.processor, settings, made.batch_tokens)
    return _with_tools(
        run, loaded, engine.get(made.engine.kind).build(loaded, batch_tokens=made.batch_tokens), settings
    )


def _with_module(ours: Groups | Episodes, module: nn.Module) -> Player:
    """Our own decoder with a whole module of this rank alone in place of the one in training."""
    if isinstance(ours, Groups):
        return replace(ours, module=module)
    local: Any = ours.engine
    return replace(ours, engine=replace(local, loaded=replace(local.loaded, module=module)), together=int)


def _with_tools(run: Run, loaded: Loaded, answers: Engine, settings: GenerateSettings) -> Episodes:
    """Conversations with the run's tools, rendered with the run's template."""
    made = run.rollout
    tokenizer: Any = voiced(run, loaded.processor)
    toolbox = Toolbox(load_tools(made.tools), timeout_s=made.tool_timeout_s)
    together = Lockstep(loaded.module).most if engine.get(made.engine.kind).facts.in_training else int
    stops = stop_ids(loaded.module, tokenizer)
    return Episodes(answers, tokenizer, toolbox, settings, stops, made.max_turns, math.inf, together)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another engine: sent the weights before each rollout where it takes them (`whet.contracts.rewards.Freezable`)."""

    world: World
    weights: Callable[[], Iterator[tuple[str, Tensor]]]
    engine: Engine
    playing: Player

    def __call__(self, *given: Any, at: Callable[[str], None] = unheard, **named: Any) -> list[list[Trajectory]]:
        at("sending the weights to the engine")
        self._sync()
        found = self.playing(*given, at=at, **named)
        at("the other ranks")
        self.world.wait()  # the others may still be asking, of the weights that they were asked with
        return found

    def frozen(self) -> Player:
        """The engine with the weights of now, which are kept until it has answered. One process alone."""
        if getattr(self.engine, "sync", None) is None:
            return self.playing
        weights = {name: tensor.detach().clone() for name, tensor in self.weights()}
        return partial(self._play, weights)

    def _play(self, weights: Mapping[str, Any], *given: Any, **named: Any) -> list[list[Trajectory]]:
        named["at"]("sending the weights to the engine")
        self.engine.sync(iter(weights.items()))  # type: ignore[attr-defined]
        return self.playing(*given, **named)

    def _sync(self) -> None:
        """Hand the weights to the engine. All ranks gather them; the leader's engine takes them."""
        take = getattr(self.engine, "sync", None)
        if take is None:
            return
        tensors = self.weights()
        if self.world.is_writer:
            take(tensors)
        for _ in tensors:  # what the engine left, and on the other ranks all of them
            pass
        self.world.wait()


def watch_of(run: Run, world: World, player: Player, say: Callable[[str], None]) -> Watch:
    """How rollouts are watched. Ranks that wait for each other while they answer cannot begin anew alone."""
    restarts = run.rollout.restarts if world.count("all") == 1 or run.rollout.staleness else 0
    other = getattr(player, "engine", None)
    none: Callable[[], Any] = lambda: None  # noqa: E731
    return Watch(
        run.rollout.timeout_s, restarts, say, waiting=getattr(other, "waiting", list),
        again=getattr(other, "restart", none),
    )  # fmt: skip

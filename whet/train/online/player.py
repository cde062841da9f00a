"""Who answers in a run's rollouts: our decoder with the live weights, or another engine that is sent them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from whet.base.catalogue import engine
from whet.base.rollout import Rollout
from whet.base.run import Run
from whet.contracts.executor import Executor
from whet.contracts.model import Loaded
from whet.contracts.rewards import Player, Trajectory, unheard
from whet.generate.by_stages import by_stages
from whet.generate.by_tensor import by_tensor
from whet.generate.engine_rollout import Playing
from whet.generate.episodes import Episodes
from whet.generate.eval_mode import Lockstep
from whet.generate.groups import Groups
from whet.generate.prefetch import Watch
from whet.generate.prompts import stop_ids
from whet.generate.protocol import Engine, GenerateSettings
from whet.generate.shadow_model import is_sharded
from whet.generate.tools import Toolbox, load_tools
from whet.models.features.carried import is_added
from whet.parallel.world import World
from whet.plan.tracing.live import storages
from whet.train.online.policy_snapshot import Copied, Parted, Shards, copied, snapshot, stage_of, whole_of
from whet.train.setup.rows import voiced
from whet.train.step.stage_module import stage_of_now, stage_shape
from whet.train.weight_stream import live_tensors, published


def player_of(run: Run, world: World, loaded: Loaded, executor: Executor, *, is_adapter: bool) -> Player:
    """The player that `rollout.engine` means; with staleness one that can answer with the weights of a moment."""
    made = run.rollout
    settings = _settings(made)
    if engine.get(made.engine.kind).facts.in_training:
        return _inside(run, world, loaded, is_adapter=is_adapter)
    other: Engine = engine.get(made.engine.kind).build(loaded, **made.engine.values())
    playing = _with_tools(run, loaded, other, settings) if made.tools else Playing(other, loaded.processor, settings)
    weights = partial(live_tensors, loaded.module, executor)
    aside = world.apart() if made.staleness else world
    return EnginePlayer(aside, weights, partial(_of_now, loaded.module, weights, aside), other, playing)


def _inside(run: Run, world: World, loaded: Loaded, *, is_adapter: bool) -> Player:
    """Our own decoder, with the weights that it is to answer with."""
    ours = _ours(run, loaded)
    if not run.rollout.staleness:
        return together(ours, world, loaded.module)
    playing = partial(_with_module, ours)
    if not (world.shares_layers or is_sharded(loaded.module)):
        return Copied(partial(snapshot, loaded.module, shares_frozen=is_adapter), playing)
    aside = world.apart()
    take = partial(Shards.of, loaded.module, aside, shares_frozen=is_adapter)
    if world.count("stages") == 1:
        return Parted(take, partial(whole_of, loaded.module), playing)
    return Parted(take, partial(stage_of, stage_shape(loaded.module)), partial(by_stages, aside, ours), are_alone=False)


def _of_now(
    live: nn.Module, weights: Callable[[], Iterator[tuple[str, Tensor]]], world: World
) -> Callable[[], Iterator[tuple[str, Tensor]]]:
    """What reads the weights of now at a later time: copies on one process, and of several each rank's own part."""
    if world.mesh is None:
        kept = [(name, tensor.detach().clone()) for name, tensor in weights()]
        return lambda: iter(kept)
    return partial(published, live, Shards.of(live, world, shares_frozen=False).whole)


def kept_bytes(run: Run, loaded: Loaded, *, is_adapter: bool) -> int:
    """Of one process with staleness: what each rollout under way holds of the model that it answers with."""
    facts, module = engine.get(run.rollout.engine.kind).facts, loaded.module
    if not run.rollout.staleness:
        return 0
    if facts.in_training:
        copies = list(copied(module, shares_frozen=is_adapter).values())
        return sum({one._cdata: one.nbytes() for one in storages(copies)}.values())
    # Adapters are folded into what is sent, which is whole and dense.
    sent = [p for name, p in module.named_parameters() if not is_added(module, name)]
    sizes = (p.numel() * p.element_size() for p in sent if not (is_adapter and p.requires_grad))
    return sum(sizes) if facts.takes_weights else 0


def together(ours: Groups | Episodes, world: World, live: nn.Module) -> Player:
    """Our own decoder with the weights as they are: each rank computes with what it has of the model, or where ranks
    have different layers, with a copy of these."""
    if world.count("stages") > 1:
        return Copied(partial(stage_of_now, live, world), partial(by_stages, world, ours))
    return by_tensor(world, ours) if world.count("tensor") > 1 else ours


def _settings(made: Rollout) -> GenerateSettings:
    """How answers are drawn."""
    return GenerateSettings(
        max_new_tokens=made.max_new_tokens, temperature=made.temperature, top_k=made.top_k, top_p=made.top_p,
        min_p=made.min_p,
    )  # fmt: skip


def _ours(run: Run, loaded: Loaded) -> Groups | Episodes:
    """Our own decoder."""
    made, settings = run.rollout, _settings(run.rollout)
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
class EnginePlayer:
    """Another engine: sent the weights before each rollout where it takes them (`whet.contracts.rewards.Freezable`).

    `weights` reads those of now, and `of_now` keeps what reads them later.
    """

    world: World
    weights: Callable[[], Iterator[tuple[str, Tensor]]]
    of_now: Callable[[], Callable[[], Iterator[tuple[str, Tensor]]]]
    engine: Engine
    playing: Player

    def __call__(self, *given: Any, **named: Any) -> list[list[Trajectory]]:
        return self._play(self.weights, *given, **named)

    def frozen(self) -> Player:
        """The engine with the weights of now, which are kept until it is their turn."""
        return partial(self._play, self.weights if self._taking is None else self.of_now())

    def _play(
        self,
        weights: Callable[[], Iterator[tuple[str, Tensor]]],
        *given: Any,
        at: Callable[[str], None] = unheard,
        **named: Any,
    ) -> list[list[Trajectory]]:
        at("sending the weights to the engine")
        self._send(weights)
        found = self.playing(*given, at=at, **named)
        at("the other ranks")
        self.world.wait()  # the others may still be asking, of the weights that they were asked with
        return found

    @property
    def _taking(self) -> Any:
        return getattr(self.engine, "sync", None)

    def _send(self, weights: Callable[[], Iterator[tuple[str, Tensor]]]) -> None:
        """Hand the weights over, one by one. All ranks put them together; the leader's engine takes them where ranks
        ask one and the same, else every rank's own."""
        if (take := self._taking) is None:
            return
        tensors = weights()
        if self.world.is_writer or not getattr(self.engine, "is_shared", False):
            take(tensors)
        deque(tensors, maxlen=0)  # what the engine left, and on the other ranks all of them
        self.world.wait()


def watch_of(run: Run, world: World, player: Player, say: Callable[[str], None]) -> Watch:
    """How rollouts are watched. Ranks that wait for each other while they answer cannot begin anew alone."""
    is_alone = world.count("all") == 1 or (isinstance(player, Parted) and player.are_alone)
    restarts = run.rollout.restarts if is_alone else 0
    other = getattr(player, "engine", None)
    none: Callable[[], Any] = lambda: None  # noqa: E731
    return Watch(
        run.rollout.timeout_s, restarts, say, waiting=getattr(other, "waiting", list),
        again=getattr(other, "restart", none),
    )  # fmt: skip

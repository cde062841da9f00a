"""Assemble a run: from a validated config to a loop that is ready to go.

Data first, then the model, then the source of steps, complete at birth. Each stage is a value that the next one reads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

from whet.base import config
from whet.base.catalogue import schedule, sink, tuner
from whet.base.run import Run
from whet.base.seeds import forked
from whet.contracts.model import Head, Loaded
from whet.contracts.objective import Referenced
from whet.generate.eval_mode import reshard
from whet.models.loading.reading import read_once
from whet.models.tuners.full import Still
from whet.optim.groups import ParamGroups
from whet.parallel.held import held
from whet.parallel.world import World
from whet.track.reading.store import LOGS
from whet.track.records import Notice, RunStarted, Sink
from whet.train.checkpoints.checkpoint import Checkpoints
from whet.train.checkpoints.optimizer_state import NamedOptimizer
from whet.train.loop import Cadence, Loop
from whet.train.measure.evaluation import Answer, Evaluation
from whet.train.record.build import recorder_of
from whet.train.record.plan_file import PlanFile
from whet.train.run import capacity, dependencies, follower
from whet.train.run.controls import Controls
from whet.train.run.emitter import Emitter
from whet.train.run.folder import RunFolder
from whet.train.run.identity import stated
from whet.train.run.progress import Progress
from whet.train.run.rollbacks import Rollback, left_out
from whet.train.setup.alarms import on_alarm
from whet.train.setup.announced import facts_of, notices_of
from whet.train.setup.chosen import Chosen, chosen_of
from whet.train.setup.first_step import FirstStep
from whet.train.setup.foretold import planned_of
from whet.train.setup.models import build_model, features_for, head_for, models_beside, reference_way
from whet.train.setup.opening import Material, Opened, Placed, open_run, place, prepare, without_trace
from whet.train.setup.precision import on_precision, with_precision
from whet.train.setup.preflight import check_model
from whet.train.setup.reference import remember
from whet.train.setup.rehearsal import rehearse
from whet.train.setup.relief import begin_anew, relief_of
from whet.train.setup.resolve import Resolved, resolve
from whet.train.setup.rows import template_of
from whet.train.setup.sources import Feed, SourceKind, Supply
from whet.train.setup.teacher import is_told, teacher_run, tell
from whet.train.setup.trained import Trained
from whet.train.source_kind import source_of
from whet.train.step.micro_batches import Dealer
from whet.train.step.prefetch import Prefetch
from whet.train.step.stage_module import answering_module
from whet.train.step.watchdog import Watchdog

# A run that is over sooner loses less to a kill than its checkpoints would cost it.
CHECKPOINT_REST_S = 30.0


@dataclass
class Built:
    """A run with everything in its place, and what must be closed after it."""

    folder: RunFolder
    trained: Trained
    feed: Feed
    supply: Supply
    loop: Loop
    emit: Emitter
    plan: PlanFile
    rollbacks: Sequence[Rollback] = ()
    held: ExitStack = field(default_factory=ExitStack)

    @property
    def loaded(self) -> Loaded:
        return self.trained.loaded

    @property
    def world(self) -> World:
        return self.trained.world

    @property
    def sinks(self) -> Sequence[Sink]:
        """Those that receive the run's records."""
        return self.emit.sinks

    def close(self) -> None:
        """Let go of the sinks, the other ranks and the run's lock."""
        self.leave()
        self.world.close()

    def leave(self) -> None:
        """As `close`, for ranks that go on together with another attempt."""
        with self.held:
            self.plan.settle(self.loop.progress.step)
            self.loop.recorder.close()
            self.loop.checkpoints.close()
            self.emit.close()


@dataclass(frozen=True, slots=True)
class Modelled:
    """The model with what trains it, and what it learns from: `way` is how a reference is had."""

    trained: Trained
    feed: Feed
    way: str | None
    resolved: Resolved
    notices: tuple[str, ...]


def assemble(loaded: config.Loaded, folder: RunFolder | None = None) -> Built:
    """Build every part of the run; given `folder`, restore its last checkpoint.

    The run is locked until `close`: raises RunError while another attempt has it.
    """
    order = follower.ordered(loaded.run)
    with ExitStack() as held, read_once():
        opened = open_run(loaded, source_of(loaded.run), folder, held)
        material = prepare(opened)
        placed = place(opened, material, held)
        with without_trace(placed):
            modelled = _modelled(opened, material, placed)
            built = _built(placed, modelled)
            built.emit(_started(built, modelled))
            _say(built, (*modelled.notices, *notices_of(modelled.trained, modelled.resolved, opened.pinned)))
            if placed.world.is_writer:
                follower.begin(order, placed.folder.path, built.loop.progress.step, built.emit)
            if placed.world.is_writer and built.loop.progress.step == 0:
                dependencies.record(opened.loaded.run, placed.folder, stated(placed.identity))
        built.held = held.pop_all()
        return built


def _modelled(opened: Opened, material: Material, placed: Placed) -> Modelled:
    """The model, trained as the run says, and what was `auto` resolved with it."""
    world, pinned = placed.world, opened.pinned
    run = with_precision(material.run, world, pinned)
    precise = on_precision(material.run.train.precision, run, world.device)
    feed, loss = _told(run, placed, material.feed, opened.chosen), opened.kind.loss(run, opened.chosen)
    head = head_for(loss, feed)
    features = features_for(run, opened.tuner, loss)
    loaded = build_model(
        run, world, opened.tuner, head, features, check=partial(check_model, run, opened.chosen, feed.data)
    )
    way = reference_way(run, world, loaded, loss, feed, pinned)
    trained = Trained.of(run, world, loaded, opened.tuner, loss, models_beside(run, world, loaded, loss, way))
    rehearsed = None if pinned else rehearse(trained, feed, partial(_twin_of, trained, opened.kind, head))
    resolved = resolve(trained, feed, pinned, way)
    resolved = replace(resolved, why={**resolved.why, **material.why})
    if world.is_writer and not pinned:
        placed.folder.write_resolved({**resolved.as_dict(), **stated(placed.identity)})
    chosen = material.why if pinned else resolved.why
    said = (*loaded.capabilities.notices, *material.notices, *placed.notices, *precise, *chosen.values())
    return Modelled(trained, feed, way, resolved, (*said, *([rehearsed] if rehearsed else [])))


def _told(run: Run, placed: Placed, feed: Feed, chosen: Chosen) -> Feed:
    """The samples with what is stored of a teacher, who is gone before the student comes."""
    taught = chosen.traits.taught
    if taught is None or not is_told(taught):
        return feed
    teacher = partial(build_model, teacher_run(run, taught, placed.world), placed.world, Still())
    told = tell(taught, placed.world, feed.data, placed.folder.path, teacher, run.train.micro_batch)
    return feed.annotated(dict.fromkeys(feed.data, told))


def _twin_of(trained: Trained, kind: SourceKind, head: Head | None, run: Run) -> Trained:
    """All that trains a run on its model's twin, built as the run's own are."""
    alone, method = World(trained.world.device), tuner.get(run.tuner.kind).build(**run.tuner.values())
    loss = kind.loss(run, chosen_of(run))
    twin = build_model(run, alone, method, head, features_for(run, method, loss), like=trained.loaded.capabilities)
    others = dict.fromkeys(trained.executor.models.others, twin.model)
    return Trained.of(run, alone, twin, method, loss, others)


def _built(placed: Placed, modelled: Modelled) -> Built:
    """The steps, and the loop over them."""
    trained = modelled.trained
    can = trained.loaded.capabilities
    noted = trained.world.agreed(capacity.noted(placed.folder.path))
    at_once = modelled.resolved.micro_batch if noted is None else min(noted.tokens, modelled.resolved.micro_batch)
    dealer = Dealer(trained.world, at_once, can.shares, splits=not can.batch_norm)
    emit = _emitter(trained.run, placed)
    feed, supply = _supplied(placed, modelled, dealer)
    loop = _loop(placed, trained, supply, dealer, emit, feed.longest)
    known = planned_of(trained, at_once, feed.longest)
    plan = PlanFile.of(placed.folder.path, trained, known, modelled.resolved.why)
    loop.emit = plan.hearing(emit)
    return Built(placed.folder, trained, feed, supply, loop, emit, plan, placed.rollbacks)


def _supplied(placed: Placed, modelled: Modelled, dealer: Dealer) -> tuple[Feed, Supply]:
    """The source of steps, once the tuner has its start, over samples with what a reference says of them."""
    trained, feed = modelled.trained, modelled.feed
    supply = feed.supply(trained, dealer)
    with forked(trained.run.seed, "tuner start"):
        trained.tuner.init(trained.loaded.module, FirstStep(supply.source, dealer, trained.executor))
    if modelled.way != "stored":
        return feed, supply
    path, compared = placed.folder.path / "reference.npz", cast(Referenced, trained.objective)
    said = remember(
        path, feed.data, compared, trained.executor, dealer, placed.identity.run, has_begun=placed.has_begun
    )
    reshard(trained.loaded.module)  # what is stored of parameters goes by their shards
    feed = feed.annotated(said)
    return feed, feed.supply(trained, dealer)


def _loop(placed: Placed, trained: Trained, supply: Supply, dealer: Dealer, emit: Emitter, longest: int) -> Loop:
    """The loop, standing where the last checkpoint was written."""
    run, world, model, executor = trained.run, trained.world, trained.loaded, trained.executor
    source, progress = Prefetch(supply.source, world.device), Progress()
    watchdog = Watchdog(run.train.watchdog, watches_spikes=supply.watches_spikes, drift_limit=supply.drift_limit)
    evaluation = Evaluation(supply.held_out, run.evaluate.prompts, _answer(trained), run.evaluate.early_stop)
    parts: dict[str, Any] = {
        "source": source, "progress": progress, "watchdog": watchdog, "evaluation": evaluation, "dealer": dealer,
        "tuner": trained.tuner,
    }  # fmt: skip
    if executor.scale is not None:
        parts["loss_scale"] = executor.scale
    checkpoints = Checkpoints(
        placed.folder.checkpoints, model.module,
        NamedOptimizer(trained.optimizer, ParamGroups.of(model.module, model.roles).names()), parts, world,
        run.train.keep, trained.untouched, placed.identity, run.parallel.timeout_s,
    )  # fmt: skip
    at_once = dealer.capacity
    if checkpoints.restore() is not None:
        trained.tuner.restored(model.module)
        dealer.capacity = min(dealer.capacity, at_once)  # memory may have run out since it was stored
    return Loop(
        world=world, source=source, dealer=dealer, executor=executor, schedule=_schedule(run), evaluation=evaluation,
        checkpoints=checkpoints, watchdog=watchdog, controls=Controls(placed.folder.controls, world.is_writer),
        cadence=_cadence(run, supply.source.total), emit=emit, effort=trained.effort, phases=executor.phases,
        on_alarm=on_alarm(run, placed.folder, world), left_out=left_out(placed.rollbacks),
        has_tokens=model.capabilities.tokens, progress=progress,
        recorder=recorder_of(trained, placed.folder.path / LOGS, source, supply.held_out), blame=executor.blame,
        relief=relief_of(trained, longest), begin_anew=partial(begin_anew, placed.folder.path),
    )  # fmt: skip


def _started(built: Built, modelled: Modelled) -> RunStarted:
    facts = facts_of(built.trained, built.feed, modelled.resolved)
    reshard(built.loaded.module)  # a rehearsal may have left weights as a forward needs them
    here = held(built.loaded.module, built.world)
    return RunStarted(built.loop.progress.step, built.supply.source.total, facts, here)


def _say(built: Built, said: Iterable[str]) -> None:
    """All notices of the stages, and of what was restored."""
    step = built.loop.progress.step
    warned = [*built.loop.checkpoints.notices, *(one.words for one in built.rollbacks)]
    for level, text in (*(("info", text) for text in said), *(("warning", text) for text in warned)):
        built.emit(Notice(step, level, text))


def _emitter(run: Run, placed: Placed) -> Emitter:
    """The sinks of the run; of several of one kind, the later ones are numbered."""
    built: dict[str, Any] = {}
    for number, chosen in enumerate(run.track.sinks):
        name = f"{chosen.kind} ({number + 1})" if chosen.kind in built else chosen.kind
        built[name] = sink.get(chosen.kind).build(placed.folder.path, placed.world.index("all"), **chosen.values())
    return Emitter(built)


def _schedule(run: Run) -> Callable[[int, int], float]:
    build, settings = schedule.get(run.schedule.kind).build, run.schedule.values()
    return lambda step, total: build(step, total, **settings)


def _cadence(run: Run, total: int) -> Cadence:
    tenth = max(1, math.ceil(total / 10))
    rest_s = 0.0 if run.train.checkpoint_every else CHECKPOINT_REST_S
    every = tenth if run.evaluate.every is None else run.evaluate.every or max(1, total)
    how_often = run.train.checkpoint_every or tenth
    return Cadence(run.track.log_every, how_often, every, rest_s, run.train.async_checkpoint)


def _answer(trained: Trained) -> Answer | None:
    run, model = trained.run, trained.loaded
    if not model.capabilities.generates or not run.evaluate.prompts:
        return None
    from whet.train.measure.answers import answerer

    template = template_of(run, model.processor)

    def evaluated(prompts: Sequence[str]) -> list[str]:
        with trained.executor.evaluation_weights():
            module = answering_module(model.module, trained.world)
            return answerer(replace(model, module=module), run.evaluate.max_new_tokens, run.seed, template)(prompts)

    return evaluated

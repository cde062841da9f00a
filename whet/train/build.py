"""Assemble a run: from a validated config to a loop that is ready to go."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

import torch

from whet.base import config
from whet.base.catalogue import optimizer, schedule, sink, tuner
from whet.base.errors import ConfigError, WhetError
from whet.base.run import Run
from whet.base.seeds import forked
from whet.contracts.executor import Executor
from whet.contracts.model import Head, Loaded, Models
from whet.contracts.objective import Objective, Referenced
from whet.contracts.optimizer import Optimizer
from whet.contracts.tuner import Tuner
from whet.data.store.ledger import Ledger
from whet.generate.groups import Groups
from whet.generate.protocol import GenerateSettings
from whet.models.decoding.proof import decoding_of
from whet.models.forward.logit_peaks import watch
from whet.models.tuners.full import Still
from whet.optim.adapted import adapted
from whet.optim.depth import depth_rates
from whet.optim.groups import ParamGroups
from whet.optim.wrapped import Averaged, InBackward
from whet.parallel.world import World
from whet.track.records import Notice, RunStarted, Sink
from whet.train.checkpoints.checkpoint import Checkpoints, complete
from whet.train.checkpoints.manifest import Identity
from whet.train.checkpoints.optimizer_state import NamedOptimizer
from whet.train.loop import Cadence, Loop
from whet.train.measure.evaluation import Answer, Evaluation
from whet.train.online.build import drift_limit, held_out_of, making_of
from whet.train.online.own_answers import OwnAnswers
from whet.train.run import dependencies
from whet.train.run.controls import Controls
from whet.train.run.emitter import Emitter
from whet.train.run.folder import RunFolder
from whet.train.run.identity import identity_of, new_identity, stated
from whet.train.run.lock import RunLock
from whet.train.run.progress import Progress
from whet.train.run.settings import check_settings
from whet.train.setup.chosen import Chosen, chosen_of
from whet.train.setup.data_source import Feed, feed
from whet.train.setup.first_step import FirstStep
from whet.train.setup.models import build_model, head_for, models_beside, read_model, reference_way
from whet.train.setup.notices import on_ledger, on_micro_batch, on_noise, on_rank, on_resume, on_schedule, on_ties
from whet.train.setup.paths import located
from whet.train.setup.precision import autocast_dtype, on_precision, with_precision
from whet.train.setup.preflight import enter
from whet.train.setup.reference import remember
from whet.train.setup.rehearsal import Made, rehearse
from whet.train.setup.resolve import Resolved, resolve
from whet.train.setup.rows import settled, template_facts, template_of
from whet.train.setup.teacher import check_teacher, has_teacher, is_told, teacher_run, tell
from whet.train.step.allocator import keep_freed_memory
from whet.train.step.executor import DataParallel
from whet.train.step.flops import Effort, Work
from whet.train.step.micro_batches import Dealer
from whet.train.step.phases import Phases
from whet.train.step.prefetch import Prefetch
from whet.train.step.watchdog import Watchdog

# A run that is over sooner loses less to a kill than its checkpoints would cost it.
CHECKPOINT_REST_S = 30.0


@dataclass
class Built:
    """A run with everything in its place, and what must be closed after it."""

    run: Run
    folder: RunFolder
    world: World
    loaded: Loaded
    tuner: Tuner
    objective: Objective
    feed: Feed
    loop: Loop
    emit: Emitter
    held: ExitStack = field(default_factory=ExitStack)

    @property
    def sinks(self) -> Sequence[Sink]:
        """Those that receive the run's records."""
        return self.emit.sinks

    def close(self) -> None:
        """Let go of the sinks, the other ranks and the run's lock."""
        with self.held:
            self.emit.close()
            self.world.close()


def assemble(loaded: config.Loaded, folder: RunFolder | None = None) -> Built:
    """Build every part of the run; given `folder`, restore its last checkpoint.

    The run is locked until `close`: raises RunError while another attempt has it.
    Data is prepared before the process group starts, so that no rank waits in a collective meanwhile.
    """
    with ExitStack() as held:
        built = _prepared(loaded, folder, held)
        built.held = held.pop_all()
        return built


def _prepared(loaded: config.Loaded, folder: RunFolder | None, held: ExitStack) -> Built:
    if folder is not None and os.environ.get("RANK", "0") == "0":
        folder.refuse_odd_files()
        lock = held.enter_context(RunLock.take(folder.path))
    loaded = replace(loaded, run=located(loaded.run))
    run = loaded.run
    (chosen, method), identity = enter(run, is_new=folder is None), new_identity()
    pinned = folder.read_resolved() if folder else {}
    is_writer, known = os.environ.get("RANK", "0") == "0", []
    if folder is not None and is_writer:
        identity = identity_of(folder, pinned)
        known = check_settings(loaded, folder)
    if folder is not None and is_writer and complete(folder.checkpoints):
        known += dependencies.check(run, folder, pinned, stated(identity))
        if not pinned:
            known.append(f"{folder.resolved.name} is missing: what was `auto` is found out anew, equal to rounding")
    set_threads(run, pinned)
    keep_freed_memory()
    processor, context, family = read_model(run, chosen)
    run, told = settled(run, processor if family == "causal" else None)
    if has_teacher(run):
        check_teacher(run, processor)
    ledger = Ledger()
    fed = feed(run, chosen, processor, context, ledger, family)
    world = World.start(run.train.device, run.parallel.timeout_s)
    is_new, identity = folder is None, world.agreed(identity)
    if folder is None:
        if world.is_writer:
            folder, lock = RunFolder.create(run, loaded.to_yaml())
            held.enter_context(lock)
        folder = world.agreed(folder)
    if world.is_writer:
        ledger.write(folder.ledger)
        fed = replace(fed, notices=(*fed.notices, *lock.notices, *known))
    fed = replace(fed, notices=(*told, *fed.notices, *on_ledger(ledger, folder.ledger)))
    try:
        run, wanted = with_precision(run, world, pinned), run.train.precision
        fed = replace(fed, notices=(*fed.notices, *on_precision(wanted, run, world.device)))
        built = _assemble(run, folder, pinned, identity, world, fed, _objective(run, chosen), method)
        if world.is_writer and built.loop.progress.step == 0:
            dependencies.record(loaded.run, folder, stated(identity))
        return built
    except WhetError:
        if is_new and world.is_writer:
            folder.give_up()
        raise


def _assemble(
    run: Run,
    folder: RunFolder,
    pinned: dict[str, Any],
    identity: Identity,
    world: World,
    fed: Feed,
    loss: Objective,
    method: Tuner,
) -> Built:
    if is_told(run):  # the teacher is gone before the student comes
        tell(run, world, fed.annotated, folder.path, lambda: build_model(teacher_run(run, world), world, Still()))
    model = build_model(run, world, method, head_for(loss, fed))
    fed = _with_own_answers(run, world, model, fed)
    way = reference_way(run, world, model, loss, fed, pinned)
    others = models_beside(run, world, model, way)
    update = _optimizer(run, world, model, _groups(run, model, method))
    executor = _executor(run, world, Models(model.model, others), model, method, loss, update)
    fed = fed if pinned else _rehearsed(run, world, model, fed, head_for(loss, fed), list(others))
    resolved = resolve(run, world, fed, loss, executor, model, pinned, way)
    if world.is_writer and not pinned:
        folder.write_resolved({**resolved.as_dict(), **stated(identity)})
    dealer = Dealer(world, resolved.micro_batch, model.capabilities.shares)
    emit = _emitter(run, folder, world)
    if fed.rollouts is not None:
        fed.rollouts.making = making_of(run, world, model, method, loss, executor, dealer)
    with forked(run.seed, "tuner start"):
        method.init(model.module, FirstStep(fed.source, dealer, executor))
    evaluation = Evaluation(
        held_out_of(run, fed, loss, dealer, executor), run.evaluate.prompts, _answer(run, model, executor),
        run.evaluate.early_stop,
    )  # fmt: skip
    progress, watchdog = Progress(), Watchdog(
        run.train.watchdog, watches_spikes=fed.rollouts is None, drift_limit=drift_limit(run, world, model)
    )  # fmt: skip
    source = Prefetch(fed.source, world.device)
    parts: dict[str, Any] = {
        "source": source, "progress": progress, "watchdog": watchdog, "evaluation": evaluation, "dealer": dealer,
        "tuner": method,
    }  # fmt: skip
    state = NamedOptimizer(update, ParamGroups.of(model.module, model.roles).names())
    kept, untouched = folder.checkpoints, _untouched(method, model)
    checkpoints = Checkpoints(kept, model.module, state, parts, world, run.train.keep, untouched, identity)
    if checkpoints.restore() is not None:
        method.restored(model.module)
    if way == "stored":
        path, has_begun, compared = folder.path / "reference.npz", progress.step > 0, cast(Referenced, loss)
        remember(path, fed.annotated, compared, executor, dealer, identity.run, has_begun=has_begun)
    loop = Loop(
        world=world, source=source, dealer=dealer, executor=executor, schedule=_schedule(run),
        evaluation=evaluation, checkpoints=checkpoints, watchdog=watchdog,
        controls=Controls(folder.controls, world.is_writer), cadence=_cadence(run, fed.source.total), emit=emit,
        effort=_effort(world, model, executor), phases=executor.phases,
        stop_on_alarm=run.train.watchdog.action == "stop", has_tokens=model.capabilities.tokens, progress=progress,
    )  # fmt: skip
    emit(RunStarted(progress.step, fed.source.total, _facts(run, world, model, fed, resolved)))
    said = [("info", text) for text in _notices(run, method, model, fed, resolved, pinned)]
    for level, text in (*said, *(("warning", text) for text in checkpoints.notices)):
        emit(Notice(progress.step, level, text))
    return Built(run, folder, world, model, method, loss, fed, loop, emit)


def _emitter(run: Run, folder: RunFolder, world: World) -> Emitter:
    """The sinks of the run; of several of one kind, the later ones are numbered."""
    built: dict[str, Any] = {}
    for number, chosen in enumerate(run.track.sinks):
        name = f"{chosen.kind} ({number + 1})" if chosen.kind in built else chosen.kind
        built[name] = sink.get(chosen.kind).build(folder.path, world.index("all"), **chosen.values())
    return Emitter(built)


def _notices(
    run: Run, method: Tuner, model: Loaded, fed: Feed, resolved: Resolved, pinned: Mapping[str, Any]
) -> Iterator[str]:
    """What the run must say of itself before its first step."""
    yield from (*model.capabilities.notices, *fed.notices)
    yield from on_micro_batch(run.train.micro_batch, resolved.micro_batch)
    yield from on_schedule(run)
    yield from on_rank(run.optimizer, _groups(run, model, method))
    yield from on_noise(model.module)
    yield from on_ties(model.module)
    yield from on_resume(pinned.get("environment", {}), resolved.environment)


def _rehearsed(run: Run, world: World, model: Loaded, fed: Feed, head: Head | None, others: Sequence[str]) -> Feed:
    """The feed with what a rehearsal of the run's end has to say. Raises ModelError where the end would fail."""
    make = partial(_twin_of, world, model, others, head)
    notice = rehearse(run, world, model, fed, make)
    return replace(fed, notices=(*fed.notices, notice)) if notice else fed


def _twin_of(world: World, model: Loaded, names: Sequence[str], head: Head | None, run: Run) -> Made:
    """Model, tuner, objective and executor of a run on its model's twin, built as the run's own are."""
    alone, method = World(world.device), tuner.get(run.tuner.kind).build(**run.tuner.values())
    twin = build_model(run, alone, method, head, like=model.capabilities)
    models, loss = Models(twin.model, dict.fromkeys(names, twin.model)), _objective(run, chosen_of(run))
    update = _optimizer(run, alone, twin, _groups(run, twin, method))
    return twin, method, loss, _executor(run, alone, models, twin, method, loss, update)


def set_threads(run: Run, pinned: dict[str, Any]) -> None:
    """CPU threads decide the order of sums, so a run that is resumed on as many ranks takes those it began with."""
    began = pinned.get("environment", {})
    if began.get("ranks") == int(os.environ.get("WORLD_SIZE", "1")):
        torch.set_num_threads(began["threads"])
    elif run.train.threads != "auto":
        torch.set_num_threads(run.train.threads)


def _executor(
    run: Run, world: World, models: Models, model: Loaded, method: Tuner, loss: Objective, update: Optimizer
) -> DataParallel:
    return DataParallel(
        world=world,
        models=models,
        objective=loss,
        optimizer=update,
        module=model.module,
        seed=run.seed,
        clip=run.train.clip,
        autocast=autocast_dtype(run, world.device),
        tuner=method,
        phases=Phases(world.device),
    )


def _effort(world: World, model: Loaded, executor: DataParallel) -> Effort:
    """What a step computes, in the type of most of its matrix products."""
    weights = (p.dtype for p in model.module.parameters() if p.dim() > 1 and p.dtype.is_floating_point)
    return Effort(Work.of(model), world.device, executor.autocast or next(weights, torch.float32), world.count("all"))


def _untouched(method: Tuner, model: Loaded) -> frozenset[str]:
    """What checkpoints leave out. What is trained is stored, whether the tuner knows of it or not (a value head)."""
    trained = {name for name, parameter in model.module.named_parameters() if parameter.requires_grad}
    return method.untouched(model.module) - trained


def _objective(run: Run, chosen: Chosen) -> Objective:
    """The loss; of answers that the model gives, as they are drawn."""
    if not chosen.facts.rollouts:
        return chosen.loss
    return chosen.loss.sampled(run.rollout.temperature, run.rollout.max_new_tokens)


def _with_own_answers(run: Run, world: World, model: Loaded, fed: Feed) -> Feed:
    """The steps with some replies by the model itself, where the objective asks for them."""
    asked = run.objective.values()
    if not asked.get("own"):
        return fed
    settings = GenerateSettings(max_new_tokens=asked["own_tokens"], temperature=asked["own_temperature"])
    player = Groups(model.module, model.processor, settings)
    longest = min(fed.longest + asked["own_tokens"], model.capabilities.context or fed.longest + asked["own_tokens"])
    source = OwnAnswers(fed.source, player, world, asked["own"], run.seed)
    return replace(fed, source=source, longest=max(longest, fed.longest))


def _groups(run: Run, model: Loaded, method: Tuner) -> ParamGroups:
    """The trained parameters, each with the product of its tuner's rate and that of its depth."""
    rates = depth_rates(model.module, model.layers, run.train.depth_rate)
    for name, factor in method.rates(model.module).items():
        rates[name] *= factor
    return ParamGroups.of(
        model.module, model.roles, rates, model.layers,
        seed=run.seed, rounding=run.train.rounding, one_by_one=run.train.in_backward,
    )  # fmt: skip


def _optimizer(run: Run, world: World, model: Loaded, groups: ParamGroups) -> Optimizer:
    """The chosen kind, with what `train` puts around it."""
    kind = optimizer.get(run.optimizer.kind)
    chosen = adapted(kind.build(groups, **run.optimizer.values()))
    if "attention_logits" in kind.facts.needs:
        if not model.capabilities.packed:
            raise ConfigError(f"`optimizer: {run.optimizer.kind}` needs a model that packs", hint="optimizer: muon")
        chosen.attach(watch(model.module, world.device))
    if run.train.in_backward:
        if not chosen.steps_singly:
            raise ConfigError(
                f"`optimizer: {run.optimizer.kind}` steps all weights at once, and `train.in_backward` one at a time",
                hint="optimizer: lion",
            )
        chosen = InBackward(chosen)
    return Averaged(chosen, run.train.ema) if run.train.ema else chosen


def _schedule(run: Run) -> Callable[[int, int], float]:
    build, settings = schedule.get(run.schedule.kind).build, run.schedule.values()
    return lambda step, total: build(step, total, **settings)


def _cadence(run: Run, total: int) -> Cadence:
    tenth = max(1, math.ceil(total / 10))
    rest_s = 0.0 if run.train.checkpoint_every else CHECKPOINT_REST_S
    return Cadence(run.track.log_every, run.train.checkpoint_every or tenth, run.evaluate.every or tenth, rest_s)


def _answer(run: Run, model: Loaded, executor: Executor) -> Answer | None:
    if not model.capabilities.generates or not run.evaluate.prompts:
        return None
    from whet.train.measure.answers import answerer

    answer = answerer(model, run.evaluate.max_new_tokens, run.seed, template_of(run, model.processor))

    def evaluated(prompts: Sequence[str]) -> list[str]:
        with executor.evaluation_weights():
            return answer(prompts)

    return evaluated


def _facts(run: Run, world: World, model: Loaded, fed: Feed, resolved: Resolved) -> dict[str, Any]:
    parameters = list(model.module.parameters())
    return {
        "objective": run.objective.kind,
        "tuner": run.tuner.kind,
        "optimizer": run.optimizer.kind,
        "parameters": sum(p.numel() for p in parameters),
        "trained": sum(p.numel() for p in parameters if p.requires_grad),
        **fed.facts,
        **template_facts(run, model.processor if model.capabilities.family == "causal" else None),
        "micro_batch": resolved.micro_batch,
        "precision": resolved.precision,
        **({"decoding": decoding_of(model.module).words} if model.capabilities.generates else {}),
        "device": torch.cuda.get_device_name(world.device) if world.device.type == "cuda" else "cpu",
        **resolved.environment,
        "pid": os.getpid(),
    }

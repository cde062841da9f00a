"""Features of a run: what its settings ask for beyond their defaults, and what its kinds bring, by the names of the
table of combinations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from whet.base.catalogue import model_source, objective, optimizer, tuner
from whet.base.facts import Facts, ModelSourceFacts, ObjectiveFacts, OptimizerFacts, TunerFacts
from whet.base.parallel import Parallel
from whet.base.rewards import Rewards
from whet.base.rollout import Rollout
from whet.base.run import Data, Offload, Run
from whet.base.schema import Settings
from whet.base.slots import Kind
from whet.contracts.model import FAMILIES
from whet.contracts.reading import Classes, Reading, Tags
from whet.data.refusal import meant_for
from whet.data.store.teacher_logits import is_stored
from whet.parallel.sizes import asked_ranks, num_processes
from whet.train.setup.chosen import Chosen

# Settings of `data` that are about conversations and replies, and all that say how text becomes tokens.
OF_REPLIES = ("template", "tools", "thinking", "system", "train_on", "loss_scale", "allow")
OF_TEXT = (*OF_REPLIES, "max_length", "truncation")
# Those that say how replies which are given become steps.
OF_GIVEN = ("train_on", "loss_scale", "streaming")
# Kinds of rows in which replies are compared: all of them stand behind a prompt, and are learned whole.
_COMPARED = {"preference", "labelled"}
_SECTIONS = {"model_source": "model"}  # of the config, where they are not called as their slot
_SHOWN = {"None": "null", "False": "false", "frozenset()": "[]"}  # defaults, as they are typed


@dataclass(frozen=True)
class Feature:
    """Something that a run has: how it is said, the setting that it comes of, and what to type to be without it."""

    said: str
    at: str
    without: str | None = None


def features(run: Run, chosen: Chosen, family: str | None = None) -> Iterator[tuple[str, Feature]]:
    """Those that the run has, by the names of the table."""
    yield from _of_settings(run)
    for slot in (objective, optimizer, tuner, model_source):
        section, settings = _SECTIONS.get(slot.name, slot.name), getattr(run, _SECTIONS.get(slot.name, slot.name))
        without = f"{section}={slot.default}" if slot in (optimizer, tuner) else None
        feature = Feature(f"`{section}: {settings.kind}`", f"{section}.kind", without)
        kinds = _of_optimizer(run) if slot is optimizer else (slot.get(settings.kind).facts,)
        yield from ((name, feature) for facts in kinds for name in provided(facts))
        yield from _changed(section, slot.get(settings.kind), settings)
    yield from _of_objective(run, chosen)
    yield from _of_reading(run, None if chosen.facts.form is not None else chosen.reading)
    yield from _of_rollouts(run, chosen.facts.rollouts)
    yield from _of_place(run)
    if family is not None:
        yield f"family.{family}", Feature(FAMILIES[family], "model")


def _changed(section: str, kind: Kind[Facts], settings: Settings) -> Iterator[tuple[str, Feature]]:
    """What the kind's settings bring, where they are not as they are by default."""
    for setting, name in kind.facts.settings.items():
        setting, _, meant = setting.partition("=")
        value, default = getattr(settings, setting), kind.settings.model_fields[setting].default
        if value != default and meant in ("", str(value)):
            at = f"{section}.{setting}"
            yield name, Feature(f"`{at}`", at, f"{at}={_SHOWN.get(str(default), str(default))}")


def provided(facts: Facts) -> Iterator[str]:
    """The features that a kind brings into a run, by what it declares."""
    yield from facts.provides
    if isinstance(facts, ObjectiveFacts):
        found = {
            "fixed_labels": not facts.drawn_labels, "replays": facts.replays, "form": facts.form is not None,
            "rollouts": facts.rollouts, "streams": bool(facts.streams),
            "replies": _COMPARED.issuperset(facts.takes),
        }  # fmt: skip
        yield from (f"objective.{name}" for name, is_so in found.items() if is_so)
    elif isinstance(facts, OptimizerFacts):
        yield from (f"optimizer.{need}" for need in facts.needs)
        yield from () if facts.one_by_one else ("optimizer.at_once",)
    elif isinstance(facts, TunerFacts):
        found = {"virtual": facts.virtual, "other_weights": not facts.own_weights}
        yield from (f"tuner.{name}" for name, is_so in found.items() if is_so)
    elif isinstance(facts, ModelSourceFacts) and not facts.tokens:
        yield "model.no_tokens"


def _of_optimizer(run: Run) -> Iterator[OptimizerFacts]:
    """Facts of the chosen one, and of the one that it leaves to what is no matrix."""
    yield optimizer.get(run.optimizer.kind).facts
    if (rest := run.optimizer.values().get("rest")) is not None:
        yield optimizer.get(rest.kind).facts


def _of_settings(run: Run) -> Iterator[tuple[str, Feature]]:
    """What `train`, `evaluate` and `data` ask for beyond their defaults."""
    train = run.train
    for name, is_on, without in (
        ("in_backward", train.in_backward, "false"), ("ema", train.ema, "0"),
        ("neftune", train.neftune, "0"), ("balance", train.balance, "0"), ("group", train.group is not None, "null"),
        ("recompute", train.recompute != "none", "none"), ("compile", train.compile, "false"),
        ("recompute_every", train.recompute_every > 1, "1"),
        ("depth_rate", train.depth_rate != 1, "1"),
    ):  # fmt: skip
        if is_on:
            yield f"train.{name}", Feature(f"`train.{name}`", f"train.{name}", f"train.{name}={without}")
    yield from _of_offload(train.offload)
    if train.recompute == "selective":
        at = "train.recompute"
        yield "train.selective", Feature(f"`{at}: selective`", at, f"{at}=full")
    if train.recompute == "none":
        yield "train.no_recompute", Feature("`train.recompute: none`", "train.recompute", "train.recompute=full")
    if train.watchdog.action == "rollback":
        at = "train.watchdog.action"
        yield "train.rollback", Feature(f"`{at}=rollback`", at, f"{at}=stop")
    if train.rounding != "stochastic":
        yield "train.rounding", Feature("`train.rounding`", "train.rounding", "train.rounding=stochastic")
    if train.precision == "fp16":
        yield "train.fp16", Feature("`train.precision: fp16`", "train.precision", "train.precision=bf16")
    if train.fp8 != "none":
        yield "train.fp8", Feature(f"`train.fp8: {train.fp8}`", "train.fp8", "train.fp8=none")
    if train.precision != "bf16-pure":
        yield "weights.fp32", Feature("`train.precision`", "train.precision", "train.precision=bf16-pure")
    for name, instead in (
        ("tokens", "train.epochs=1"), ("batch_tokens", "train.batch_samples=128"), ("batch_samples", None)
    ):  # fmt: skip
        if getattr(train, name) is not None:
            yield f"train.{name}", Feature(f"`train.{name}`", f"train.{name}", instead)
    if run.track.layers_every:
        yield "track.layers", Feature("`track.layers_every`", "track.layers_every", "track.layers_every=0")
    if train.steps is None and train.tokens is None:
        yield "train.no_length", Feature("epochs", "train.epochs")
    yield from _of_evaluation(run)
    yield from _of_data(run)


def _of_offload(offload: Offload) -> Iterator[tuple[str, Feature]]:
    for name, is_on, without in (
        ("activations", offload.activations, "false"), ("optimizer", offload.optimizer > 0, "0"),
        ("weights", offload.weights, "false"),
    ):  # fmt: skip
        if is_on:
            at = f"train.offload.{name}"
            yield at, Feature(f"`{at}`", at, f"{at}={without}")


def _of_evaluation(run: Run) -> Iterator[tuple[str, Feature]]:
    if run.evaluate.prompts:
        yield "evaluate.prompts", Feature("`evaluate.prompts`", "evaluate.prompts", "evaluate.prompts=[]")
    elif run.evaluate.every:
        yield "evaluate.every", Feature("`evaluate.every`", "evaluate.every")
    if run.evaluate.every == 0:
        yield "evaluate.at_end", Feature("`evaluate.every: 0`", "evaluate.every")
    if run.evaluate.early_stop is not None:
        yield "evaluate.early_stop", Feature("`evaluate.early_stop`", "evaluate.early_stop")
    if not run.data.held_out:
        yield "data.nothing_held_out", Feature("nothing held out", "data.held_out")


def _of_data(run: Run) -> Iterator[tuple[str, Feature]]:
    if isinstance(run.data.held_out, float) and run.data.held_out > 0:
        yield "data.held_out_share", Feature("a share to hold out", "data.held_out", "data.held_out=[valid.jsonl]")
    if run.data.streaming:
        yield "data.streaming", Feature("`data.streaming`", "data.streaming", "data.streaming=false")
    if run.data.train_on == "all":
        yield "data.train_on_all", Feature("`data.train_on`", "data.train_on", "data.train_on=assistant")
    if run.data.truncation in ("cut", "split"):
        yield "data.cut", Feature("`data.truncation`", "data.truncation")
    for name in OF_TEXT:
        default = Data.model_fields[name].default
        if getattr(run.data, name) != default:
            shown = _SHOWN.get(str(default), str(default))
            feature = Feature(f"`data.{name}`", f"data.{name}", f"data.{name}={shown}")
            yield f"data.{name}", feature
            if name == "allow" and not run.data.allow <= {"unseen_labels"}:
                yield "data.allowed_replies", feature


def _of_objective(run: Run, chosen: Chosen) -> Iterator[tuple[str, Feature]]:
    """What follows from the loss that was built, and from its settings."""
    feature = Feature(f"`objective: {chosen.name}`", "objective.kind")
    if chosen.traits.head is not None:
        yield "objective.head", feature
    if not chosen.facts.rollouts:
        answering = meant_for("prompt")
        without = f"objective: {answering[0]}" if answering else None
        yield "objective.given", Feature(feature.said, feature.at, without)
    taught = chosen.traits.taught
    if taught is not None and is_stored(taught.path):
        yield "objective.stored", Feature("what is stored of a teacher", "objective.teacher")
    elif taught is not None and not taught.top:
        yield "objective.asked", Feature("a teacher that is asked in every step", "objective.teacher")


def _of_reading(run: Run, reading: Reading | None) -> Iterator[tuple[str, Feature]]:
    """What follows from how the objective reads rows that are no conversation."""
    if reading is None:
        return
    at = "objective.kind"
    yield "objective.reading", Feature(f"`objective: {run.objective.kind}`", at)
    if isinstance(reading, Classes | Tags) and reading.labels is None:
        yield "objective.labels_of_data", Feature("labels that the data tells", "objective.labels")


def _of_rollouts(run: Run, is_rolling: bool) -> Iterator[tuple[str, Feature]]:
    """What is said of answers, and of who gives them."""
    made, least = run.rollout, Rollout()
    for section, value, default in (("rewards", run.rewards, Rewards()), ("rollout", made, least)):
        if value != default:
            yield section, Feature(f"`{section}`", section)
    if not is_rolling:
        return
    for name in ("max_turns", "tool_timeout_s"):
        if made.model_dump()[name] != least.model_dump()[name]:
            yield f"rollout.{name}", Feature(f"`rollout.{name}`", f"rollout.{name}")
    if not made.tools:
        yield "rollout.no_tools", Feature("no tools", "rollout.tools", "rollout.tools=[tools.py]")


def _of_place(run: Run) -> Iterator[tuple[str, Feature]]:
    """What follows from where the run takes place."""
    if _ranks(run) > 1:  # FSDP2 hands over gradients without the hook that a step in the backward pass stands on
        yield "ranks.several", Feature("a run of several processes", "parallel", "one process, without torchrun")
    yield from _of_exchange(run)
    for name in ("context", "tensor", "pipeline", "expert"):
        if getattr(run.parallel, name) > 1:
            yield f"parallel.{name}", Feature(f"`parallel.{name}`", f"parallel.{name}", f"parallel.{name}=1")
    yield from _of_pipeline(run.parallel)


def _of_pipeline(mesh: Parallel) -> Iterator[tuple[str, Feature]]:
    for name, default in (("schedule", "1f1b"), ("stages", "auto")):
        if getattr(mesh, name) != default:
            place = f"parallel.{name}"
            yield place, Feature(f"`{place}`", place, f"{place}={default}")
    if mesh.pipeline == 1:
        yield "parallel.no_pipeline", Feature("one stage", "parallel.pipeline", "parallel.pipeline=2")


def _of_exchange(run: Run) -> Iterator[tuple[str, Feature]]:
    """How ranks that share layers or tokens tell each other of them."""
    ranks = run.parallel
    if ranks.sequence:
        yield "parallel.sequence", Feature("`parallel.sequence`", "parallel.sequence", "parallel.sequence=false")
    if ranks.tensor == 1:
        yield "parallel.no_tensor", Feature("one rank of `parallel.tensor`", "parallel.tensor", "parallel.tensor=2")
    for name, default in (("context_by", "ulysses"), ("context_heads", "auto")):
        if getattr(ranks, name) != default:
            at = f"parallel.{name}"
            yield at, Feature(f"`{at}`", at, f"{at}={default}")
    if ranks.context == 1:
        yield "parallel.no_context", Feature("one rank of `parallel.context`", "parallel.context", "parallel.context=2")
    if ranks.context_by != "both":
        by = "parallel.context_by"
        yield "parallel.one_exchange", Feature(f"`{by}: {ranks.context_by}`", by, f"{by}=both")


def _ranks(run: Run) -> int:
    """Those that there are, or that the config asks for."""
    return max(num_processes(), asked_ranks(run.parallel))

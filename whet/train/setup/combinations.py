"""What goes together: one table of features that a run cannot have at once, and one place that looks them up.

A feature comes of a setting, or of a kind: its facts say what it brings (`provides`) and what it cannot be with
(`refuses`), so that kinds of other packages are checked, and explained, as ours are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from whet.base.catalogue import model_source, optimizer, tuner
from whet.base.errors import ConfigError
from whet.base.facts import Facts, ModelSourceFacts, ObjectiveFacts, OptimizerFacts, TunerFacts
from whet.base.run import Data, Run
from whet.contracts.model import FAMILIES
from whet.train.setup.chosen import Chosen

# Settings of `data` that are about conversations and replies, and all that say how text becomes tokens.
OF_REPLIES = ("template", "tools", "thinking", "system", "train_on", "loss_scale", "allow")
OF_TEXT = (*OF_REPLIES, "max_length", "truncation")


@dataclass(frozen=True)
class Feature:
    """Something that a run has: how it is said, the setting that it comes of, and what to type to be without it."""

    said: str
    at: str
    without: str | None = None


@dataclass(frozen=True)
class Conflict:
    """Two features that no run has at once. `because` is a sentence with `{one}` and `{other}` in it."""

    one: str
    other: str
    because: str


def _all(names: tuple[str, ...], other: str, because: str) -> tuple[Conflict, ...]:
    return tuple(Conflict(name, other, because) for name in names)


_REPLIES = tuple(f"data.{name}" for name in OF_REPLIES)
# The first feature of a pair is the one to change, and the place of the error.
CONFLICTS: tuple[Conflict, ...] = (
    Conflict(
        "train.clip", "train.in_backward", "{other} steps with one gradient at a time, and cannot clip them"
    ),
    *_all(
        ("train.ema", "optimizer.sampled_gradient", "optimizer.attention_logits", "tuner.other_weights"),
        "train.in_backward", "{other} does not go with {one}",
    ),
    Conflict("train.rounding", "weights.fp32", "{one} does nothing: no weights are bfloat16"),
    *_all(
        ("optimizer.turns", "optimizer.evaluation_weights"), "train.ema",
        "{other}: {one} forgets or averages weights itself",
    ),
    Conflict(
        "optimizer.sampled_gradient", "objective.fixed_labels",
        "{one} draws labels from the model, and {other} takes none",
    ),
    Conflict(
        "optimizer.sampled_gradient", "objective.mtp", "{one} draws labels from the model, of the next token alone"
    ),
    Conflict(
        "train.group", "objective.mtp", "{one} shifts attention in the model's own layers, and {other} adds others"
    ),
    Conflict(
        "train.group", "tuner.virtual",
        "{one} cuts samples into groups, and the virtual tokens of {other} belong to all",
    ),
    Conflict(
        "optimizer.attention_logits", "tuner.virtual",
        "{one} scales back projections to queries and keys, and {other} trains none",
    ),
    Conflict("evaluate.prompts", "objective.head", "{one} asks for answers, and a model of {other} gives none"),
    Conflict(
        "train.neftune", "objective.replays",
        "{one}: {other} goes over each step twice, and the noise is there only once",
    ),
    *_all(_REPLIES, "objective.form", "{one} does nothing: {other} takes raw text"),
    *_all(
        ("data.allowed_replies", *(name for name in _REPLIES if name != "data.allow")), "objective.reading",
        "{one} is about conversations, and {other} reads none",
    ),
    *_all(
        (*(f"data.{name}" for name in OF_TEXT), "evaluate.prompts", "train.neftune", "train.group", "train.tokens",
         "train.batch_tokens"),
        "model.no_tokens", "{one} is about tokens, and the model has none",
    ),
    Conflict("train.group", "family.masked", "{one} shifts the attention of decoders, and the model is {other}"),
    Conflict("train.group", "family.seq2seq", "{one} shifts the attention of decoders, and the model is {other}"),
    Conflict(
        "objective.bidirectional", "family.masked",
        "{one} does nothing: an encoder's tokens see all of their text anyway",
    ),
    Conflict("evaluate.prompts", "family.masked", "{one}: an encoder writes no answers"),
    Conflict("train.neftune", "family.seq2seq", "{one} is for models that read and write in one row"),
    *_all(
        tuple(name for name in _REPLIES if name != "data.loss_scale"), "family.seq2seq",
        "{one} does nothing: an encoder-decoder reads a question as it is and learns all of its answer",
    ),
)  # fmt: skip


def check_combinations(run: Run, chosen: Chosen, family: str | None = None) -> None:
    """Raise ConfigError for the first two features of the run that do not go together.

    The `family` of its model is known later than all else.
    """
    found = dict(features(run, chosen, family))
    for conflict in (*CONFLICTS, *_declared(run, chosen)):
        one, other = found.get(conflict.one), found.get(conflict.other)
        if one is not None and other is not None:
            ways = dict.fromkeys(way for way in (one.without, other.without) if way)
            raise ConfigError(
                conflict.because.format(one=one.said, other=other.said), at=one.at, hint=", or ".join(ways)
            )


def features(run: Run, chosen: Chosen, family: str | None = None) -> Iterator[tuple[str, Feature]]:
    """Those that the run has, by the names of the table."""
    yield from _of_settings(run)
    kinds: tuple[tuple[str, Facts], ...] = (
        ("objective", chosen.facts),
        *(("optimizer", facts) for facts in _of_optimizer(run)),
        ("tuner", tuner.get(run.tuner.kind).facts),
        ("model", model_source.get(run.model.kind).facts),
    )
    for section, facts in kinds:
        without = {"optimizer": "optimizer=adamw", "tuner": "tuner=full"}.get(section)
        feature = Feature(f"`{section}: {getattr(run, section).kind}`", f"{section}.kind", without)
        yield from ((name, feature) for name in brought(facts))
    yield from _of_objective(run, chosen)
    if family is not None:
        yield f"family.{family}", Feature(FAMILIES[family], "model")


def brought(facts: Facts) -> Iterator[str]:
    """The features that a kind brings into a run, by what it declares."""
    yield from facts.provides
    if isinstance(facts, ObjectiveFacts):
        found = {"fixed_labels": not facts.drawn_labels, "replays": facts.replays, "form": facts.form is not None}
        yield from (f"objective.{name}" for name, is_so in found.items() if is_so)
    elif isinstance(facts, OptimizerFacts):
        yield from (f"optimizer.{need}" for need in facts.needs)
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
        ("in_backward", train.in_backward, "false"), ("clip", train.clip, "0"), ("ema", train.ema, "0"),
        ("neftune", train.neftune, "0"), ("group", train.group is not None, "null"),
    ):  # fmt: skip
        if is_on:
            yield f"train.{name}", Feature(f"`train.{name}`", f"train.{name}", f"train.{name}={without}")
    if train.rounding != "stochastic":
        yield "train.rounding", Feature("`train.rounding`", "train.rounding", "train.rounding=stochastic")
    if train.precision != "bf16-pure":
        yield "weights.fp32", Feature("`train.precision`", "train.precision", "train.precision=bf16-pure")
    for name, instead in (("tokens", "train.epochs=1"), ("batch_tokens", "train.batch_samples=128")):
        if getattr(train, name) is not None:
            yield f"train.{name}", Feature(f"`train.{name}`", f"train.{name}", instead)
    if run.evaluate.prompts:
        yield "evaluate.prompts", Feature("`evaluate.prompts`", "evaluate.prompts", "evaluate.prompts=[]")
    for name in OF_TEXT:
        default = Data.model_fields[name].default
        if getattr(run.data, name) != default:
            shown = "null" if default is None else default if isinstance(default, str) else "[]"
            feature = Feature(f"`data.{name}`", f"data.{name}", f"data.{name}={shown}")
            yield f"data.{name}", feature
            if name == "allow" and not run.data.allow <= {"unseen_labels"}:
                yield "data.allowed_replies", feature


def _of_objective(run: Run, chosen: Chosen) -> Iterator[tuple[str, Feature]]:
    """What follows from the loss that was built, and from its settings."""
    feature = Feature(f"`objective: {chosen.name}`", "objective.kind")
    if chosen.has_head:
        yield "objective.head", feature
    if chosen.reading is not None and chosen.facts.form is None:
        yield "objective.reading", feature
    settings = run.objective.values()
    if settings.get("mtp"):
        yield "objective.mtp", Feature("`objective.mtp`", "objective.mtp", "objective.mtp=0")
    if settings.get("attention") == "bidirectional":
        causal = Feature("`objective.attention`", "objective.attention", "objective.attention=causal")
        yield "objective.bidirectional", causal


def _declared(run: Run, chosen: Chosen) -> Iterator[Conflict]:
    """Conflicts that the kinds of the run declare themselves."""
    declared: tuple[tuple[str, str, Facts], ...] = (
        ("objective", chosen.name, chosen.facts),
        ("optimizer", run.optimizer.kind, optimizer.get(run.optimizer.kind).facts),
        ("tuner", run.tuner.kind, tuner.get(run.tuner.kind).facts),
        ("model", run.model.kind, model_source.get(run.model.kind).facts),
    )
    for section, name, facts in declared:
        for feature, reason in facts.refuses.items():
            yield Conflict(feature, feature, f"{{one}} does not go with `{section}: {name}`: {reason}")

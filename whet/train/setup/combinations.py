"""What goes together: one table of features that a run cannot have at once, and one place that looks them up.

A feature comes of a setting, or of a kind: its facts say what it brings (`provides`) and what it cannot be with
(`refuses`), so that kinds of other packages are checked, and explained, as ours are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from whet.base.catalogue import model_source, optimizer, tuner
from whet.base.errors import ConfigError
from whet.base.facts import Facts
from whet.base.run import Run
from whet.base.slots import Kind
from whet.train.setup.chosen import Chosen
from whet.train.setup.features import OF_GIVEN, OF_REPLIES, OF_TEXT, brought, features


@dataclass(frozen=True)
class Conflict:
    """Two features that no run has at once. `because` is a sentence with `{one}` and `{other}` in it.

    The hint is what the features say of being without them, unless the conflict has its own.
    """

    one: str
    other: str
    because: str
    hint: str | None = None


def _all(names: tuple[str, ...], other: str, because: str) -> tuple[Conflict, ...]:
    return tuple(Conflict(name, other, because) for name in names)


_REPLIES = tuple(f"data.{name}" for name in OF_REPLIES)
# The first feature of a pair is the one to change, and the place of the error.
CONFLICTS: tuple[Conflict, ...] = (
    *_all(
        ("train.ema", "optimizer.sampled_gradient", "optimizer.attention_logits", "tuner.other_weights"),
        "train.in_backward", "{other} does not go with {one}",
    ),
    Conflict("train.in_backward", "ranks.several", "{one} runs on one process"),
    Conflict("track.layers", "train.in_backward", "{one} reads gradients of whole layers, and {other} keeps none"),
    Conflict(
        "optimizer.at_once", "train.in_backward", "{one} steps all weights at once, and {other} one at a time",
        "optimizer: lion",
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
    *_all(
        tuple(f"data.{name}" for name in OF_GIVEN), "objective.rollouts",
        "{one} does nothing: {other} learns from the model's answers",
    ),
    Conflict("data.cut", "objective.rollouts", "a prompt cannot be cut", "data.truncation=skip"),
    *(
        Conflict(
            f"train.{name}", "objective.rollouts",
            "{one} does nothing: a step has the answers to rollout.prompts / rollout.updates prompts",
            "rollout.prompts=16",
        )
        for name in ("tokens", "batch_tokens", "batch_samples")
    ),
    *_all(("rewards", "rollout"), "objective.given", "{one} does nothing: {other} does not learn from answers"),
    *_all(
        ("rollout.max_turns", "rollout.tool_timeout_s"), "rollout.no_tools", "{one} does nothing: there are no tools"
    ),
    Conflict(
        "rollout.staleness", "engine.of_many",
        "{other} makes answers ahead of their turn for one process, and this run has several",
    ),
    Conflict("data.train_on_all", "objective.replies", "{other} learns from replies, and {one} asks for all tokens"),
    Conflict("data.loss_scale", "objective.fim", "{one} weighs text where it stands, and {other} moves it"),
    Conflict("data.streaming", "train.no_length", "a stream has no known length", "train.steps=1000"),
    Conflict("data.held_out_share", "data.streaming", "a stream has no known part to hold out"),
    Conflict(
        "data.streaming", "objective.streams",
        "{other} compares samples that lie far apart, and a stream has only the next ones",
    ),
    Conflict(
        "objective.stored", "data.streaming", "{one}: a stream is not known beforehand, so nothing can be stored"
    ),
    Conflict(
        "objective.own", "objective.stored",
        "what is stored knows nothing of what the student will say itself, as {one} asks for",
    ),
    Conflict(
        "objective.labels_of_data", "data.streaming", "a stream has no known labels",
        "objective.labels=[negative,positive]",
    ),
    Conflict(
        "evaluate.early_stop", "data.nothing_held_out", "{one} does nothing: nothing is held out to measure",
        "data.held_out=0.1",
    ),
    Conflict(
        "evaluate.every", "data.nothing_held_out",
        "{one} does nothing: nothing is held out to measure, and there are no prompts to answer", "data.held_out=0.1",
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
            said = conflict.because.format(one=one.said, other=other.said)
            raise ConfigError(said, at=one.at, hint=conflict.hint or ", or ".join(ways))


def apart(kind: Kind) -> Iterator[tuple[str, str]]:
    """What a kind does not go with: each feature, and why. Third parties' kinds are explained as ours are."""
    own = dict.fromkeys(brought(kind.facts), f"`{kind.slot}: {kind.name}`")
    own |= {name: f"`{kind.slot}.{setting}`" for setting, name in kind.facts.settings.items()}
    for conflict in CONFLICTS:
        if conflict.one in own:
            yield conflict.other, conflict.because.format(one=own[conflict.one], other=f"`{conflict.other}`")
        elif conflict.other in own:
            yield conflict.one, conflict.because.format(one=f"`{conflict.one}`", other=own[conflict.other])
    yield from kind.facts.refuses.items()


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

"""What kinds declare about themselves beside their settings: one frozen value a slot, so that no fact is misspelt.

Facts are read before torch is imported. Every one of them has a default that holds for most kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

# A column of rows, or a field, value or stream of samples.
Names = tuple[str, ...]
Need = Literal["attention_logits", "evaluation_weights", "sampled_gradient", "turns"]
CAUSAL: Names = ("causal",)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a kind of any slot may declare: features that it brings into a run, and those that it cannot be with.

    `settings` bring a feature once they are changed (`fim`), or where they have a value (`reference=stored`). Names of
    features are those of `docs/reference/combinations.md`; each refusal has its reason.
    """

    provides: Names = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    refuses: Mapping[str, str] = field(default_factory=dict)

    def declared(self) -> dict[str, Any]:
        """The facts that differ from their default, by name."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {one.name: values[one.name] for one in fields(self) if values[one.name] not in (one.default, {})}


@dataclass(frozen=True, kw_only=True)
class ObjectiveFacts(Facts):
    """What an objective reads, and what it needs of the run."""

    takes: Names  # kinds of samples, the chief one first
    usual: bool = False  # the one to begin with, of all that take the same
    families: Names = CAUSAL  # of models, the first of which is meant where none is said
    form: str | None = None  # how raw text becomes a question and its answer: `masking`, `spans`
    streams: Names = ()  # further rows beside a sample's own
    drawn_labels: bool = False  # labels that may be drawn from the model instead
    replays: bool = False  # goes over each step twice
    rollouts: bool = False  # learns from the model's own answers
    traced: bool = False  # at its default settings: a forward pass to the next-token loss and back (`whet.plan`)


@dataclass(frozen=True, kw_only=True)
class OptimizerFacts(Facts):
    """`state_bytes` a weight, as a number or by shape and role (`whet.optim.costs`), and what the loop is to give: the
    largest attention logits, other weights to evaluate with, a further backward pass, layers that take turns."""

    state_bytes: Any
    needs: tuple[Need, ...] = ()
    one_by_one: bool = False  # steps some weights whatever the others do


@dataclass(frozen=True, kw_only=True)
class TunerFacts(Facts):
    virtual: bool = False  # adds tokens that no text has
    own_weights: bool = False  # trains weights of the model itself, the same ones from first step to last
    all_weights: bool = False  # and all of them
    traced: Names | None = None  # sizes among its settings; its memory was traced (`whet.plan`), unless it is None


@dataclass(frozen=True, kw_only=True)
class ModelSourceFacts(Facts):
    """`read` gives processor, context length and family without weights, `width` the model's; None where neither is."""

    tokens: bool = True
    rehearsed: bool = False  # a folder of transformers, of which a small twin can be stored and trained first
    read: Callable[..., Any] | None = None
    width: Callable[..., int] | None = None


@dataclass(frozen=True, kw_only=True)
class DataFormatFacts(Facts):
    """How rows are told: `matches(row)`, tried by `priority`. `makes` names kinds of samples, any where it is None."""

    matches: Callable[[Mapping[str, Any]], bool] | None = None
    priority: int = 0
    columns: Names = ()
    makes: Names | None = None
    offered: int = 0  # to whoever has columns of no known name; the highest first


@dataclass(frozen=True, kw_only=True)
class TemplateFacts(Facts):
    marks: Names = ()  # what it writes between turns, the last of which ends one
    needs_end: bool = False  # ends turns with the tokenizer's end of text


@dataclass(frozen=True, kw_only=True)
class TaskFacts(Facts):
    families: Names = CAUSAL
    heads: tuple[str | None, ...] = (None,)
    less_is_better: Names = ()  # figures of which that is so; of all others more is


@dataclass(frozen=True, kw_only=True)
class RewardFacts(Facts):
    columns: Names = ()  # of a row, beside its prompt
    named_by: str | None = None  # the setting, `FILE:NAME`, that gives it its name in figures
    model: str | None = None  # the setting that names a model which it runs beside the one that is trained


@dataclass(frozen=True, kw_only=True)
class ScheduleFacts(Facts):
    falls: bool = True  # after its warm-up


@dataclass(frozen=True, kw_only=True)
class EngineFacts(Facts):
    in_training: bool = False  # answers with the very module that is trained, and needs no weights sent
    takes_weights: bool = False  # is sent those of the model in training


@dataclass(frozen=True, kw_only=True)
class QuantizerFacts(Facts):
    needs_data: bool = False


@dataclass(frozen=True, kw_only=True)
class ChannelFacts(Facts):
    """What a channel of alerts must know, and no config says: names of secrets."""

    secrets: Names = ()
    optional_secrets: Names = ()


@dataclass(frozen=True, kw_only=True)
class DiagnosisFacts(Facts):
    """Its `texts` by id: a sentence in each language, with `{names}` of parameters. Those of whet's own rules lie in
    one catalogue. One that goes over rows of all steps is not `live`: it is asked once, when the run is over."""

    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    live: bool = True

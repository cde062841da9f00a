"""Objective: named loss terms, un-normalised, over one micro-batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

from whet.contracts.batch import Batch
from whet.contracts.example import Example, sample_of
from whet.contracts.feature import ModelFeature
from whet.contracts.model import Embedder, Head, Model, Models
from whet.contracts.reading import Infill, Reading

if TYPE_CHECKING:
    import torch

# How a reference is had: a frozen copy of the model, the model without its adapters, or what it said, stored once.
Reference = Literal["auto", "copy", "adapters", "stored"]


class LossParts(NamedTuple):
    """Where a micro-batch's loss comes from, for the record alone: `values` without gradient, in the batch's order, of
    each trained token (P,), each sequence (N,) or each group (G,)."""

    of: Literal["token", "sequence", "group"]
    values: torch.Tensor


@dataclass(frozen=True, slots=True)
class Terms:
    """What an objective returns for a micro-batch.

    `sums` maps each term to its un-normalised sum (scalar, differentiable). `metrics` maps a name
    to (sum, count); the loop adds both over the global step and shows the quotient. `parts` tell what each token,
    sequence or group has of the loss, where the objective knows.
    """

    sums: Mapping[str, torch.Tensor]
    metrics: Mapping[str, tuple[torch.Tensor | float, torch.Tensor | float]] = field(default_factory=dict)
    parts: LossParts | None = None


@dataclass(frozen=True, slots=True)
class Own:
    """A `share` of samples whose last reply the model gives itself, at most `tokens` long, drawn at `temperature`."""

    share: float
    tokens: int
    temperature: float


@dataclass(frozen=True, slots=True)
class Taught:
    """Another model whose distributions are learned: the settings of its source, and the `precision` of its weights.

    The `top` likeliest tokens of each of its distributions, at `temperature`, are stored before training; with 0 it is
    asked in every step. Messages call the settings `teacher`, `precision`, `top` and `temperature`.
    """

    model: Any
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    top: int = 0
    temperature: float = 1.0

    @property
    def path(self) -> str | None:
        """Where the model lies, or what was stored of it; None for one that is drawn."""
        return self.model.values().get("path")


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What a loss says of itself once it is built, beside what its kind declares (`whet.base.facts`).

    `reading`: how rows of text that are no conversation become samples. `head`: what the model gives instead of next
    tokens, and `embedder` how its texts become embeddings. Beside next tokens a model has `values` of each token, and
    the tokens `ahead` of the next one, so many; `features` is what else the loss needs of the forward passes.
    `own` replies take the place of given ones, and `infill` rearranges raw text. A loss may be `taught` by another
    model, and may compare with a `reference`, the model as the run began, had in the way that it names.
    `example` makes up a sample with all that the loss reads of one (by default that of the reading, or tokens to
    predict). `is_nll`: exp(loss) is a perplexity. Of answers that the model gives, `wants` names what is computed
    before the first update (`reference`, `value`, `old`), and `completions` how many a prompt needs, to be compared
    with each other.
    """

    reading: Reading | None = None
    head: Head | None = None
    embedder: Embedder | None = None
    example: Example | None = None
    values: bool = False
    ahead: int = 0
    features: tuple[ModelFeature, ...] = ()
    own: Own | None = None
    infill: Infill | None = None
    taught: Taught | None = None
    reference: Reference | None = None
    is_nll: bool = False
    wants: frozenset[str] = frozenset()
    completions: int = 1

    def example_of(self, reading: Reading | None) -> Example:
        """What makes up a sample; `reading` is the loss's own, with what the data has told of it."""
        return self.example or (reading.example if reading is not None else sample_of)


class Objective(Protocol):
    """loss = sum over terms of `coefficients[k]` x sum_k / W_k, with W_k over the global step.

    `weights(batch)` comes from data alone. The kind declares `takes`, the row kinds it can learn
    from. A coupled objective also has `prepare`, a pass without gradient over the whole step, whose results the loop
    puts together over ranks and hands in as `statistics` (`Coupled`, `Cached`). One that is more than a
    loss of next tokens has `traits` (`Telling`).
    """

    @property
    def coefficients(self) -> Mapping[str, float]: ...

    def weights(self, batch: Batch) -> dict[str, float]: ...

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        """The terms of a micro-batch. The trained model is run exactly once, on this very batch, for all that is wanted
        of it: a stage of a pipeline has the batch's hidden states, and no other's. Other models may be run as often."""
        ...


@runtime_checkable
class Telling(Objective, Protocol):
    """An objective with traits."""

    @property
    def traits(self) -> Traits: ...


def traits_of(loss: Objective) -> Traits:
    """The loss's traits; the default ones where it tells none."""
    return loss.traits if isinstance(loss, Telling) else Traits()


class Referenced(Objective, Protocol):
    """An objective that compares with a reference model, as its traits say.

    `refer(reference, batch)` gives fields (N, ...) float that follow from the reference and the samples alone.
    They are stored with the samples where that is cheaper; a batch without them has `models["reference"]`.
    """

    def refer(self, reference: Model, batch: Batch) -> dict[str, torch.Tensor]: ...


@runtime_checkable
class Coupled(Objective, Protocol):
    """An objective whose samples depend on each other over the whole step.

    Numbers () that `prepare` returns are added over ranks, and handed in as float64 tensors that nobody has read. A
    name may have a list instead, a tensor (n, ...) for each batch: those are put together, and `statistics` has a
    `Shared` of them, each micro-batch with its own place.
    `batches` come one at a time and are read once.
    """

    def prepare(
        self, models: Models, batches: Iterable[Batch]
    ) -> Mapping[str, torch.Tensor | Sequence[torch.Tensor]]: ...


@runtime_checkable
class Measured(Objective, Protocol):
    """An objective that needs less where nothing learns from it: `measured` is what gives the same terms then."""

    def measured(self) -> Objective: ...


class Shared(NamedTuple):
    """A table of the whole step: rows of all micro-batches of all ranks, those of this micro-batch at `own`."""

    whole: torch.Tensor
    own: slice


@runtime_checkable
class Cached(Coupled, Protocol):
    """A coupled objective whose loss is one function of tables such as embeddings (GradCache, Gao et al. 2021).

    `prepare` computes them with the noise (dropout) and in the mode of the micro-batches that follow. `settle` gets the
    whole tables, once a step, and returns others with the same rows, such as the loss's gradient by each embedding.
    A step that is one micro-batch in all skips both: `statistics` are empty, and the objective takes the loss whole.
    """

    def settle(self, tables: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]: ...

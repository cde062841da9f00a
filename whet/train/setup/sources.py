"""Sources of a run: what setup knows of them, whichever kind they are of.

A kind reads and renders first, without a model: a `Feed`. Once the model stands the feed gives a `Supply`, complete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from whet.base.run import Run
from whet.base.step_size import BATCH_TOKENS
from whet.contracts.example import Example
from whet.contracts.objective import Objective
from whet.contracts.steps import StepSource
from whet.data.order.dataset import Dataset
from whet.data.refusal import KindError
from whet.data.sources.given import check_given
from whet.data.sources.overlaps import check_apart, measured_too
from whet.data.store.annotate import Annotated, Annotation
from whet.data.store.ledger import Ledger
from whet.train.measure.held_out import HeldOut
from whet.train.setup.chosen import Chosen
from whet.train.setup.rows import sources_of
from whet.train.setup.trained import Trained
from whet.train.step.micro_batches import Dealer
from whet.train.step.watchdog import DriftLimit


@dataclass(frozen=True, slots=True)
class Words:
    """What is known of a model before any weight is read: its tokenizer, the tokens it can see, its family."""

    processor: Any | None
    context: int | None = None
    family: str = "causal"


@dataclass(frozen=True, slots=True)
class Supply:
    """Where the loop's steps come from, and what is measured beside them.

    Without `watches_spikes` the loss has no level of its own. `drift_limit` is for samples that a model has drawn.
    """

    source: StepSource
    held_out: HeldOut | None = None
    watches_spikes: bool = True
    drift_limit: DriftLimit | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """What a run learns from, before there is a model.

    `count()` is the number of steps, `longest` the longest sample in tokens (or 1). `begin(data, trained, dealer)`
    gives the source over `data`: the data sets by name (`train`, `held_out`) whose samples are known beforehand; none
    where rows are streamed or answers drawn. `step_tokens` are the most that a step has, where that is known. `labels`
    are the classes that an objective of classes tells apart. `example(ids)` makes up a sample of these tokens.
    """

    count: Callable[[], int]
    longest: int
    facts: Mapping[str, Any]
    begin: Callable[[Mapping[str, Dataset], Trained, Dealer], Supply]
    example: Example
    data: Mapping[str, Dataset] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    step_tokens: int | None = None
    labels: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """The number of steps."""
        return self.count()

    def supply(self, trained: Trained, dealer: Dealer) -> Supply:
        """The source of the run's steps, from the first on."""
        return self.begin(self.data, trained, dealer)

    def annotated(self, said: Mapping[str, Annotation]) -> Feed:
        """The same samples, each with what is said of those of its data set."""
        data = {name: Annotated(part, said[name]) for name, part in self.data.items()}
        plain, more = self.example, said["train"].example
        return replace(self, data=data, example=lambda ids: more(plain(ids)))

    def epochs(self, run: Run) -> float:
        """About how often the run sees each sample; 0 where that is unknown."""
        if run.train.epochs is not None or (run.train.steps is None and run.train.tokens is None):
            return run.train.epochs or 1.0
        if not self.data:
            return 0.0
        if run.train.batch_samples:
            return self.total / (len(self.data["train"]) / run.train.batch_samples)
        return self.total / (self.facts["tokens"] / (run.train.batch_tokens or BATCH_TOKENS))


def _built(run: Run, chosen: Chosen) -> Objective:
    return chosen.loss


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A kind of source: what of a run it refuses, what it reads, and the loss of what it gives."""

    feed: Callable[[Run, Chosen, Words, Ledger], Feed]
    check: Callable[[Run, Chosen], None] = lambda run, chosen: None
    loss: Callable[[Run, Chosen], Objective] = _built

    def read(self, run: Run, chosen: Chosen, words: Words, ledger: Ledger) -> Feed:
        """Read, render and store the data, outside any process group: slow work must not keep ranks waiting.

        Raises DataError at the door: nothing to read, rows that the objective cannot take, nothing trained.
        """
        check_given(run.data)
        _check_overlaps(run, ledger)
        try:
            return self.feed(run, chosen, words, ledger)
        except KindError as error:
            raise error.handed_to(run.objective.kind) from None


def _check_overlaps(run: Run, ledger: Ledger) -> None:
    """Raise DataError for rows that are given twice, and note those that are held out and trained as well."""
    sources = sources_of(run.data.train)
    check_apart(sources)
    held = [] if isinstance(run.data.held_out, float) else sources_of(run.data.held_out)
    for name in measured_too(sources, held):
        ledger.note(name, "its rows are trained and held out, so what is measured on them says nothing of other rows")

"""Feed: from the config's data section to a source of steps and a held-out step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from whet.base.catalogue import model_source
from whet.base.errors import DataError
from whet.base.run import Data, DataSource, Run, Train
from whet.contracts.steps import Step, StepSource
from whet.data.order.kto_baseline import BASELINE, Mismatched
from whet.data.order.step_source import DatasetSource
from whet.data.order.stream import StreamingSource
from whet.data.refusal import KindError
from whet.data.render.prompts import Asked
from whet.data.render.recipe import RowsToSamples
from whet.data.store.annotate import Annotated
from whet.data.store.ledger import Ledger
from whet.data.store.token_store import Dataset, TokenStore, held_out, store_of
from whet.data.transforms.forms import HELD_OUT_PASS, Drawn, Form, drawn
from whet.train.online.prompt_source import rollouts
from whet.train.online.rollouts import Rollouts
from whet.train.setup.chosen import Chosen, facts_of
from whet.train.setup.rows import Rows, max_length, rows_of, sources_of, takes

BATCH_TOKENS, BATCH_SAMPLES, HELD_OUT_STEP = 16_384, 128, -1


@dataclass(frozen=True, slots=True)
class Feed:
    """What the loop learns from. `longest` is the longest sample in tokens (or 1).

    `annotated` are the data sets by name whose samples may get further fields before the first step; none where
    rows are streamed. `rollouts` is the source where it makes its own samples, whose steps have up to `step_tokens`;
    `held_asked` are the prompts beside it whose answers are only measured. `labels` are the classes that an objective
    of classes tells apart; `form` is what samples were drawn in, where they are not learned from as they are stored.
    """

    source: StepSource
    held_out: Step | None
    longest: int
    notices: tuple[str, ...]
    facts: dict[str, Any]
    annotated: Mapping[str, Annotated] = field(default_factory=dict)
    rollouts: Rollouts | None = None
    held_asked: Sequence[Asked] = ()
    step_tokens: int | None = None
    labels: tuple[str, ...] = ()
    form: Form | None = None

    def epochs(self, run: Run) -> float:
        """About how often the run sees each sample; 0 where that is unknown."""
        if run.train.epochs is not None or (run.train.steps is None and run.train.tokens is None):
            return run.train.epochs or 1.0
        if "train" not in self.annotated:
            return 0.0
        data = self.annotated["train"]
        size = (
            len(data) / run.train.batch_samples
            if run.train.batch_samples
            else self.facts["tokens"] / (run.train.batch_tokens or BATCH_TOKENS)
        )
        return self.source.total / size


def feed(
    run: Run, chosen: Chosen, processor: Any | None, context: int | None, ledger: Ledger, family: str = "causal"
) -> Feed:
    """Read, render and store the data, outside any process group: slow work must not keep ranks waiting.

    `family` is that of the model: an encoder-decoder learns from other samples than a decoder. Raises DataError at the
    door: nothing to read, rows that the objective cannot take, nothing trained.
    """
    try:
        return _feed(run, chosen, processor, context, ledger, family)
    except KindError as error:
        raise error.handed_to(run.objective.kind) from None


def _feed(run: Run, chosen: Chosen, processor: Any | None, context: int | None, ledger: Ledger, family: str) -> Feed:
    if not run.data.train:
        raise DataError("there is nothing to train on", at="data.train", hint="data=[file.jsonl], or --data FILE")
    if facts_of(run).rollouts:
        return _answered(run, processor, context, ledger)
    rows = rows_of(run, chosen, processor, context, family)
    if run.data.streaming:
        return _streamed(run, rows, context, ledger)
    training: Dataset = _store(run, run.data.train, rows.recipe, ledger)
    measured: Dataset | None = None
    if not isinstance(run.data.held_out, float):
        measured = _held_out_store(run, run.data.held_out, rows.recipe, ledger)
    elif run.data.held_out > 0:
        training, measured = held_out(training, run.data.held_out, run.seed)
    limit = max_length(run.data, context)
    annotated = {"train": Annotated(_beside(run, training, limit))}
    if measured is not None:
        annotated["held_out"] = measured = Annotated(_beside(run, measured, limit))
    training = annotated["train"]
    source = DatasetSource(
        training, seed=run.seed, window_steps=run.data.window_steps, shuffle=run.data.shuffle,
        **_budget(run), **_length(run.train),
    )  # fmt: skip
    longest = max(int(part.lengths.max()) for part in (training, measured) if part is not None)
    shaped, facts = _shaped(source, measured, longest, rows.form), _facts(training, measured)
    return Feed(*shaped, source.notices, facts, annotated, labels=rows.labels, form=rows.form)


def _answered(run: Run, processor: Any | None, context: int | None, ledger: Ledger) -> Feed:
    """Prompts that the model answers itself while it trains."""
    if processor is None:
        raise DataError("prompts need a tokenizer, and the model has none", at="model", hint="model.tokenizer=FOLDER")
    apart = sources_of(run.data.held_out) if isinstance(run.data.held_out, list) else []
    asks = rollouts(run, sources_of(run.data.train), apart, takes(run), processor, context, ledger)
    made = run.rollout
    tokens = -(-made.prompts // made.updates) * (asks.longest + (made.completions - 1) * made.max_new_tokens)
    held = {"held_out_prompts": len(asks.held_out)} if asks.held_out else {}
    facts = {"prompts": asks.num_prompts, "completions": made.completions, **held}
    return Feed(
        asks.source, None, asks.longest, (), facts, rollouts=asks.source, step_tokens=tokens, held_asked=asks.held_out
    )


def _streamed(run: Run, rows: Rows, context: int | None, ledger: Ledger) -> Feed:
    """Steps as the rows come: for data that is too large, or too slow, to render first."""
    held = run.data.held_out if isinstance(run.data.held_out, list) else []
    measured = _held_out_store(run, held, rows.recipe, ledger)
    limit = max_length(run.data, context)
    source = StreamingSource(
        sources_of(run.data.train), rows.recipe, ledger=ledger, seed=run.seed, window_steps=run.data.window_steps,
        shuffle=run.data.shuffle, max_skipped=run.data.max_skipped,
        workers=_workers(run.data) or 0, **_budget(run), **_length(run.train),
    )  # fmt: skip
    budget = next(iter(_budget(run).values()))
    shaped = _shaped(source, measured, min(limit or budget, budget), rows.form)
    return Feed(*shaped, (), {"streaming": True}, labels=rows.labels, form=rows.form)


def _beside(run: Run, data: Dataset, limit: int | None) -> Dataset:
    """The data set with the further streams that the objective asks for."""
    wants_baseline = BASELINE in facts_of(run).streams
    return Mismatched(data, limit) if wants_baseline else data


def _shaped(
    source: StepSource, measured: Dataset | None, longest: int, form: Form | None
) -> tuple[StepSource, Step | None, int]:
    """Steps, the held-out step, and the longest sample, as they are learned from."""
    step = _as_step(measured)
    if form is None:
        return source, step, longest
    return Drawn(source, form), drawn(step, form, HELD_OUT_PASS) if step else None, form.length(longest)


def _store(run: Run, sources: Sequence[DataSource], recipe: RowsToSamples, ledger: Ledger) -> TokenStore:
    return store_of(
        sources_of(sources), recipe, ledger=ledger, workers=_workers(run.data), max_skipped=run.data.max_skipped,
        seed=run.seed,
    )  # fmt: skip


def _held_out_store(
    run: Run, sources: Sequence[DataSource], recipe: RowsToSamples, ledger: Ledger
) -> TokenStore | None:
    """The held-out samples, if there are sources of them. Their share of skipped rows is a matter of their own."""
    if not sources:
        return None
    own = Ledger()
    store = _store(run, sources, recipe, own)
    ledger.take(own)
    return store


def _workers(data: Data) -> int | None:
    return None if data.workers == "auto" else data.workers


def _budget(run: Run) -> dict[str, int]:
    """Tokens or samples a step. A model without tokens counts samples."""
    has_tokens = model_source.get(run.model.kind).facts.tokens
    if run.train.batch_samples:
        return {"batch_samples": run.train.batch_samples}
    if not has_tokens:
        return {"batch_samples": BATCH_SAMPLES}
    return {"batch_tokens": run.train.batch_tokens or BATCH_TOKENS}


def _length(train: Train) -> dict[str, Any]:
    given = {name: getattr(train, name) for name in ("steps", "tokens", "epochs") if getattr(train, name) is not None}
    return given or {"epochs": 1.0}


def _as_step(data: Dataset | None) -> Step | None:
    return Step(HELD_OUT_STEP, data.lengths.tolist(), data.__getitem__) if data is not None else None


def _facts(training: Dataset, measured: Dataset | None) -> dict[str, Any]:
    tokens, trained = int(training.lengths.sum()), int(training.trained.sum())
    held = {"held_out_samples": len(measured)} if measured is not None else {}
    return {"samples": len(training), "tokens": tokens, "trained_tokens": trained, **held}

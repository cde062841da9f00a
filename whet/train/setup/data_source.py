"""Data sources: steps over a data set, or over a stream of rows, from the config's data section."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from whet.base.catalogue import model_source
from whet.base.run import Data, DataSource, Run, Train
from whet.base.step_size import BATCH_SAMPLES, BATCH_TOKENS
from whet.contracts.example import Example
from whet.contracts.objective import traits_of
from whet.contracts.steps import Step, StepSource
from whet.data.order.dataset import Dataset, held_out
from whet.data.order.kto_baseline import BASELINE, Mismatched
from whet.data.order.shared import on_shared
from whet.data.order.step_source import DatasetSource
from whet.data.order.stream import StreamingSource
from whet.data.render.recipe import RowsToSamples
from whet.data.store.ledger import Ledger
from whet.data.store.token_store import TokenStore, store_of
from whet.data.transforms.forms import HELD_OUT_PASS, Drawn, Form, drawn
from whet.train.measure.held_out import HeldOutLoss
from whet.train.setup.chosen import Chosen, facts_of
from whet.train.setup.rows import max_length, on_scale, rows_of, sources_of
from whet.train.setup.sources import Feed, SourceKind, Supply, Words
from whet.train.setup.trained import Trained
from whet.train.step.micro_batches import Dealer

HELD_OUT_STEP = -1


def dataset(run: Run, chosen: Chosen, words: Words, ledger: Ledger) -> Feed:
    """Samples that are all known, and counted, before the first step."""
    rows = rows_of(run, chosen, words.processor, words.context, words.family)
    training: Dataset = _store(run, run.data.train, rows.recipe, ledger)
    measured: Dataset | None = None
    if not isinstance(run.data.held_out, float):
        measured = _held_out_store(run, run.data.held_out, rows.recipe, ledger)
    elif run.data.held_out > 0:
        training, measured = held_out(training, run.data.held_out, run.seed)
    limit, parts = max_length(run.data, words.context), {"train": training, "held_out": measured}
    known = {name: part for name, part in parts.items() if part is not None}
    data = {name: _beside(run, part, limit) for name, part in known.items()}
    order = DatasetSource(
        data["train"], seed=run.seed, window_steps=run.data.window_steps, shuffle=run.data.shuffle,
        **_budget(run), **_length(run.train),
    )  # fmt: skip
    longest = max(int(part.lengths.max()) for part in data.values())
    return Feed(
        lambda: order.total, _length_in(rows.form, longest), _facts(data), partial(_begun, order, rows.form),
        _example(rows.example, training), data,
        (*order.notices, *on_scale(run, rows.recipe), *on_shared(known)), labels=rows.labels,
    )  # fmt: skip


def _example(made_up: Example, data: Dataset) -> Example:
    """What makes up a sample. Nobody can make up media: where the longest sample has some, it stands for all."""
    longest = data[int(data.lengths.argmax())]
    return (lambda ids: longest) if longest.media else made_up


def stream(run: Run, chosen: Chosen, words: Words, ledger: Ledger) -> Feed:
    """Steps as the rows come: for data that is too large, or too slow, to render first."""
    rows = rows_of(run, chosen, words.processor, words.context, words.family)
    held = run.data.held_out if isinstance(run.data.held_out, list) else []
    measured = _held_out_store(run, held, rows.recipe, ledger)
    limit = max_length(run.data, words.context)
    source = StreamingSource(
        sources_of(run.data.train), rows.recipe, ledger=ledger, seed=run.seed, window_steps=run.data.window_steps,
        shuffle=run.data.shuffle, max_skipped=run.data.max_skipped,
        workers=_workers(run.data) or 0, **_budget(run), **_length(run.train),
    )  # fmt: skip
    budget = next(iter(_budget(run).values()))

    def begin(data: Mapping[str, Dataset], trained: Trained, dealer: Dealer) -> Supply:
        return _supplied(source, measured, rows.form, trained, dealer)

    longest = _length_in(rows.form, min(limit or budget, budget))
    return Feed(
        lambda: source.total, longest, {"streaming": True}, begin, rows.example,
        notices=tuple(on_scale(run, rows.recipe)), labels=rows.labels,
    )  # fmt: skip


def _begun(
    order: DatasetSource, form: Form | None, data: Mapping[str, Dataset], trained: Trained, dealer: Dealer
) -> Supply:
    return _supplied(order.over(data["train"]), data.get("held_out"), form, trained, dealer)


def _length_in(form: Form | None, stored: int) -> int:
    return stored if form is None else form.length(stored)


def _supplied(
    source: StepSource, measured: Dataset | None, form: Form | None, trained: Trained, dealer: Dealer
) -> Supply:
    """Steps, and the held-out step, as they are learned from."""
    step = Step(HELD_OUT_STEP, measured.lengths.tolist(), measured.__getitem__) if measured is not None else None
    if form is not None:
        source, step = Drawn(source, form), drawn(step, form, HELD_OUT_PASS) if step else None
    is_nll = traits_of(trained.objective).is_nll
    return Supply(source, HeldOutLoss(step, dealer, trained.executor, is_nll) if step else None)


def _beside(run: Run, data: Dataset, limit: int | None) -> Dataset:
    """The data set with the further streams that the objective asks for."""
    wants_baseline = BASELINE in facts_of(run).streams
    return Mismatched(data, limit) if wants_baseline else data


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


def _facts(data: Mapping[str, Dataset]) -> dict[str, Any]:
    training = data["train"]
    held = {"held_out_samples": len(data["held_out"])} if "held_out" in data else {}
    tokens, trained = int(training.lengths.sum()), int(training.trained.sum())
    return {"samples": len(training), "tokens": tokens, "trained_tokens": trained, **held}


DATASET, STREAM = SourceKind(dataset), SourceKind(stream)

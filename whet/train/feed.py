"""Feed: from the config's data section to a source of steps and a held-out step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whet.base.catalogue import model_source, objective
from whet.base.errors import DataError
from whet.base.run import Data, DataSource, Run, Train
from whet.contracts.steps import Step, StepSource
from whet.data.files import Source
from whet.data.ledger import Ledger
from whet.data.render import Renderer
from whet.data.source import DatasetSource
from whet.data.store import Dataset, TokenStore, build_store, held_out
from whet.data.stream import StreamingSource

BATCH_TOKENS, BATCH_SAMPLES, HELD_OUT_STEP = 16_384, 128, -1


@dataclass(frozen=True, slots=True)
class Feed:
    """What the loop learns from. `longest` is the longest sample in tokens (or 1)."""

    source: StepSource
    held_out: Step | None
    longest: int
    batch: int
    facts: dict[str, Any]


def feed(run: Run, processor: Any | None, context: int | None, ledger: Ledger) -> Feed:
    """Read, render and store the data, outside any process group: slow work must not keep ranks waiting.

    Raises DataError at the door: nothing to read, rows that the objective cannot take, nothing trained.
    """
    if not run.data.train:
        raise DataError("there is nothing to train on", at="data.train", hint="data=[file.jsonl], or --data FILE")
    renderer = _renderer(run.data, processor) if processor is not None else None
    if run.data.streaming:
        return _streamed(run, renderer, context, ledger)
    training = _store(run, run.data.train, renderer, context, ledger)
    measured: Dataset | None = None
    if isinstance(run.data.held_out, float):
        if run.data.held_out > 0:
            training, measured = held_out(training, run.data.held_out, run.seed)
    else:
        measured = _store(run, run.data.held_out, renderer, context, ledger)
    source = DatasetSource(
        training, seed=run.seed, window_steps=run.data.window_steps, shuffle=run.data.shuffle, **_sizes(run, training)
    )
    longest = max(int(training.lengths.max()), int(measured.lengths.max()) if measured else 1)
    return Feed(source, _as_step(measured), longest, _batch(run.train, _has_tokens(run)), {})

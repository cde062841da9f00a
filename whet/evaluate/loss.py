"""Loss over a data file: the rows take the same way to tokens and weights as in training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from whet.base.errors import ConfigError, DataError
from whet.contracts.model import Loaded
from whet.contracts.sample import Sample
from whet.data.render.recipe import Recipe, RowsToSamples
from whet.data.render.renderer import Renderer
from whet.data.render.seq2seq import Pairing
from whet.data.render.seq2seq_texts import SideRenderer
from whet.data.rows.detect import parse_rows
from whet.data.sources.files import Source
from whet.evaluate.likelihood import Score, score
from whet.evaluate.result import Figure, Result, Units, Watch
from whet.evaluate.statistics import exponential, ratio, share

TAKES = frozenset({"text", "completion", "conversation"})
# Rows that are rendered with one call of the tokenizer.
_ROWS = 256


@dataclass(frozen=True, slots=True)
class Rendering:
    """How rows become samples: the settings that the task `loss` shares with a run's `data`."""

    template: str | None = None
    train_on: Any = "assistant"
    max_length: int | None = None
    truncation: Any = "auto"


def measure(
    loaded: Loaded, file: str, format: str, rendering: Rendering, batch_tokens: int, watch: Watch | None
) -> Result:
    """-log p summed over trained tokens with their weights, divided by the sum of the weights.

    The unit of the standard error is the row. Raises DataError when no row has a trained token.
    """
    source = Source.parse({"path": file, "format": format}, Path())
    samples, reasons = _rendered(loaded, source, rendering)
    if not samples:
        raise DataError(f"no row of {file} can be scored: {dict(reasons)}", hint=f"whet data inspect {file}")
    scores = score(loaded, samples, batch_tokens=batch_tokens, watch=watch)
    rows = list(_by_row(samples, scores))
    weights = [float(own.weights.sum()) for own in rows]
    lost, hits = zip(
        *((-float(own.weights @ own.logprobs), float(own.weights @ own.hits)) for own in rows), strict=True
    )
    nats = ratio(lost, weights)
    figures: dict[str, Figure] = {
        "loss": nats,
        "perplexity": exponential(nats),
        "accuracy": share(hits, weights),
    }
    facts = {
        "rows": len(rows),
        "trained_tokens": sum(len(own.logprobs) for own in rows),
        "tokens": sum(sample.num_tokens for sample in samples),
        "not_whole": dict(reasons),
    }
    units = {"loss": Units(lost, weights), "accuracy": Units(hits, weights)}
    return Result("loss", figures, facts=facts, units=units)


def _rendered(loaded: Loaded, source: Source, rendering: Rendering) -> tuple[list[Sample], Counter[str]]:
    """Samples as the model learned from such rows, and how many rows were skipped or truncated for which reason."""
    context = loaded.capabilities.context
    how = (TAKES, rendering.max_length or context, rendering.truncation, context)
    if loaded.capabilities.family != "seq2seq":
        renderer = Renderer(loaded.processor, template=rendering.template, train_on=rendering.train_on)
        return _samples(source, Recipe(renderer, *how))
    for name in ("template", "train_on"):
        if getattr(rendering, name) != getattr(Rendering(), name):
            raise ConfigError(
                f"`{name}` does nothing: an encoder-decoder reads a question as it is", at=name, hint="leave it out"
            )
    form = Pairing(SideRenderer(loaded.processor))
    samples, reasons = _samples(source, form.recipe(*how))
    return [form.draw(sample, 0) for sample in samples], reasons


def _samples(source: Source, recipe: RowsToSamples) -> tuple[list[Sample], Counter[str]]:
    """Samples in order, and how many rows were skipped or truncated for which reason."""
    samples: list[Sample] = []
    reasons: Counter[str] = Counter()
    rows = parse_rows(source)
    while chunk := list(islice(rows, _ROWS)):
        made, entries = recipe(source.name, chunk)
        samples += made
        reasons.update(entry.reason for entry in entries)
    return samples, reasons


def _by_row(samples: list[Sample], scores: list[Score]) -> Iterator[Score]:
    """The scores of each row together: raw text may have been split into several samples."""
    own: dict[int, list[Score]] = {}
    for sample, found in zip(samples, scores, strict=True):
        if len(found.logprobs):
            own.setdefault(sample.origin.row if sample.origin else len(own), []).append(found)
    for parts in own.values():
        yield Score(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("logprobs", "hits", "weights")))

"""What a model with another head than that of a language model says of the rows of a file."""

# N sequences  P labelled tokens  C scores

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from whet.base.errors import DataError, ModelError
from whet.contracts.model import Head, Loaded
from whet.contracts.reading import Reading, Steps
from whet.contracts.rows import Row
from whet.contracts.sample import Origin, Sample
from whet.data.order.collate import collate
from whet.data.order.pack import pack
from whet.data.refusal import Refused
from whet.data.render.task_tokenizer import Reader
from whet.data.rows.detect import parse_rows
from whet.data.sources.files import Source
from whet.evaluate.result import Watch
from whet.models.forward.heads import head_of


def rows_of(file: str, takes: Collection[str]) -> list[tuple[Row, Origin]]:
    """The rows of a file. Raises DataError at the first that is malformed, or of another kind than those taken."""
    source, found = Source.parse({"path": file}, Path()), []
    for number, row in parse_rows(source, takes=takes):
        at = f"{source.name} row {number}"
        if isinstance(row, Refused):
            raise DataError(row.detail, at=at, hint=row.hint)
        if row.kind not in takes:
            raise DataError(
                f"a row is {row.kind}, and this task reads {' or '.join(sorted(takes))}",
                at=at,
                hint="whet slots task lists what measures other rows",
            )
        found.append((row, Origin(source.name, number)))
    if not found:
        raise DataError(f"{file} has no row", hint="a file with at least one row")
    return found


def head(loaded: Loaded) -> Head:
    """The head of a loaded model. Raises ModelError for a language model."""
    found = head_of(loaded.module.config)  # type: ignore[arg-type]
    if found is None:
        raise ModelError("this is a language model, without a head of its own", hint="--task loss")
    return found


def samples_of(
    loaded: Loaded, reading: Reading, rows: Sequence[tuple[Row, Origin]], *, cuts: bool = True,
    told: Callable[[int], None] | None = None,
) -> list[Sample]:  # fmt: skip
    """The rows as the objective that trained the model reads them. Texts beyond its context are cut, of which `told` is
    told the numbers, or, without `cuts`, a DataError."""
    if not isinstance(reading, Steps):
        is_causal = loaded.capabilities.family == "causal" and head(loaded).is_causal
        reading = replace(reading, kind="causal" if is_causal else "bidirectional")
    samples: list[Sample] = []
    for made, (_, origin) in zip(Reader(loaded.processor, reading, cut=_cut(loaded))(rows), rows, strict=True):
        if isinstance(made, Refused):
            raise DataError(made.detail, at=f"{origin.source} row {origin.row}", hint=made.hint)
        sample, is_cut = made
        if is_cut and not cuts:
            said = f"row {origin.row} is longer than the {loaded.capabilities.context:,} tokens that the model takes"
            raise DataError(said, at=f"{origin.source} row {origin.row}", hint="a shorter text")
        if is_cut and told is not None:
            told(len(samples))
        samples.append(sample)
    return samples


def scores(
    loaded: Loaded, samples: Sequence[Sample], name: str, batch_tokens: int, watch: Watch | None = None
) -> list[np.ndarray]:
    """`scores` (N, C) of the texts of each sample, or `token_scores` (P, C) of its labelled tokens."""
    found: list[Any] = [None] * len(samples)
    order = pack([sample.num_tokens for sample in samples], max(batch_tokens, *(s.num_tokens for s in samples), 1))
    device, done = next(loaded.module.parameters()).device, 0
    for row in order:
        chosen = [samples[i] for i in row]
        with torch.no_grad():
            batch = collate(chosen, shared=loaded.capabilities.shares).to(device)
            said = loaded.model.run(batch, frozenset({name}))[name].float().cpu().numpy()
        counts = [int((s.weights > 0).sum()) if name == "token_scores" else len(s.cuts) or 1 for s in chosen]
        for place, part in zip(row, np.split(said, np.cumsum(counts)[:-1]), strict=True):
            found[place] = part
        done += len(row)
        if watch is not None:
            watch(done, len(samples))
    return found


def _cut(loaded: Loaded) -> int | None:
    return loaded.capabilities.context

"""Calibration: rows of data, rendered as for training, as batches for the walk and as samples to measure on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from whet.base.errors import DataError
from whet.base.yaml import parse
from whet.contracts.batch import Batch, Segment, Stream
from whet.data.render.recipe import Recipe
from whet.data.render.renderer import Renderer
from whet.data.rows.detect import parse_rows
from whet.data.sources.files import Source
from whet.evaluate.likelihood import score
from whet.evaluate.loss import TAKES

if TYPE_CHECKING:
    from whet.contracts.model import Loaded
    from whet.contracts.sample import Sample

BATCH_TOKENS = 2048
_ROWS = 64


@dataclass(frozen=True, slots=True)
class Rows:
    """Which data is taken: entries as the config has them under `data.train`, how many samples, and tokens a sample."""

    entries: Sequence[str | Mapping[str, Any]]
    samples: int = 128
    length: int = 2048


def run_data(run: Path) -> list[Any]:
    """The training data of a run, as its config names it; empty where it names none."""
    path = run / "config.yaml"
    values = parse(path.read_text(encoding="utf-8"), str(path))[0] if path.is_file() else {}
    data = (values or {}).get("data") or []
    train = data.get("train", []) if isinstance(data, dict) else data
    return [train] if isinstance(train, str | dict) else list(train)


def read_samples(rows: Rows, tokenizer: Any, context: int | None, skip: int = 0) -> list[Sample]:
    """Up to `rows.samples` samples after the first `skip`, evenly from all entries, in their order.

    Longer ones are cut; raw text is split. Rows that training would refuse are left out.
    """
    length = min(rows.length, context or rows.length)
    recipes = [Recipe(Renderer(tokenizer), TAKES, length, how, context) for how in ("auto", "cut")]
    found: list[Sample] = []
    for number, entry in enumerate(rows.entries):
        first, last = (_share(count, number, len(rows.entries)) for count in (skip, skip + rows.samples))
        found += _of_source(Source.parse(entry, Path()), recipes, last)[first:]
    return found


def _share(count: int, number: int, of: int) -> int:
    """How many of `count` fall to one of several."""
    return count * (number + 1) // of - count * number // of


def _of_source(source: Source, recipes: Sequence[Recipe], count: int) -> list[Sample]:
    found: list[Sample] = []
    numbered = iter(parse_rows(source))
    while len(found) < count and (chunk := list(islice(numbered, _ROWS))):
        splits, cuts = recipes
        for one in chunk:  # raw text is split, and what cannot be is cut
            recipe = splits if getattr(one[1], "kind", None) == "text" else cuts
            found += recipe(source.name, [one])[0]
    return found[:count]


def batches(samples: Sequence[Sample], packed: bool) -> list[Batch]:
    """All tokens of all samples, several in a row where the model can be packed."""
    groups: list[list[Sample]] = []
    filled = 0
    for sample in samples:
        if groups and packed and filled + sample.num_tokens <= BATCH_TOKENS:
            groups[-1].append(sample)
            filled += sample.num_tokens
        else:
            groups.append([sample])
            filled = sample.num_tokens
    return [_batch(group) for group in groups]


def perplexity(loaded: Loaded, samples: Sequence[Sample]) -> float:
    """exp of the mean -log p of the trained tokens, as the task `loss` has it."""
    scores = score(loaded, samples)
    nats = sum(-float(one.weights @ one.logprobs) for one in scores if len(one.logprobs))
    weight = sum(float(one.weights.sum()) for one in scores)
    if not weight:
        raise DataError("no token of the data is trained, so there is no perplexity", hint="give another --held-out")
    return float(np.exp(nats / weight))


def _batch(samples: Sequence[Sample]) -> Batch:
    ends = list(accumulate(sample.num_tokens for sample in samples))
    segments = tuple(Segment(start, end) for start, end in zip([0, *ends], ends, strict=False))
    ids = torch.from_numpy(np.concatenate([sample.ids for sample in samples])).to(torch.int64)
    stream = Stream(
        ids=ids,
        positions=torch.cat([torch.arange(end - start) for start, end, *_ in segments]),
        segments=segments,
        targets=ids,
        weights=torch.zeros(len(ids)),
    )
    return Batch({"text": stream}, len(samples), {"weight": torch.ones(len(samples))})

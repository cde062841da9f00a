"""A task and the steps of a solution, with a label at the end of each step, for process reward models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from whet.contracts.reading import Steps
from whet.contracts.rows import Row, Stepwise
from whet.contracts.sample import Origin, Sample
from whet.data.refusal import RowRefused

if TYPE_CHECKING:
    from tokenizers import Encoding

    from whet.data.render.tokenizer_facts import Facts


def texts(reading: Steps, row: Row, facts: Facts) -> list[str]:
    """The prompt, each step, and the separator: tokenised one by one, so that a step ends with a token of its own."""
    assert isinstance(row, Stepwise)
    return [row.prompt, *row.steps, reading.separator]


def sample(
    reading: Steps, row: Row, encodings: Sequence[Encoding], facts: Facts, origin: Origin
) -> tuple[Sample, bool]:
    """Prompt and steps, each followed by the separator, whose last token has the label (as TRL's PRMTrainer had it)."""
    assert isinstance(row, Stepwise)
    prompt, *steps, separator = [list(encoding.ids) for encoding in encodings]
    ids = [*facts.begin, *prompt]
    ends = []
    for step in steps:
        ids += [*step, *separator]
        ends.append(len(ids) - 1)
    weights, labels = np.zeros(len(ids), np.float32), np.zeros(len(ids), np.float32)
    labels[ends] = row.labels
    weights[ends[-1:] if reading.last_only else ends] = 1
    whole = Sample(np.array(ids, np.int32), weights, {}, origin, values={"label": labels}, is_in_place=True)
    if facts.cut is None or len(ids) <= facts.cut:
        return whole, False
    if not weights[: facts.cut].any():
        raise RowRefused("nothing_left", f"no step ends within the first {facts.cut} tokens")
    return whole.part(slice(0, facts.cut)), True

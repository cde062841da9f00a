"""Texts with a class, several of them, or numbers, for classifiers of sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from whet.contracts.reading import Classes
from whet.contracts.rows import Classified, Row
from whet.contracts.sample import Origin, Sample
from whet.data.refusal import RowRefused
from whet.data.render.class_names import Names, numbers_of
from whet.data.render.text_pairs import Joined, joined

if TYPE_CHECKING:
    from tokenizers import Encoding

    from whet.data.render.tokenizer_facts import Facts


def texts(reading: Classes, row: Row, facts: Facts) -> list[Joined]:
    """The text, or both by the template, or the pair that the tokenizer joins."""
    assert isinstance(row, Classified)
    if row.second is None:
        return [row.text]
    if reading.template is None and not facts.pairs:
        raise RowRefused(
            "glued",
            "the tokenizer puts nothing between two texts, so they would be one",
            "objective.template={first}\\n{second}",
        )
    return [joined(reading.template, first=row.text, second=row.second)]


def sample(
    reading: Classes, row: Row, encodings: Sequence[Encoding], facts: Facts, origin: Origin
) -> tuple[Sample, bool]:
    """The text's tokens with its label; the last token has the weight."""
    assert isinstance(row, Classified)
    encoding = encodings[0]
    weights = np.zeros(len(encoding.ids), np.float32)
    weights[-1] = 1
    values = {}
    if facts.typed and reading.template is None:
        values["token_types"] = np.array(encoding.type_ids, np.int64)
    return Sample(
        np.array(encoding.ids, np.int32), weights, {"label": _label(reading, row.label)}, origin,
        values=values, is_in_place=True, kind=reading.kind,
    ), False  # fmt: skip


def _label(reading: Classes, label: Any) -> Any:
    assert reading.labels is not None
    many = isinstance(label, list | tuple)
    if reading.problem == "regression":
        numbers = numbers_of(label)
        if len(numbers) != len(reading.labels):
            raise RowRefused("bad_label", f"the row has {len(numbers)} numbers, and {len(reading.labels)} are learned")
        return np.array(numbers, np.float32)
    names = Names(reading.labels)
    if reading.problem == "multi":
        marks = np.zeros(len(names.names), np.float32)
        marks[[names.number(one) for one in (label if many else [label])]] = 1
        return marks
    if many:
        raise RowRefused("bad_label", f"the row has {len(label)} labels, and a text has one", "objective.problem=multi")
    return names.number(label)

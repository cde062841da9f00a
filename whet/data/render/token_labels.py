"""Words with a label each, at the tokens that they became, for classifiers of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from whet.contracts.reading import Tags
from whet.contracts.rows import Row, Tagged
from whet.contracts.sample import Origin, Sample
from whet.data.refusal import RowRefused
from whet.data.render.class_names import IGNORED, Names

if TYPE_CHECKING:
    from tokenizers import Encoding

    from whet.data.render.tokenizer_facts import Facts


def texts(reading: Tags, row: Row, facts: Facts) -> list[str]:
    """The words joined by blanks, which is what the written model is going to be given."""
    assert isinstance(row, Tagged)
    return [" ".join(row.words)]


def sample(reading: Tags, row: Row, encodings: Sequence[Encoding], facts: Facts, origin: Origin) -> tuple[Sample, bool]:
    """Labels at the first token of each word, or at all of them; words past a cut have none."""
    assert isinstance(row, Tagged) and reading.labels is not None
    encoding, names = encodings[0], Names(reading.labels)
    weights, labels = np.zeros(len(encoding.ids), np.float32), np.zeros(len(encoding.ids), np.int64)
    owners = _words(row.words, encoding)
    last = -1
    for place, word in enumerate(owners):
        if word < 0 or row.labels[word] == IGNORED or (word == last and not reading.every):
            continue
        last = word
        weights[place], labels[place] = 1, names.number(row.labels[word])
    if not weights.any():
        raise RowRefused("nothing_to_train", "no token has a label", "leave the row out")
    return Sample(
        np.array(encoding.ids, np.int32), weights, {}, origin, values={"label": labels},
        is_in_place=True, kind=reading.kind,
    ), False  # fmt: skip


def _words(words: Sequence[str], encoding: Encoding) -> list[int]:
    """The word that each token's first visible character belongs to, or -1 (special tokens, blanks alone)."""
    lengths = np.array([len(word) for word in words])
    starts = np.cumsum(lengths + 1) - lengths - 1
    owners = []
    for (start, end), is_special in zip(encoding.offsets, encoding.special_tokens_mask, strict=True):
        # Byte-level tokens may begin with the blank before their word.
        word = int(np.searchsorted(starts, start, side="right")) - 1
        if word >= 0 and start >= starts[word] + lengths[word]:
            word += 1
        is_inside = not is_special and start < end and word < len(words) and end > starts[word]
        owners.append(word if is_inside else -1)
    return owners

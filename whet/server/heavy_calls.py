"""What needs the libraries of training to be answered (tokenizers, readers of data): called in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def row_texts(folder: str, places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """What stands in the sources of a run at rows (source, row)."""
    from whet.train.record.texts import texts

    return dict(texts(Path(folder), places))


def token_texts(folder: str, lists: Sequence[Sequence[int]]) -> list[list[str]] | None:
    """What each token of each list means; None where the run's tokenizer cannot be read."""
    from whet.train.record.texts import decoder

    decode = decoder(Path(folder))
    if decode is None:
        return None
    known: dict[int, str] = {}
    for ids in lists:
        for id in ids:
            if id not in known:
                known[id] = decode([id])
    return [[known[id] for id in ids] for ids in lists]


def data_page(folder: str, source: str, start: int, limit: int, text: str) -> dict[str, Any]:
    """Rows of a run's data as training renders them."""
    from whet.train.record.data_page import data_page as page

    return page(Path(folder), source, start, limit, text)

"""Rows with a `text` column: documents, every token of which is trained."""

from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Text


def _matches(row: dict[str, Any]) -> bool:
    return isinstance(row.get("text"), str)


@data_format("text", matches=_matches, priority=20, columns=("text",), makes=("text",), offered=2)
def text(row: dict[str, Any]) -> Text:
    """Raw text in the column `text`."""
    if not row["text"].strip():
        raise DataError("the text is empty", hint="leave the row out")
    return Text(row["text"])

"""Tables of numbers for models without tokens: `features` and `label`, or numeric columns and `label`."""

import math
from collections.abc import Sequence
from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Values


def _matches(row: dict[str, Any]) -> bool:
    if isinstance(row.get("features"), Sequence) and not isinstance(row["features"], str):
        return True
    columns = [name for name in row if name not in ("label", "")]
    return "label" in row and bool(columns) and all(_is_number(row[name]) for name in columns)


@data_format("values", matches=_matches, priority=10, columns=("features", "label"))
def values(row: dict[str, Any]) -> Values:
    """`features` (a list) and `label`; or every other numeric column, in the file's order, as the features."""
    features = row.get("features")
    if features is None:
        features = [row[name] for name in row if name not in ("label", "")]
    bad = [value for value in features if not _is_number(value)]
    if bad:
        raise DataError(f"a feature is {bad[0]!r}, not a finite number")
    read: dict[str, Any] = {"features": [float(value) for value in features]}
    if row.get("label") is not None:
        read["label"] = _label(row["label"])
    return Values(read)


def _label(value: Any) -> int | float:
    if not _is_number(value):
        raise DataError(f"the label is {value!r}, not a number", hint="number the classes from 0")
    number = float(value)
    return int(number) if number.is_integer() and "." not in str(value) else number


def _is_number(value: Any) -> bool:
    try:
        return math.isfinite(float(value)) and not isinstance(value, bool)
    except (TypeError, ValueError):
        return False

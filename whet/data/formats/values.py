"""Tables of numbers for models without tokens: `features` and `label`, or numeric columns and `label`."""

from collections.abc import Sequence
from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Values
from whet.data.rows.columns import is_number, number, what


def _matches(row: dict[str, Any]) -> bool:
    if isinstance(row.get("features"), Sequence) and not isinstance(row["features"], str):
        return True
    columns = [name for name in row if name not in ("label", "")]
    return "label" in row and bool(columns) and all(is_number(row[name]) for name in columns)


@data_format("values", matches=_matches, priority=10, columns=("features", "label"))
def values(row: dict[str, Any]) -> Values:
    """`features` (a list) and `label`; or every other numeric column, in the file's order, as the features."""
    features = row.get("features")
    if features is None:
        features = [row[name] for name in row if name not in ("label", "")]
    read: dict[str, Any] = {"features": [number(value, "a feature") for value in features]}
    if row.get("label") is not None:
        read["label"] = _label(row["label"])
    return Values(read)


def _label(value: Any) -> int | float:
    if not is_number(value):
        raise DataError(f"the label is {what(value)}, not a number", hint="number the classes from 0")
    label = number(value, "the label")
    return int(label) if label.is_integer() and "." not in str(value) else label

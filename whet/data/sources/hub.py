"""Data sets of the Hugging Face hub, through the optional package `datasets`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from whet.base import hub
from whet.base.errors import DataError, missing_package
from whet.data.sources.tables import as_json


def hub_rows(name: str, subset: str | None, split: str | None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a data set; `datasets` maps its files into memory, so they are never all loaded."""
    for row in _load(name, subset, split):
        yield {name: as_json(value) for name, value in row.items()}


def num_hub_rows(name: str, subset: str | None, split: str | None) -> int:
    """The number of rows of a split (`train` by default)."""
    return len(_load(name, subset, split))


def hub_fingerprint(name: str, subset: str | None, split: str | None) -> str:
    """The hash that `datasets` keeps of the data."""
    return _load(name, subset, split)._fingerprint


def _load(name: str, subset: str | None, split: str | None) -> Any:
    try:
        import datasets
    except ImportError:
        raise missing_package("datasets", "datasets", f"reading `{name}` from the Hugging Face hub") from None
    try:
        with hub.asked(name):
            return datasets.load_dataset(name, subset, split=split or "train")
    except Exception as error:
        reason = hub.silence() or f"{type(error).__name__}: {error}"
        raise DataError(
            f"the data set `{name}` could not be loaded: {reason}",
            hint="for a file, give its path with its ending; for a part of a data set, write `org/name:subset`",
        ) from error

"""That a run names data at all, which is asked before anything is loaded."""

from __future__ import annotations

from whet.base.errors import DataError
from whet.base.run import Data


def check_given(data: Data) -> None:
    """Raise DataError where there is no source to train on."""
    if not data.train:
        raise DataError("there is nothing to train on", at="data.train", hint="--data chat.jsonl")

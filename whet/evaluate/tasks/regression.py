"""How near a model's numbers come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whet.base.catalogue import task
from whet.base.settings import Count, Place

if TYPE_CHECKING:
    from whet.contracts.model import Loaded
    from whet.evaluate.result import Result, Watch


@task("regression", heads=("sequence",), families=("causal", "masked"), less_is_better=("mse",))
def regression(
    loaded: Loaded,
    watch: Watch | None,
    *,
    file: Place,
    batch_tokens: Count = 8192,
) -> Result:
    """Mean squared error, Spearman's and Pearson's correlation of a model that gives texts numbers.

    file: rows with a text and a number (or several), such as held_out.jsonl; `path#500` takes 500 rows
    batch_tokens: tokens computed at once
    """
    from whet.evaluate.classes import regression as measure

    return measure(loaded, file, batch_tokens, watch)

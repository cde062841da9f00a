"""How often a classifier is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whet.base.catalogue import task
from whet.base.settings import Count, Place

if TYPE_CHECKING:
    from whet.contracts.model import Loaded
    from whet.evaluate.result import Result, Watch


@task("classification", heads=("sequence", "token"), families=("causal", "masked"))
def classification(
    loaded: Loaded,
    watch: Watch | None,
    *,
    file: Place,
    batch_tokens: Count = 8192,
) -> Result:
    """Accuracy and macro F1 of a classifier of texts or words, or of a process reward model.

    file: rows of the format that the model was trained on, such as held_out.jsonl; `path#500` takes 500 rows
    batch_tokens: tokens computed at once
    """
    from whet.evaluate.classes import classification as measure

    return measure(loaded, file, batch_tokens, watch)

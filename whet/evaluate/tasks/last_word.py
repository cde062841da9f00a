"""Whether a model knows how a passage ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whet.base.catalogue import task
from whet.base.settings import Count, Place

if TYPE_CHECKING:
    from whet.contracts.model import Loaded
    from whet.evaluate.result import Result, Watch


@task("last-word", less_is_better=("perplexity",))
def last_word(
    loaded: Loaded,
    watch: Watch | None,
    *,
    file: Place,
    column: str = "text",
    limit: Count | None = None,
    batch_tokens: Count = 8192,
) -> Result:
    """Share of passages whose last word is the model's greedy guess, and its perplexity a passage (as LAMBADA).

    file: .jsonl with a passage a row, or a text file with one a line, such as passages.jsonl
    column: where a row has its text
    limit: take this many passages, from the start
    batch_tokens: tokens computed at once
    """
    from whet.evaluate.last_word import measure

    return measure(loaded, file, column, limit, batch_tokens, watch)

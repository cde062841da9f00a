"""Whether alike sentences lie near each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whet.base.catalogue import task
from whet.base.settings import Count, Place

if TYPE_CHECKING:
    from whet.contracts.model import Loaded
    from whet.evaluate.result import Result, Watch


@task("similarity", heads=(None, "none"), families=("causal", "masked"))
def similarity(
    loaded: Loaded,
    watch: Watch | None,
    *,
    file: Place,
    dim: Count | None = None,
    batch_tokens: Count = 8192,
) -> Result:
    """Spearman's and Pearson's correlation of an embedding model's cosines with the scores of sentence pairs.

    file: rows of the format `similarity`, such as held_out.jsonl; `path#500` takes 500 rows
    dim: keep so many numbers of an embedding
    batch_tokens: tokens computed at once
    """
    from whet.evaluate.retrieval import similarity as measure

    return measure(loaded, file, dim, batch_tokens, watch)

"""How well documents are found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whet.base.catalogue import task
from whet.base.settings import Count, Place

if TYPE_CHECKING:
    from whet.contracts.model import Loaded
    from whet.evaluate.result import Result, Watch


@task("retrieval", heads=(None, "none", "sequence"), families=("causal", "masked"))
def retrieval(
    loaded: Loaded,
    watch: Watch | None,
    *,
    file: Place,
    k: tuple[Count, ...] = (1, 5, 10),
    dim: Count | None = None,
    batch_tokens: Count = 8192,
) -> Result:
    """Recall@k, mean reciprocal rank and nDCG@10: an embedding model looks through all documents, a reranker a row's.

    file: rows of the format `retrieval` or `judged`, such as held_out.jsonl; `path#500` takes 500 rows
    k: how many of the first documents count
    dim: keep so many numbers of an embedding
    batch_tokens: tokens computed at once
    """
    from whet.evaluate.retrieval import retrieval as measure

    return measure(loaded, file, k, dim, batch_tokens, watch)

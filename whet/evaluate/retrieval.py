"""Finding documents: how far up the right ones stand, by an embedding model or by a reranker."""

# D documents

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from whet.base.errors import DataError, ModelError
from whet.contracts.model import Embedder, Loaded
from whet.contracts.reading import Together
from whet.data.render.reranker_texts import graded
from whet.evaluate.correlation import pearson, spearman
from whet.evaluate.embed import embed
from whet.evaluate.result import Result, Watch
from whet.evaluate.scores import head, rows_of, samples_of, scores
from whet.evaluate.statistics import share
from whet.models.forward.heads import head_of
from whet.models.sentence_transformers import EMBEDS
from whet.models.text import text_config

TAKES = frozenset({"retrieval", "judged"})
NDCG = 10
# Queries that are compared with all documents at once.
_QUERIES = 256


def retrieval(
    loaded: Loaded, file: str, k: Sequence[int], dim: int | None, batch_tokens: int, watch: Watch | None
) -> Result:
    """Recall at each `k`, the mean reciprocal rank, and nDCG@10 over queries.

    An embedding model finds each query's documents among all of the file, a reranker puts those of its row in order.
    """
    own = head_of(loaded.module.config)  # type: ignore[arg-type]
    if own is not None and own.kind == "sequence":
        if len(own.labels or ()) != 1:
            raise ModelError("the model gives classes, not the relevance of a document", hint="--task classification")
        if dim is not None:
            raise ModelError("a reranker makes no embedding to shorten", hint="leave dim out")
        rows = rows_of(file, TAKES)
        return _result(list(_reranked(loaded, rows, batch_tokens, watch)), k, {"documents": "of each row"})
    how = embedder_of(loaded, dim)
    relevance, documents = _collection([row for row, _ in rows_of(file, TAKES)])
    parts = ((list(relevance), "query"), (documents, "document"))
    queries, found = (embed(loaded, how, t, s, dim=dim, batch_tokens=batch_tokens, watch=watch) for t, s in parts)
    ranked = _ranked(queries, found, list(relevance.values()))
    return _result(list(ranked), k, {"documents": len(documents), "pooling": how.pooling})


def similarity(loaded: Loaded, file: str, dim: int | None, batch_tokens: int, watch: Watch | None) -> Result:
    """Correlations of the cosine of both embeddings with the score."""
    how = embedder_of(loaded, dim)
    rows: list[Any] = [row for row, _ in rows_of(file, {"similarity"})]
    sides = (([row.first for row in rows], "query"), ([row.second for row in rows], "document"))
    ends = [embed(loaded, how, t, s, dim=dim, batch_tokens=batch_tokens, watch=watch) for t, s in sides]
    first, second = (one / np.linalg.norm(one, axis=1, keepdims=True).clip(min=1e-12) for one in ends)
    cosines, truth = (first * second).sum(1), [row.score for row in rows]
    figures = {"spearman": spearman(cosines, truth), "pearson": pearson(cosines, truth)}
    return Result("similarity", figures, facts={"pairs": len(rows), "pooling": how.pooling})


def embedder_of(loaded: Loaded, dim: int | None) -> Embedder:
    """How the model makes embeddings. Raises ModelError where nothing says so, or `dim` is too large."""
    if (how := loaded.embedder) is None:
        name = getattr(loaded.module, "name_or_path", "") or "the model"
        raise ModelError(f"{name} does not say how it makes embeddings", hint=EMBEDS)
    width = text_config(loaded.module.config).hidden_size  # type: ignore[union-attr, operator]
    if dim is not None and dim > width:
        raise ModelError(f"an embedding has {width} numbers, and `dim` is {dim}", hint=f"dim={width}")
    return how


def quality(grades: ArrayLike, k: Sequence[int]) -> dict[str, float]:
    """Of one query's documents, best ranked first, from how relevant each is: recall, reciprocal rank, nDCG.

    The gain of nDCG is the relevance itself, its discount 1 / log2(1 + rank), as trec_eval has them.
    """
    grades_D = np.asarray(grades, float)
    hits_D = grades_D > 0
    discounts_D = 1 / np.log2(np.arange(2, len(grades_D) + 2))
    best_D = np.sort(grades_D)[::-1]
    ideal = float((best_D * discounts_D)[:NDCG].sum())
    found = {f"recall@{one}": float(hits_D[:one].sum() / hits_D.sum()) for one in k}
    found["mrr"] = 1 / (int(hits_D.argmax()) + 1)
    return found | {f"ndcg@{NDCG}": float((grades_D * discounts_D)[:NDCG].sum()) / ideal}


def _collection(rows: Sequence[Any]) -> tuple[dict[str, dict[int, float]], list[str]]:
    """The relevant documents of each query by their numbers, and all documents, each once."""
    numbers: dict[str, int] = {}
    relevance: dict[str, dict[int, float]] = {}
    for row in rows:
        own = relevance.setdefault(row.query, {})
        for text, grade in zip(*graded(row), strict=True):
            number = numbers.setdefault(text, len(numbers))
            own[number] = max(grade, own.get(number, 0.0))
    known = {query: own for query, own in relevance.items() if any(own.values())}
    if not known:
        raise DataError("no query has a relevant document", hint="give rows a `positive` document")
    return known, list(numbers)


def _ranked(queries: np.ndarray, documents: np.ndarray, relevance: Sequence[Mapping[int, float]]) -> Iterator[Any]:
    """The relevance of the documents (D,) of each query, the nearest first."""
    for start in range(0, len(queries), _QUERIES):
        near = queries[start : start + _QUERIES] @ documents.T
        for row, own in zip(near, relevance[start : start + _QUERIES], strict=True):
            grades_D = np.zeros(len(documents))
            grades_D[list(own)] = list(own.values())
            yield grades_D[np.argsort(-row, kind="stable")]


def _reranked(loaded: Loaded, rows: Sequence[Any], batch_tokens: int, watch: Watch | None) -> Iterator[Any]:
    """The relevance of the documents (D,) of each row that has something to tell apart, the best scored first."""
    apart = [(row, origin) for row, origin in rows if len(set(graded(row)[1])) > 1]
    if not apart:
        raise DataError("no query has documents to tell apart", hint="rows with `negatives`, or with `relevance`")
    samples = samples_of(loaded, Together(head(loaded).notes.get("whet_template")), apart)
    for sample, said in zip(samples, scores(loaded, samples, "scores", batch_tokens, watch), strict=True):
        yield np.asarray(sample.fields["relevance"])[np.argsort(-said[:, 0], kind="stable")]


def _result(ranked: Sequence[np.ndarray], k: Sequence[int], facts: Mapping[str, Any]) -> Result:
    found = [quality(grades, k) for grades in ranked]
    figures = {name: share([one[name] for one in found], np.ones(len(found))) for name in found[0]}
    return Result("retrieval", figures, facts={"queries": len(found), **facts})

"""Embedding models: texts that belong together lie near each other."""

from __future__ import annotations

from typing import Literal

from whet.base.catalogue import objective
from whet.base.settings import Count, NonNegative, Positive
from whet.contracts.objective import Objective, Traits


@objective(
    "embedding",
    takes=("retrieval", "judged"),
    replays=True,
    families=("causal", "masked"),
    settings={"attention=bidirectional": "objective.bidirectional"},
)
def embedding(
    *,
    pooling: Literal["mean", "last", "cls"] = "mean",
    temperature: Positive = 0.05,
    normalize: bool = True,
    symmetric: bool = False,
    margin: NonNegative | None = None,
    matryoshka: tuple[Count, ...] = (),
    query_prompt: str = "",
    document_prompt: str = "",
    pool_prompt: bool = True,
    attention: Literal["causal", "bidirectional"] = "causal",
) -> Objective:
    """Bring queries near their documents and away from all others of the step (InfoNCE with gradient caching).

    pooling: the mean over a text's tokens, its last token, or its first (`cls`)
    temperature: similarities are divided by it; smaller looks at the nearest wrong documents alone
    normalize: compare by the cosine, else by the inner product
    symmetric: also find the query of each document
    margin: leave out documents more similar than the right one by more than this; they may be right too
    matryoshka: train these shorter beginnings of an embedding along, such as [256, 64]
    query_prompt: text before each query
    document_prompt: text before each document
    pool_prompt: prompts count in the mean
    attention: `bidirectional` lets a decoder's tokens see what follows them
    """
    from whet.base.errors import ConfigError
    from whet.contracts.model import Embedder, Head
    from whet.contracts.reading import Apart
    from whet.objectives.gradcache import CachedEmbeddings, dims_of
    from whet.objectives.infonce import Contrast

    if not pool_prompt and pooling != "mean":
        raise ConfigError(
            f"`pool_prompt` does nothing with `pooling: {pooling}`", at="objective.pool_prompt",
            hint="objective.pooling=mean",
        )  # fmt: skip
    dims = dims_of(matryoshka)
    prompts = {side: text for side, text in (("query", query_prompt), ("document", document_prompt)) if text}
    embedder = Embedder(pooling, normalize, prompts, pool_prompt, matryoshka)
    head = Head("none", is_causal=attention == "causal")
    return CachedEmbeddings(
        Contrast(temperature, normalize, symmetric, margin),
        embedder,
        Traits(reading=Apart(prompts, pool_prompt, attention), head=head, embedder=embedder),
        dict.fromkeys(dims, 1.0),
        dims,
    )

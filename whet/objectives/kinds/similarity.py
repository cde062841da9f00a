"""Sentence similarity: the cosine of two embeddings says how alike their texts are."""

from __future__ import annotations

from functools import partial
from typing import Literal

from whet.base.catalogue import objective
from whet.base.settings import Count, Positive
from whet.contracts.example import sample_of
from whet.contracts.objective import Objective, Traits


@objective(
    "similarity",
    takes=("similarity",),
    replays=True,
    families=("causal", "masked"),
    settings={"attention=bidirectional": "objective.bidirectional"},
)
def similarity(
    *,
    loss: Literal["cosent", "cosine"] = "cosent",
    pooling: Literal["mean", "last", "cls"] = "mean",
    temperature: Positive | None = None,
    highest: Positive | None = None,
    matryoshka: tuple[Count, ...] = (),
    prompt: str = "",
    attention: Literal["causal", "bidirectional"] = "causal",
) -> Objective:
    """Learn from sentence pairs with a score: to rank the pairs of a step, or the score itself.

    loss: `cosent` ranks pairs by their cosine, `cosine` is its squared distance to the score
    pooling: the mean over a text's tokens, its last token, or its first (`cls`)
    temperature: cosines are divided by it (`cosent`; 0.05)
    highest: the score that a cosine of 1 stands for (`cosine`; 1)
    matryoshka: train these shorter beginnings of an embedding along, such as [256, 64]
    prompt: text before each sentence
    attention: `bidirectional` lets a decoder's tokens see what follows them
    """
    from whet.base.errors import ConfigError
    from whet.contracts.model import Embedder, Head
    from whet.contracts.reading import Apart
    from whet.objectives.gradcache import CachedEmbeddings, dims_of
    from whet.objectives.sentence_similarity import Cosent, Squared

    idle = "highest" if loss == "cosent" and highest else "temperature" if loss == "cosine" and temperature else None
    if idle:
        raise ConfigError(f"`{idle}` does nothing with `{loss}`", at=f"objective.{idle}", hint=f"objective.{idle}=null")
    prompts = {"query": prompt, "document": prompt} if prompt else {}
    embedder, dims = Embedder(pooling, True, prompts, True, matryoshka), dims_of(matryoshka)
    head = Head("none", is_causal=attention == "causal")
    example = partial(sample_of, branches=2, fields={"score": (0.0, 0.0)}, in_place=attention)
    traits = Traits(reading=Apart(prompts, True, attention), head=head, embedder=embedder, example=example)
    coefficients = dict.fromkeys(dims, 1.0)
    if loss == "cosine":
        return Squared(embedder, traits, dims, highest or 1.0, coefficients)
    return CachedEmbeddings(Cosent(temperature or 0.05), embedder, traits, coefficients, dims)

"""Embeddings of texts, many in one packed forward."""

# N texts  D numbers of an embedding

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch

from whet.contracts.model import Embedder, Loaded
from whet.contracts.reading import Apart
from whet.contracts.rows import Similarity
from whet.contracts.sample import Origin, Sample
from whet.data.order.collate import collate
from whet.data.order.pack import pack
from whet.data.refusal import Refused
from whet.data.render.branches import separate
from whet.data.render.task_tokenizer import Reader
from whet.evaluate.result import Watch
from whet.objectives.pooling import compared, embeddings


def embed(
    loaded: Loaded,
    how: Embedder,
    texts: Sequence[str],
    side: str,
    *,
    dim: int | None = None,
    batch_tokens: int = 8192,
    watch: Watch | None = None,
    told: Callable[[int], None] | None = None,
) -> np.ndarray:
    """The embedding (N, D) float32 of each text as a query or a document (`side`), of length 1 where the model says so.

    Texts beyond the model's context are cut, as its tokenizer cuts them, and `told` their numbers.
    `dim` keeps so many numbers.
    """
    samples = _samples(loaded, how, texts, side, told)
    found, done = np.empty((len(texts), 0), np.float32), 0
    order = pack([sample.num_tokens for sample in samples], max(batch_tokens, *(s.num_tokens for s in samples)))
    device = next(loaded.module.parameters()).device
    for row in order:
        with torch.no_grad():
            batch = collate([samples[i] for i in row]).to(device)
            own = compared(embeddings(loaded.model, batch, how), dim, how.normalize).float().cpu().numpy()
        if not done:
            found = np.empty((len(texts), own.shape[1]), np.float32)
        found[row] = own
        done += len(row)
        if watch is not None:
            watch(done, len(texts))
    return found


def _samples(
    loaded: Loaded, how: Embedder, texts: Sequence[str], side: str, told: Callable[[int], None] | None
) -> list[Sample]:
    """Each text as a sample of its own."""
    is_causal = getattr(loaded.module.config, "is_causal", True) is not False
    kind = "causal" if is_causal else "bidirectional"
    prompt = how.prompts.get(side, "")
    reading = Apart({"query": prompt, "document": prompt} if prompt else {}, how.pools_prompt, kind)  # type: ignore
    reader = Reader(loaded.processor, reading, cut=loaded.capabilities.context)
    pairs = [(text, texts[i + 1] if i + 1 < len(texts) else text) for i, text in enumerate(texts) if i % 2 == 0]
    made = reader([(Similarity(*pair, 0.0), Origin("texts", i)) for i, pair in enumerate(pairs)])
    samples: list[Sample] = []
    for number, one in enumerate(made):
        if isinstance(one, Refused):
            from whet.base.errors import DataError

            raise DataError(f"text {2 * number} or the one after it: {one.detail}", hint="remove or shorten the text")
        sample, is_cut = one
        for text in separate(sample):
            is_full = text.num_tokens >= (loaded.capabilities.context or math.inf)
            if is_cut and is_full and told is not None and len(samples) < len(texts):
                told(len(samples))
            samples.append(text)
    return samples[: len(texts)]

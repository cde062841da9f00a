"""Perplexity over documents: rolling log-likelihood in disjoint windows, divided by words, bytes and tokens."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whet.base.errors import DataError, ModelError
from whet.contracts.model import Loaded
from whet.evaluate.detokenize import wikitext
from whet.evaluate.documents import Division, read_documents
from whet.evaluate.likelihood import score
from whet.evaluate.result import Figure, Result, Watch
from whet.evaluate.statistics import exponential, ratio, scaled
from whet.evaluate.windows import rolling
from whet.generate.prompts import prefix_ids

# Tokens read at once by a model whose config names no context.
_WINDOW = 2048


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read, and how: the settings of the task `perplexity`."""

    file: str
    documents: Division = "auto"
    column: str = "text"
    detokenize: str = "none"
    window: int | None = None
    limit: int | None = None


def measure(loaded: Loaded, reading: Reading, batch_tokens: int, watch: Watch | None) -> Result:
    """The definitions of lm-evaluation-harness's `wikitext`, for a tokenizer that is asked for no special tokens.

    Words are pieces between white space, and bytes are UTF-8, both of the text before it is detokenised.
    Raises DataError when there is not a token to predict.
    """
    pages, division = read_documents(Path(reading.file), reading.documents, reading.column)
    pages = pages[: reading.limit]
    texts = [wikitext(page) for page in pages] if reading.detokenize == "wikitext" else pages
    tokenizer: Any = loaded.processor
    tokens = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
    num_tokens = sum(map(len, tokens))
    if num_tokens == 0:
        raise DataError(f"{reading.file} is shorter than one token", hint="give a longer text")
    window = _window(loaded, reading.window)
    sums = _loglikelihoods(loaded, tokens, window, batch_tokens, watch)
    figures = _figures(sums, pages, tokens)
    facts = {
        "documents": len(pages),
        "divided_by": division,
        "words": sum(map(_num_words, pages)),
        "bytes": sum(map(_num_bytes, pages)),
        "tokens": num_tokens,
        "window": window,
        "loglikelihood": math.fsum(sums),
    }
    return Result("perplexity", figures, facts=facts)


def _loglikelihoods(
    loaded: Loaded, tokens: Sequence[Sequence[int]], window: int, batch_tokens: int, watch: Watch | None
) -> list[float]:
    """The sum of log p over each document."""
    prefix = prefix_ids(loaded.processor)
    if not prefix:
        raise ModelError(
            "the tokenizer has neither a begin nor an end token to predict the first token from",
            hint="set the tokenizer's bos_token or eos_token",
        )
    windows = [list(rolling(ids, prefix[0], window)) for ids in tokens]
    scores = iter(score(loaded, [w for own in windows for w in own], batch_tokens=batch_tokens, watch=watch))
    return [math.fsum(next(scores).loglikelihood for _ in own) for own in windows]


def _figures(sums: Sequence[float], pages: Sequence[str], tokens: Sequence[Sequence[int]]) -> dict[str, Figure]:
    nats = [-value for value in sums]
    of_words = ratio(nats, [_num_words(page) for page in pages])
    of_bytes = ratio(nats, [_num_bytes(page) for page in pages])
    of_tokens = ratio(nats, [len(ids) for ids in tokens])
    return {
        "word_perplexity": exponential(of_words),
        "byte_perplexity": exponential(of_bytes),
        "token_perplexity": exponential(of_tokens),
        "bits_per_byte": scaled(of_bytes, 1 / math.log(2)),
    }


def _window(loaded: Loaded, wanted: int | None) -> int:
    context = loaded.capabilities.context
    if wanted is not None and context is not None and wanted > context:
        raise ModelError(f"`window` is {wanted:,} and the model's context is {context:,}", hint=f"window={context}")
    return wanted or context or _WINDOW


def _num_words(page: str) -> int:
    return len(re.split(r"\s+", page))


def _num_bytes(page: str) -> int:
    return len(page.encode())

"""Texts as samples to be scored: long ones in windows, continuations behind their context."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from whet.contracts.sample import Sample
from whet.generate.prompts import opening_ids, prefix_ids


def rolling(ids: Sequence[int], prefix: int, size: int) -> Iterator[Sample]:
    """Windows in which every token of `ids` is predicted exactly once, the first one from `prefix`.

    The definition is lm-evaluation-harness's: a window reads at most `size` tokens; each one after the first starts
    at the last token before it; the last, shorter one reads as many tokens before its own as still fit.
    """
    for start in range(0, len(ids), size):
        end = min(start + size, len(ids))
        read_from = max(0, end - 1 - size) if start else 0
        context = [prefix] if start == 0 else list(ids[read_from:start])
        yield continuation(context, ids[start:end])


def continuation(context: Sequence[int], targets: Sequence[int]) -> Sample:
    """A sample in which only `targets` are predicted."""
    weights = np.zeros(len(context) + len(targets), np.float32)
    weights[len(context) :] = 1
    return Sample(np.array([*context, *targets], np.int32), weights)


def split_pair(tokenizer: Any, context: str, target: str) -> tuple[list[int], list[int]]:
    """Tokens of a context and of the text that follows it, tokenised together, as lm-evaluation-harness has it.

    White space at the context's end goes to the target, where tokenizers expect it. The begin token comes first where
    the tokenizer puts one; an empty context is the begin (or end) token.
    """
    stripped = context.rstrip()
    target = context[len(stripped) :] + target
    opening = opening_ids(tokenizer)
    before = opening + tokenizer.encode(stripped, add_special_tokens=False)
    if not stripped:
        return before or prefix_ids(tokenizer), tokenizer.encode(target, add_special_tokens=False)
    whole = opening + tokenizer.encode(stripped + target, add_special_tokens=False)
    return before, whole[len(before) :]

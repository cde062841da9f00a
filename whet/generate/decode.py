"""Decoding with a transformers model: any number of answers, or one as it streams."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from torch import nn

from whet.generate.eval_mode import borrowed
from whet.generate.prompts import prompt_ids, source_ids, sources, stop_ids
from whet.generate.protocol import Completion, GenerateSettings, Piece, Prompt
from whet.generate.serving.offline import Offline
from whet.generate.serving.request import Request
from whet.models.decoding.pairs import is_paired_model

BATCH_TOKENS = 16_384


def complete(
    module: nn.Module,
    tokenizer: Any,
    prompts: Sequence[Prompt],
    settings: GenerateSettings,
    *,
    batch_tokens: int = BATCH_TOKENS,
    numbers: Sequence[int] | None = None,
) -> list[Completion]:
    """Answer prompts with a live module, as many at once as `batch_tokens` tokens of cache take (one at least).

    `numbers` stand for the prompts in their draws; by default their places.

    The module comes back in the mode it had, training included. With FSDP every rank calls this with its own prompts,
    any number of them, and the module runs equally often on all ranks.
    """
    read = reader_of(module, tokenizer)
    drawn = range(len(prompts)) if numbers is None else numbers
    asked = [Request(ids=read(p), settings=settings, number=n) for p, n in zip(prompts, drawn, strict=True)]
    with borrowed(module):
        return Offline(module, batch_tokens).answers(asked, tokenizer, stop_ids(module, tokenizer))


def stream(module: nn.Module, tokenizer: Any, prompt: Prompt, settings: GenerateSettings) -> Iterator[Piece]:
    """The answer to one prompt, token by token. The same as `complete` gives for it alone.

    Between two pieces the module is as it was. Closing the iterator stops the answer.
    """
    asked, told = Request(ids=reader_of(module, tokenizer)(prompt), settings=settings), deque[Piece]()
    offline = Offline(module, BATCH_TOKENS)
    offline.begin(asked, tokenizer, stop_ids(module, tokenizer), told.append)
    while offline.is_busy:
        with borrowed(module):
            offline.step()
        while told:
            yield told.popleft()


def reader_of(module: nn.Module, tokenizer: Any) -> Callable[[Prompt], list[int]]:
    """What makes tokens of a prompt: for a decoder to go on from, or for an encoder to read."""
    return partial(source_ids, sources(tokenizer)) if is_paired_model(module) else partial(prompt_ids, tokenizer)

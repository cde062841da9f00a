"""Whether a model's sequences may go on together is proven on its twin: logits against those of the plain forward."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from whet.models.decoding.checks import LENGTHS, NUM_NEW, Texts, fails
from whet.models.decoding.manner import Manner
from whet.models.decoding.pages import Pages
from whet.models.decoding.proof import decoding_of, on_twin
from whet.models.decoding.sequences import Beginning, Part, Sequences
from whet.models.decoding.together import Together
from whet.models.forward.attention import NAME
from whet.models.forward.backbone import unwrapped
from whet.models.tuning.prompting import PLACE

# How much of the second text's context is read first, while the others go on.
_PIECE = 2
# Blocks that the texts fill several of.
_BLOCK = 4


def goes_together(module: nn.Module) -> bool:
    """Whether sequences in rows of one cache (`Together`) get what the plain forward gives. A tenth of a second, once.

    Not tried where the attention is not ours, where it depends on the length of the whole, for encoder-decoders, and
    where virtual tokens stand before a text.
    """
    return _is_right(module, _in_rows)


def goes_in_pages(module: nn.Module) -> bool:
    """The same of sequences in blocks (`Pages`)."""
    return _is_right(module, _in_blocks)


def _is_right(module: nn.Module, find: Callable[[Any, Manner], bool]) -> bool:
    own: Any = unwrapped(module)
    manner = decoding_of(module)
    is_ours = getattr(own.config, "_attn_implementation", None) == NAME
    is_prompted = hasattr(own, PLACE) or getattr(module, "_is_prompt_learning", False)
    is_plain = not (own.config.is_encoder_decoder or is_prompted)
    return is_ours and is_plain and manner.cached and manner.turn is None and on_twin(own, find)


def _in_rows(twin: Any, manner: Manner) -> bool:
    return fails(partial(_check, Together), twin, manner) is None


def _in_blocks(twin: Any, manner: Manner) -> bool:
    return fails(partial(_check, partial(Pages, block=_BLOCK)), twin, manner) is None


def _check(make: Callable[[nn.Module, int], Sequences], module: Any, manner: Any) -> None:
    """Three texts that begin at different steps, one of them in pieces; the first leaves, and another one that begins
    as it did comes."""
    texts = Texts(module, LENGTHS)
    cache = make(module, manner.first)
    first, second, third = (texts.first(i) for i in range(len(LENGTHS)))
    for key, text in enumerate((first, second, third)):
        cache.begin(key, Beginning(text))
    found = cache.run([Part(0, 0, first), Part(1, 0, second[:_PIECE], 0)])
    texts.compare(found[0], [0], 0)
    step = Part(0, len(first), texts.tokens([0], 0).tolist())
    found = cache.run([Part(1, _PIECE, second[_PIECE:]), Part(2, 0, third), step])
    for logits, number, new in zip(found, [1, 2, 0], [0, 0, 1], strict=True):
        texts.compare(logits, [number], new)
    cache.leave(0, len(first) + 1)
    again = texts.first(0, 2)
    known = cache.begin(3, Beginning(again))
    texts.compare(cache.run([Part(3, known, again[known:])])[0], [0], 2)
    keys, numbers = [2, 1, 3], [2, 1, 0]
    for new in range(NUM_NEW - 2):
        behind = [new, new, new + 2]
        parts = [
            Part(key, LENGTHS[number] + at, texts.tokens([number], at).tolist())
            for key, number, at in zip(keys, numbers, behind, strict=True)
        ]
        for logits, number, at in zip(cache.run(parts), numbers, behind, strict=True):
            texts.compare(logits, [number], at + 1)

"""Whether a model's sequences may go on together is proven on its twin: logits against those of the plain forward."""

from __future__ import annotations

from typing import Any

from torch import nn

from whet.models.decoding.checks import LENGTHS, NUM_NEW, Texts, fails
from whet.models.decoding.proof import decoding_of, on_twin
from whet.models.decoding.together import Part, Together
from whet.models.forward.attention import NAME
from whet.models.forward.backbone import unwrapped

# How much of the second text's context is read first, while the others go on.
_PIECE = 2


def goes_together(module: nn.Module) -> bool:
    """Whether `Together` gives what the plain forward does. A tenth of a second, once a module.

    Not tried where the attention is not ours, where it depends on the length of the whole, or for encoder-decoders.
    """
    own: Any = unwrapped(module)
    manner = decoding_of(module)
    is_ours = getattr(own.config, "_attn_implementation", None) == NAME
    if not is_ours or own.config.is_encoder_decoder or not manner.cached or manner.turn is not None:
        return False
    return on_twin(own, lambda twin: fails(_check, twin, manner) is None)


def _check(module: Any, manner: Any) -> None:
    """Three texts that begin at different steps, one of them in pieces; the first leaves, the last takes its row."""
    texts, numbers = Texts(module, LENGTHS), list(range(len(LENGTHS)))
    together = Together(module, manner.first)
    together.fit(len(LENGTHS), max(LENGTHS) + NUM_NEW)
    first, second, third = (texts.first(i) for i in numbers)
    found = together.run([Part(0, 0, first), Part(1, 0, second[:_PIECE], 0)])
    texts.compare(found[0], [0], 0)
    step = Part(0, len(first), texts.tokens([0], 0).tolist())
    found = together.run([Part(1, _PIECE, second[_PIECE:]), Part(2, 0, third), step])
    for logits, number, new in zip(found, [1, 2, 0], [0, 0, 1], strict=True):
        texts.compare(logits, [number], new)
    together.copy(2, 0, len(third))
    for new in range(NUM_NEW):
        tokens = texts.tokens([2, 1], new).tolist()
        parts = [Part(row, LENGTHS[i] + new, [token]) for row, i, token in zip([0, 1], [2, 1], tokens, strict=True)]
        for logits, number in zip(together.run(parts), [2, 1], strict=True):
            texts.compare(logits, [number], new + 1)

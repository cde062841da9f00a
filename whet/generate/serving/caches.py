"""What the sequences of a model go on in, and how long they may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from whet.models.decoding.apart import Apart
from whet.models.decoding.packed import Deal, of_none
from whet.models.decoding.pages import BLOCK, KEPT, Pages
from whet.models.decoding.proof import decoding_of
from whet.models.decoding.sequences import Sequences
from whet.models.decoding.together import Together
from whet.models.decoding.together_proof import goes_in_pages, goes_together
from whet.models.forward.language import unwrapped
from whet.models.loading.reading import context_length as context_of


def cache_of(
    module: Any, most_tokens: int, deal: Deal = of_none, *, block: int = BLOCK, kept: int = KEPT,
    most: Callable[[int], int] = int, threads: int = 0,
) -> Sequences:  # fmt: skip
    """A cache of at most so many tokens, in blocks of `block`, that keeps so many sequences which have ended.

    `most` is the largest of the ranks' numbers, where they must run the module equally often. Large products are made
    on so many `threads` of the CPU at least.
    """
    manner = decoding_of(module)
    if _takes_pages(module) and goes_in_pages(module):
        return Pages(module, manner.first, most_tokens, deal, block, kept, threads)
    if goes_together(module):
        return Together(module, manner.first, most_tokens, deal, threads)
    return Apart(module, manner, context_length(module), most_tokens, most)


def context_length(module: nn.Module) -> int | None:
    """Tokens that the model can see at once, by its config; None where it names no limit."""
    config = getattr(unwrapped(module), "config", None)
    return context_of(config) if config is not None else None


def _takes_pages(module: Any) -> bool:
    """Whether keys and values lie in blocks, and not in rows: where that was measured to be faster."""
    weight = next(module.parameters())
    return weight.device.type == "cpu" and weight.dtype in (torch.float32, torch.float64)

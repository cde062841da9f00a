"""The next tokens on ranks that have the logits of the same answers: one of them chooses, and tells the others.

The logits are the same numbers on all of them as long as all compute alike. Processors of two kinds do not, and ranks
that go on with different tokens would wait for each other for ever.
"""

# B answers  V vocab

from __future__ import annotations

from collections.abc import Sequence

import torch.distributed as dist
from torch import Tensor

from whet.generate.protocol import Token
from whet.generate.serving.choosing import Draws, choose_of_numbers


def choose_alike(group: dist.ProcessGroup, logits_BV: Tensor, draws: Sequence[Draws]) -> list[Token | None]:
    """What the first rank of the group chooses, on all of them (`whet.generate.serving.choosing.Chooser`)."""
    is_first = group.rank() == 0
    box = [choose_of_numbers(logits_BV, draws) if is_first else None]
    dist.broadcast_object_list(box, group=group, group_src=0)
    tokens = box[0]
    assert tokens is not None
    if not is_first:
        for one, token in zip(draws, tokens, strict=True):
            if token is not None:
                one.take(token.id)
    return tokens

"""Look ahead: what lies k tokens further in the same segment, for models that predict several tokens at once."""

# T tokens

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from whet.contracts.batch import Stream
from whet.kernels.host import sent


class Further(NamedTuple):
    """At each place i of a row: the token at i + k, the one that follows it, and that one's weight, each (T,).

    Where the segment ends before, the token is 0 and the weight 0.
    """

    ids_T: Tensor
    targets_T: Tensor
    weights_T: Tensor


def look_ahead(stream: Stream, num_tokens: int) -> Further:
    """What a stream of causal segments holds `num_tokens` (k >= 1) places further on."""
    device, lengths = stream.ids.device, [segment.end - segment.start for segment in stream.segments]
    ends_T = sent(np.repeat([segment.end for segment in stream.segments], lengths), device)
    place_T = torch.arange(stream.num_tokens, device=device) + num_tokens
    is_inside_T = place_T < ends_T
    place_T = place_T.clamp(max=stream.num_tokens - 1)
    columns = (stream.ids, stream.targets, stream.weights)
    return Further(*(torch.where(is_inside_T, column[place_T], 0) for column in columns))

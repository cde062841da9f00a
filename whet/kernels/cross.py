"""Cross attention over packed segments: each token of a target segment sees the source segment of the same index."""

# H heads  T target tokens  S source tokens  K head dim

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from whet.base.errors import ModelError
from whet.contracts.batch import Segment
from whet.kernels import varlen
from whet.kernels.attention import dense_attention
from whet.kernels.attention_spec import Form


@dataclass(slots=True)
class CrossPlan:
    """The segments of a target stream and those of the source that they attend to: built once a batch."""

    targets: Sequence[Segment]
    sources: Sequence[Segment]
    _offsets: dict[torch.device, varlen.Offsets] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.targets) != len(self.sources):
            raise ModelError(
                f"{len(self.targets)} target segments cannot attend to {len(self.sources)} source segments",
                hint="one source segment for each target segment",
            )

    def offsets(self, device: torch.device) -> varlen.Offsets:
        if device not in self._offsets:
            self._offsets[device] = varlen.cross_offsets(self.targets, self.sources, device)
        return self._offsets[device]


def cross_attention(query_1HTK: Tensor, key_1HSK: Tensor, value_1HSK: Tensor, plan: CrossPlan, form: Form) -> Tensor:
    """Attention of each target segment over its source segment (1, T, H, K). Keys and values may have fewer heads."""
    if varlen.applies(query_1HTK, key_1HSK, value_1HSK, form):
        return varlen.varlen_attention(query_1HTK, key_1HSK, value_1HSK, plan.offsets(query_1HTK.device), form)
    queries = query_1HTK.split([segment.end - segment.start for segment in plan.targets], dim=2)
    lengths = [segment.end - segment.start for segment in plan.sources]
    keys, values = key_1HSK.split(lengths, dim=2), value_1HSK.split(lengths, dim=2)
    outputs = [dense_attention(q, k, v, None, False, form) for q, k, v in zip(queries, keys, values, strict=True)]
    return torch.cat([output.transpose(1, 2) for output in outputs], dim=1)

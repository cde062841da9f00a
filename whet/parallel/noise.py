"""Dropout of ranks that share a layer: masks of what all of them have are alike, and of what each has a part of differ.

All draw from the same seed, so that what is whole on every rank is dropped alike. Heads of attention, and inputs of
matrices that are cut by them, are not whole: there each rank draws for itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from whet.base.seeds import apart
from whet.contracts.batch import Stream
from whet.contracts.feature import ModelFeature
from whet.kernels.attention_spec import Form

if TYPE_CHECKING:
    from whet.contracts.feature import Around, Attend


@dataclass(frozen=True, slots=True)
class NoiseOfHeads(ModelFeature):
    """Attention of a rank, of this number among those that share heads, drops out what no other rank does."""

    rank: int

    def around(self, module: nn.Module, stream: Stream) -> Around:
        return self.attention

    def across(self, module: nn.Module, target: Stream, source: Stream) -> Around:
        return self.attention

    def attention(
        self, attend: Attend, layer: nn.Module, query: Tensor, key: Tensor, value: Tensor, plan: Any, form: Form
    ) -> Tensor:
        if not form.dropout:
            return attend(query, key, value, plan, form)
        with apart(self.rank):
            return attend(query, key, value, plan, form)

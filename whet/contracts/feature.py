"""Feature: what touches the forward passes of a model while it is trained, as a value that its module carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from whet.contracts.batch import Batch, Stream
from whet.contracts.model import Loaded

if TYPE_CHECKING:
    from torch import Tensor, nn

    from whet.kernels.attention import SegmentPlan
    from whet.kernels.attention_spec import Form

    # Attention (1, T, H, K) of queries, keys and values (1, H, T, K) of a packed row.
    Attend = Callable[[Tensor, Tensor, Tensor, SegmentPlan, Form], Tensor]
    # What a layer computes in place of the attention that it is given.
    Around = Callable[[Attend, nn.Module, Tensor, Tensor, Tensor, SegmentPlan, Form], Tensor]


class ModelFeature:
    """A feature has those of these methods that it needs; by default they change nothing.

    The loop, the model and its attention call them for whatever features a module carries, and know none of them.
    """

    def install(self, model: Loaded) -> None:
        """Before the module is compiled and sharded. Raises ModelError for a model that cannot have the feature."""

    def begin_step(self, index: int) -> None:
        """An optimizer step of this number begins."""

    def begin_run(self, batch: Batch) -> None:
        """The model is about to run over this batch."""

    def end_run(self) -> None:
        """It has run, or raised."""

    def forward_kwargs(self, module: nn.Module, stream: Stream) -> Mapping[str, Any]:
        """What the forward over a packed row takes beside its tokens."""
        return {}

    def around(self, module: nn.Module, stream: Stream) -> Around | None:
        """What the layers compute in place of their attention over a packed row; None: as they would."""
        return None

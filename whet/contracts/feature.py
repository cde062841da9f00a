"""Feature: what touches the forward passes of a model while it is trained, as a value that its module carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from whet.contracts.batch import Batch, Stream
from whet.contracts.model import Loaded

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from whet.kernels.attention_spec import Form

    # Attention (1, T, H, K) of queries, keys and values (1, H, T, K) of a packed row, or of two of them.
    Attend = Callable[[Tensor, Tensor, Tensor, Any, Form], Tensor]
    # What a layer computes in place of the attention that it is given.
    Around = Callable[[Attend, nn.Module, Tensor, Tensor, Tensor, Any, Form], Tensor]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a feature reads of a forward pass: last hidden `states` (T, D) of the flat row, `trained()` (P, D) of them.

    `inputs()` is what the model's decoder takes beside tokens, and `nll(states, targets, weights)` the sum of weight x
    -log p of targets (T,) that its head reads from states (T, D).
    """

    stream: Stream
    states: Tensor
    trained: Callable[[], Tensor]
    inputs: Callable[[], dict[str, Any]]
    nll: Callable[[Tensor, Tensor, Tensor], Tensor]


class Share(Protocol):
    """The tokens of a flat row that this rank runs, where several ranks share them: t of T. Losses of these ranks are
    added, and so are the gradients that go through what is put together."""

    def own(self, stream: Stream) -> Stream:
        """The stream with this rank's ids, positions and values; segments, targets and weights are those of the whole
        row."""
        ...

    def mine(self, at_P: Tensor) -> tuple[Tensor, Tensor]:
        """Which of some places (P,) of the row lie here (p,), and where among this rank's tokens (p,)."""
        ...

    def tokens(self, values_tX: Tensor) -> Tensor:
        """Values (T, ...) of all tokens, from those of each rank's own."""
        ...

    def places(self, values_pX: Tensor, mine_p: Tensor, count: int) -> Tensor:
        """Values (P, ...) of so many places, from those of each rank's own; a number () is added over ranks."""
        ...


class ModelFeature:
    """A feature has those of these methods that it needs; by default they change nothing.

    The loop, the model and its attention call them for whatever features a module carries, and know none of them.
    `parts` are submodules that it adds, by their names in the module: they are trained, sharded and stored with it, and
    no written model has them. One that is a single layer is a head. `gives` are quantities that `Model.run` has of it.
    """

    parts: ClassVar[tuple[str, ...]] = ()
    gives: ClassVar[frozenset[str]] = frozenset()

    def extend(self, module: nn.Module, dtype: torch.dtype, seed: int) -> None:
        """Add the `parts`, on torch's default device, to a module that is tuned already: on meta, and again with their
        starting values where it is made with values. Raises ModelError for a module that cannot have them."""

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

    def across(self, module: nn.Module, target: Stream, source: Stream) -> Around | None:
        """The same of layers whose target tokens see those of a source: their plan is a `CrossPlan`."""
        return None

    def share(self, stream: Stream) -> Share | None:
        """Which tokens of a packed row this rank runs; None: all."""
        return None

    def read(self, module: nn.Module, seen: Seen) -> Mapping[str, Tensor]:
        """The quantities that it `gives`, where one of them is wanted."""
        return {}

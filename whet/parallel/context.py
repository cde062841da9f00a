"""Context parallelism: ranks share the tokens of a packed row, and attention sees all of them (Ulysses).

Every rank runs the layers over its own tokens. Around attention ranks exchange tokens for heads: each then has all
tokens of some of the heads, so that whatever attention does (packed samples, windows, soft-caps, sinks) it does as
on one process (Jacobs et al. 2023, section 3.1).
"""

# T tokens  t those of this rank  P places  p those that lie here  H heads  h those of this rank  K head dim

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch import Tensor, nn

from whet.base.errors import DataError, ModelError
from whet.contracts.batch import Stream
from whet.contracts.feature import ModelFeature
from whet.kernels.attention import SegmentPlan
from whet.kernels.attention_spec import Form
from whet.kernels.collectives import exchanged, summed

if TYPE_CHECKING:
    from whet.contracts.feature import Around, Attend

AT, HINT = "parallel.context", "parallel.context=1"


@dataclass(frozen=True, slots=True)
class Context(ModelFeature):
    """The ranks of `group` share the tokens of every packed row, in runs of the same length."""

    group: dist.ProcessGroup

    def share(self, stream: Stream) -> Tokens:
        return Tokens(self.group, _sizes(stream.num_tokens, self.group.size()))

    def around(self, module: nn.Module, stream: Stream) -> Around:
        total = sum(segment.end - segment.start for segment in stream.segments)
        return Ulysses(self.group, _sizes(total, self.group.size()))

    def __deepcopy__(self, memo: object) -> Context:
        return self  # a copy of a module talks to the same ranks


@dataclass(frozen=True, slots=True)
class Tokens:
    """A rank's run of the tokens (contract: `whet.contracts.feature.Share`); `sizes` are those of all ranks."""

    group: dist.ProcessGroup
    sizes: Sequence[int]

    @property
    def here(self) -> slice:
        rank = self.group.rank()
        return slice(sum(self.sizes[:rank]), sum(self.sizes[: rank + 1]))

    def own(self, stream: Stream) -> Stream:
        return replace(stream, ids=stream.ids[self.here], positions=stream.positions[..., self.here])

    def mine(self, at_P: Tensor) -> tuple[Tensor, Tensor]:
        mine_p = ((at_P >= self.here.start) & (at_P < self.here.stop)).nonzero().squeeze(1)
        return mine_p, at_P[mine_p] - self.here.start

    def tokens(self, values_tX: Tensor) -> Tensor:
        places = torch.arange(self.here.start, self.here.stop, device=values_tX.device)
        return self.places(values_tX, places, sum(self.sizes))

    def places(self, values_pX: Tensor, mine_p: Tensor, count: int) -> Tensor:
        if not values_pX.dim():
            return summed(values_pX, self.group)
        if values_pX.dtype == torch.bool:
            return self.places(values_pX.int(), mine_p, count).bool()
        blank = values_pX.new_zeros(count, *values_pX.shape[1:])
        return summed(blank.index_copy(0, mine_p, values_pX), self.group)


@dataclass(frozen=True, slots=True)
class Ulysses:
    """Attention in which each rank computes some of the heads, over all tokens."""

    group: dist.ProcessGroup
    sizes: Sequence[int]

    def __call__(
        self, attend: Attend, layer: nn.Module, query: Tensor, key: Tensor, value: Tensor, plan: SegmentPlan, form: Form
    ) -> Tensor:
        ranks, rank = self.group.size(), self.group.rank()
        if form.bias is not None:
            raise ModelError(
                f"{type(layer).__name__} adds numbers to its scores that it counts by the tokens it has", at=AT,
                hint=HINT,
            )  # fmt: skip
        if (missing := ranks // key.shape[1]) > 1:  # heads that several ranks read
            key, value = (x.repeat_interleave(missing, dim=1) for x in (key, value))
        query, key, value = (self._heads(x) for x in (query, key, value))
        sinks, slopes = (None if one is None else one.chunk(ranks)[rank] for one in (form.sinks, form.slopes))
        return self._tokens(attend(query, key, value, plan, replace(form, sinks=sinks, slopes=slopes)))

    def _heads(self, x_HtK: Tensor) -> Tensor:
        """Some heads of all tokens (1, h, T, K), from all heads of some."""
        parts = x_HtK.chunk(self.group.size(), dim=1)
        shapes = [(1, parts[0].shape[1], size, x_HtK.shape[-1]) for size in self.sizes]
        return torch.cat(exchanged(parts, shapes, self.group), dim=2)

    def _tokens(self, y_ThK: Tensor) -> Tensor:
        """All heads of some tokens (1, t, H, K), from some heads of all."""
        own = self.sizes[self.group.rank()]
        shapes = [(1, own, *y_ThK.shape[2:])] * self.group.size()
        return torch.cat(exchanged(y_ThK.split(list(self.sizes), dim=1), shapes, self.group), dim=2)


def check_heads(heads: int, keys: int, ranks: int) -> None:
    """Raise ModelError, with the arithmetic, where `ranks` cannot share so many heads of attention."""
    if heads % ranks:
        raise ModelError(
            f"ranks of `parallel.context` share {heads} heads, and {heads} / {ranks} leaves a rest of {heads % ranks}",
            at=AT, hint=f"parallel.context={next(n for n in range(ranks, 0, -1) if heads % n == 0)}",
        )  # fmt: skip
    if keys % ranks and ranks % keys:
        raise ModelError(
            f"{keys} key heads and {ranks} ranks of `parallel.context` do not divide each other", at=AT,
            hint=f"parallel.context={next(n for n in range(ranks, 0, -1) if keys % n == 0)}",
        )  # fmt: skip


def _sizes(tokens: int, ranks: int) -> tuple[int, ...]:
    if tokens < ranks:
        raise DataError(
            f"a row has {tokens} tokens, and `parallel.context` deals them to {ranks} ranks", at=AT,
            hint=f"parallel.context={max(tokens, 1)}, or longer samples",
        )  # fmt: skip
    return tuple(tokens // ranks + (rank < tokens % ranks) for rank in range(ranks))

"""Context parallelism: ranks share the tokens of a packed row, and attention sees all of them.

Every rank runs the layers over its own tokens. By Ulysses (Jacobs et al. 2023, section 3.1) ranks exchange tokens for
heads around attention: each then has all tokens of some of the heads, so that whatever attention does (packed samples,
windows, soft-caps, sinks) it does as on one process. In a ring keys and values go from rank to rank instead. Both at
once (Fang and Zhao 2024, "USP", section 3): neighbours exchange tokens for heads, and a ring goes over such groups.
"""

# T tokens  t those of this rank  P places  p those that lie here  H heads  h those of this rank  K head dim

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from whet.base.errors import DataError, ModelError
from whet.base.parallel import Parallel
from whet.contracts.batch import Segment, Stream
from whet.contracts.feature import ModelFeature
from whet.kernels.attention import SegmentPlan
from whet.kernels.attention_spec import Form
from whet.kernels.collectives import exchanged, joined, summed
from whet.kernels.cross import CrossPlan
from whet.kernels.ring import Ring, ring_attention
from whet.models.forward.backbone import unwrapped
from whet.models.forward.encoder_decoder import RELATIVE

if TYPE_CHECKING:
    from whet.contracts.feature import Around, Attend

AT, HINT = "parallel.context", "parallel.context=1"
Runs = Sequence[slice]  # what a rank has of a row


@dataclass(frozen=True, slots=True)
class Context(ModelFeature):
    """The ranks of `group` share the tokens of every packed row.

    Around attention those of `heads`, which are neighbours, exchange tokens for heads, and keys go round those of
    `ring`; either is None where there is no such exchange.
    """

    group: dist.ProcessGroup
    heads: dist.ProcessGroup | None
    ring: dist.ProcessGroup | None

    def share(self, stream: Stream) -> Tokens:
        return Tokens(self.group, self._runs(stream.num_tokens))

    def around(self, module: nn.Module, stream: Stream) -> Around:
        places = self._places(stream)
        ring = None if self.ring is None else RingOfKeys(self.ring, [_joined(place) for place in places])
        own = places[self._place]
        return self._exchange(own, own, ring)

    def across(self, module: nn.Module, target: Stream, source: Stream) -> Around:
        written, read = self._places(target), self._places(source)
        ring = None
        if self.ring is not None:
            ring = GatheredKeys(self.ring, _joined(written[self._place]), [_joined(place) for place in read])
        return self._exchange(written[self._place], read[self._place], ring)

    def _exchange(self, queries: Sequence[Runs], keys: Sequence[Runs], ring: Around | None) -> Around:
        if self.heads is None:
            assert ring is not None
            return ring
        return Ulysses(self.heads, queries, keys, ring)

    def _places(self, stream: Stream) -> list[Sequence[Runs]]:
        """What the ranks of each place in the ring have of a stream."""
        runs, near = self._runs(sum(segment.end - segment.start for segment in stream.segments)), self._sharing
        return [runs[first : first + near] for first in range(0, len(runs), near)]

    @property
    def _place(self) -> int:
        return self.group.rank() // self._sharing

    @property
    def _sharing(self) -> int:
        return 1 if self.heads is None else self.heads.size()

    def _runs(self, tokens: int) -> Sequence[Runs]:
        """What each rank has of a row. In a ring each place has an early and a late part of it, which see as much
        together as those of any other; its ranks share the two."""
        ranks, near = self.group.size(), self._sharing
        places, each = ranks // near, 2 if self.ring is not None else 1
        if tokens < (least := each * ranks):
            raise DataError(
                f"a row has {tokens} tokens, and `parallel.context` deals them to {ranks} ranks, which takes {least}",
                at=AT, hint=f"parallel.context={max(tokens // each, 1)}, or longer samples",
            )  # fmt: skip
        edges = [tokens * number // least for number in range(least + 1)]
        runs = [slice(*pair) for pair in zip(edges, edges[1:], strict=False)]
        found = []
        for place in range(places):
            early, late = (slice(at * near, (at + 1) * near) for at in (place, each * places - 1 - place))
            held = [*runs[early], *(runs[late] if each > 1 else ())]
            found += [_joined([held[each * rank : each * (rank + 1)]]) for rank in range(near)]
        return found

    def __deepcopy__(self, memo: object) -> Context:
        return self  # a copy of a module talks to the same ranks


@dataclass(frozen=True, slots=True)
class Tokens:
    """A rank's tokens (contract: `whet.contracts.feature.Share`); `runs` are those of all ranks."""

    group: dist.ProcessGroup
    runs: Sequence[Sequence[slice]]

    @property
    def here(self) -> Sequence[slice]:
        return self.runs[self.group.rank()]

    def own(self, stream: Stream) -> Stream:
        ids, positions = (torch.cat([x[..., run] for run in self.here], -1) for x in (stream.ids, stream.positions))
        values = {name: torch.cat([x[run] for run in self.here]) for name, x in stream.values.items()}
        return replace(stream, ids=ids, positions=positions, values=values)

    def mine(self, at_P: Tensor) -> tuple[Tensor, Tensor]:
        place_P, first = torch.full_like(at_P, -1), 0
        for run in self.here:
            is_here = (at_P >= run.start) & (at_P < run.stop)
            place_P, first = torch.where(is_here, at_P - run.start + first, place_P), first + run.stop - run.start
        mine_p = (place_P >= 0).nonzero().squeeze(1)
        return mine_p, place_P[mine_p]

    def tokens(self, values_tX: Tensor) -> Tensor:
        places = torch.cat([torch.arange(run.start, run.stop, device=values_tX.device) for run in self.here])
        return self.places(values_tX, places, max(run.stop for runs in self.runs for run in runs))

    def places(self, values_pX: Tensor, mine_p: Tensor, count: int) -> Tensor:
        if not values_pX.dim():
            return summed(values_pX, self.group)
        if values_pX.dtype == torch.bool:
            return self.places(values_pX.int(), mine_p, count).bool()
        blank = values_pX.new_zeros(count, *values_pX.shape[1:])
        return summed(blank.index_copy(0, mine_p, values_pX), self.group)


@dataclass(frozen=True, slots=True)
class Ulysses:
    """Attention in which each rank computes some of the heads, over all tokens, or those of its place in a `ring`: of
    the `queries`, and of the `keys` that they see."""

    group: dist.ProcessGroup
    queries: Sequence[Runs]
    keys: Sequence[Runs]
    ring: Around | None

    def __call__(
        self, attend: Attend, layer: nn.Module, query: Tensor, key: Tensor, value: Tensor, plan: Any, form: Form
    ) -> Tensor:
        ranks, rank = self.group.size(), self.group.rank()
        if form.bias is not None and not hasattr(layer, RELATIVE):
            raise ModelError(
                f"{type(layer).__name__} adds numbers to its scores that it counts by the tokens it has", at=AT,
                hint=HINT,
            )  # fmt: skip
        bias = form.bias if form.bias is None or form.bias.shape[1] == 1 else form.bias.chunk(ranks, dim=1)[rank]
        if (missing := ranks // key.shape[1]) > 1:  # heads that several ranks read
            key, value = (x.repeat_interleave(missing, dim=1) for x in (key, value))
        query = self._heads(query, self.queries)
        key, value = (self._heads(x, self.keys) for x in (key, value))
        sinks, slopes = (None if one is None else one.chunk(ranks)[rank] for one in (form.sinks, form.slopes))
        run = attend if self.ring is None else partial(self.ring, attend, layer)
        return self._tokens(run(query, key, value, plan, replace(form, sinks=sinks, slopes=slopes, bias=bias)))

    def _heads(self, x_HtK: Tensor, runs: Sequence[Runs]) -> Tensor:
        """Some heads of all tokens (1, h, T, K), from all heads of some."""
        parts = x_HtK.chunk(self.group.size(), dim=1)
        shapes = [(1, parts[0].shape[1], size, x_HtK.shape[-1]) for size in map(_size, runs)]
        return torch.cat(exchanged(parts, shapes, self.group), dim=2)

    def _tokens(self, y_ThK: Tensor) -> Tensor:
        """All heads of some tokens (1, t, H, K), from some heads of all."""
        sizes = list(map(_size, self.queries))
        own = sizes[self.group.rank()]
        shapes = [(1, own, *y_ThK.shape[2:])] * self.group.size()
        return torch.cat(exchanged(y_ThK.split(sizes, dim=1), shapes, self.group), dim=2)


@dataclass(frozen=True, slots=True)
class RingOfKeys:
    """Attention in which keys and values go from rank to rank."""

    group: dist.ProcessGroup
    runs: Sequence[Sequence[slice]]

    def __call__(
        self, attend: Attend, layer: nn.Module, query: Tensor, key: Tensor, value: Tensor, plan: SegmentPlan, form: Form
    ) -> Tensor:
        if form.bias is not None:
            raise ModelError(
                f"{type(layer).__name__} adds numbers to its scores, which a ring does not", at=AT, hint=HINT
            )
        return ring_attention(query, key, value, plan.segments, form, Ring(self.group, self.runs))


@dataclass(frozen=True, slots=True)
class GatheredKeys:
    """Attention of this rank's tokens of a target, in the runs `own`, over those of a source, whose keys and values of
    all ranks, which have the runs `read`, are gathered: a source is short, and each layer of the decoder reads it."""

    group: dist.ProcessGroup
    own: Runs
    read: Sequence[Runs]

    def __call__(
        self, attend: Attend, layer: nn.Module, query: Tensor, key: Tensor, value: Tensor, plan: CrossPlan, form: Form
    ) -> Tensor:
        pieces = [
            (min(run.stop, segment.end) - max(run.start, segment.start), source)
            for run in self.own
            for segment, source in zip(plan.targets, plan.sources, strict=True)
            if max(run.start, segment.start) < min(run.stop, segment.end)
        ]
        places = [torch.arange(source.start, source.end) for _, source in pieces]
        key, value = (self._all(x).index_select(2, torch.cat(places).to(x.device)) for x in (key, value))
        own, read = [size for size, _ in pieces], [source.end - source.start for _, source in pieces]
        return attend(query, key, value, CrossPlan(_segments(own), _segments(read)), form)

    def _all(self, x_HsK: Tensor) -> Tensor:
        """Those of all ranks (1, H, S, K), in the order of the row."""
        rows = joined(x_HsK[0].transpose(0, 1), list(map(_size, self.read)), self.group)
        places = torch.cat([torch.arange(run.start, run.stop) for runs in self.read for run in runs])
        return rows.index_select(0, places.argsort().to(rows.device)).transpose(0, 1)[None]


def _segments(sizes: Sequence[int]) -> list[Segment]:
    """One behind the other."""
    ends = list(accumulate(sizes))
    return [Segment(end - size, end) for size, end in zip(sizes, ends, strict=True)]


def _size(runs: Runs) -> int:
    return sum(run.stop - run.start for run in runs)


def _joined(of_ranks: Sequence[Sequence[slice]]) -> list[slice]:
    """The runs of several ranks, in their order; those that follow each other are one."""
    found: list[slice] = []
    for run in (run for runs in of_ranks for run in runs):
        if found and found[-1].stop == run.start:
            run = slice(found.pop().start, run.stop)
        found.append(run)
    return found


def least_tokens(by: str, ranks: int) -> int:
    """Tokens that a row must have for ranks to share it."""
    return (1 if by == "ulysses" else 2) * ranks if ranks > 1 else 1


def sharing_heads(settings: Parallel, heads: int, keys: int) -> int:
    """How many of the ranks of `parallel.context`, neighbours, exchange tokens for heads: the others form rings.

    Raises ModelError, with the arithmetic, where they cannot share so many heads of attention and of keys.
    """
    context = settings.context
    if settings.context_by == "ring":
        return 1
    if settings.context_by == "ulysses":
        _check_heads(heads, keys, context, ", or parallel.context_by=ring")
        return context
    fitting = (n for n in range(context // 2, 1, -1) if context % n == heads % n == 0 == min(keys % n, n % keys))
    sharing = next(fitting, 0) if settings.context_heads == "auto" else settings.context_heads
    if not 1 < sharing < context or context % sharing:
        raise ModelError(
            f"`context_by: both` makes rings of ranks that share heads, and {context} ranks do not factor so with "
            f"{heads} heads and {keys} of keys", at="parallel.context_by", hint="parallel.context_by=ring",
        )  # fmt: skip
    _check_heads(heads, keys, sharing)
    return sharing


def _check_heads(heads: int, keys: int, ranks: int, instead: str = "") -> None:
    """Raise ModelError, with the arithmetic, where `ranks` cannot share so many heads of attention."""
    if heads % ranks:
        raise ModelError(
            f"ranks of `parallel.context` share {heads} heads, and {heads} / {ranks} leaves a rest of {heads % ranks}",
            at=AT, hint=f"parallel.context={next(n for n in range(ranks, 0, -1) if heads % n == 0)}{instead}",
        )  # fmt: skip
    if keys % ranks and ranks % keys:
        raise ModelError(
            f"{keys} key heads and {ranks} ranks of `parallel.context` do not divide each other", at=AT,
            hint=f"parallel.context={next(n for n in range(ranks, 0, -1) if keys % n == 0)}{instead}",
        )  # fmt: skip


def check_biases(module: nn.Module, is_ring: bool) -> None:
    """Raise ModelError where a ring of keys would pass layers that add a number for each distance to their scores."""
    if is_ring and any(getattr(part, RELATIVE, False) for part in module.modules()):
        raise ModelError(
            f"{type(unwrapped(module)).__name__} adds a number for each distance to its scores, which a ring does not",
            at="parallel.context_by", hint="parallel.context_by=ulysses",
        )  # fmt: skip


def check_positions(kinds: Iterable[str]) -> None:
    """Raise ModelError where rotary embeddings, of these kinds, turn tokens by the length of the whole sample."""
    for kind in kinds:
        raise ModelError(
            f"`{kind}` embeddings turn tokens by the length of their sample, of which a rank of `parallel.context` has "
            "a part", at=AT, hint=HINT,
        )  # fmt: skip

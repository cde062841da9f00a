"""Ring attention: ranks hold tokens of a packed row, and keys and values go round (Liu et al. 2023, algorithm 1).

Each rank keeps its queries. Of every block of keys that comes by it computes what its queries see, and merges it into
a running softmax; in the backward pass blocks go round once more, and take their gradients along. No rank ever has
more keys than two of its own blocks, and no scores but those of one tile.
"""

# H heads  G heads of keys and values  t tokens of this rank  Q queries  S keys of a tile  K head dim

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from whet.base.seeds import derive
from whet.contracts.batch import Segment
from whet.kernels.attention_spec import Form
from whet.kernels.wide import wide

# Queries of a tile: its scores are at most so many times the keys of a block.
TILE = 1024


@dataclass(frozen=True)
class Ring:
    """The `runs` of a flat row, by start and stop, that each rank of the group holds, in the order it holds them."""

    group: dist.ProcessGroup
    runs: Sequence[Sequence[slice]]

    @property
    def rank(self) -> int:
        return self.group.rank()

    @cached_property
    def sizes(self) -> list[int]:
        """Tokens of each rank."""
        return [sum(run.stop - run.start for run in runs) for runs in self.runs]

    def passed(self, block: Tensor, source: int) -> tuple[Tensor, Sequence[Any]]:
        """Send a rank's block (..., t, K) to the next rank. Gives where the one before `source`'s will lie, and what to
        wait for."""
        ranks = self.group.size()
        found = block.new_empty(*block.shape[:-2], self.sizes[(source - 1) % ranks], block.shape[-1])
        after, before = (dist.get_global_rank(self.group, (self.rank + step) % ranks) for step in (1, -1))
        moves = [dist.P2POp(dist.isend, block, after, self.group), dist.P2POp(dist.irecv, found, before, self.group)]
        return found, dist.batch_isend_irecv(moves)


@dataclass(frozen=True, slots=True)
class Tile:
    """Queries and keys, by their places among two ranks' own tokens, of which some see some: `first_query` and
    `first_key` are their positions in their sample."""

    queries: slice
    keys: slice
    first_query: int
    first_key: int
    is_causal: bool

    def mask(self, window: int | None, device: torch.device) -> Tensor | None:
        """Which keys each query sees (Q, S); None: all."""
        num_queries, num_keys = self.queries.stop - self.queries.start, self.keys.stop - self.keys.start
        query_Q1 = torch.arange(self.first_query, self.first_query + num_queries, device=device)[:, None]
        distance_QS = query_Q1 - torch.arange(self.first_key, self.first_key + num_keys, device=device)
        if not self.is_causal:
            return None if window is None else distance_QS.abs() <= window
        nearest, farthest = self.first_query - self.first_key - num_keys + 1, num_queries + self.first_query - 1
        if nearest >= 0 and (window is None or farthest - self.first_key < window):
            return None
        return (distance_QS >= 0) if window is None else (distance_QS >= 0) & (distance_QS < window)


def tiles(segments: Sequence[Segment], own: Sequence[slice], other: Sequence[slice], window: int | None) -> list[Tile]:
    """Of the tokens in the runs `own`, those that see tokens in the runs `other`, tile by tile."""
    found = []
    for segment in segments:
        prefix = segments[segment.prefix] if segment.prefix >= 0 else Segment(0, 0)
        before = prefix.end - prefix.start
        seen = ((prefix, 0), (segment, before)) if before else ((segment, 0),)
        for place, part in _within(segment, own):
            for read, base in seen:
                for at, keys in _within(read, other):
                    tile = Tile(
                        place, at, before + part - segment.start, base + keys - read.start, segment.kind == "causal"
                    )
                    found += [piece for piece in _cut(tile) if _sees(piece, window)]
    return found


def ring_attention(
    query_HtK: Tensor, key_GtK: Tensor, value_GtK: Tensor, segments: Sequence[Segment], form: Form, ring: Ring
) -> Tensor:
    """Attention (1, t, H, K) of this rank's queries (1, H, t, K) over all tokens of their samples, on every rank.

    Softmax and sums are float32 or wider. Windows, soft-caps, sinks, ALiBi and shared prefixes are as in
    `segment_attention`, the reference; a bias on scores is not. Each rank drops out what its own queries read, by one
    number that it draws from the default generator, so that nothing of the masks is kept or sent.
    """
    plans = [tiles(segments, ring.runs[ring.rank], runs, form.window) for runs in ring.runs]
    with torch.autocast(query_HtK.device.type, enabled=False):  # it would narrow the products of what was widened
        output = _Ring.apply(query_HtK[0], key_GtK[0], value_GtK[0], form.sinks, form, ring, plans)
    return output.transpose(0, 1)[None]


def _within(segment: Segment, runs: Sequence[slice]) -> Iterator[tuple[slice, int]]:
    """Where in a rank's own tokens those of a segment lie, and at which place of the row they begin."""
    first = 0
    for run in runs:
        start, stop = max(run.start, segment.start), min(run.stop, segment.end)
        if start < stop:
            yield slice(first + start - run.start, first + stop - run.start), start
        first += run.stop - run.start


def _cut(tile: Tile) -> Iterator[Tile]:
    for start in range(tile.queries.start, tile.queries.stop, TILE):
        queries = slice(start, min(start + TILE, tile.queries.stop))
        yield Tile(queries, tile.keys, tile.first_query + start - tile.queries.start, tile.first_key, tile.is_causal)


def _sees(tile: Tile, window: int | None) -> bool:
    """Whether any query of a tile sees any key."""
    last_query = tile.first_query + tile.queries.stop - tile.queries.start - 1
    last_key = tile.first_key + tile.keys.stop - tile.keys.start - 1
    if tile.is_causal:
        return last_query >= tile.first_key and (window is None or tile.first_query - last_key < window)
    return window is None or (tile.first_query - last_key <= window and tile.first_key - last_query <= window)


@dataclass(frozen=True, slots=True)
class _Scores:
    """Scores of tiles, and what their gradient is by the product of query and key."""

    form: Form
    scale: float

    def of(self, query_HQK: Tensor, key_GSK: Tensor, tile: Tile) -> tuple[Tensor, Tensor | None]:
        """Scores (H, Q, S), -inf where a query does not see a key, and the soft-cap's slope."""
        scores_HQS = _by_group(query_HQK, key_GSK.transpose(1, 2)) * self.scale
        slope = None
        if self.form.softcap is not None:
            bent = torch.tanh(scores_HQS / self.form.softcap)
            scores_HQS, slope = bent * self.form.softcap, 1 - bent.square()
        if self.form.slopes is not None:
            places_S = torch.arange(tile.first_key, tile.first_key + key_GSK.shape[1], device=key_GSK.device)
            scores_HQS = scores_HQS + self.form.slopes.to(scores_HQS)[:, None, None] * places_S
        mask_QS = tile.mask(self.form.window, query_HQK.device)
        return scores_HQS if mask_QS is None else scores_HQS.masked_fill(~mask_QS, -torch.inf), slope


@dataclass(frozen=True, slots=True)
class _Dropout:
    """What a rank's queries read less of: a function of its `seed` and of the rank whose keys they are, so that the
    backward pass finds it again."""

    rate: float
    seed: int

    @classmethod
    def of(cls, form: Form) -> _Dropout:
        return cls(form.dropout, int(torch.randint(2**62, ())) if form.dropout else 0)

    def factors(self, source: int, device: torch.device) -> Callable[[Tensor], Tensor | float]:
        """What gives, tile by tile in the order of a plan, the factor of each probability (H, Q, S)."""
        if not self.rate:
            return lambda probs_HQS: 1.0
        draws = torch.Generator(device).manual_seed(derive(self.seed, source))
        return lambda probs: torch.empty_like(probs).bernoulli_(1 - self.rate, generator=draws).div_(1 - self.rate)


class _Ring(Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, sinks: Tensor | None, form, ring: Ring, plans):
        kind = wide(query.dtype)
        scores = _Scores(form, form.scale if form.scale is not None else query.shape[-1] ** -0.5)
        # Sinks are scores that take probability, and give nothing.
        first_H = query.new_full(query.shape[:1], -torch.inf) if sinks is None else sinks
        top_Ht = first_H.to(kind)[:, None].repeat(1, query.shape[1])
        total_Ht = torch.full_like(top_Ht, 0.0 if sinks is None else 1.0)
        output_HtK, dropout = query.new_zeros(*query.shape[:2], value.shape[-1], dtype=kind), _Dropout.of(form)
        for source, both in _round(ring, torch.cat([key, value], -1)):
            key_GSK, value_GSK = both.split([key.shape[-1], value.shape[-1]], -1)
            factor = dropout.factors(source, query.device)
            for tile in plans[source]:
                at = tile.queries
                found, _ = scores.of(query[:, at].to(kind), key_GSK[:, tile.keys].to(kind), tile)
                top = torch.maximum(top_Ht[:, at], found.amax(-1)).clamp(min=torch.finfo(kind).min)
                probs, kept = (found - top[..., None]).exp_(), (top_Ht[:, at] - top).exp_()
                total_Ht[:, at] = total_Ht[:, at] * kept + probs.sum(-1)
                read = _by_group(probs * factor(probs), value_GSK[:, tile.keys].to(kind))
                output_HtK[:, at] = output_HtK[:, at] * kept[..., None] + read
                top_Ht[:, at] = top
        output_HtK /= total_Ht[..., None]
        ctx.save_for_backward(query, key, value, sinks, output_HtK, top_Ht + total_Ht.log())
        ctx.scores, ctx.ring, ctx.plans, ctx.dropout = scores, ring, plans, dropout
        return output_HtK.to(query.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_HtK: Tensor):
        query, key, value, sinks, output_HtK, lse_Ht = ctx.saved_tensors
        kind, width = output_HtK.dtype, key.shape[-1]
        grad_HtK, query_grad = grad_HtK.to(kind), torch.zeros_like(query, dtype=kind)
        shift_Ht = (grad_HtK * output_HtK).sum(-1)
        held, source = torch.cat([key, value], -1).contiguous(), ctx.ring.rank
        grads = torch.zeros_like(held, dtype=kind)
        ranks = ctx.ring.group.size()
        for step in range(ranks):
            coming, waiting = ctx.ring.passed(held, source) if step < ranks - 1 else (held, ())
            factor = ctx.dropout.factors(source, query.device)
            for tile in ctx.plans[source]:
                at, keys = tile.queries, tile.keys
                key_GSK, value_GSK = held[:, keys].to(kind).split([width, value.shape[-1]], -1)
                query_HQK, out_grad = query[:, at].to(kind), grad_HtK[:, at]
                found, slope = ctx.scores.of(query_HQK, key_GSK, tile)
                probs = (found - lse_Ht[:, at, None]).exp_()
                kept = factor(probs)
                grads[:, keys, width:] += _over_group(probs * kept, out_grad, len(key))
                below = probs * (kept * _by_group(out_grad, value_GSK.transpose(1, 2)) - shift_Ht[:, at, None])
                below = (below if slope is None else below * slope) * ctx.scores.scale
                query_grad[:, at] += _by_group(below, key_GSK)
                grads[:, keys, :width] += _over_group(below, query_HQK, len(key))
            _wait(waiting)
            grads, waiting = ctx.ring.passed(grads, source)  # to whoever has the block next, and at last to its owner
            _wait(waiting)
            held, source = coming, (source - 1) % ranks
        own = grads.to(key.dtype)
        sink_grad = None
        if sinks is not None:
            sink_grad = -((sinks.to(kind)[:, None] - lse_Ht).exp() * shift_Ht).sum(-1).to(sinks.dtype)
        return query_grad.to(query.dtype), own[..., :width], own[..., width:], sink_grad, None, None, None


def _round(ring: Ring, block: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Every rank's block, this one's first, with the rank that it is of; the next one is on its way meanwhile."""
    ranks, block = ring.group.size(), block.contiguous()
    for step in range(ranks):
        source = (ring.rank - step) % ranks
        coming, waiting = ring.passed(block, source) if step < ranks - 1 else (block, ())
        yield source, block
        _wait(waiting)
        block = coming


def _wait(sent: Sequence[Any]) -> None:
    for one in sent:
        one.wait()


def _by_group(rows_HQX: Tensor, matrix_GXY: Tensor) -> Tensor:
    """Each head's rows times the matrix of its group (H, Q, Y)."""
    heads, num_rows, width = rows_HQX.shape
    groups = matrix_GXY.shape[0]
    return (rows_HQX.reshape(groups, -1, width) @ matrix_GXY).view(heads, num_rows, -1)


def _over_group(left_HQS: Tensor, right_HQK: Tensor, groups: int) -> Tensor:
    """left' x right (G, S, K), added over the heads and rows of each group."""
    left = left_HQS.reshape(groups, -1, left_HQS.shape[-1])
    return left.transpose(1, 2) @ right_HQK.reshape(groups, -1, right_HQK.shape[-1])

"""Attention of one token a sequence over blocks as they lie, without a copy of those that one sequence alone holds.

Products over all blocks at once, of each block with the query of who holds it, and then the parts of each sequence put
together by their largest scores (as flash decoding has it: Dao et al. 2023). Padding all sequences to one length reads
what nobody wrote; gathering their blocks first writes everything once more, which took 3 to 10 times as long (64
sequences of 150 tokens).
"""

# N sequences  H key heads  G queries a key head  K head dim  M blocks  B tokens of a block  O holders  P parts

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from whet.kernels.attention_spec import Form
from whet.models.decoding.blocks import Layer, Table

# Blocks that nobody asks for are read along, where there are so few between two that somebody does: a call more would
# take longer.
_GAP = 2
# Spans of so few blocks are copied side by side instead: a product a span would take longer.
_FEW = 2
_LOWEST = -1e30


@dataclass(frozen=True, slots=True)
class _Run:
    """Blocks from `start` to `end` that several hold, whose first token is their `place`-th: who (O), and which of
    the tokens each sees (O, S)."""

    start: int
    end: int
    place: int
    holders_O: Tensor
    seen_OS: Tensor


class BlockPlan:
    """Which blocks each of N sequences sees: those of one holder, and those that several hold, which are read once."""

    def __init__(
        self, tables: Sequence[Table], ends: Sequence[int], window: int | None, size: int, device: torch.device
    ) -> None:
        """`ends` are the lengths of the sequences, the last token of which is the one that asks."""
        self.num, self.size, self._window = len(tables), size, window
        self._ends_N = torch.tensor([*ends, 0], device=device)  # the last is nobody, who sees nothing
        holders: dict[int, list[tuple[int, int]]] = {}
        for number, (table, end) in enumerate(zip(tables, ends, strict=True)):
            first = 0 if window is None else max(0, end - window) // size
            for place in range(first, table.end):
                holders.setdefault(table.ids[place - table.first], []).append((number, place))
        own = sorted((block, *held[0]) for block, held in holders.items() if len(held) == 1)
        self.spans, owners, places = _spans(own, self.num)
        self.copied_M: Tensor | None = None
        if len(self.spans) > 1 and len(owners) <= _FEW * len(self.spans):
            blocks, owners, places = (list(column) for column in zip(*own, strict=True))
            self.copied_M = torch.tensor(blocks, device=device)
        self.owner_M = torch.tensor(owners, dtype=torch.long, device=device)
        self.base_M = torch.tensor(places, device=device) * size
        self.seen_MB = self._seen(self.owner_M, self.base_M[:, None] + torch.arange(size, device=device))
        self.runs = [self._run(found) for found in _shared(holders)]
        self.owner_P = torch.cat([self.owner_M, *(run.holders_O for run in self.runs)])

    def ages(self, owner_M: Tensor, places: Tensor) -> Tensor:
        """How far before the token that asks each of these is, for ALiBi."""
        return places - self._ends_N[owner_M][:, None] + 1

    def _seen(self, owner_M: Tensor, places: Tensor) -> Tensor:
        end_M1 = self._ends_N[owner_M][:, None]
        seen = places < end_M1
        return seen if self._window is None else seen & (places >= end_M1 - self._window)

    def _run(self, found: tuple[tuple[int, ...], int, int, int]) -> _Run:
        holders, start, end, place = found
        holders_O = torch.tensor(holders, device=self._ends_N.device)
        places_S = torch.arange(place * self.size, (place + end - start) * self.size, device=holders_O.device)
        return _Run(start, end, place * self.size, holders_O, self._seen(holders_O, places_S[None]))


def _spans(blocks: Sequence[tuple[int, int, int]], nobody: int) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """Blocks by number, with holder and place, as spans with few others between them: from where to where, who asks
    for each of all their blocks, and at which place."""
    spans: list[tuple[int, int]] = []
    owners, places = list[int](), list[int]()
    for block, owner, place in blocks:
        start, end = spans[-1] if spans else (block, block)
        between = block - end
        if spans and between <= _GAP:
            spans[-1] = (start, block + 1)
            owners += [nobody] * between
            places += [0] * between
        else:
            spans.append((block, block + 1))
        owners.append(owner)
        places.append(place)
    return spans, owners, places


def _shared(holders: dict[int, list[tuple[int, int]]]) -> list[tuple[tuple[int, ...], int, int, int]]:
    """Blocks side by side that the same ones hold, at places side by side: who, from where to where, first place."""
    several = sorted(
        (tuple(number for number, _ in held), held[0][1], block) for block, held in holders.items() if len(held) > 1
    )
    found = []
    for (who, *_), blocks in groupby(
        enumerate(several), lambda one: (one[1][0], one[1][1] - one[0], one[1][2] - one[0])
    ):
        own = [one for _, one in blocks]
        found.append((who, own[0][2], own[-1][2] + 1, own[0][1]))
    return found


def block_attention(query_NHK: Tensor, layer: Layer, plan: BlockPlan, form: Form) -> Tensor:
    """Attention (N, H x G, K) of a token a sequence; queries may be of more heads than keys."""
    _, heads, size, dim = layer.keys.shape
    scale = form.scale if form.scale is not None else dim**-0.5
    # The last row is nobody's.
    query_NHGK = query_NHK.new_zeros(plan.num + 1, heads, query_NHK.shape[1] // heads, dim)
    torch.mul(query_NHK.view(plan.num, *query_NHGK.shape[1:]), scale, out=query_NHGK[:-1])
    slopes_HG = None if form.slopes is None else form.slopes.to(query_NHK.dtype).view(heads, -1)
    parts = [_singles(query_NHGK, layer, plan, form.softcap, slopes_HG)] if len(plan.owner_M) else []
    parts += [_several(query_NHGK, layer, plan, run, form.softcap, slopes_HG) for run in plan.runs]
    return _joined(parts, plan, form)[:-1].flatten(1, 2)


# Of each part its largest score (P, H, G), the sum of its weights, and the sum of its values by them (P, H, G, K).
_Found = tuple[Tensor, Tensor, Tensor]


def _singles(
    query_NHGK: Tensor, layer: Layer, plan: BlockPlan, softcap: float | None, slopes_HG: Tensor | None
) -> _Found:
    """Blocks that one holds: a product a span."""
    query_MHGK = query_NHGK[plan.owner_M]
    count, heads, groups, dim = query_MHGK.shape
    scores_MHGB = query_NHGK.new_empty(count, heads, groups, plan.size)
    values_MHGK = query_NHGK.new_empty(count, heads, groups, layer.values.shape[-1])
    keys_MHBK, values_MHBK, at = _blocks(layer, plan)
    for (start, end), (here, there) in at:
        _products(query_MHGK[here:there], keys_MHBK[start:end].transpose(2, 3), scores_MHGB[here:there])
    ages = None
    if slopes_HG is not None:
        ages = plan.ages(plan.owner_M, plan.base_M[:, None] + torch.arange(plan.size, device=plan.base_M.device))
        ages = ages[:, None, None] * slopes_HG[None, :, :, None]
    largest, sums = _weighed(scores_MHGB, plan.seen_MB[:, None, None], softcap, ages)
    for (start, end), (here, there) in at:
        _products(scores_MHGB[here:there], values_MHBK[start:end], values_MHGK[here:there])
    return largest, sums, values_MHGK


def _products(left: Tensor, right: Tensor, out: Tensor) -> None:
    """Products of the last two dimensions, all in one call: two threads read 30 GB/s by it where a call a head has
    them read 13."""
    torch.bmm(left.flatten(0, 1), right.flatten(0, 1), out=out.view(-1, *out.shape[2:]))


_Spans = list[tuple[tuple[int, int], tuple[int, int]]]


def _blocks(layer: Layer, plan: BlockPlan) -> tuple[Tensor, Tensor, _Spans]:
    """Keys and values, and which spans of their blocks are read, and where they are among all that are read: as they
    lie, or copied side by side."""
    if plan.copied_M is not None:
        keys, values = layer.keys[plan.copied_M], layer.values[plan.copied_M]
        return keys, values, [((0, len(keys)), (0, len(keys)))]
    found: _Spans = []
    here = 0
    for start, end in plan.spans:
        found.append(((start, end), (here, here + end - start)))
        here += end - start
    return layer.keys, layer.values, found


def _several(
    query_NHGK: Tensor, layer: Layer, plan: BlockPlan, run: _Run, softcap: float | None, slopes_HG: Tensor | None
) -> _Found:
    """Blocks that several hold: their queries side by side, in one product a head over a copy. Products over blocks as
    they lie took 1.3 times as long (8 holders of 9 blocks)."""
    _, heads, groups, dim = query_NHGK.shape
    num = len(run.holders_O)
    keys_HSK, values_HSK = (
        store[run.start : run.end].transpose(0, 1).flatten(1, 2) for store in (layer.keys, layer.values)
    )
    query_HQK = query_NHGK[run.holders_O].transpose(0, 1).reshape(heads, num * groups, dim)
    scores_HOGS = torch.bmm(query_HQK, keys_HSK.transpose(1, 2)).view(heads, num, groups, -1)
    ages = None
    if slopes_HG is not None:
        places_S = torch.arange(scores_HOGS.shape[-1], device=query_NHGK.device)
        ages = plan.ages(run.holders_O, places_S[None] + run.place)[:, None] * slopes_HG[:, None, :, None]
    largest, sums = _weighed(scores_HOGS, run.seen_OS[:, None], softcap, ages)
    values_HOGK = torch.bmm(scores_HOGS.view(heads, num * groups, -1), values_HSK).view(heads, num, groups, -1)
    return largest.transpose(0, 1), sums.transpose(0, 1), values_HOGK.transpose(0, 1)


def _weighed(scores: Tensor, seen: Tensor, softcap: float | None, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """Make weights of scores in place, against the largest one; gives that, and their sum."""
    if softcap is not None:
        scores.div_(softcap).tanh_().mul_(softcap)
    if bias is not None:
        scores += bias
    scores.masked_fill_(~seen, _LOWEST)
    largest = scores.amax(-1)
    scores.sub_(largest[..., None]).exp_()
    return largest, scores.sum(-1)


def _joined(parts: Sequence[_Found], plan: BlockPlan, form: Form) -> Tensor:
    """Each sequence's values (N + 1, H, G, K), of its parts by their weights."""
    largest, sums, values = (torch.cat(found) if len(parts) > 1 else found[0] for found in zip(*parts, strict=True))
    heads, groups = largest.shape[1:]
    index = plan.owner_P[:, None, None].expand_as(largest)
    top_NHG = largest.new_full((plan.num + 1, heads, groups), _LOWEST)
    sinks_NHG = None
    if form.sinks is not None:  # a score that takes weight and gives no value
        sinks_NHG = form.sinks.to(largest.dtype).view(1, heads, groups).expand_as(top_NHG)
        top_NHG.copy_(sinks_NHG)
    top_NHG.scatter_reduce_(0, index, largest, "amax")
    weight_PHG = largest.sub_(top_NHG[plan.owner_P]).exp_()
    total_NHG = torch.zeros_like(top_NHG).index_add_(0, plan.owner_P, sums.mul_(weight_PHG))
    if sinks_NHG is not None:
        total_NHG += (sinks_NHG - top_NHG).exp_()
    output = values.new_zeros(plan.num + 1, heads, groups, values.shape[-1])
    output.index_add_(0, plan.owner_P, values.mul_(weight_PHG[..., None]))
    return output.div_(total_NHG[..., None])

"""log p of the trained tokens of samples, many samples in one packed forward."""

# T tokens  P scored positions

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch

from whet.base.errors import ModelError
from whet.contracts.batch import Batch, Segment, Stream
from whet.contracts.model import Loaded
from whet.contracts.sample import Sample
from whet.data.order.collate import TARGET, collate
from whet.evaluate.result import Watch
from whet.generate.eval_mode import borrowed

BATCH_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class Score:
    """What the model makes of one sample: log p (P,) float64 of its tokens with a weight, and where each was its guess.

    `weights` (P,) are those of the sample.
    """

    logprobs: np.ndarray
    hits: np.ndarray
    weights: np.ndarray

    @property
    def loglikelihood(self) -> float:
        return float(self.logprobs.sum())


def score(
    loaded: Loaded, samples: Sequence[Sample], *, batch_tokens: int = BATCH_TOKENS, watch: Watch | None = None
) -> list[Score]:
    """Score samples in batches of at most `batch_tokens` tokens (one sample at least), in evaluation mode.

    A token counts if its weight is above 0 and another stands before it. The last token of a sample is only ever
    predicted, never read, so a sample may be one token longer than the model's context. Of an encoder-decoder's
    samples the tokens of the target count.
    """
    lengths = [_num_read(sample) for sample in samples]
    _check(loaded, max(map(_longest_read, samples), default=0))
    empty = Score(np.empty(0), np.empty(0, bool), np.empty(0))
    scores, done = [empty] * len(samples), 0
    device = next(loaded.module.parameters()).device
    with borrowed(loaded.module):
        for group in _groups(
            [i for i, n in enumerate(lengths) if n], lengths, batch_tokens, loaded.capabilities.packed
        ):
            chosen = [samples[i] for i in group]
            batch = collate(chosen) if TARGET in chosen[0].streams else _batch(chosen)
            counts = [int((_weights(sample) > 0).sum()) for sample in chosen]
            if sum(counts):
                found = loaded.model.run(batch.to(device), frozenset({"logprobs", "hits"}))
                parts = (found[name].cpu().split(counts) for name in ("logprobs", "hits"))
                for i, logprobs, hits in zip(group, *parts, strict=True):
                    weights = _weights(samples[i])
                    scores[i] = Score(logprobs.double().numpy(), hits.numpy(), weights[weights > 0])
            done += len(group)
            if watch is not None:
                watch(done, len(samples))
    return scores


def _num_read(sample: Sample) -> int:
    """Tokens that are computed for a sample."""
    return sample.num_tokens if TARGET in sample.streams else max(sample.num_tokens - 1, 0)


def _longest_read(sample: Sample) -> int:
    """Tokens that the model sees at once: those of the longer side of an encoder-decoder's sample."""
    return max(len(sample.ids), len(sample.streams[TARGET].ids)) if TARGET in sample.streams else _num_read(sample)


def _weights(sample: Sample) -> np.ndarray:
    """Of the tokens that may be scored: those of the target, or all but the first."""
    return sample.streams[TARGET].weights if TARGET in sample.streams else sample.weights[1:]


def _batch(samples: Sequence[Sample]) -> Batch:
    """Samples one after the other, each without its last token, which has nothing to predict."""
    ends = list(accumulate(sample.num_tokens - 1 for sample in samples))
    segments = tuple(Segment(start, end) for start, end in zip([0, *ends], ends, strict=False))
    stream = Stream(
        ids=_joined([sample.ids[:-1] for sample in samples], torch.int64),
        positions=torch.cat([torch.arange(end - start) for start, end, *_ in segments]),
        segments=segments,
        targets=_joined([sample.ids[1:] for sample in samples], torch.int64),
        weights=_joined([sample.weights[1:] for sample in samples], torch.float32),
    )
    return Batch({"text": stream}, len(samples), {"weight": torch.ones(len(samples))})


def _joined(arrays: Sequence[np.ndarray], dtype: torch.dtype) -> torch.Tensor:
    return torch.from_numpy(np.concatenate(arrays)).to(dtype)


def _groups(numbers: Sequence[int], lengths: Sequence[int], batch_tokens: int, is_packed: bool) -> list[list[int]]:
    """Samples of each batch, the longest first. Unless packed, a batch is as wide as its first sample."""
    groups: list[list[int]] = []
    filled = 0
    for number in sorted(numbers, key=lambda number: -lengths[number]):
        cost = lengths[number] if is_packed or not groups else lengths[groups[-1][0]]
        if groups and filled + cost <= batch_tokens:
            groups[-1].append(number)
            filled += cost
        else:
            groups.append([number])
            filled = lengths[number]
    return groups


def _check(loaded: Loaded, longest: int) -> None:
    context = loaded.capabilities.context
    if context is not None and longest > context:
        raise ModelError(f"a text has {longest:,} tokens and the model's context is {context:,}", hint="cut it")

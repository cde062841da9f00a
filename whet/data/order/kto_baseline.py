"""Mismatched: a data set whose samples bring another one's reply beside them, as a baseline of what is likely."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from whet.contracts.sample import Sample
from whet.data.order.dataset import Dataset, Over

BASELINE = "baseline"


class Mismatched(Over):
    """The samples of `base`, each with the stream `baseline`: its prompt with the reply of the sample half a set away.

    Which one is a function of the manifest alone, so a step's baseline does not depend on how the step is split;
    half a set away, because neighbours often answer the same prompt. Replies are cut to `limit` tokens in all.
    """

    def __init__(self, base: Dataset, limit: int | None) -> None:
        super().__init__(base)
        self._limit = limit

    def __getitem__(self, index: int) -> Sample:
        sample, other = self._base[index], self._base[(index + len(self) // 2) % len(self)]
        return replace(sample, streams={BASELINE: _answered(sample, other, self._limit)})


def _answered(sample: Sample, other: Sample, limit: int | None) -> Sample:
    """The prompt of one sample and the reply of another."""
    prompt, reply = sample.ids[: _reply_start(sample)], slice(_reply_start(other), None)
    ids = np.concatenate([prompt, other.ids[reply]])[:limit]
    weights = np.concatenate([np.zeros(len(prompt), np.float32), other.weights[reply]])[:limit]
    return Sample(ids, weights, origin=sample.origin)


def _reply_start(sample: Sample) -> int:
    """The first trained token. There is one: rows without were refused."""
    return int(np.flatnonzero(sample.weights[1:])[0]) + 1

"""Annotated: a data set whose samples get further fields that are worked out after it was built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from whet.contracts.sample import Sample
from whet.data.order.dataset import Dataset
from whet.data.order.epochs import Span


class Annotated:
    """The samples of `base`, each with its entry of every array in `fields` (N, ...) and the further numbers of its
    tokens that `values` gives; neither at first.

    Order and hash are those of the base: fields change what is learned of a sample, never where it stands.
    """

    def __init__(self, base: Dataset) -> None:
        self._base = base
        self.fields: Mapping[str, np.ndarray] = {}
        self.values: Callable[[Sample], Mapping[str, np.ndarray]] | None = None
        self.lengths, self.trained, self.rows = base.lengths, base.trained, base.rows

    @property
    def spans(self) -> Sequence[Span]:
        return self._base.spans

    @property
    def hash(self) -> str:
        return self._base.hash

    def __len__(self) -> int:
        return len(self._base)

    def __getitem__(self, index: int) -> Sample:
        sample = self._base[index]
        if self.values is not None:
            sample = replace(sample, values={**sample.values, **self.values(sample)})
        if not self.fields:
            return sample
        own = {name: column[index] for name, column in self.fields.items()}
        return replace(sample, fields={**sample.fields, **own})

"""Annotated: a data set whose samples have more said of them, worked out after it was built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from whet.contracts.sample import Sample
from whet.data.order.dataset import Dataset, Over


class Annotation(Protocol):
    """What is said of the samples of a data set beside what they hold."""

    def __call__(self, index: int, sample: Sample) -> Sample:
        """Sample `index` with what is said of it."""
        ...

    def example(self, sample: Sample) -> Sample:
        """A made-up sample with as much said of it as of a real one."""
        ...


@dataclass(frozen=True, slots=True)
class Columns:
    """Fields (N, ...) by name, an entry a sample."""

    fields: Mapping[str, np.ndarray]

    def __call__(self, index: int, sample: Sample) -> Sample:
        own = {name: column[index] for name, column in self.fields.items()}
        return replace(sample, fields={**sample.fields, **own})

    def example(self, sample: Sample) -> Sample:
        return self(0, sample)


class Annotated(Over):
    """The samples of `base`, each with what `annotation` says of it.

    Order and hash are those of the base: an annotation changes what is learned of a sample, never where it stands.
    """

    def __init__(self, base: Dataset, annotation: Annotation) -> None:
        super().__init__(base)
        self._annotation = annotation

    def __getitem__(self, index: int) -> Sample:
        return self._annotation(index, self._base[index])

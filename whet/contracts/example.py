"""Example: a made-up sample as an objective takes it, so that a run is measured, and planned, without data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from whet.contracts.sample import Sample
from whet.contracts.sight import SampleKind

if TYPE_CHECKING:
    import numpy as np

# From tokens (T,) int32 to a sample of them, which costs what a real one does.
Example = Callable[["np.ndarray"], Sample]


def sample_of(
    ids: np.ndarray,
    *,
    branches: int = 1,
    fields: Mapping[str, Any] | None = None,
    values: Sequence[str] = (),
    streams: Sequence[str] = (),
    in_place: SampleKind | None = None,
) -> Sample:
    """These tokens, all of them trained: what costs most.

    `fields` are those of the sample, with an entry a branch where there are several; `values` names numbers of its
    tokens, and `streams` rows beside it, as long as itself. A sample that is read `in_place` is so in this direction.
    """
    import numpy as np

    length, weights = len(ids), np.ones(len(ids), np.float32)
    cuts = tuple(i * length // branches for i in range(branches)) if branches > 1 else ()
    given = {name: np.asarray(value) if cuts else value for name, value in (fields or {}).items()}
    beside = {name: Sample(ids, weights) for name in streams}
    numbers = {name: np.zeros(length, np.float32) for name in values}
    is_in_place = in_place is not None
    return Sample(ids, weights, given, None, cuts, beside, numbers, is_in_place, in_place or "causal")

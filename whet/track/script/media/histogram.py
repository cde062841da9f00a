"""Histogram: how many of many numbers lie where."""

from __future__ import annotations

from typing import Any

from whet.track.script.media.base import Media, MediaFolder, as_array

MAX_BINS = 512


class Histogram(Media):
    """Counts between edges, of numbers (any shape) or as numpy's `histogram` gives them.

    What is not finite is in no bin, and counted apart.
    """

    kind = "histogram"

    def __init__(self, sequence: Any = None, np_histogram: Any = None, num_bins: int = 64) -> None:
        import numpy as np

        self.num_odd = 0
        if np_histogram is None:
            numbers = np.asarray(as_array(sequence), float).ravel()
            finite = numbers[np.isfinite(numbers)]
            self.num_odd = len(numbers) - len(finite)
            np_histogram = np.histogram(finite, bins=min(num_bins, MAX_BINS))
        counts, edges = np_histogram
        if len(edges) != len(counts) + 1 or len(counts) > MAX_BINS:
            raise ValueError(f"a histogram has at most {MAX_BINS} counts, and one edge more than counts")
        self.histogram, self.bins = np.asarray(counts).tolist(), np.asarray(edges, float).tolist()

    def store(self, folder: MediaFolder) -> dict[str, Any]:
        odd = {"not_finite": self.num_odd} if self.num_odd else {}
        return {"counts": self.histogram, "edges": self.bins, **odd}

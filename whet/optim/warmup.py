"""The linear rise that every schedule begins with."""

from __future__ import annotations


def warmup_steps(warmup: float, total: int) -> int:
    """Steps of warmup: below 1 it is a fraction of the run, from 1 on a number of steps."""
    return round(warmup * total) if warmup < 1 else round(warmup)


def rise(step: int, total: int, warmup: float) -> float | None:
    """The factor of step `step` (from 0) while warming up, else None. The first step is never 0."""
    length = warmup_steps(warmup, total)
    return (step + 1) / (length + 1) if step < length else None


def progress(step: int, total: int, warmup: float) -> float:
    """How far the run has come since the warmup: 0 at its first step, 1 one step after the last, as in transformers.

    So the last step still moves the weights where a schedule falls to 0.
    """
    start = warmup_steps(warmup, total)
    return min(1.0, max(0.0, (step - start) / max(1, total - start)))

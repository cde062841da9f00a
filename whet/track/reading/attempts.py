"""Attempts of a run: one that resumes goes over steps again, and replaces what earlier ones had from its first on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

Attempt = TypeVar("Attempt")


def newest_first(
    attempts: Iterable[Attempt], first_step: Callable[[Attempt], int | None]
) -> Iterator[tuple[Attempt, float]]:
    """Attempts from the newest back, each with the step from which on a later one replaces it: infinity of the newest.

    One without a first step replaces nothing. Older ones than somebody looks for are not asked.
    """
    end = math.inf
    for one in attempts:
        yield one, end
        first = first_step(one)
        end = end if first is None else min(end, first)


def kept(attempts: Sequence[Attempt], first_step: Callable[[Attempt], int | None]) -> list[tuple[Attempt, float]]:
    """The same of attempts that are given, and come, the oldest first."""
    return list(newest_first(reversed(attempts), first_step))[::-1]

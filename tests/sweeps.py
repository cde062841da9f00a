"""Sweeps: a claim about many kinds, of which `make test` tries some and `make test-all` the others."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def some(cases: Iterable[Any], now: Collection[Any]) -> list[Any]:
    """The parameters of a sweep: those not among `now` are slow. Every one of `now` must be a case."""
    all_cases = list(cases)
    assert all(case in all_cases for case in now), "a case of `now` is none of the sweep"
    return [case if case in now else _slow(case) for case in all_cases]


def in_turn(cases: Iterable[tuple[Any, ...]], every: int) -> list[Any]:
    """The parameters of a sweep over a grid: each `every`-th is tried at once, the others are slow.

    Where `every` has no factor in common with the length of the inner axis, each value of both axes has its turn.
    """
    return [case if number % every == 0 else _slow(case) for number, case in enumerate(cases)]


def _slow(case: Any) -> Any:
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow)

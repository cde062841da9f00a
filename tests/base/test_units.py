"""Quantities: at most four digits that matter, and a unit."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whet.base.units import duration, figure, size


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1.23456, "1.235"),
        (5e-5, "5e-5"),
        (1e-4, "1e-4"),
        (-0.00123456, "-0.001235"),
        (-0.000123456, "-1.235e-4"),
        (9999, "9999"),
        (12345, "12.35k"),
    ]
    + [(2.5e6, "2.5M"), (7e9, "7G"), (3e12, "3T"), (1e20, "1e20"), (math.nan, "nan"), (-math.inf, "-inf")],
)
def test_figures(value, text):
    assert figure(value) == text


@given(st.floats(-1e300, 1e300))
def test_a_figure_is_within_half_a_unit_of_its_fourth_digit(value):
    text = figure(value)
    factor = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}.get(text[-1], 1)
    read = float(text.rstrip("kMGT")) * factor
    assert math.isclose(read, value, rel_tol=5.1e-4) or abs(value) < 1e-300


@pytest.mark.parametrize(
    ("num_bytes", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (3.21 * 2**30, "3.21 GiB"), (2**40, "1 TiB")]
)
def test_sizes(num_bytes, text):
    assert size(num_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.0123456, "12.35ms"),
        (12.34, "12.3s"),
        (59.99, "1m00s"),
        (200, "3m20s"),
        (3720, "1h02m"),
        (3599.9, "1h00m"),
    ]
    + [(183_600, "2d03h")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text

"""Curves: the drawing says what the numbers say. Braille is decoded back into dots here."""

import math
import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whet.track.terminal.curves import Series, draw, sparkline

AXIS = re.compile("[│┤]")


def dots(chart: str) -> np.ndarray:
    """The plot as a boolean picture (H, W), its lowest row first."""
    rows = [AXIS.split(line, maxsplit=1)[1] for line in chart.splitlines() if AXIS.search(line)]
    width = max(map(len, rows))
    picture = np.zeros((4 * len(rows), 2 * width), bool)
    bits = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]]
    for row, line in enumerate(rows):
        for column, letter in enumerate(line):
            code = ord(letter) - 0x2800 if letter != " " else 0
            for down in range(4):
                for across in range(2):
                    picture[4 * row + down, 2 * column + across] = bool(code & bits[down][across])
    return picture[::-1]


def heights(chart: str) -> np.ndarray:
    """The mean height of the dots in each column that has any."""
    picture = dots(chart)
    return np.array([np.flatnonzero(column).mean() for column in picture.T if column.any()])


@pytest.mark.parametrize("num_points", [2, 7, 150, 100_000])
def test_a_falling_series_is_drawn_falling_from_corner_to_corner(num_points):
    steps = np.arange(num_points)
    picture = dots(draw([Series("loss", steps, np.exp(-steps / num_points))]))
    columns = [np.flatnonzero(column) for column in picture.T]
    assert all(len(column) for column in columns)
    assert all(after.max() <= before.max() and after.min() <= before.min() for before, after in pairwise(columns))
    assert picture[-1, 0] and picture[0, -1]


def test_an_exponential_is_straight_on_a_log_axis_and_bent_on_a_plain_one():
    steps = np.arange(200)
    series = [Series("loss", steps, 10.0 ** (-steps / 20))]

    def bend(chart: str) -> float:
        drawn = heights(chart)
        straight = np.linspace(drawn[0], drawn[-1], len(drawn))
        return float(np.abs(drawn - straight).max())

    assert bend(draw(series, log=True)) <= 1
    assert bend(draw(series)) > 10


def test_a_single_spike_among_100_000_points_is_seen():
    values = np.zeros(100_000)
    values[40_001] = 9.0
    picture = dots(draw([Series("loss", np.arange(100_000), values)]))
    ((column,),) = np.nonzero(picture[-1])
    assert column == round(40_001 / 99_999 * (picture.shape[1] - 1))


def test_values_that_are_not_finite_leave_a_gap_and_are_counted():
    values = np.ones(100)
    values[40:60] = math.nan
    values[50] = math.inf
    chart = draw([Series("loss", np.arange(100), values)])
    filled = dots(chart).any(axis=0)
    assert not filled[int(0.42 * len(filled)) : int(0.58 * len(filled))].any()
    assert filled[: int(0.38 * len(filled))].all() and filled[int(0.62 * len(filled)) :].all()
    assert "(20 not drawn)" in chart


def test_a_log_axis_leaves_out_what_has_no_logarithm():
    chart = draw([Series("loss", range(4), [1.0, 0.0, -1.0, 10.0])], log=True)
    assert "(2 not drawn)" in chart


@pytest.mark.parametrize("values", [[], [math.nan], [math.inf, -math.inf], [1e308, -1e308]])
def test_nothing_to_draw_is_said(values):
    assert "nothing finite to draw" in draw([Series("loss", range(len(values)), values)])


@pytest.mark.parametrize("value", [0.0, 3.0, -1e-290, 1e290])
def test_a_constant_is_a_level_line(value):
    picture = dots(draw([Series("loss", range(50), [value] * 50)]))
    assert picture.any(axis=1).sum() == 1
    assert picture.any(axis=0).all()


def test_a_single_point_is_one_dot():
    assert dots(draw([Series("loss", [7], [1.0])])).sum() == 1


def test_several_series_have_names_last_values_and_dashes_of_their_own():
    steps = np.arange(100)
    series = [Series(name, steps, np.full(100, level)) for name, level in (("a", 1.0), ("b", 2.0), ("c", 3.0))]
    chart = draw(series)
    filled = [row for row in dots(chart) if row.any()]
    assert len({tuple(row) for row in filled}) == 3
    legend = chart.splitlines()[0]
    assert all(re.search(rf"\S {name} {level}\b", legend) for name, level in (("a", 1), ("b", 2), ("c", 3)))


def test_dashes_swallow_neither_single_points_nor_spikes():
    series = [Series("line", [0, 100], [0.0, 0.0])]
    for index in range(1, 12):
        chart = draw([*series, Series("dashed", [0, 100], [0.0, 0.0]), Series("dotted", [9 * index], [1.0])])
        assert dots(chart)[-1].sum() == 1
    values = np.zeros(100_000)
    values[::9_999] = 5.0
    spiky = Series("dotted", np.arange(100_000), values)
    assert dots(draw([*series, *series, spiky]))[-1].sum() == 11


def test_axis_labels_stand_where_their_values_are():
    steps = np.linspace(0, 1000, 500)
    lines = draw([Series("loss", steps, steps / 100)], width=100, height=21).splitlines()
    labels = {float(m[1]): row for row, line in enumerate(lines[1:22]) if (m := re.match(r" *([\d.]+)┤", line))}
    assert labels[0.0] == 20 and labels[10.0] == 0 and labels[4.0] == 12
    gutter = lines[1].index("│") if "│" in lines[1] else lines[1].index("┤")
    centre = lines[-1].index("400") + 1 - gutter
    assert abs(centre - 0.4 * (100 - gutter)) <= 2


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.floats(allow_nan=True)), min_size=1, max_size=20),
    st.integers(30, 120),
    st.integers(3, 20),
    st.booleans(),
    st.sampled_from(["braille", "ascii"]),
)
def test_any_series_fits_its_width_with_short_labels(points, width, height, log, glyphs):
    steps, values = zip(*points, strict=True)
    chart = draw([Series("loss", steps, values)], title="t" * 200, width=width, height=height, log=log, glyphs=glyphs)
    assert max(map(len, chart.splitlines())) <= width
    for label in re.findall(r"^ *(\S+)[┤+]", chart, re.MULTILINE):
        assert len(re.sub(r"e.*|[^0-9]", "", label).lstrip("0")) <= 4


def test_ascii_charts_are_ascii_and_mark_their_series():
    steps = np.arange(50)
    chart = draw([Series("a", steps, steps), Series("b", steps, -steps)], glyphs="ascii")
    assert chart.isascii()
    assert chart.count("*") > 20 and chart.count("+") > 20
    assert sparkline(steps, glyphs="ascii").isascii()


def test_a_sparkline_rises_with_its_values():
    line = sparkline(np.arange(1000), 8)
    assert line == "▁▂▃▄▅▆▇█"
    assert sparkline([3.0, 3.0]) == "▅▅"
    assert sparkline([1.0, math.nan, 2.0]) == "▁ █"
    assert sparkline([1e308, -1e308, 1.0]) == "  ▅"
    assert sparkline([]) == " " and sparkline([math.nan] * 3) == "   "

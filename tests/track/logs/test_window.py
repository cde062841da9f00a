"""Windows, totals and marks of a long curve say what its points say, however the log was read."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whet.track.logs import index, logfile
from whet.track.logs.event_log import EventLog
from whet.track.logs.non_finite import MOST, NonFinite, Stretch
from whet.track.reading.read import History
from whet.track.recorded.axes import axis


@pytest.fixture
def small_indexes(monkeypatch):
    """Indexes are written after a few frames."""
    monkeypatch.setattr(logfile, "_INDEX_BYTES", 500)


def fill(log: EventLog, start: int, stop: int) -> None:
    for step in range(start, stop):
        loss = math.nan if step in (70, 71, 72, 300) else math.inf if step == 73 else 1.0 / (step + 1)
        log.scalars(step, {"loss": loss, "tokens": 10.0})
        if step % 7 == 0:
            log.scalars(step, {"eval/loss": float(step), "loss": 2.0})
        if step % 50 == 0:
            log.event("notice", step, {"text": str(step)})


@pytest.fixture
def by_index(tmp_path, small_indexes) -> History:
    """Two attempts, of which the second goes over steps again, read by their indexes alone."""
    for start, stop in ((0, 1000), (640, 1500)):
        log = EventLog(tmp_path)
        fill(log, start, stop)
        log.close("done", "")
    History(tmp_path)
    assert len(list(tmp_path.glob(f"*{index.SUFFIX}"))) == 2
    return History(tmp_path)


@pytest.mark.parametrize("window", [(0, 10), (60, 80), (600, 700), (1499, 1499), (-5, 3), (990, 1010), (1400, 9999)])
def test_a_zoom_shows_every_point_that_lies_there(by_index, window):
    steps, values = History(by_index.folder).scalar("loss")
    keep = (steps >= window[0]) & (steps <= window[1])
    shown = by_index.window("loss", *window, most=400)
    pairs = lambda s, v: sorted(zip(s.tolist(), map(repr, v.tolist()), strict=True))  # noqa: E731
    assert pairs(shown.first_steps, shown.mean[0]) == pairs(steps[keep], values[keep])
    assert (shown.first_steps == shown.last_steps).all()


def test_a_zoom_reads_only_what_lies_there(by_index, monkeypatch):
    monkeypatch.setattr(logfile.LogFile, "_load_rows", lambda *_: pytest.fail("the whole log was read"))
    assert len(by_index.window("loss", 100, 130)) == 31 + 4  # each seventh step has two


def test_a_window_that_is_wide_is_shown_in_buckets_without_losing_a_spike(by_index):
    shown = by_index.window("loss", 5, 1400, most=10)
    assert len(shown) == 10 and np.nanmax(shown.high) == math.inf and shown.first_steps[0] <= 5
    assert len(by_index.window("loss", 5000, 6000)) == 0 and len(by_index.window("none", 0, 9)) == 0


def test_marks_tell_every_stretch_that_is_no_number(by_index):
    found = by_index.non_finite("tokens"), by_index.non_finite("eval/loss")
    assert found == ([], [])
    kinds = [(one.kind, one.first_step, one.last_step, one.count) for one in by_index.non_finite("loss")]
    assert kinds == [("NaN", 70, 72, 3), ("Infinity", 73, 73, 1), ("NaN", 300, 300, 1)]


def test_tokens_until_a_step_are_those_that_led_to_it(by_index):
    steps, tokens = by_index.totals("tokens")
    assert tokens[-1] == 10.0 * 1500  # what was gone over again counts once
    found = axis(by_index, "tokens").at(np.array([0, 639, 1499]))
    assert np.allclose(found, [10, 6400, 15_000], atol=650)  # within a bucket
    exact = History(by_index.folder)
    exact.scalar("tokens")  # reads all
    assert np.allclose(axis(exact, "tokens").at(np.array([0, 639, 1499])), [10, 6400, 15_000])


VALUES = st.lists(st.sampled_from([1.0, math.nan, math.inf, -math.inf]), min_size=1, max_size=60)


@given(VALUES, st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_stretches_are_those_of_the_whole_curve_however_it_comes(values, pieces):
    made, place, steps = NonFinite(), 0, np.arange(len(values))
    while place < len(values):
        for piece in pieces:
            part = slice(place, place + piece)
            made.add(steps[part], np.array(values[part])[:, None])
            place += piece
    expected: list[list] = []
    for step, value in enumerate(values):
        kind = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(str(value))
        if kind and expected and expected[-1][0] == kind and expected[-1][2] == step - 1:
            expected[-1][2:] = [step, expected[-1][3] + 1]
        elif kind:
            expected.append([kind, step, step, 1])
    assert made.of(0) == [Stretch(*one) for one in expected] == NonFinite(made.stated()).of(0)


def test_a_curve_that_is_odd_everywhere_keeps_few_stretches_and_all_counts():
    values = np.where(np.arange(10_000) % 2, math.nan, 1.0)[:, None]
    made = NonFinite()
    for start in range(0, 10_000, 2500):
        made.add(np.arange(start, start + 2500), values[start : start + 2500])
    found = made.of(0)
    assert len(found) <= MOST + 1 and sum(one.count for one in found) == 5000 and found[-1].last_step == 9999

"""Frames of `whet top`: they fill any terminal, say what the logs say, and read only what has grown."""

import itertools
import time

import pytest

import whet.track as track
from tests.track.runs import records, step, write
from whet.track.logs.event_log import EventLog
from whet.track.logs.frames import EVALUATION
from whet.track.logs.logfile import LogFile
from whet.track.reading.query import parse
from whet.track.records import Notice, RunStarted
from whet.track.terminal.top.frame import Screen
from whet.track.terminal.top.view import View
from whet.track.terminal.top.watching import Watched


@pytest.fixture
def root(tmp_path):
    """A training that runs, one that is done, one that was killed, and a script's run with an odd name."""
    live = write(tmp_path / "live", [RunStarted(0, 100, {}), *[step(n, 100) for n in range(1, 41)]])
    live.receive(Notice(40, "warning", "the loss is spiking"))
    machine = EventLog(tmp_path / "live" / "track", "machine")
    machine.scalars(40, {"cpu/percent": 93.25, "gpu0/memory_bytes": float(3 << 30)})
    write(tmp_path / "done", records())
    gone = write(tmp_path / "gone", records(outcome=None))
    gone.close()
    with track.init(dir=tmp_path, id="sch\u00f6n \u6f22", config={"lr": 0.5}, tags=["best"]) as run:
        for number in range(5):
            run.log({"accuracy": number / 5})
    yield tmp_path
    machine.close("done", "")
    live.close()


def drawn(root, width=80, height=24, glyphs="braille", **view) -> list[str]:
    watched = Watched(root)
    watched.look()
    return [line.plain for line in Screen(watched, glyphs).frame(View(**view), width, height)]


@pytest.mark.parametrize("glyphs", ["braille", "ascii"])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 12), (61, 13), (200, 60), (111, 24), (39, 50), (12, 3)])
def test_a_frame_fills_the_terminal_and_no_more(root, width, height, glyphs):
    for chosen in ("live", "done", "sch\u00f6n \u6f22", "none such"):
        lines = drawn(root, width, height, glyphs, chosen=chosen)
        assert len(lines) == height and max(map(len, lines)) <= width
        assert glyphs == "braille" or all(line.isascii() for line in lines)


def test_the_list_says_how_each_run_stands(root):
    rows = {line[2:].split()[0]: line.split() for line in drawn(root, 80, 40) if line[:2] in ("> ", "  ")}
    assert rows["live"][2:5] == ["running", "40/100", "0.1"] and "tok/s" in rows["live"]
    assert rows["done"][1:4] == ["done", "20/20", "0.2"]
    assert rows["gone"][1] == "failed"


def test_the_chosen_run_shows_curves_hardware_and_what_it_said(root):
    page = "\n".join(drawn(root, 100, 40, chosen="live"))
    assert "CPU 93.2%" in page and "GPU 0 3 GiB" in page and "the loss is spiking" in page
    assert "loss 0.1" in page and "last word" in page


def test_running_runs_come_first_and_a_filter_takes_its_own(root):
    watched = Watched(root)
    watched.look()
    names = [run.name for run in watched.runs()]
    assert names[0] == "live" and len(names) == 4
    assert [run.name for run in watched.runs(parse('tag == "best" and lr == 0.5'))] == ["sch\u00f6n \u6f22"]
    assert [run.name for run in watched.runs(parse("loss < 0.15"))] == ["live"]
    assert [run.name for run in watched.runs(only_live=True)] == ["live"]


def test_what_grows_is_read_on_and_nothing_is_read_twice(root, monkeypatch):
    moments = itertools.count(0, 10)
    monkeypatch.setattr("whet.track.terminal.top.watching.time.monotonic", lambda: float(next(moments)))
    watched, read = Watched(root), []
    watched.look()
    real = LogFile._read
    monkeypatch.setattr(
        LogFile, "_read", lambda self, scanner, until: read.append(scanner.offset) or real(self, scanner, until)
    )
    watched.look()
    read.clear()
    log = EventLog(root / "new" / "track")
    log.scalars(7, {"loss": 3.0})
    watched.look()
    assert watched.followed("new").summary.step == 7
    size = watched.logs("live").offsets["r0.a1.tlog"]
    assert size in read  # the running log is read from where it stood
    log.scalars(8, {"loss": 2.0})
    watched.look()
    assert watched.followed("new").summary.loss == 2.0
    log.close("done", "")
    watched.look()
    assert watched.followed("new").summary.status == "done"


def test_the_time_that_is_left_follows_from_the_pace(tmp_path):
    log = EventLog(tmp_path / "paced" / "track")
    log.event("started", 0, {"total": 100, "facts": {}})
    watched, start = Watched(tmp_path), time.time()
    for number in range(11):
        log.scalars_at(start + 2.0 * number, number, {"loss": 1.0})
    watched.look()
    one = watched.followed("paced")
    assert one.steps_per_s == pytest.approx(0.5, rel=0.1) and one.left_s == pytest.approx(180.0, rel=0.1)
    log.close("done", "")


def test_curves_are_those_of_the_speaker(root):
    EventLog(root / "done" / "track", EVALUATION).scalars(20, {"held/out": 1.0})
    watched = Watched(root)
    watched.look()
    names = Screen(watched, "braille").metrics(View(chosen="done"))
    assert names[0] == "loss" and "held/out" not in names


def test_a_root_without_runs_says_what_makes_one(tmp_path):
    assert any("whet train" in line for line in drawn(tmp_path))
    assert any("whet train" in line for line in drawn(tmp_path / "nowhere"))

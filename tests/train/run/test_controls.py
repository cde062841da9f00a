from __future__ import annotations

import os
import signal
import time
from functools import partial

from tests.nursery import Child
from tests.tiny import config
from whet.base.config import from_mapping, load
from whet.train.build import assemble
from whet.train.run.controls import Controls
from whet.train.run.folder import RunFolder


def test_words_in_the_file_are_requests(tmp_path):
    controls = Controls(tmp_path / "controls", is_writer=True)
    assert controls.poll() == {"stop": 0.0, "checkpoint": 0.0, "pause": 0.0}
    (tmp_path / "controls").write_text("checkpoint pause\n")
    assert controls.poll() == {"stop": 0.0, "checkpoint": 1.0, "pause": 1.0}
    assert controls.poll()["checkpoint"] == 0.0, "a checkpoint is asked for once"


def test_a_request_from_before_an_attempt_is_heard_and_forgotten_with_its_end(tmp_path):
    """`stop` lies there before the first attempt and before the one that goes on: each does a step and stops."""
    run, folder = from_mapping(config(tmp_path, name="run", train={"steps": 3})), tmp_path / "runs" / "run"
    for attempt in (1, 2):
        if attempt == 1:
            built = assemble(run)
            (folder / "controls").write_text("stop")
        else:
            (folder / "controls").write_text("stop")
            built = assemble(load(folder / "config.yaml"), RunFolder(folder))
        ended = built.loop.run()
        built.close()
        assert ended.outcome == "stopped" and ended.step == attempt and not (folder / "controls").exists()


def paused_for_ever(settings):
    return assemble(from_mapping(settings)).loop.run()


def test_what_was_asked_of_a_killed_attempt_is_not_obeyed_again(tmp_path):
    """A run that is paused is killed: the next attempt goes on. What is asked after the kill is heard."""
    folder = tmp_path / "runs" / "run"
    child = Child(partial(paused_for_ever, config(tmp_path, name="run", train={"steps": 10**6})))
    until = time.monotonic() + 120
    while not told(folder, '"step"') and time.monotonic() < until:
        time.sleep(0.02)
    (folder / "controls").write_text("pause")
    while not told(folder, "paused") and time.monotonic() < until:
        time.sleep(0.02)
    child.kill()
    assert child.wait() is None and (folder / "controls").read_text() == "pause"
    assemble(load(folder / "config.yaml"), RunFolder(folder)).close()
    assert not (folder / "controls").exists()
    assert told(folder, "`pause` was asked of an attempt that is over, and is forgotten")
    (folder / "controls").write_text("stop")
    assemble(load(folder / "config.yaml"), RunFolder(folder)).close()
    assert (folder / "controls").read_text() == "stop"


def told(folder, words):
    records = folder / "records.jsonl"
    return records.exists() and words in records.read_text()


def test_controls_that_are_no_text_ask_for_nothing(tmp_path):
    (path := tmp_path / "controls").write_bytes(b"\xff\xfe stop")
    assert Controls(path, is_writer=True).poll()["stop"] == 1.0
    path.unlink()
    path.mkdir()
    assert Controls(path, is_writer=True).poll()["stop"] == 0.0
    Controls(path, is_writer=True).forget()
    assert path.is_dir()


def test_sigterm_is_a_stop_request_and_handlers_are_put_back(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    controls = Controls(tmp_path / "controls", is_writer=False)
    with controls.signals():
        os.kill(os.getpid(), signal.SIGTERM)
        assert controls.poll()["stop"] == 1.0
    assert signal.getsignal(signal.SIGTERM) is before

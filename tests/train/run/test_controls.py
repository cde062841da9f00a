from __future__ import annotations

import os
import signal

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

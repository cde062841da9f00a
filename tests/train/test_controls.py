from __future__ import annotations

import os
import signal

import pytest

from whet.base.errors import RunError
from whet.train.controls import Controls, forget_requests


def test_words_in_the_file_are_requests(tmp_path):
    controls = Controls(tmp_path / "controls", leads=True)
    assert controls.poll() == {"stop": 0.0, "checkpoint": 0.0, "pause": 0.0}
    (tmp_path / "controls").write_text("checkpoint pause\n")
    assert controls.poll() == {"stop": 0.0, "checkpoint": 1.0, "pause": 1.0}
    assert controls.poll()["checkpoint"] == 0.0, "a checkpoint is asked for once"


def test_a_request_of_an_earlier_attempt_is_forgotten_and_one_of_its_start_is_kept(tmp_path):
    path = tmp_path / "controls"
    path.write_text("stop")
    forget_requests(path)
    path.write_text("checkpoint")  # while the model is loaded
    assert Controls(path, leads=True).poll() == {"stop": 0.0, "checkpoint": 1.0, "pause": 0.0}


def test_controls_that_are_no_text_ask_for_nothing(tmp_path):
    (path := tmp_path / "controls").write_bytes(b"\xff\xfe stop")
    assert Controls(path, leads=True).poll()["stop"] == 1.0
    path.unlink()
    path.mkdir()
    assert Controls(path, leads=True).poll()["stop"] == 0.0
    with pytest.raises(RunError, match="`controls` cannot be removed") as told:
        forget_requests(path)
    assert "rm -r" in told.value.hint


def test_sigterm_is_a_stop_request_and_handlers_are_put_back(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    controls = Controls(tmp_path / "controls", leads=False)
    with controls.signals():
        os.kill(os.getpid(), signal.SIGTERM)
        assert controls.poll()["stop"] == 1.0
    assert signal.getsignal(signal.SIGTERM) is before

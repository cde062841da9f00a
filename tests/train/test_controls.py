from __future__ import annotations

import os
import signal

from whet.train.controls import Controls


def test_words_in_the_file_are_requests(tmp_path):
    controls = Controls(tmp_path / "controls", leads=True)
    assert controls.poll() == {"stop": 0.0, "checkpoint": 0.0, "pause": 0.0}
    (tmp_path / "controls").write_text("checkpoint pause\n")
    assert controls.poll() == {"stop": 0.0, "checkpoint": 1.0, "pause": 1.0}
    assert controls.poll()["checkpoint"] == 0.0, "a checkpoint is asked for once"


def test_a_request_of_an_earlier_attempt_is_forgotten(tmp_path):
    (tmp_path / "controls").write_text("stop")
    assert Controls(tmp_path / "controls", leads=True).poll()["stop"] == 0.0


def test_sigterm_is_a_stop_request_and_handlers_are_put_back(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    controls = Controls(tmp_path / "controls", leads=False)
    with controls.signals():
        os.kill(os.getpid(), signal.SIGTERM)
        assert controls.poll()["stop"] == 1.0
    assert signal.getsignal(signal.SIGTERM) is before

"""What a script's run records beside what it logs: on by default, off by argument, variable and wandb's settings."""

from __future__ import annotations

import pytest

import whet.track as track
from whet.base.errors import RunError
from whet.track.recorded.beside import Recorded


@pytest.fixture
def recording(monkeypatch):
    monkeypatch.delenv("WHET_RECORD")


def names(run):
    """What was recorded; indexes are made of it."""
    found = {path.name.partition(".")[0] + path.suffix for path in (run.path / "track").iterdir()}
    return sorted(name for name in found if not name.endswith(".index"))


def begun(folder, **more):
    """A run that has ended, its thread too."""
    run = track.init(dir=folder, name="run", **more)
    threads = [one._thread for one in run._beside if hasattr(one, "_thread")]
    run.log({"loss": 1.0})
    run.finish()
    for thread in threads:
        thread.join(20)
    return run


def test_all_of_it_is_recorded_by_default(tmp_path, recording):
    assert {"machine.tlog", "r0.console", "r0.tlog"} <= set(names(begun(tmp_path)))


@pytest.mark.parametrize(
    "more",
    [
        {"record": {"environment": False, "console": False, "hardware_every_s": 0}},
        {"settings": {"console": "off", "x_disable_stats": True, "x_disable_meta": True}},
    ],
)
def test_a_script_can_have_none_of_it(tmp_path, recording, more):
    assert names(begun(tmp_path, **more)) == ["r0.tlog"]


def test_the_variable_turns_all_of_it_off(tmp_path):
    assert names(begun(tmp_path)) == ["r0.tlog"]


def test_other_ranks_keep_their_console_and_leave_the_machine_to_the_first(tmp_path, recording, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert names(begun(tmp_path)) == ["r1.console", "r1.tlog"]


def test_a_misspelt_name_is_refused(tmp_path):
    with pytest.raises(RunError, match="no `hardware`"):
        track.init(dir=tmp_path, record={"hardware": False})
    assert Recorded.of({"console": False}) == Recorded(console=False)

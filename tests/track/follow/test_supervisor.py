"""The supervisor: plug-ins that raise, hang and die harm neither the run nor each other, and the run is told."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.track.follow.servers import until
from tests.track.logs.test_log import REPOSITORY
from whet.base.errors import RunError
from whet.track.follow import worker
from whet.track.follow.order import Order, tracked
from whet.track.follow.supervisor import Patience, Supervisor, follow
from whet.track.follow.tail import FOLLOWER
from whet.track.logs import ending
from whet.track.logs.event_log import EventLog
from whet.track.logs.watched import Watch
from whet.track.reading.store import history

PLUGIN = Path(__file__).with_name("plugged.py")
QUICK = Patience(hang_s=20.0, last_s=60.0, pause_s=0.1, most_failures=2)


def recorded(folder: Path, num: int = 30) -> Path:
    """A run that has ended."""
    log = EventLog(folder / "track")
    for step in range(num):
        log.scalars(step, {"loss": 1.0})
    log.event("media", num, {"name": "pictures", "entries": []})
    log.close("done", "enough")
    return folder


def ordered(run: Path, *tees) -> Path:
    """Ask for followers; a file's decorators register once, so that each test has a copy."""
    plugin = run.parent / "plugged.py"
    shutil.copy(PLUGIN, plugin)
    tracked(tee=list(tees), plugins=[plugin]).store(run)
    return run


def notices(run: Path) -> list[str]:
    return [event.payload["text"] for event in history(run).events("notice") if event.writer == FOLLOWER]


def diary(run: Path) -> list:
    path = run / "diary.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


WHOLE = [["start", "run"], *(["step", n] for n in range(30)), ["media", "pictures"], ["finish", ["done", "enough"]]]


def test_a_plug_in_of_a_file_hears_everything_once_and_a_second_follower_finds_nothing_to_do(tmp_path):
    run = ordered(recorded(tmp_path / "run"), "diary")
    follow(run, QUICK)
    assert diary(run) == WHOLE
    follow(run, QUICK)
    assert diary(run) == [*WHOLE, ["start", "run"]] and notices(run) == []


HOWS = {
    "raise": "ValueError: it cannot be, says ***", "hang": "it hung for 3 s", "die": "signal SIGKILL", "exit": "enough",
}  # fmt: skip


@pytest.mark.parametrize(
    "hows", [("raise", "hang"), pytest.param(("die", "exit"), marks=pytest.mark.slow)], ids="-".join
)
def test_those_that_misbehave_are_given_up_and_the_others_hear_everything(tmp_path, monkeypatch, hows):
    monkeypatch.setenv("SOME_API_KEY", "T0PSECRET")
    bad = [{"kind": "bad", "how": how} for how in hows]
    run = ordered(recorded(tmp_path / "run"), bad[0], "diary", bad[1])
    follow(run, Patience(hang_s=3.0, pause_s=0.1, most_failures=2))
    assert diary(run) == WHOLE
    said = "\n".join(sorted(notices(run)))
    for name, how in zip(("bad", "bad-2"), hows, strict=True):
        why = HOWS[how]
        assert f"the follower `{name}` failed and is started again: {why}" in said
        assert f"the follower `{name}` has ended after 2 failures: {why}" in said
    assert "T0PSECRET" not in b"".join(path.read_bytes() for path in run.rglob("*") if path.is_file()).decode("latin-1")
    assert history(run).is_settled and history(run).status == "done"


def test_one_that_fails_now_and_then_is_started_again_and_goes_on(tmp_path):
    run = ordered(recorded(tmp_path / "run"), {"kind": "bad", "how": "raise", "times": 1})
    follow(run, Patience(pause_s=0.1, most_failures=4))
    assert (run / "raise.count").read_text() == "2"
    assert len(notices(run)) == 1


def test_what_cannot_be_built_is_told_and_not_tried_again(tmp_path, monkeypatch):
    monkeypatch.setenv("WHET_SLACK_URL", "https://hooks.example/x")
    run = recorded(tmp_path / "run")
    tracked(alerts=["slack"]).store(run)
    monkeypatch.delenv("WHET_SLACK_URL")
    monkeypatch.setenv("WHET_KEYRING", str(Path(os.environ["WHET_KEYRING"]).with_name("none")))
    follow(run, QUICK)
    assert notices(run) == ["alerts-slack: `alerts-slack` cannot follow: there is no secret `url` of `slack`"]


SCRIPT = """
import os, sys, time
import whet.track as track
run = track.init(id="run", dir=sys.argv[1], tee=["diary", *({"kind": "bad", "how": how} for how in sys.argv[3:])],
                 plugins=[sys.argv[2]])
print(os.getpid(), flush=True)
for step in range(int(os.environ.get("STEPS", "10"))):
    track.log({"loss": 1.0})
if "STEPS" not in os.environ:
    time.sleep(100)
"""


def script(folder: Path, *hows: str, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder), str(PLUGIN), *hows], stdout=subprocess.PIPE, text=True,
        cwd=REPOSITORY, env={**os.environ, **environ},
    )  # fmt: skip


def lock_is_free(run: Path) -> bool:
    from whet.track.logs.liveness import is_held

    return (run / "follow" / "lock").exists() and not is_held(run / "follow" / "lock")


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="a Linux that tells of processes")
def test_a_follower_outlives_a_run_that_is_killed_and_tells_why(tmp_path):
    process = script(tmp_path)
    pid, run = int(process.stdout.readline()), tmp_path / "run"
    until(lambda: ["step", 9] in diary(run))
    if cause_is_told():
        os.kill(pid, signal.SIGKILL)
    else:
        os.kill(pid, signal.SIGTERM)
    process.wait()
    process.stdout.close()
    until(lambda: any(kind == "finish" for kind, _ in diary(run)))
    ((status, reason),) = [what for kind, what in diary(run) if kind == "finish"]
    assert status == "killed"
    assert not cause_is_told() or reason == "signal SIGKILL" == history(run).reason
    until(lambda: lock_is_free(run))
    assert [what for kind, what in diary(run) if kind == "step"] == list(range(10))


def test_a_run_is_watched_before_any_plug_in_hears_of_it(tmp_path, monkeypatch):
    log, seen = EventLog(tmp_path / "run" / "track"), []
    supervisor = Supervisor(ordered(tmp_path / "run", "diary"), QUICK)

    def start(worker, now):
        seen.append(list(supervisor._watched))
        worker.is_over = True

    monkeypatch.setattr(supervisor, "_start", start)
    supervisor.run()
    log.close("done", "enough")
    assert seen == [[log.path]]


def test_a_script_ends_when_it_ends_whatever_hangs_beside_it(tmp_path):
    process = script(tmp_path, "hang", "raise", STEPS="50")
    output, _ = process.communicate(timeout=60)  # its pipes are not held open by the follower
    run = tmp_path / "run"
    assert process.returncode == 0 and history(run).last_step == 49 and history(run).status == "done"
    until(lambda: any(kind == "finish" for kind, _ in diary(run)))
    supervisors = [pid for pid in processes() if str(run) in command(pid) and "whet.track.follow" in command(pid)]
    for pid in supervisors:  # this one's hanging plug-in would be waited for
        if "worker" not in command(pid):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not any(str(run) in command(pid) for pid in processes()))  # workers end with their supervisor


@pytest.mark.slow
def test_a_process_waits_for_its_follower_only_where_it_is_told_to(tmp_path):
    process = script(tmp_path, STEPS="5", WHET_FOLLOW_WAIT_S="60")
    process.communicate(timeout=90)
    assert process.returncode == 0 and diary(tmp_path / "run")[-1][0] == "finish" and lock_is_free(tmp_path / "run")


@pytest.mark.parametrize("said", ["soon", "-1", "nan", "inf"])
def test_a_wait_that_is_no_time_is_refused_at_the_door(monkeypatch, said):
    monkeypatch.setenv("WHET_FOLLOW_WAIT_S", said)
    with pytest.raises(RunError, match=said):
        tracked(tee="tensorboard").check()


def test_followers_of_one_run_wait_for_each_other(tmp_path):
    import threading

    log = EventLog(tmp_path / "run" / "track")
    log.scalars(0, {"loss": 1.0})
    run = ordered(tmp_path / "run", "diary")
    first = threading.Thread(target=follow, args=(run, QUICK))
    first.start()
    until(lambda: ["step", 0] in diary(run))
    second = threading.Thread(target=follow, args=(run, QUICK))
    second.start()
    log.close("done", "enough")
    first.join()
    second.join()
    heard = diary(run)
    assert heard.count(["step", 0]) == 1 and heard.count(["finish", ["done", "enough"]]) == 1
    assert heard.index(["finish", ["done", "enough"]]) < len(heard) - heard[::-1].index(["start", "run"])


@pytest.mark.slow
def test_what_goes_on_long_after_the_run_is_ended(tmp_path):
    run = ordered(recorded(tmp_path / "run"), {"kind": "bad", "how": "hang"})
    Supervisor(run, Patience(hang_s=100.0, last_s=3.0)).run()
    assert notices(run) == ["the follower `bad` was not done 3 s after the run's end"]


@pytest.mark.parametrize(
    ("code", "words"), [("os.kill(os.getpid(), 9)", "signal SIGKILL"), ("os._exit(3)", "exit code 3")]
)
def test_how_a_process_ended_is_known_to_who_is_not_its_parent(code, words):
    if not cause_is_told():
        pytest.skip("this kernel tells only parents")
    child = subprocess.Popen([sys.executable, "-c", f"import os; input(); {code}"], stdin=subprocess.PIPE)
    watch = Watch(child.pid)
    assert watch.cause() is None and not watch.has_ended
    child.communicate(b"\n")
    assert watch.has_ended and words in watch.cause()
    watch.close()


def test_a_process_that_is_gone_already_is_no_riddle():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    watch = Watch(child.pid)
    assert watch.has_ended and watch.cause() is None


def test_an_order_holds_no_secret_and_comes_back(tmp_path, monkeypatch):
    monkeypatch.setenv("WHET_WEBHOOK_URL", "https://T0PSECRET.example")
    order = tracked(tee=["tensorboard", "tensorboard"], alerts=[{"kind": "webhook", "body": {"a": "{title}"}}])
    order.store(tmp_path)
    assert Order.load(tmp_path) == order
    assert [one.name for one in order.followed] == ["tensorboard", "tensorboard-2", "alerts-webhook"]
    assert "T0PSECRET" not in (tmp_path / "follow" / "order.json").read_text()


def changed(run: Path, **values) -> Path:
    """The order of a run with some entries that somebody else has put there, its seal as it was."""
    path = run / "follow" / "order.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return run


def test_an_order_of_somebody_else_is_followed_by_no_supervisor_and_no_worker_unless_it_was_agreed_to(tmp_path):
    run = ordered(recorded(tmp_path / "run"), "diary")
    mine = Order.load(run).digest
    changed(run, plugins=[str(tmp_path / "theirs.py")])
    theirs = Order.load(run)
    assert not theirs.is_own and theirs.digest != mine
    for agreed in ("", mine):
        with pytest.raises(RunError, match="you have not asked anybody") as refused:
            follow(run, QUICK, agreed)
        assert "theirs.py" in refused.value.message and str(run) in refused.value.hint
    assert Supervisor(run, QUICK, theirs.digest)._workers.keys() == {"diary"}
    said, says = os.pipe()
    assert worker.main(run, "diary", mine, worker.Pipe(says)) == worker.REFUSED
    os.close(says)
    with open(said) as pipe:
        assert "was changed meanwhile" in pipe.read()
    assert diary(run) == []


@pytest.mark.parametrize(
    "values",
    [{"followed": None}, {"plugins": 3}, {"plugins": [3]}, {"followed": [3]}, {"followed": [{}]},
     {"followed": [{"name": "../../x", "kind": "diary", "settings": {}}]},
     {"followed": [{"name": "x", "kind": [], "settings": {}}]}, {"followed": [{"name": "x", "kind": "y"}]}],
)  # fmt: skip
@pytest.mark.case("D")
def test_an_order_that_is_none_is_refused_with_the_way_out(tmp_path, values):
    run = tmp_path / "run"
    run.mkdir()
    tracked(tee="tensorboard").store(run)
    with pytest.raises(RunError, match="by whom `run` is followed is not known") as refused:
        Order.load(changed(run, **values))
    assert refused.value.hint.startswith(f"rm {run}")


def cause_is_told() -> bool:
    """Whether this kernel tells of processes that are not ours (Linux 6.15)."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    watch = Watch(child.pid)
    child.communicate(b"\n")
    told = watch.cause()
    watch.close()
    return told == ending.cause_of(0)


def processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def command(pid: int) -> str:
    try:
        return Path("/proc", str(pid), "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""

"""Alerts as people get them: from a script's run to a hook on this machine, over kills, bad lines and restarts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import whet.track as track
from tests.track.follow.servers import hooks, until
from tests.track.follow.test_supervisor import lock_is_free, notices
from tests.track.logs.test_log import REPOSITORY
from whet.base.errors import ConfigError
from whet.cli.main import main
from whet.track.follow import outbox
from whet.track.follow.delivery import Delivery, Memory, hand_over
from whet.track.follow.order import tracked
from whet.track.follow.supervisor import Patience, follow
from whet.track.reading.store import history

ALLOW = ["127.0.0.0/8"]


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch, tmp_path):
    monkeypatch.setenv("WHET_KEYRING", str(tmp_path / "none"))


def channel(**more):
    return {
        "kind": "webhook",
        "allow": ALLOW,
        "body": {"title": "{title}", "level": "{level}", "text": "{text}"},
        **more,
    }


def recorded(folder: Path, *alerts: str, outcome: str = "done") -> Path:
    """A run that has called these alerts and has ended."""
    with track.init(id="run", dir=folder) as run:
        for step in range(5):
            run.log({"loss": float(step)})
        for title in alerts:
            run.alert(title, "text", level="WARN")
        run.finish(state="crashed" if outcome == "failed" else None)
    return folder / "run"


def titles(server) -> list[str]:
    return [body["title"] for body in server.bodies]


def test_calls_of_a_script_rules_and_the_end_go_out_once_over_a_bad_line(tmp_path, monkeypatch):
    """A server that fails, asks to wait, and breaks off gets each message in the end; a restart sends none again."""
    run = recorded(tmp_path, "look here")
    with hooks(500, (429, {"Retry-After": "1"}, b""), "close") as server:
        monkeypatch.setenv("WHET_WEBHOOK_URL", server.url)
        rules = [{"when": "loss >= 3", "level": "error"}, "end", "failure", "stall"]
        tracked(alerts={"channels": [channel()], "rules": rules}).store(run)
        follow(run, Patience())
        assert sorted(titles(server)) == ["done at step 4", "look here", "loss >= 3"]
        assert {body["title"]: body["level"] for body in server.bodies} == {
            "done at step 4": "info", "look here": "warn", "loss >= 3": "error",
        }  # fmt: skip
        follow(run, Patience())
        assert len(server.taken) == 6
    assert notices(run) == []
    everything = b"".join(path.read_bytes() for path in run.rglob("*") if path.is_file())
    assert b"T0PSECRET" not in everything


@pytest.mark.slow
def test_one_channel_that_hangs_holds_up_no_other_and_levels_choose(tmp_path, monkeypatch):
    run = recorded(tmp_path, "look here", outcome="failed")
    with hooks(*["hang"] * 50) as bad, hooks() as good:
        monkeypatch.setenv("WHET_BAD_URL", bad.url)
        monkeypatch.setenv("WHET_GOOD_URL", good.url)
        channels = [channel(account="bad"), channel(account="good", level="error")]
        tracked(alerts={"channels": channels}).store(run)
        follow(run, Patience(last_s=4.0))
        assert titles(good) == ["failed at step 4"]
    assert any("`alerts-webhook` was not done" in text for text in notices(run))


def test_a_message_on_its_way_is_sent_by_the_next_process(tmp_path, monkeypatch):
    run = recorded(tmp_path, "one", "two")
    memory = Memory(tmp_path / "state")
    with hooks() as server:
        monkeypatch.setenv("WHET_WEBHOOK_URL", server.url)
        (one,) = tracked(alerts={"channels": [channel()], "rules": []}).followed
        first = Delivery(run, one.build(), memory, print)
        while first.pump():
            pass
        first.tick(2e9)  # one of two goes out; then the process is gone
        again = one.build()
        hand_over(run, again, print, memory)
        while again.is_waiting:
            again.tick(2e9, False)
        assert titles(server) == ["one", "two"]


def test_what_is_given_up_is_told_in_the_run_without_the_address(tmp_path, monkeypatch):
    run = recorded(tmp_path, "look here")
    with hooks(404) as server:
        monkeypatch.setenv("WHET_WEBHOOK_URL", server.url)
        tracked(alerts={"channels": [channel()], "rules": []}).store(run)
        follow(run, Patience())
    assert notices(run) == ["alerts-webhook: `look here` was not sent: `127.0.0.1` answered 404"]


def test_a_rule_that_asks_for_what_was_never_logged_is_told(tmp_path, monkeypatch):
    run = recorded(tmp_path)
    with hooks() as server:
        monkeypatch.setenv("WHET_WEBHOOK_URL", server.url)
        tracked(alerts={"channels": [channel()], "rules": ["lss > 1"]}).store(run)
        follow(run, Patience())
    assert notices(run) == [
        "alerts-webhook: the rule `lss > 1` asks for `lss`, which the run has not: did you mean `loss`?"
    ]


SCRIPT = """
import os, sys, time
import whet.track as track
run = track.init(id="run", dir=sys.argv[1])
for step in range(3):
    track.log({"loss": 1.0 if step < 2 else float("nan")})
time.sleep(100)
"""


@pytest.mark.slow
def test_a_script_is_followed_as_its_environment_says_and_its_kill_is_told(tmp_path):
    with hooks() as server:
        (tmp_path / "alerts.yaml").write_text(
            "channels: [{kind: webhook, allow: [127.0.0.0/8], body: {title: '{title}'}}]\n"
            "rules: [nan, failure, {on: stall, after_s: 2}]\n"
        )
        environ = {
            **os.environ, "WHET_WEBHOOK_URL": server.url, "WHET_ALERTS": str(tmp_path / "alerts.yaml"),
            "WHET_TEE": "tensorboard",
        }  # fmt: skip
        process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)], env=environ, cwd=REPOSITORY)
        until(lambda: len(server.bodies) >= 2)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        until(lambda: len(server.bodies) >= 3)
        nan, stall, end = titles(server)
        assert (nan, end) == ("loss is no finite number", "killed at step 2") and stall.startswith("no step for")
        until(lambda: lock_is_free(tmp_path / "run"))
        assert list((tmp_path / "run" / "tensorboard").iterdir())
        assert history(tmp_path / "run").status == "killed"


def test_init_refuses_what_cannot_be_before_anything_is_recorded(tmp_path):
    for given, words in (
        ({"alerts": ["slack"]}, "no secret `url` of `slack`"), ({"tee": "tensorbord"}, "unknown follower"),
        ({"alerts": str(tmp_path / "none.yaml")}, "no such file"),
        ({"alerts": {"channels": ["slack"], "rules": ["loss >"]}}, "filter"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=words):
            track.init(id="run", dir=tmp_path, **given)
    assert not (tmp_path / "run").exists()


def test_of_several_ranks_only_the_first_asks_for_a_follower(tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    with track.init(id="run", dir=tmp_path, tee="tensorboard"):
        assert not (tmp_path / "run" / "follow").exists()


def test_the_command_line_tests_alerts_and_says_what_became_of_each(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with hooks(200, 404) as server:
        for name in ("WHET_WEBHOOK_URL", "WHET_OTHER_URL"):
            monkeypatch.setenv(name, server.url)
        Path("run.yaml").write_text(
            "model: model\ntrack:\n  alerts:\n    channels:\n"
            "    - {kind: webhook, allow: [127.0.0.1]}\n    - {kind: webhook, account: other, allow: [127.0.0.1]}\n"
        )
        assert main(["runs", "alert-test", "run.yaml"]) == 1
        assert capsys.readouterr().out == "webhook: sent\nother: not sent: `127.0.0.1` answered 404\n"
        assert server.bodies[0]["title"] == "a test"
        monkeypatch.setenv("WHET_ALERTS", "run.yaml")
        assert main(["runs", "alert-test"]) == 0
    monkeypatch.delenv("WHET_ALERTS")
    assert main(["runs", "alert-test"]) == 2


def test_the_command_line_hands_runs_to_a_tee_and_follows_what_was_not_followed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run = recorded(Path("runs"))
    assert main(["runs", "export", "run", "--to", "tensorboard", "folder=tb"]) == 0
    assert main(["runs", "export", "loss > 1", "--to", "tensorboard", "folder=tb"]) == 0
    assert len(list((run / "tb").iterdir())) == 1
    for words, said in (
        (["run", "--to", "tensorboard", "foldr=x"], "did you mean `folder`?"),
        (["rum", "--to", "tensorboard"], "`run`?"),
        (["run", "--to", "tensorbord"], "did you mean `tensorboard`?"),
    ):  # fmt: skip
        assert main(["runs", "export", *words]) == 2
        assert said in capsys.readouterr().err
    assert main(["runs", "follow", "run"]) == 2
    assert "nobody was asked to follow" in capsys.readouterr().err
    tracked(tee={"kind": "tensorboard", "folder": "later"}).store(run)
    assert main(["runs", "follow", "run"]) == 0
    assert len(list((run / "later").iterdir())) == 1


def test_an_order_of_somebody_else_is_told_and_not_obeyed(tmp_path, monkeypatch, capsys):
    """Neither one that was left with another key, nor our own after somebody has changed it."""
    monkeypatch.chdir(tmp_path)
    run = recorded(Path("runs"))
    order = tracked(tee={"kind": "tensorboard", "folder": "theirs"})
    with monkeypatch.context() as theirs:
        theirs.setenv("WHET_KEYRING", str(tmp_path / "theirs" / "keyring.toml"))
        order.store(run)
    (run / "evil.py").write_text("raise SystemExit")
    assert main(["runs", "follow", "run"]) == main(["runs", "alert-test", "run"]) == 2
    said = capsys.readouterr().err
    assert "tensorboard (folder=theirs" in said and "--trust" in said
    tracked(tee={"kind": "tensorboard", "folder": "mine"}).store(run)
    place = run / "follow" / "order.json"
    told = json.loads(place.read_text())
    place.write_text(json.dumps({**told, "plugins": ["runs/run/evil.py"]}))
    assert main(["runs", "follow", "run"]) == 2 and "evil.py" in capsys.readouterr().err
    order.store(run)
    assert main(["runs", "follow", "run"]) == 0 and (run / "theirs").is_dir()
    assert (tmp_path / "order.key").stat().st_mode & 0o777 == 0o600


def test_a_pause_grows_and_ends():
    pauses = [min(outbox.FIRST_PAUSE_S * 2**n, outbox.LONGEST_PAUSE_S) for n in range(outbox.MOST_TRIES)]
    assert pauses == sorted(pauses) and sum(pauses) < 900  # as long as a follower may outlive its run


def test_a_run_that_is_continued_is_told_of_from_there_on(tmp_path, monkeypatch):
    """Whoever asks for alerts when a run goes on hears nothing of what was before."""
    recorded(tmp_path, "old")
    run = recorded(tmp_path, "new")
    with hooks() as server:
        monkeypatch.setenv("WHET_WEBHOOK_URL", server.url)
        tracked(alerts={"channels": [channel()], "rules": [{"when": "loss > 3", "cooldown_s": 0}, "end"]}).store(run)
        follow(run, Patience())
        assert titles(server) == ["loss > 3", "new", "done at step 9"]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("channels:\n- kind: webhook\nmost_per_hour: many\n", ":3"),
        ("track:\n  alerts:\n    channels: [slck]\n", ":3"),
        ("alerts:\n  channels: [slack]\n  rules: ['loss ><']\n", ""),
        ("channels: [", ":1"),
        ("\udc80", ""),
    ],
)
def test_what_is_wrong_in_a_file_of_alerts_is_told_with_the_file(tmp_path, text, at):
    path = tmp_path / "people.yaml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError) as refused:
        tracked(alerts=path)
    assert f"{path}{at}" in str(refused.value.at)

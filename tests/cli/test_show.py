"""`whet show`: a run's page, as text, as JSON, and until the run ends."""

import json
import os
import pty
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from tests.track import runs as made
from whet.cli.main import main
from whet.track.logs.event_log import EventLog
from whet.track.reading.store import LOGS

REPOSITORY = Path(__file__).resolve().parents[2]
SHOW = "import sys; from whet.cli.main import main; sys.exit(main(sys.argv[1:]))"


def test_a_run_is_shown_by_name(tmp_path, capsys):
    made.write(tmp_path / "first", made.records())
    assert main(["show", "first", "--root", str(tmp_path), "--width", "60"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("first: done, step 20/20") and "grad_norm" in page


def test_without_a_name_the_latest_run_is_shown(tmp_path, capsys):
    made.write(tmp_path / "z", made.records())
    made.write(tmp_path / "a", made.records())
    assert main(["show", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("a: ")


def test_a_run_is_shown_as_json(tmp_path, capsys):
    made.write(tmp_path / "first", [made.step(1, loss=float("nan")), *made.records(last=2)[2:]])
    assert main(["show", str(tmp_path / "first"), "--json"]) == 0
    read = json.loads(capsys.readouterr().out)
    assert read["curves"]["loss"] == {"steps": [1, 2], "values": ["NaN", 2.0]}
    assert read["summary"]["status"] == "done"


def test_an_unknown_run_is_a_mistake_with_a_hint(tmp_path, capsys):
    made.write(tmp_path / "first", made.records())
    assert main(["show", "frist", "--root", str(tmp_path)]) == 2
    assert "hint: did you mean `first`?" in capsys.readouterr().err
    assert main(["show", "--root", str(tmp_path / "nowhere")]) == 2
    assert "whet train" in capsys.readouterr().err


def test_following_waits_for_the_end(tmp_path, capsys):
    log = made.write(tmp_path / "first", made.records(outcome=None))
    end = threading.Timer(0.2, log.receive, [made.RunEnded(20, "stopped", "asked to")])
    end.start()
    assert main(["show", "first", "--root", str(tmp_path), "--follow", "--every", "0.02"]) == 0
    assert capsys.readouterr().out.startswith("first: stopped")
    end.join()


def test_following_on_a_terminal_redraws_and_leaves_the_last_page(tmp_path):
    log = made.write(tmp_path / "first", made.records(last=10, outcome=None))
    ours, theirs = pty.openpty()
    arguments = ["show", str(tmp_path / "first"), "--follow", "--every", "0.02"]
    environment = {**os.environ, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}
    viewer = subprocess.Popen([sys.executable, "-c", SHOW, *arguments], cwd=REPOSITORY, env=environment, stdout=theirs)
    os.close(theirs)
    text = ""
    with os.fdopen(ours, encoding="utf-8", errors="replace", newline="") as terminal:
        while "step 10/20" not in text:
            text += terminal.readline()
        log.receive(made.step(11))
        log.receive(made.RunEnded(11, "stopped", "asked to"))
        with suppress(OSError):  # the other end is closed
            while line := terminal.readline():
                text += line
    assert viewer.wait() == 0
    during, _, after = text.partition("\x1b[?1049l")  # the end of the alternate screen
    assert "first: running, step 10/20" in during
    assert "first: stopped, step 11/20" in after


def test_a_log_axis_is_drawn_when_asked_for(tmp_path, capsys):
    made.write(tmp_path / "first", made.records())
    main(["show", str(tmp_path / "first"), "--log"])
    assert "loss (log)" in capsys.readouterr().out


def test_output_without_unicode_is_ascii(tmp_path):
    made.write(tmp_path / "first", made.records())
    command = [sys.executable, "-c", SHOW, "show", str(tmp_path / "first")]
    shown = subprocess.run(command, cwd=REPOSITORY, env={"PYTHONIOENCODING": "ascii"}, capture_output=True, check=True)
    assert shown.stdout.isascii() and b"grad_norm" in shown.stdout


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A run with a refused row, rollouts, media, a checkpoint, a model and what was measured of it."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    made.write(folder, made.records())
    row = {"source": "/d/chat.jsonl", "row": 4, "action": "skipped", "reason": "empty", "detail": "no \x1b answer"}
    (folder / "ledger.jsonl").write_text(json.dumps(row) + "\n")
    answers = [{"text": text, "reward": reward, "scores": {"exact": reward}} for text, reward in (("a", 0), ("b", 1))]
    one = {"source": "p.jsonl", "row": 2, "prompt": [{"role": "user", "content": "what?"}], "answers": answers}
    log = EventLog(folder / LOGS, "rollouts")
    for number in (3, 6):
        log.event("rollout", number, {"prompts": [one]})
    log.event("media", 6, {"name": "seen", "entries": [{"type": "image", "path": "media/a.png"}]})
    log.close("done", "")
    (folder / "checkpoints/step-00000010").mkdir(parents=True)
    (folder / "model").mkdir()
    (folder / "evaluations").mkdir()
    told = {
        "planned": {"weights": 2048.0, "optimizer": 4096.0, "step": 1024.0, "peak": 8192.0}, "moment": "loss",
        "components": {"weights": 2048.0, "working": 1024.0}, "measured": {"weights": 3072.0, "peak": 8192.0},
        "why": {"parallel": "parallel=auto is shard 2"},
    }  # fmt: skip
    (folder / "plan.json").write_text(json.dumps(told))
    result = {"task": "loss", "model": "run", "figures": {"loss": {"value": 0.5, "n": 3, "low": 0.25, "high": 0.75}}}
    (folder / "evaluations/loss-20260101-000000-000001.json").write_text(json.dumps(result))
    return folder


PARTS = {
    "refused": ["1 skipped (empty)", "chat.jsonl    4  no   answer"],
    "rollouts --step 3": ["step 3, p.jsonl row 2: what?\n         1  b  (exact 1)\n         0  a  (exact 0)"],
    "rollouts --find WHAT --from 1": ["step 6, p.jsonl row 2"],
    "media": ["6  seen  image  media/a.png"],
    "lineage": ["of steps 1 to 10", "of model"],
    "lineage --step 3": ["checkpoint  checkpoint step-00000010 (0 B)  of step 3"],
    "plan": [
        "weights      2_KiB     3_KiB  +50.0%",
        "optimizer    4_KiB         -",
        "planned peak (loss):",
        "is shard 2",
    ],
    "evaluations": ["loss       run    loss       0.5  0.25_to_0.75  3", "eval/loss"],
}


@pytest.mark.parametrize("words", PARTS)
def test_a_part_is_printed_as_text_and_as_json(recorded, words, capsys):
    assert main(["show", str(recorded), "--part", *words.split()]) == 0
    page = capsys.readouterr().out
    assert [text for text in PARTS[words] if text not in page] == [], page
    assert main(["show", str(recorded), "--json", "--part", *words.split()]) == 0
    assert json.loads(capsys.readouterr().out)


def test_what_a_part_does_not_heed_is_a_mistake(recorded, capsys):
    assert main(["show", str(recorded), "--part", "refused", "--step", "3"]) == 2
    assert f"hint: whet show {recorded} --step 3, for the rows of a step" in capsys.readouterr().err


def test_a_row_that_is_none_is_a_mistake(recorded, capsys):
    assert main(["show", str(recorded), "--part", "lineage", "--row", "chat.jsonl"]) == 2
    assert "hint: --row chat.jsonl#7" in capsys.readouterr().err

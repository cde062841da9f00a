"""`whet show`: a run's page, as text, as JSON, and until the run ends."""

import json
import os
import pty
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from tests.track import runs as made
from whet.cli.main import main

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

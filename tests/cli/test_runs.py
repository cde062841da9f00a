"""`whet runs`: a table on stdout, words on stderr."""

import json
import os

from tests.track import runs as made
from whet.cli.main import main
from whet.track.logs import liveness
from whet.track.records import Notice


def test_runs_are_printed_as_a_table(tmp_path, capsys):
    made.write(tmp_path / "first", made.records())
    made.write(tmp_path / "second", made.records(last=3, outcome=None)).close()
    assert main(["runs", "--root", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert [line.split()[:3] for line in captured.out.splitlines()[1:]] == [
        ["second", "failed", "3/20"],
        ["first", "done", "20/20"],
    ]
    assert captured.err == ""


def test_runs_are_printed_as_json(tmp_path, capsys):
    made.write(tmp_path / "first", made.records())
    assert main(["runs", "--root", str(tmp_path), "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)
    assert (run["name"], run["status"], run["step"], run["loss"]) == ("first", "done", 20, 0.2)


def test_a_run_that_ended_before_its_first_step_says_what_begins_it(tmp_path, capsys):
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "config.yaml").write_text("model: m\n")
    assert main(["show", "two", "--root", str(tmp_path)]) == 0
    assert "ended before its first step; `whet train two` begins it" in capsys.readouterr().out
    with open(tmp_path / "two" / "lock", "w") as lock:  # an attempt that is starting
        assert liveness.try_hold(lock.fileno())
        assert main(["show", "two", "--root", str(tmp_path)]) == 0
    assert "ended" not in capsys.readouterr().out


def test_lines_of_a_page_are_whole_where_no_terminal_shows_them(tmp_path, capsys):
    said = "word " * 40
    made.write(tmp_path / "first", [Notice(1, "info", said), *made.records()])
    assert main(["show", "first", "--root", str(tmp_path)]) == 0
    assert said.strip() in capsys.readouterr().out
    assert main(["show", "first", "--root", str(tmp_path), "--width", "60"]) == 0
    assert said.strip() not in capsys.readouterr().out


def test_no_runs_is_said_on_stderr_alone(tmp_path, capsys):
    assert main(["runs", "--root", str(tmp_path / "nowhere")]) == 0
    captured = capsys.readouterr()
    assert captured.out == "" and "whet train" in captured.err
    main(["runs", "--root", str(tmp_path / "nowhere"), "--json"])
    assert json.loads(capsys.readouterr().out) == []


def test_an_action_that_is_spelt_wrong_is_no_filter(tmp_path, capsys):
    made.write(tmp_path / "first", made.records(last=2))
    for words, meant in ((["comapre", "first", "second"], "compare"), (["exprot"], "export"), (["eidt"], "edit")):
        assert main(["runs", *words, "--root", str(tmp_path)]) == 2
        assert f"hint: did you mean `whet runs {meant}`?" in capsys.readouterr().err
    assert main(["runs", "tail", "first", "--root", str(tmp_path)]) == 2
    assert "hint: did you mean `whet show --follow`?" in capsys.readouterr().err
    assert main(["runs", "los < 3", "--root", str(tmp_path)]) == 2
    assert "`loss`" in capsys.readouterr().err


def test_hints_name_runs_that_there_are(tmp_path, capsys):
    for name in ("first", "second"):
        made.write(tmp_path / name, made.records(last=2))
        os.utime(tmp_path / name, (1e9, 1e9 + (name == "second")))
    for words, typed in (
        (["compare"], "whet runs compare second first"), (["diff", "first"], "whet runs diff first second"),
        (["evaluations"], "whet runs evaluations second first"),
        (["evaluations", "first", "--baseline", "none"], "whet runs evaluations first second"),
        (["edit"], "whet runs edit second --tag best"), (["follow"], "whet runs follow second"),
        (["push"], "whet runs push second --to http://127.0.0.1:8000"),
    ):  # fmt: skip
        assert main(["runs", *words, "--root", str(tmp_path)]) == 2
        assert f"hint: {typed}\n" in capsys.readouterr().err

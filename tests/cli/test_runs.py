"""`whet runs`: a table on stdout, words on stderr."""

import json

from tests.track import runs as made
from whet.cli.main import main


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


def test_no_runs_is_said_on_stderr_alone(tmp_path, capsys):
    assert main(["runs", "--root", str(tmp_path / "nowhere")]) == 0
    captured = capsys.readouterr()
    assert captured.out == "" and "whet train" in captured.err
    main(["runs", "--root", str(tmp_path / "nowhere"), "--json"])
    assert json.loads(capsys.readouterr().out) == []

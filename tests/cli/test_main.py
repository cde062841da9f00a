"""The `whet` command itself: mistakes in words, exit codes, terminals of any encoding, and errors of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny import config
from whet.base.errors import OutOfMemory, WhetError
from whet.base.yaml import dump_value
from whet.cli import exit_codes, failures
from whet.cli.main import COMMANDS, main

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.case("D9")
@pytest.mark.parametrize(
    ("words", "says", "hint"),
    [
        (["tran"], "there is no command `tran`", "did you mean `train`?"),
        (["train", "--modle", "m"], "`whet train` has no option `--modle`", "did you mean `--model`?"),
        (["train", "--model", "m", "--steps", "3"], "has no option `--steps`", "did you mean `train.steps=3`?"),
        (["train", "--learning-rate=1e-4"], "has no option `--learning-rate`", "did you mean `optimizer.lr=1e-4`?"),
        (["train", "--bf16"], "has no option `--bf16`", "did you mean `train.precision=bf16`?"),
        (["train", "--resume", "first"], "has no option `--resume`", "did you mean `whet train first`?"),
        (["train", "--model", "a", "--model=b"], "`--model` stands twice", "--model b"),
        (
            ["data", "inspect", "f", "--model", "m", "--columns", "a=b", "--columns", "c=d"],
            "twice",
            "--columns a=b c=d",
        ),
        (["train", "-model=m"], "`whet train` has no option `-model`", "did you mean `--model`?"),
        (["data", "inspct", "f"], "there is no action `inspct`", "did you mean `inspect`?"),
        (["data", "inspect", "f", "--modl", "m"], "has no option `--modl`", "did you mean `--model`?"),
        (["data", "inspect", "f"], "needs --model", "whet data inspect f --model Qwen/Qwen3-0.6B"),
        (["data", "inspect", "--model", "m"], "needs FILE", "whet data inspect --model m chat.jsonl"),
        (["data"], "`whet data` needs ACTION", "whet data inspect or whet data cache"),
        (["evaluate", "m"], "`whet evaluate` needs --task", "whet evaluate m --task perplexity"),
        (["chat", "m", "--top-k", "many"], "`--top-k`: `many` is no whole number", "--top-k 40"),
        (["chat", "m", "--seed", "9" * 30], "is no whole number from 0", "--seed 1"),
        (["chat", "m", "--temperature", "nan"], "`nan` is no finite number from 0", "--temperature 0.7"),
        (["chat", "m", "--top-p"], "`--top-p`: it needs a value", "--top-p 0.9"),
        (["chat", "m", "more"], "`whet chat` has no place for `more`", "whet chat Qwen/Qwen3-0.6B"),
        (["merge", "m", "--method", "linar"], "`--method` takes no `linar`", "did you mean `linear`?"),
        (["chat", "m", "--m", "3"], "`--m` may be several options", "--max-new-tokens, --min-p"),
        (["show", "--follow", "--json"], "not allowed with argument", "--json"),
    ],
)
def test_a_mistyped_word_is_told_with_what_was_meant(capsys, words, says, hint):
    assert main(words) == exit_codes.MISTAKE
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first.startswith("error: ") and says in first
    assert last.startswith("hint: ") and hint in last


def test_a_file_that_is_not_there_is_no_error_of_ours(capsys, tmp_path):
    assert main(["reports", "add", str(tmp_path / "nowhere.json"), "--root", str(tmp_path)]) == exit_codes.FAILED
    said = capsys.readouterr().err
    assert "no such file" in said and "nowhere.json" in said and "whet failed where it should not" not in said


def test_boards_for_everybody_and_accounts_are_not_opened_at_once(capsys, tmp_path):
    assert main(["server", "--team", "--public", "--root", str(tmp_path / "runs")]) == exit_codes.MISTAKE
    said = capsys.readouterr().err
    assert "--public" in said and "whet boards export" in said and not (tmp_path / "runs").exists()


def test_every_command_tells_its_exit_codes(capsys):
    for command in ("train", "chat"):
        with pytest.raises(SystemExit) as left:
            main([command, "--help"])
        assert left.value.code == 0
        text = " ".join(capsys.readouterr().out.split())
        assert exit_codes.TOLD in text and "--debug" in text


@pytest.mark.case("D7")
@pytest.mark.parametrize("encoding", ["gbk", "cp1252", "latin-1", "ascii"])
def test_what_a_terminal_cannot_say_is_escaped_so_that_json_reads_it(encoding):
    code = "from whet.cli.streams import survive_encodings as s; s(); print(chr(0x1F642) + 'é中▶' + chr(0xD800))"
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode(encoding).rstrip()
    assert json.loads(f'"{text}"') == json.loads('"\\ud83d\\ude42é中▶\\ud800"')


def test_a_reader_that_has_left_is_no_failure_and_a_broken_pipe_elsewhere_is(monkeypatch, capfd):
    """`whet slots optimizer | true` ends well; a pipe to a worker that breaks is told."""
    code = "import sys; from whet.cli.main import main; sys.exit(main(['slots', 'optimizer']))"
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, stdout=writes, stderr=subprocess.PIPE)
    os.close(writes)
    assert (done.returncode, done.stderr) == (0, b"")
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == exit_codes.FAILED
    assert b"no space left on device" in done.stderr and b"ignored" not in done.stderr
    broken = _failing(BrokenPipeError(32, "Broken pipe"))
    monkeypatch.setattr("whet.cli.commands.runs.main", broken)
    assert main(["runs"]) == exit_codes.FAILED


def _failing(error: BaseException):
    def fail(args):
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (MemoryError(), exit_codes.OUT_OF_MEMORY, "memory ran out"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), exit_codes.OUT_OF_MEMORY, "allocate"),
        (OSError(28, "No space left on device", "/x/y"), exit_codes.FAILED, "no space left on device\n  at /x/y"),
        (PermissionError(13, "Permission denied", "/x"), exit_codes.FAILED, "permission denied\n  at /x"),
        (KeyboardInterrupt(), exit_codes.INTERRUPTED, "interrupted"),
        (WhetError("no", hint="yes"), exit_codes.MISTAKE, "error: no\nhint: yes"),
        (OutOfMemory("full", hint="less"), exit_codes.OUT_OF_MEMORY, "error: full\nhint: less"),
    ],
)
def test_each_end_has_its_code_and_one_message(monkeypatch, capsys, error, code, says):
    monkeypatch.setattr("whet.cli.commands.runs.main", _failing(error))
    assert main(["runs"]) == code
    told = capsys.readouterr().err
    assert says in told and "Traceback" not in told and (code == exit_codes.INTERRUPTED or "hint: " in told)


@pytest.mark.case("D8")
def test_an_error_of_whets_own_says_where_its_traceback_lies(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("whet.track.reading.rows.listed", lambda root: {}["lost"])
    assert main(["runs", "--root", "a b"]) == exit_codes.FAILED
    told = capsys.readouterr().err
    (report,) = tmp_path.iterdir()
    assert "KeyError: 'lost'" in told and "at whet/cli/commands/runs.py:" in told and str(report) in told
    text = report.read_text()
    assert "whet runs --root 'a b'\n" in text and "Traceback" in text and "torch 2" in text


@pytest.mark.parametrize("how", ["--debug", "WHET_DEBUG"])
def test_debug_shows_the_traceback_of_a_refusal(monkeypatch, capsys, how):
    if how == "WHET_DEBUG":
        monkeypatch.setenv(how, "1")
    assert main(["slots", "optimiser", *([how] if how == "--debug" else [])]) == exit_codes.MISTAKE
    told = capsys.readouterr().err
    assert "Traceback" in told and "error: unknown slot `optimiser`" in told


@pytest.mark.case("D8")
def test_code_of_the_users_that_raises_is_told_with_its_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.py").write_text(
        "from whet.base.catalogue import schedule\n\n\n@schedule('mine')\ndef mine(step, total):\n"
        "    'Divides by nothing.'\n    return 1 / (total - total)\n"
    )
    (tmp_path / "run.yaml").write_text(dump_value({**config(tmp_path), "plugins": ["mine.py"], "schedule": "mine"}))
    monkeypatch.chdir(tmp_path)
    assert main(["train", "run.yaml"]) == exit_codes.MISTAKE
    told = capsys.readouterr().err
    assert "error: `mine.py` raised ZeroDivisionError" in told and f"at {tmp_path}/mine.py:7" in told


def test_a_rank_that_another_one_left_is_no_error_of_whets_own():
    said = "[/__w/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:1"
    error, code = failures.told(RuntimeError(said), ["train"])
    assert code == exit_codes.FAILED and "another rank has gone" in error.message and "report it" not in str(error.hint)
    assert "report it" in str(failures.told(RuntimeError("Connection closed by peer"), ["train"])[0].hint)


@pytest.mark.case("D10")
def test_a_run_that_is_asked_to_stop_has_a_code_of_its_own(tmp_path, monkeypatch, capsys):
    """The schedule sends this process SIGTERM once; continued, the run ends as any other."""
    (tmp_path / "stops.py").write_text(
        "import os, pathlib, signal\nfrom whet.base.catalogue import schedule\n\n\n@schedule('stops')\n"
        "def stops(step, total):\n    'Constant.'\n    mark = pathlib.Path(__file__).with_name('asked')\n"
        "    if step == 1 and not mark.exists():\n        mark.touch()\n        os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return 1.0\n"
    )
    settings = config(tmp_path, train={"steps": 4}, name="first", plugins=["stops.py"], schedule="stops")
    (tmp_path / "run.yaml").write_text(dump_value(settings))
    monkeypatch.chdir(tmp_path)
    assert main(["train", "run.yaml"]) == exit_codes.STOPPED
    told = capsys.readouterr().err
    assert "stopped at step 3" in told and "goes on" in told
    assert main(["train", "first"]) == exit_codes.DONE


def test_every_command_is_a_file():
    folder = REPOSITORY / "whet" / "cli" / "commands"
    assert {path.stem.replace("_", "-") for path in folder.glob("[a-z]*.py")} == set(COMMANDS)


def test_where_no_report_can_be_written_the_flag_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "not" / "there"))
    error, code = failures.told(KeyError("x"), ["runs"])
    assert code == exit_codes.FAILED and "--debug" in error.hint

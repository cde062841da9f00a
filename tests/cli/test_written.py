"""Where commands write: refused before the work where nothing could be written in the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from whet.base.errors import ConfigError
from whet.cli.main import main
from whet.cli.written import check_writable


@pytest.mark.case("D7")
@pytest.mark.parametrize("name", ["file.txt/x.json", "x" * 300, "folder", "a/\0"])
def test_a_file_that_could_not_be_written_is_refused(tmp_path, name):
    (tmp_path / "file.txt").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError) as error:
        from whet.base.paths import user_path

        check_writable(user_path(tmp_path / name), is_file=True)
    assert error.value.hint


@pytest.mark.case("D7")
def test_a_place_that_is_to_be_made_is_tried_where_it_would_lie(tmp_path):
    check_writable(tmp_path / "new" / "newer" / "x.json", is_file=True)
    check_writable(tmp_path / "new" / "folder")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match="cannot be written"):
        check_writable(Path("/proc/none/x"))


@pytest.mark.case("D7")
@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "none", "--task", "perplexity", "file=x.txt", "--output", "/proc/none/x.json"],
        ["tokenizer", "train", "none.txt", "--output", "/proc/none"],
        ["distill", "none", "--data", "none.jsonl", "--output", "/proc/none/x.jsonl"],
        ["best-of", "none", "--data", "none.jsonl", "--reward", "length", "--output", "/proc/none/x.jsonl"],
    ],
)
def test_a_command_looks_at_its_output_before_its_input(tmp_path, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.case("A15")
def test_home_is_expanded_in_paths_that_are_typed(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").write_text("the quick brown fox\n" * 50)
    assert main(["tokenizer", "train", "~/words.txt", "--vocab-size", "300", "--output", "~/made"]) == 0
    assert (tmp_path / "made" / "tokenizer.json").is_file() and not (tmp_path / "~").exists()
    assert main(["runs", "--root", "~/runs"]) == 0
    assert str(tmp_path / "runs") in capsys.readouterr().err

"""`whet evaluate`: figures on stdout, words on stderr, results kept in the run."""

import json

import pytest

from tests.generate import tiny
from whet.cli.main import main
from whet.track.reading.store import history


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    tiny.folder(root / "sft" / "model")
    (root / "sft" / "config.yaml").touch()
    (root / "page.txt").write_text("The quick brown fox jumps over the lazy dog.\n")
    return root


def evaluate(runs, *arguments, model="sft"):
    return main(["evaluate", model, "--root", str(runs), "--device", "cpu", *arguments])


def test_a_runs_model_is_measured_and_the_result_kept_in_the_run(runs, capsys, tmp_path):
    page = str(runs / "page.txt")
    output = tmp_path / "result.json"
    assert evaluate(runs, "--file", page, "--json", "--output", str(output), "--task", "perplexity", "window=8") == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert result["task"] == "perplexity" and result["model"] == "sft"
    assert result["settings"]["window"] == 8 and result["settings"]["file"] == page
    (kept,) = (runs / "sft" / "evaluations").iterdir()
    assert str(kept) in printed.err
    whole = json.loads(kept.read_text())
    assert whole == json.loads(output.read_text()) == {**result, "units": whole["units"]}
    (event,) = history(runs / "sft").events("evaluation")
    expected = result["figures"]["word_perplexity"]["value"]
    assert event.payload["metrics"]["perplexity/word_perplexity"] == expected


def test_a_folder_that_is_no_runs_is_measured_and_nothing_is_kept(runs, capsys, tmp_path):
    tiny.folder(tmp_path / "plain")
    assert evaluate(runs, "--task", "perplexity", "--file", str(runs / "page.txt"), model=str(tmp_path / "plain")) == 0
    printed = capsys.readouterr()
    assert [line.split()[0] for line in printed.out.splitlines()] == [
        "word_perplexity", "byte_perplexity", "token_perplexity", "bits_per_byte",
    ]  # fmt: skip
    assert "kept" not in printed.err and not (tmp_path / "plain" / "evaluations").exists()


def test_a_tasks_name_may_have_an_underscore(runs, capsys):
    assert evaluate(runs, "--file", str(runs / "page.txt"), "--task", "last_word", "limit=1", "--json") == 0
    assert json.loads(capsys.readouterr().out)["task"] == "last-word"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "perplexty"], "did you mean `perplexity`?"),
        (["--task", "perplexity"], "the task `perplexity` needs `file`"),
        (["--task", "perplexity", "limits=3"], "did you mean `limit`?"),
        (["--task", "perplexity", "limit"], "`limit` is not a setting"),
        (["--task", "perplexity", "file=nowhere.txt"], "cannot read nowhere.txt"),
    ],
)
def test_mistakes_end_with_code_2_and_a_hint(runs, capsys, arguments, message):
    assert evaluate(runs, *arguments) == 2
    printed = capsys.readouterr()
    assert message in printed.err and "hint:" in printed.err and not printed.out

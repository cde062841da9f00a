"""`whet tokenizer train`: files in, a tokenizer folder and its figures out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from whet.cli.main import main

# A text of 20 pieces and more, so that one is held out.
LINES = "".join(f"line {number} of a story about the number {number * 7}\n" for number in range(2500))


@pytest.fixture
def story(tmp_path: Path) -> Path:
    path = tmp_path / "story.txt"
    path.write_text(LINES, encoding="utf-8")
    return path


def _train(*files: Path, output: Path, size: int = 400, options: tuple[str, ...] = ()) -> int:
    names = [str(file) for file in files]
    return main(["tokenizer", "train", *names, "--vocab-size", str(size), "--output", str(output), *options])


def test_the_folder_holds_a_tokenizer_and_the_figures_are_those_of_held_out_text(
    story: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _train(story, output=tmp_path / "tok") == 0
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "tok")
    lines = LINES.splitlines(keepends=True)
    out = capsys.readouterr().out
    assert f"{len(tokenizer):,} tokens" in out and "held-out" in out
    measured = float(out.split("bytes per token")[1].split()[0])
    whole = len(LINES) / len(tokenizer("".join(lines), add_special_tokens=False)["input_ids"])
    assert measured == pytest.approx(whole, rel=0.1)


def test_a_short_text_is_measured_on_itself_and_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "short.txt").write_text("one line and no more of it\n" * 3)
    assert _train(tmp_path / "short.txt", output=tmp_path / "tok") == 0
    captured = capsys.readouterr()
    assert "on the training text (81 B)" in captured.out
    assert "fewer than the 400 asked for" in captured.err


def test_conversations_give_their_contents_and_rows_of_no_known_format_their_strings(tmp_path: Path) -> None:
    talk = {"messages": [{"role": "user", "content": "zyzzyva " * 50}, {"role": "assistant", "content": "qoph " * 50}]}
    (tmp_path / "talk.jsonl").write_text(json.dumps(talk))
    (tmp_path / "table.csv").write_text("left,right\n" + "xylem,phlox\n" * 50)
    assert _train(tmp_path / "talk.jsonl", tmp_path / "table.csv", output=tmp_path / "tok") == 0
    words = AutoTokenizer.from_pretrained(tmp_path / "tok").get_vocab()
    assert {"Ġzyzzyva", "Ġqoph", "xylem", "phlox"} <= words.keys()


def test_chat_gives_a_template(story: Path, tmp_path: Path) -> None:
    assert _train(story, output=tmp_path / "tok", options=("--chat",)) == 0
    assert "{% generation %}" in AutoTokenizer.from_pretrained(tmp_path / "tok").chat_template


def test_rows_that_cannot_be_read_are_counted(story: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": "good"}\n{"text": " "}\n{"text": ""}\n')
    assert _train(story, tmp_path / "rows.jsonl", output=tmp_path / "tok") == 0
    assert "skipped 2 rows: the text is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "size", "message"),
    [
        (LINES, 200, "too small"),
        ("", 400, "has no rows"),
        (None, 400, "does not exist"),
    ],
)
def test_mistakes_are_told_and_nothing_is_written(
    content: str | None, size: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "text.txt").write_text(content)
    assert _train(tmp_path / "text.txt", output=tmp_path / "tok", size=size) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error
    assert not (tmp_path / "tok").exists()


def test_a_tokenizer_is_never_overwritten(story: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _train(story, output=tmp_path / "tok") == 0
    before = (tmp_path / "tok" / "tokenizer.json").read_bytes()
    assert _train(story, output=tmp_path / "tok", size=300) == 2
    assert "holds a tokenizer already" in capsys.readouterr().err
    assert (tmp_path / "tok" / "tokenizer.json").read_bytes() == before

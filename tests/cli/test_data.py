"""`whet data inspect`: a file token by token, for people and for programs."""

import json
import re

import pytest
from transformers import AutoTokenizer

from tests.data.conversations import CHATML, make_tokenizer
from tests.generate import tiny
from tests.marked import bert_tokenizer
from whet.base.errors import DataError
from whet.cli.main import main
from whet.data.render.recipe import Recipe
from whet.data.render.renderer import Renderer
from whet.data.rows.detect import parse_rows
from whet.data.sources.files import Source
from whet.data.store.ledger import Ledger
from whet.data.store.token_store import build_store

TAKES = frozenset({"conversation"})


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_tokenizer(CHATML).save_pretrained("model")
    rows = [("Hello there", "Yes, I can."), ("And you?", ""), ("Why?", "One\nTwo")]
    lines = [json.dumps({"instruction": asked, "output": said}) for asked, said in rows]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    return tmp_path


def run(capsys, *arguments):
    code = main(["data", "inspect", *arguments])
    return code, *capsys.readouterr()


@pytest.mark.parametrize("name", ["first", "runs/first"])
def test_a_run_stands_for_the_model_it_wrote(here, capsys, name):
    (here / "runs" / "first").mkdir(parents=True)
    (here / "runs" / "first" / "config.yaml").write_text("model: m\n")
    (here / "model").rename(here / "runs" / "first" / "model")
    code, printed, _ = run(capsys, "a.jsonl", "--model", name)
    assert code == 0 and "alpaca (3)" in printed


def test_a_runs_name_that_is_nearly_right_is_offered(here, capsys):
    (here / "runs" / "first").mkdir(parents=True)
    code, _, said = run(capsys, "a.jsonl", "--model", "frist")
    assert code == 2 and "hint: did you mean `first`?" in said


def test_trained_tokens_are_marked_without_colour(here, capsys):
    code, printed, _ = run(capsys, "a.jsonl", "--model", "model")
    marked = [line for line in printed.splitlines() if "▶" in line]
    assert code == 0 and "\x1b" not in printed
    assert [line.split()[0] for line in marked] == ["assistant", "end", "assistant", "end"]
    assert "Yes" in marked[0] and "⏎" in marked[2] and "<|im_end|>" in marked[1]
    assert "alpaca (3)" in printed and "1 refused (bad_row), such as row 1" in printed


def test_every_row_that_would_be_skipped_is_listed_where_it_is_asked_for(here, capsys):
    rows = [
        {"messages": [{"role": role, "content": "a"}]}
        for role in ("usr", "usr", *(f"narrator {c}" for c in "abcdefgh"))
    ]
    (here / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    _, some, _ = run(capsys, "b.jsonl", "--model", "model")
    _, every, _ = run(capsys, "b.jsonl", "--model", "model", "--refused")
    assert "2 refused (bad_row), such as row 0" in some and "did you mean `user`?" in some and "row 1:" not in some
    assert "causes left out: 1; --refused lists every row" in some and "narrator h" not in some
    assert "  row 1: " in every and "narrator h" in every


def test_json_holds_every_token_and_refusal(here, capsys):
    _, printed, _ = run(capsys, "a.jsonl", "--model", "model", "--json", "--rows", "1")
    seen = json.loads(printed)
    [shown] = seen["shown"]
    assert "".join(t["text"] for t in shown["tokens"] if t["weight"]) == "Yes, I can.<|im_end|>"
    assert seen["refused"]["bad_row"]["rows"] == [1]
    assert (seen["rows"], seen["samples"], seen["formats"]) == (3, 2, {"alpaca": 3})


def test_a_tokenizer_file_is_enough(here, capsys):
    (here / "t.txt").write_text("plain text")
    code, printed, _ = run(
        capsys, "t.txt", "--model", "model/tokenizer.json", "--template", "model/chat_template.jinja"
    )
    assert code == 0 and "1 rows as text (1)" in printed


def test_an_encoders_tokenizer_shows_text_between_its_marks(here, capsys):
    bert_tokenizer(here / "bert")
    (here / "t.jsonl").write_text(json.dumps({"text": "tree oak"}))
    _, printed, _ = run(capsys, "t.jsonl", "--model", "bert", "--json")
    [shown] = json.loads(printed)["shown"]
    assert [t["text"] for t in shown["tokens"]] == ["[CLS]", "tree", "oak", "[SEP]"]
    assert [t["weight"] for t in shown["tokens"]] == [0, 1, 1, 0]
    _, printed, _ = run(capsys, "a.jsonl", "--model", "bert", "--json")
    assert "kind" in json.loads(printed)["refused"]
    code, _, said = run(capsys, "t.jsonl", "--model", "bert", "--train-on", "all")
    assert code == 2 and "an encoder reads text as it is" in said


def test_settings_reach_format_columns_and_rendering(here, capsys):
    (here / "q.jsonl").write_text(json.dumps({"question": "a", "answer": "b"}))
    arguments = ("--columns", "instruction=question", "output=answer", "--train-on", "all", "--json")
    _, printed, _ = run(capsys, "q.jsonl", "--model", "model", *arguments)
    assert all(token["weight"] for token in json.loads(printed)["shown"][0]["tokens"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("b.jsonl", "--model", "model"), "did you mean `a.jsonl`"),
        (("a.jsonl", "--model", "nowhere"), "no tokenizer could be loaded from nowhere"),
        (("a.jsonl", "--model", "model", "--columns", "x"), "names no column"),
        (("a.jsonl", "--model", "model", "--allow", "x"), "no check is called `x`"),
        (("a.jsonl", "--model", "model", "data.template=chatml"), "hint: --template chatml"),
        (("a.jsonl", "--model", "model", "model.new_tokens=[<a>, '<|b|>']"), "hint: --new-tokens '<a>' '<|b|>'"),
        (("a.jsonl", "--model", "model", "data.template"), "has no place for `data.template`"),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_2(here, capsys, arguments, message):
    code, printed, errors = run(capsys, *arguments)
    assert code == 2 and not printed and message in errors and "Traceback" not in errors


@pytest.fixture
def short(here):
    """A model that sees 32 tokens, and rows of which two have more."""
    tiny.folder(here / "short", max_position_embeddings=32)
    rows = [{"instruction": "fox", "output": "fox" + " jumps" * n} for n in (0, 40, 1, 60)]
    (here / "long.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return here / "long.jsonl"


def refusal_in_training(rows, model, truncation):
    """What training's own recipe says of the rows, with its default truncation; and how many it takes."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    recipe = Recipe(Renderer(tokenizer), TAKES, max_length=32, truncation=truncation, context=32)
    return recipe("long.jsonl", list(parse_rows(Source.parse(str(rows), rows.parent))))


def test_rows_longer_than_the_model_sees_are_told_with_the_hint_of_training(short, capsys):
    with pytest.raises(DataError, match="32 are all the model sees") as refused:
        refusal_in_training(short, "short", "auto")
    _, skipped = refusal_in_training(short, "short", "skip")
    code, printed, _ = run(capsys, "long.jsonl", "--model", "short")
    assert code == 0 and "nothing would be skipped" not in printed
    assert f"{len(skipped)} rows are longer than the model sees" in printed and "long.jsonl row 3: a sample" in printed
    assert f"  hint: {refused.value.hint}" in printed.splitlines()
    seen = json.loads(run(capsys, "long.jsonl", "--model", "short", "--json")[1])
    assert seen["beyond"]["rows"] == [entry.row for entry in skipped] == [1, 3] and seen["context"] == 32
    assert f"{seen['beyond']['longest']} tokens, and 32 are allowed" == skipped[1].detail


def test_text_that_training_splits_and_models_without_a_limit_are_as_before(short, capsys):
    (short.parent / "text.jsonl").write_text(json.dumps({"text": "fox jumps " * 60}))
    for file, model in (("text.jsonl", "short"), ("long.jsonl", "model")):  # the second is a tokenizer alone
        code, printed, _ = run(capsys, file, "--model", model)
        assert code == 0 and "nothing would be skipped" in printed and "the model sees" not in printed
    _, printed, _ = run(capsys, "long.jsonl", "--model", "short", "--max-length", "30")
    assert "2 refused (too_long)" in printed and "the model sees" not in printed


def test_marks_of_a_template_may_be_added_as_a_run_would(here, capsys):
    arguments = ("a.jsonl", "--model", "model", "--template", "llama3", "--json")
    code, _, said = run(capsys, *arguments)
    assert code == 2 and "model.new_tokens=" in said
    [marks] = re.findall(r"model\.new_tokens='(.*?)'", said)
    code, printed, _ = run(capsys, *arguments, "--new-tokens", *json.loads(marks))
    [shown, *_] = json.loads(printed)["shown"]
    assert code == 0 and [t["text"] for t in shown["tokens"] if t["role"] == "end"] == ["<|eot_id|>"]


def test_the_cache_is_listed_and_pruned(here, monkeypatch, capsys):
    monkeypatch.setenv("WHET_CACHE", str(here / "cache"))
    build_store(
        [Source.parse("a.jsonl", here)], Renderer(make_tokenizer(CHATML)), takes=TAKES, ledger=Ledger(), max_skipped=1
    )
    assert main(["data", "cache"]) == 0
    told = capsys.readouterr().out
    assert "a.jsonl" in told and "1 rendered sources, " in told and str(here / "cache") in told
    assert main(["data", "cache", "--prune", "1"]) == 0 and "0 rendered sources" in capsys.readouterr().out
    assert main(["data", "cache", "--prune", "0"]) == 0 and "removed from" in capsys.readouterr().out
    assert main(["data", "cache"]) == 0 and "a.jsonl" not in capsys.readouterr().out

"""Rows in, rows with predictions out: each kind of model says of a row what it says of it alone."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet
import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from tests.generate import tiny
from whet.base.errors import ConfigError, DataError, ModelError
from whet.base.seeds import forked
from whet.cli.main import main
from whet.contracts.model import Embedder
from whet.evaluate.predicting import Columns, predictor_of
from whet.evaluate.prediction_files import check_ending, predict_file
from whet.generate.decode import complete
from whet.generate.models import load_model
from whet.generate.protocol import GenerateSettings
from whet.models.sentence_transformers import write_sentence

ROWS = [{"id": i, "text": text} for i, text in enumerate(["The quick brown", 'hello, "world"', "Köln"])]
SETTINGS = GenerateSettings(max_new_tokens=5)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A language model, an embedding model and a classifier of three classes."""
    root = tmp_path_factory.mktemp("predicting")
    tiny.folder(root / "speaks")
    tiny.folder(root / "embeds")
    write_sentence(root / "embeds", Embedder("mean"), tiny.module().config)
    names = {"vocab_size": len(tiny.tokenizer()), "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    labels = {"id2label": {0: "a", 1: "b", 2: "c"}, "label2id": {"a": 0, "b": 1, "c": 2}}
    config = AutoConfig.for_model("llama", **{**tiny.CONFIGS["llama"], **names, **labels})
    with forked("classes", "headed"):
        module = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)
    module.save_pretrained(root / "classes")
    tiny.tokenizer().save_pretrained(root / "classes")
    return root


def written(folder, form: str, rows=ROWS):
    path = folder / f"rows{form}"
    if form == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif form == ".csv":
        cells = [[str(row["id"]), '"' + row["text"].replace('"', '""') + '"'] for row in rows]
        path.write_text("\n".join(map(",".join, [["id", "text"], *cells])) + "\n")
    else:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def read(path):
    from whet.data.sources.readers import read_file

    return list(read_file(path))


@pytest.mark.parametrize("form", [".jsonl", ".csv", ".parquet"])
def test_answers_are_those_of_the_model_in_each_form(folders, tmp_path, form):
    loaded = load_model(str(folders / "speaks"), device="cpu")
    asked = [[{"role": "user", "content": row["text"]}] for row in ROWS]
    said = complete(loaded.module, loaded.processor, asked, SETTINGS)
    output = tmp_path / f"out{form}"
    assert predict_file(str(written(tmp_path, form)), output, predictor_of(loaded, SETTINGS)) == 3
    rows = read(output)
    assert [(row["text"], row["prediction"], row["finish"]) for row in rows] == [
        (row["text"], one.text, one.finish) for row, one in zip(ROWS, said, strict=True)
    ]
    assert [int(row["id"]) for row in rows] == [0, 1, 2] and not list(tmp_path.glob("*.part"))


def test_the_answer_that_a_conversation_ends_with_is_said_anew(folders, tmp_path, capsys):
    asked = [{"role": "user", "content": "The quick brown"}]
    rows = [{"messages": asked}, {"messages": [*asked, {"role": "assistant", "content": "fox jumps"}]}]
    file, output = written(tmp_path, ".jsonl", rows), tmp_path / "out.jsonl"
    words = ["predict", str(folders / "speaks"), str(file), "--output", str(output), "--max-new-tokens", "5"]
    assert main([*words, "--device", "cpu"]) == 0
    first, second = (row["prediction"] for row in read(output))
    assert first == second != ""
    assert "1 conversations end with an answer" in capsys.readouterr().err


def test_draws_do_not_depend_on_how_rows_are_cut(folders, tmp_path, monkeypatch):
    from whet.evaluate import prediction_files

    loaded = load_model(str(folders / "speaks"), device="cpu")
    predictor = predictor_of(loaded, GenerateSettings(max_new_tokens=5, temperature=1.0, seed=3), system="Be brief.")
    file, found = str(written(tmp_path, ".jsonl")), []
    for rows in (256, 2):
        monkeypatch.setattr(prediction_files, "CHUNK_ROWS", rows)
        predict_file(file, tmp_path / "out.jsonl", predictor)
        found.append(read(tmp_path / "out.jsonl"))
    assert found[0] == found[1] and len({row["prediction"] for row in found[0]}) == 3


def test_classes_and_embeddings_are_those_of_the_model(folders, tmp_path):
    loaded = load_model(str(folders / "classes"), device="cpu")
    predict_file(str(written(tmp_path, ".csv")), tmp_path / "out.csv", predictor_of(loaded, SETTINGS))
    for row, given in zip(read(tmp_path / "out.csv"), ROWS, strict=True):
        with torch.no_grad():
            parts = loaded.module(torch.tensor([tiny.tokenizer().encode(given["text"])])).logits[0].softmax(-1)
        assert json.loads(row["scores"]) == pytest.approx(parts.tolist(), abs=1e-5)
        assert row["label"] == "abc"[int(parts.argmax())]
    loaded = load_model(str(folders / "embeds"), device="cpu")
    predict_file(str(written(tmp_path, ".parquet")), tmp_path / "out.parquet", predictor_of(loaded, SETTINGS))
    vectors = np.array([row["embedding"] for row in read(tmp_path / "out.parquet")])
    assert vectors.shape == (3, 32) and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_command_says_what_it_wrote(folders, tmp_path, capsys):
    output = tmp_path / "out.jsonl"
    words = ["predict", str(folders / "speaks"), str(written(tmp_path, ".jsonl")), "--output", str(output)]
    assert main([*words, "--max-new-tokens", "3", "--column", "text"]) == 0
    assert f"{output}: 3 rows" in capsys.readouterr().err and len(read(output)) == 3


@pytest.mark.parametrize(
    ("row", "first", "second", "said", "hint"),
    [
        ({"a": "x", "b": "y"}, None, None, "no column is called", "--column a"),
        ({"text": "x"}, "txet", None, "no column `txet`", "--column text"),
        ({"text": "x"}, "text", "other", "no column `other`", "--second text"),
    ],
)
def test_columns_that_are_not_there_are_refused(row, first, second, said, hint):
    with pytest.raises(DataError, match=said) as told:
        Columns.of(row, first, second)
    assert told.value.hint == hint


def test_columns_are_found_by_their_names():
    talk = [{"role": "user", "content": "x"}]
    assert Columns.of({"id": 1, "text": "x", "messages": talk}, None, None).input({"messages": talk}) == talk
    assert Columns.of({"only": "x"}, None, None).input({"only": "x"}) == "x"
    assert Columns("a", "b").input({"a": "x", "b": "y"}) == ("x", "y")
    for wrong in (None, "", 5, [], [5]):
        with pytest.raises(DataError, match="a text is needed"):
            Columns("a").input({"a": wrong})


def test_what_cannot_be_predicted_is_refused_and_nothing_is_left(folders, tmp_path):
    with pytest.raises(ConfigError, match="out.txt"):
        check_ending(tmp_path / "out.txt")

    def echo(inputs, first=0):
        return [{"text": "again"} for _ in inputs]

    with pytest.raises(DataError, match="a column `text` already"):
        predict_file(str(written(tmp_path, ".jsonl")), tmp_path / "out.jsonl", echo)
    file = written(tmp_path, ".jsonl", [*ROWS, {"id": 3, "text": ""}])
    with pytest.raises(DataError, match="a text is needed") as told:
        predict_file(str(file), tmp_path / "out.jsonl", lambda inputs, first: [{"n": 1}] * len(inputs))
    assert told.value.at.endswith("row 3")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.jsonl"]
    pair = Columns("text", "id")
    with pytest.raises(DataError, match="`id` holds int"):
        pair.input(ROWS[0])
    with pytest.raises(DataError, match="not a pair"):
        predictor_of(load_model(str(folders / "speaks"), device="cpu"), SETTINGS)([("a", "b")])


def test_a_model_that_says_nothing_of_whole_texts_is_refused(folders):
    from dataclasses import replace

    loaded = load_model(str(folders / "speaks"), device="cpu")
    with pytest.raises(ModelError, match="nothing of whole texts"):
        predictor_of(replace(loaded, capabilities=replace(loaded.capabilities, generates=False)), SETTINGS)


@pytest.mark.parametrize("kind", ["classes", "embeds"])
def test_texts_beyond_the_context_are_counted_or_refused_by_their_row(folders, tmp_path, capsys, monkeypatch, kind):
    from whet.evaluate import prediction_files

    monkeypatch.setattr(prediction_files, "CHUNK_ROWS", 2)
    long = [{"id": 3, "text": "word " * 400}, {"id": 4, "text": "Köln"}]
    file, output = written(tmp_path, ".jsonl", [*ROWS, *long]), tmp_path / "out.jsonl"
    words = ["predict", str(folders / kind), str(file), "--output", str(output), "--device", "cpu"]
    assert main(words) == 0
    assert "1 texts were cut at 128 tokens, the model's context" in capsys.readouterr().err
    assert main([*words[:-3], str(tmp_path / "no.jsonl"), "--too-long", "refuse"]) == 2
    told = capsys.readouterr().err
    assert "row 3 is longer than the 128 tokens" in told and "hint: --too-long cut" in told
    assert not list(tmp_path.glob("no.jsonl*"))


def test_a_prompt_beyond_the_context_of_a_language_model_is_one_message(folders, tmp_path, capsys):
    file = written(tmp_path, ".jsonl", [{"text": "word " * 400}])
    assert main(["predict", str(folders / "speaks"), str(file), "--output", str(tmp_path / "out.jsonl")]) == 2
    assert "128" in (told := capsys.readouterr().err) and "hint:" in told

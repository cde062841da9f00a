"""Inspect: what is shown is what would be trained, and every row that would be skipped is listed."""

import json

import numpy as np
import pytest

from tests.data.conversations import CHATML, HERMES, make_tokenizer
from whet.data.inspect import Inspection, inspect
from whet.data.render.renderer import Renderer
from whet.data.rows.detect import parse_rows
from whet.data.sources.files import Source

RENDERER = Renderer(make_tokenizer(CHATML))


def source(tmp_path, rows):
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return Source.parse("a.jsonl", tmp_path)


def exchange(asked, said):
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]}


def test_shown_tokens_are_the_ids_and_weights_that_are_trained(tmp_path):
    rows = source(tmp_path, [exchange("Hello there", "Yes, I can help.")] * 3)
    seen = inspect(rows, RENDERER, rows=2)
    [rendered] = RENDERER.render([row for _, row in parse_rows(rows)][:1])
    assert [shown.row for shown in seen.shown] == [0, 1]
    assert [token.id for token in seen.shown[0].tokens] == rendered.ids.tolist()
    assert [token.weight for token in seen.shown[0].tokens] == rendered.weights.tolist()
    trained = "".join(token.text for token in seen.shown[0].tokens if token.weight)
    assert trained == "Yes, I can help.<|im_end|>"


def test_counts_are_those_of_all_rows(tmp_path):
    rows = source(tmp_path, [exchange("a", "b" * n) for n in range(1, 9)])
    seen = inspect(rows, RENDERER, rows=0)
    results = RENDERER.render([row for _, row in parse_rows(rows)])
    assert seen.lengths == [len(result.ids) for result in results]
    assert seen.trained == [np.count_nonzero(result.weights) for result in results]
    assert seen.formats == {"openai": 8} and seen.num_rows == 8 and not seen.shown


def test_rows_that_would_be_skipped_are_listed_with_their_numbers(tmp_path):
    rows = [exchange("a", "b"), exchange("a", " "), {"other": 1}, {"messages": [{"role": "user", "content": "a"}]}]
    seen = inspect(source(tmp_path, rows), RENDERER, max_length=5)
    listed = {reason: [row for row, _ in refused] for reason, refused in seen.refused.items()}
    assert listed == {"bad_row": [1], "unknown_format": [2], "nothing_to_train": [3], "too_long": [0]}


def test_refused_rows_of_one_kind_are_told_apart_by_their_causes(tmp_path):
    user, empty = {"role": "user", "content": "a"}, {"role": "assistant", "content": ""}
    rows = [exchange("a", "b"), exchange("a", ""), {"messages": [{**user, "role": "usr"}]}, exchange("a", "b")]
    seen = inspect(source(tmp_path, [*rows, {"messages": [user, user, user, empty]}]), RENDERER)
    causes = [([row for row, _ in one], one[0][1].detail) for one in seen.causes()]
    assert causes == [([1, 4], "message 1 is an empty reply"), ([2], "message 0 has the role 'usr'")]


def test_a_preference_pair_is_shown_as_its_two_replies(tmp_path):
    seen = inspect(source(tmp_path, [{"prompt": "a", "chosen": "good", "rejected": "bad"}]), RENDERER)
    assert [shown.part for shown in seen.shown] == ["chosen", "rejected"]
    assert [shown.segments() is not None and shown.row for shown in seen.shown] == [0, 0]
    replies = ["".join(token.text for token in shown.tokens if token.weight) for shown in seen.shown]
    assert replies == ["good<|im_end|>", "bad<|im_end|>"] and seen.kinds == {"preference": 1}


def test_a_limit_reads_so_many_rows_and_says_so(tmp_path):
    rows = source(tmp_path, [{"text": str(n)} for n in range(600)])
    seen = inspect(rows, RENDERER, limit=300)
    assert seen.num_rows == 300 and seen.is_partial
    assert not inspect(rows, RENDERER, limit=600).is_partial


def test_segments_are_runs_of_one_role_and_weight(tmp_path):
    [shown] = inspect(source(tmp_path, [exchange("Hello", "Yes")]), RENDERER).shown
    roles = [(role, weight) for role, weight, _ in shown.segments()]
    assert roles == [("template", 0), ("user", 0), ("template", 0), ("assistant", 1), ("end", 1), ("template", 0)]


def test_the_histogram_counts_every_sample_once():
    seen = Inspection("a", lengths=[1, 2, 3, 4, 5, 64, 65])
    assert seen.histogram() == [(1, 1), (2, 1), (4, 2), (8, 1), (16, 0), (32, 0), (64, 1), (128, 1)]
    assert Inspection("a").histogram() == []


@pytest.mark.parametrize(
    "name",
    ["alpaca_en_demo.json", "alpaca_zh_demo.json", "identity.json", "glaive_toolcall_en_demo.json", "c4_demo.jsonl"],
)
def test_real_files_are_trained_whole(name, shared_data):
    seen = inspect(Source.parse(name, shared_data / "instruct"), Renderer(make_tokenizer(HERMES)), limit=100)
    assert not seen.refused and len(seen.lengths) == min(100, seen.num_rows) and all(seen.trained)


@pytest.mark.case("C")
def test_the_users_words_are_theirs_in_rows_with_tools(shared_data):
    """Contents that the template rewrites (calls, results) do not make template of all others."""
    rows = Source.parse("glaive_toolcall_en_demo.json", shared_data / "instruct")
    seen = inspect(rows, Renderer(make_tokenizer(HERMES)), rows=3, limit=3)
    for shown, (_, row) in zip(seen.shown, list(parse_rows(rows))[:3], strict=True):
        said = "".join(token.text for token in shown.tokens if token.role == "user")
        assert said == "".join(m["content"].strip() for m in row.messages if m["role"] == "user")

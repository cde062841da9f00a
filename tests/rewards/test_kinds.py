"""Each reward on texts whose score is plain to see, and on texts written to be paid for nothing."""

from __future__ import annotations

import json

import pytest

from whet.base.catalogue import reward
from whet.base.errors import ConfigError

ASKED = [{"role": "user", "content": "?"}]


def score(kind: str, completion: str, row: dict | None = None, **settings):
    return reward.get(kind).build(**settings)(ASKED, [completion], row or {})[0]


@pytest.mark.parametrize(
    ("settings", "text", "expected"),
    [
        ({"pattern": "<answer>.*</answer>"}, "well <answer>\n4\n</answer>", 1),
        ({"pattern": "<answer>.*</answer>"}, "<answer>4", 0),
        ({"pattern": "a+", "match": "full"}, "  aaa\n", 1),
        ({"pattern": "a+", "match": "full"}, "aab", 0),
        ({"pattern": "sorry", "match": "none"}, "I am sorry", 0),
        ({"pattern": "sorry", "match": "none"}, "gladly", 1),
        ({"pattern": "SORRY", "match": "none", "ignore_case": True}, "sorry", 0),
    ],
)
def test_regex(settings, text, expected):
    assert score("regex", text, **settings) == expected


def test_a_pattern_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="no regular expression"):
        score("regex", "", pattern="(")


@pytest.mark.parametrize(
    ("text", "answer", "settings", "expected"),
    [
        ("Paris", "Paris", {}, 1),
        (" paris \n", "Paris", {}, 1),
        ("Paris.", "Paris", {}, 0),
        ("Paris.", "Paris", {"punctuation": False}, 1),
        ("paris", "Paris", {"case": True}, 0),
        ("ＰＡＲＩＳ", "Paris", {}, 1),
        ("cafe\u0301", "café", {}, 1),
        ("<think>London?</think>\nParis", "Paris", {}, 1),
        ("<think>Paris", "Paris", {"contains": True}, 0),
        ("It is Paris, I think", "Paris", {"contains": True}, 1),
        ("It is Parisian", "Paris", {"contains": True}, 0),
        ("It is Paris", "", {"contains": True}, 0),
        ("yes", ["yes", "y"], {}, 1),
        ("42", 42, {}, 1),
        ("", "Paris", {}, 0),
    ],
)
def test_exact(text, answer, settings, expected):
    assert score("exact", text, {"answer": answer}, **settings) == expected


@pytest.mark.parametrize("kind", ["exact", "math"])
def test_a_row_without_an_answer_is_an_error_that_names_its_columns(kind):
    with pytest.raises(ValueError, match="the row has no `answer`; it has 'solution'"):
        score(kind, "4", {"solution": "4"})


@pytest.mark.parametrize(
    ("text", "answer", "settings", "expected"),
    [
        ("so \\boxed{\\frac12}", "0.5", {}, 1),
        ("we get 12", "We add.\n#### 12", {}, 1),
        ("we get 12", "#### 12", {"extract": "boxed"}, 0),
        ("\\boxed{12}", "#### 12", {"extract": "boxed"}, 1),
        ("12 \\boxed{13}", "12", {}, 0),
        ("\\boxed{12 or 13}", "12", {}, 0),
        ("3.14", "\\pi", {"tolerance": 0.01}, 1),
        ("3.14", "\\pi", {}, 0),
        ("no idea", "12", {}, 0),
        ("A", ["A", "B"], {"extract": "whole"}, 1),
    ],
)
def test_math(text, answer, settings, expected):
    assert score("math", text, {"answer": answer}, **settings) == expected


@pytest.mark.parametrize(
    ("settings", "text", "expected"),
    [
        ({"most": 3}, "a b c", 0),
        ({"most": 3}, "a b c d", -1),
        ({"most": 3, "margin": 4}, "a b c d", -0.25),
        ({"most": 3, "margin": 4}, "a " * 50, -1),
        ({"least": 2, "margin": 2}, "a", -0.5),
        ({"least": 2, "most": 4}, "", -1),
        ({"most": 3, "unit": "characters"}, "abcd", -1),
    ],
)
def test_length(settings, text, expected):
    assert score("length", text, **settings) == expected


@pytest.mark.parametrize(
    ("settings", "said"), [({}, "bounds nothing"), ({"least": 5, "most": 3}, "at least 5 and at most 3")]
)
def test_bounds_that_bound_nothing_are_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        score("length", "", **settings)


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"n": 1}', 1),
        ('```json\n{"n": 1}\n```', 1),
        ('{"n": "1"}', 0.25),
        ('{"n": 1, "m": 2}', 0.25),
        ('{"n": 1', 0),
        ('{"n": "x", "n": 1}', 0),
        ('{"n": NaN}', 0),
        ('{"n": 1} and more', 0),
        ("[" * 100_000, 0),
        ("", 0),
        ('<think>{"n": "a"}</think>{"n": 1}', 1),
    ],
)
def test_json_schema(tmp_path, text, expected):
    pytest.importorskip("jsonschema")
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    assert score("json-schema", text, file=str(tmp_path / "schema.json"), valid_json=0.25) == expected
    assert score("json-schema", text, {"schema": json.dumps(SCHEMA)}, valid_json=0.25) == expected


def test_a_fence_counts_where_fences_are_not_taken_off():
    assert score("json-schema", "```json\n1\n```", {"schema": {}}, fences=False) == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read"), ("{", "is not JSON"), ('{"type": "integr"}', "is no JSON Schema")],
)
def test_a_schema_that_is_none_is_refused(tmp_path, content, said):
    path = tmp_path / "schema.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=said):
        score("json-schema", "", file=str(path))


USER = """
def one(completion, answer, bonus=0.5):
    return float(answer in completion) + bonus
def group(completions, prompt, row):
    longest = max(map(len, completions))
    return [len(c) / longest + len(prompt) + row["k"] for c in completions]
def everything(completion, **rest):
    return float(sorted(rest) == ["answer", "k", "prompt", "row"])
def short(completions):
    return [1.0]
def blind(row):
    return 1.0
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rewards.py"
    path.write_text(USER)
    return path


def test_a_function_of_a_file_gets_what_its_parameters_name(file):
    row = {"answer": "4", "k": 2}
    assert score("file", "it is 4", row, function=f"{file}:one") == 1.5
    assert score("file", "it is 4", row, function=f"{file}:everything") == 1.0
    whole = reward.get("file").build(function=f"{file}:group")
    assert whole(ASKED, ["ab", "abcd"], row) == [3.5, 4.0]


def test_a_function_that_gives_too_few_scores_is_an_error(file):
    with pytest.raises(ValueError, match="gave 1 scores for 2 completions"):
        reward.get("file").build(function=f"{file}:short")(ASKED, ["a", "b"], {})


def test_a_parameter_that_is_no_column_is_an_error(file):
    with pytest.raises(ValueError, match="takes `answer`, and the row has 'k'"):
        score("file", "", {"k": 1}, function=f"{file}:one")


@pytest.mark.parametrize(
    ("function", "said", "hint"),
    [
        ("mtah", "neither a reward nor FILE.py:FUNCTION", "did you mean `math`"),
        ("nothing.py:f", "there is no file", "ls"),
        ("{file}:ones", "has no function `ones`", "it has: one, group"),
        ("{file}:blind", "takes neither", "def blind"),
        ("{late}:f", "is async", "def f(completion): return asyncio.run"),
        ("{broken}:f", "cannot be imported: ZeroDivisionError", "mend it"),
        ("{old}:f", "cannot be imported: AttributeError: module 'math' has no attribute", "mend it"),
        ("{gone}:f", "cannot be imported: SystemExit: 0", "mend it"),
    ],
)
def test_a_function_that_cannot_grade_is_refused_at_the_door(tmp_path, file, function, said, hint):
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0\n")
    old = tmp_path / "old.py"
    old.write_text("import math\nmath.no_longer_there\ndef f(completion): return 1\n")
    gone = tmp_path / "gone.py"
    gone.write_text("raise SystemExit(0)\n")
    late = tmp_path / "late.py"
    late.write_text("async def f(completion): return 1\n")
    with pytest.raises(ConfigError, match=said) as error:
        score("file", "", function=function.format(file=file, broken=broken, late=late, old=old, gone=gone))
    assert hint in (error.value.hint or "")

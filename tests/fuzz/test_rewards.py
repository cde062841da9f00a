"""Odd answers, odd rows and odd tests for every reward: a score, or a sentence that names what is wrong."""

from __future__ import annotations

import json
import random

import pytest

from tests.fuzz.tried import limited
from whet.base.catalogue import reward
from whet.base.errors import WhetError
from whet.rewards.grading import scored
from whet.rewards.sandbox.running import Limits, Sandbox, protections

SANE = {"answer": "3", "schema": {"type": "object", "properties": {"a": {"type": "integer"}}, "items": {"$ref": "#"}}}
KINDS = {
    "math": {}, "exact": {}, "exact within": {"contains": True, "punctuation": False}, "json-schema": {},
    "length": {"most": 5, "margin": 2}, "regex": {"pattern": r"<answer>.*</answer>"},
}  # fmt: skip
PIECES = (
    "\\boxed{", "}", "{", "\\frac{", "\\sqrt[", "]", "[", "(", ")", "\\(", "\\)", "$", "^", "10", "10**10**10", "9^9^9",
    "1e999", "-", "+", "!", "|", "_", ",", "=", "<", "x", "e", "i", "\\infty", "\\pm", "\\cup", "\\text{", "answer is ",
    "####", "\n", " ", "\t", "\0", "\ud800", "\U0001f600", "٣", "½", "²", "ﬁ", "%", "/", "0", ".", "1,000", "```json\n",
    '"', ":", '{"a":', "null", "NaN", "Infinity", "<think>", "</think>", "<answer>", "\\begin{matrix}", "\\end{matrix}",
    "&", "```", "\\binom", "\\log_", "\\sin", "cm", "°", "\\%", "and",
)  # fmt: skip
ODD = (
    None, "", [], {}, 0, -1, 10**400, 1.5, float("nan"), float("inf"), True, "\0", "\ud800", "x" * 10**5, [None], [[]],
    {"type": 5}, {"$ref": "#"}, {"$ref": "http://example.com"}, {"pattern": "("}, "{", "[[", b"x", ("a",), {1: 2},
    [{"input": 1}], [{"input": None, "output": None}], {"inputs": [1], "outputs": []}, {"inputs": 3, "outputs": 4},
)  # fmt: skip
TEXTS = (
    "", " ", "\0", "\ud800", "assert", "assert f(1) == 1", "assert f(", "import os; os._exit(0)", "while True: pass",
    "def check(c): pass", "def check(c): assert c(1) == 1", "f" * 10**5, "(" * 500, "raise SystemExit", "\tassert 1",
    "x = 1 << 10**6", "del f", "f = 3", "assert f is f and f(f)(f)", "class T(f): pass", "from solution import *",
    "import solution; solution.x = 1", "assert f(object())", "assert f(*[f] * 200)", "f(" * 90 + "1" + ")" * 90,
    "import sys; sys.modules.clear()", "assert f(float('nan')) != 1", "yield", "await f(1)", "return",
    "# -*- coding: x -*-",
)  # fmt: skip
CODES = (
    "def f(*a): return a[0]",
    "f = 1",
    "",
    "\0",
    "\ud800",
    "(" * 500,
    "def f(x): yield x",
    "class f: pass",
    "f = f",
)


def answer(rng: random.Random) -> str:
    """A text of odd pieces; now and then a piece very often, or pieces in each other."""
    parts = rng.choices(PIECES, k=rng.choice((1, 3, 8, 30)))
    if rng.random() < 0.3:
        parts.insert(rng.randrange(len(parts) + 1), rng.choice(PIECES) * rng.choice((50, 2_000, 20_000)))
    return "".join(parts)


@pytest.mark.parametrize("kind", KINDS)
def test_any_answer_gets_a_score(kind, tries):
    rng = random.Random(f"answers of {kind}")
    built = reward.get(kind.split()[0]).build(**KINDS[kind])
    for _ in range(tries(40, 1_000)):
        text = answer(rng)
        with limited():
            (score,) = scored(built, [], [text], SANE)
        assert score is not None, (kind, text)


@pytest.mark.parametrize("kind", KINDS)
def test_any_row_gets_a_score_or_a_sentence(kind, tries):
    """What is wrong with a row is told by an error of value or type, with words."""
    rng = random.Random(f"rows of {kind}")
    built = reward.get(kind.split()[0]).build(**KINDS[kind])
    for _ in range(tries(40, 1_000)):
        row = {name: rng.choice(ODD) for name in ("answer", "schema")}
        with limited():
            try:
                scored(built, [], ["3", answer(rng)], row)
            except (ValueError, WhetError) as error:
                assert str(error), row


@pytest.mark.skipif(set(protections()) < {"no-network", "no-writes"}, reason="this machine cannot shut in code")
def test_any_code_and_any_tests_get_a_report_or_a_sentence(tries):
    rng, sandbox = random.Random("tests"), Sandbox()
    python_tests = reward.get("python-tests").build(timeout_s=1.0)
    try:
        for _ in range(tries(12, 500)):
            job = {"code": rng.choice(CODES), "setup": rng.choice(("", *TEXTS)), "tests": rng.choices(TEXTS, k=2)}
            row = {
                "tests": rng.choice((*ODD, job["tests"])),
                "test_setup": rng.choice(ODD),
                "entry_point": rng.choice(ODD),
            }
            with limited():
                try:
                    report = sandbox.run(job, Limits(timeout_s=1.0))
                    assert len(report.tests) == 2
                    json.dumps(report.tests)
                except ValueError as error:
                    assert str(error), job
                try:
                    scored(python_tests, [], [rng.choice(CODES), answer(rng)], row)
                except ValueError as error:
                    assert str(error), row
    finally:
        sandbox.close()
        python_tests.close()

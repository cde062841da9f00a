"""Equivalence of answers in mathematics, against pairs decided by hand, sympy, and the answers of GSM8K."""

from __future__ import annotations

import json
import random
import time

import pytest

from whet.base.catalogue import reward
from whet.rewards.math.equal import same_answer
from whet.rewards.math.extract import final_answer, reference_answer

EQUAL = r"""
1/2 @ 0.5
\frac12 @ \dfrac{1}{2}
2\frac{1}{2} @ 2.5
-2\frac12 @ -5/2
1 1/2 @ 1.5
50\% @ 50
50% @ 0.5
1,234 @ 1234
$1{,}234.50 @ 1234.5
10\,000 @ 10000
\$18 @ 18 dollars
18\text{ cm} @ 18 centimeters
5 cm^2 @ 5 square cm
60 miles per hour @ 60 mph
18 eggs @ 18
\sqrt{8} @ 2\sqrt2
\frac{1}{\sqrt 3} @ \frac{\sqrt{3}}{3}
(1, 2) @ (1,2)
1, 2 @ 2, 1
\{1,2\} @ 2 and 1
\left( \frac{1}{2}, 3 \right) @ (0.5,3)
(-\infty, 1) \cup (2, \infty) @ (2,\infty)\cup(-\infty,1)
x \in [0,1) @ [0,1)
x > 3 @ (3,\infty)
1 < x \le 5 @ (1,5]
x=5 @ 5
x^2+2x+1 @ (x+1)^2
y=2x+3 @ 2x+3
2x+y=3 @ y=3-2x
2+2=4 @ 4
\text{(B)} @ B
(B) @ \textbf{B.}
Monday @ monday.
30^\circ @ 30
30^{\circ} @ 30 degrees
1.5 \times 10^3 @ 1500
1.5e3 @ 1500
\pm 3 @ 3, -3
3\pm\sqrt2 @ 3+\sqrt2,3-\sqrt{2}
\begin{pmatrix}1&2\\3&4\end{pmatrix} @ \begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}
e^{i\pi} @ -1
\log_2 8 @ 3
\binom{5}{2} @ 10
5! @ 120
\sin^2 x + \cos^2 x @ 1
\sqrt[3]{-8} @ -2
|−4| @ 4
\{x \mid x>3\} @ \{x \mid x > 3\}
"""
DIFFERENT = r"""
1/2 @ 0.49
0.333 @ 1/3
3.14 @ \pi
5 @ 5x
5 cm @ 5 m
x+1 @ x+2
x=5 @ y=5
\sqrt{x^2} @ x
1,2 @ (2,1)
(1,2) @ (2,1)
(1,2) @ [1,2]
\{1,2\} @ (1,2)
12 @ 1,2
\infty @ -\infty
Monday @ Sunday
"""
# What a model may write to be paid without knowing that the answer is 18.
ATTACKS = [
    "18, 19", "18 or 19", "1 or 2 or 18", "2=18", "1=2=18", "x", "", "?", "9^{9^{9^{9}}}", "10^{10^{10}}", "9999999!",
    "0/0", "\\frac{18}{0}", "(" * 500 + "18" + ")" * 500, "-" * 500 + "18", "18" * 400, "\\infty", "nan", "18 20",
    "\\sqrt" * 100, "__import__('os').system('exit')", "18" + "^{1" * 50 + "}" * 50 + "+1", "{" * 200, "³", "\\frac",
    "\x01\x02", "18e99999", "||||||", "e^{e^{e^{e^{e}}}}", "^^^",
]  # fmt: skip


def pairs(text: str) -> list[tuple[str, str]]:
    return [tuple(line.split(" @ ")) for line in text.strip().splitlines()]


@pytest.mark.parametrize(("one", "other"), pairs(EQUAL))
def test_the_same_answer_in_two_spellings_is_equal_either_way(one, other):
    assert same_answer(one, other)
    assert same_answer(other, one)


@pytest.mark.parametrize(("one", "other"), pairs(DIFFERENT))
def test_different_answers_differ_either_way(one, other):
    assert not same_answer(one, other)
    assert not same_answer(other, one)


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_no_trick_equals_the_answer_and_none_takes_long(attack):
    began = time.process_time()
    assert not same_answer(attack, "18")
    assert not same_answer("18", attack)
    assert time.process_time() - began < 2


def test_a_tolerance_is_relative_to_the_right_answer():
    assert same_answer("3.14", "\\pi", tolerance=1e-3)
    assert not same_answer("3.14", "\\pi", tolerance=1e-4)
    assert same_answer("31400", "10000\\pi", tolerance=1e-3)


def test_random_expressions_are_judged_as_sympy_judges_them():
    import sympy

    draw, x, y = random.Random(0), *sympy.symbols("x y", positive=True)

    def tree(depth):
        if depth == 0:
            return draw.choice([x, y, sympy.Integer(draw.randrange(1, 6)), sympy.Rational(draw.randrange(1, 6), 4)])
        one, other = tree(depth - 1), tree(depth - 1)
        return draw.choice([one + other, one - other, one * other, sympy.sqrt(one * one), one / (1 + other * other)])

    judged = {True: 0, False: 0}
    for _ in range(40):
        one = tree(2)
        other = draw.choice([sympy.expand(one), sympy.factor(one), sympy.together(one), one + 1, one + x, 2 * one])
        expected = sympy.simplify(one - other) == 0
        judged[expected] += 1
        assert same_answer(sympy.latex(one), sympy.latex(other)) == expected, (one, other)
    assert min(judged.values()) > 5


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("first \\boxed{1}, then \\boxed{\\frac{1}{2}} done", "\\frac{1}{2}"),
        ("so \\boxed 7.", "7"),
        ("\\boxed{3} and then \\boxed{4", "3"),
        ("It is 5.\n#### 1,234\n", "1,234"),
        ("The answer is 42. I hope that helps.", "42"),
        ("**Answer:** 17", "17"),
        ("I get 3 and then 12.5 in the end.", "12.5"),
        ("That costs $1,234.", "$1,234"),
        ("so it is $\\frac{3}{4}$.", "\\frac{3}{4}"),
        ("thus \\(x = 7\\), as said", "x = 7"),
        ("it costs $5 and then $6 in all", "$6"),
        ("from $\\frac{1}{2}$ we get 3", "3"),
        ("\\frac12", "\\frac12"),
        ("(3, 4)", "(3, 4)"),
        ("sin x", "sin x"),
        ("18 dollars", "18 dollars"),
        ("<think>the answer is 3</think>the answer is 4", "4"),
        ("<think>the answer is 3", None),
        ("I do not know", None),
        ("", None),
    ],
)
def test_the_last_answer_is_found(text, found):
    answer = final_answer(text)
    assert answer == found or (found is not None and answer is not None and answer.lstrip("* ") == found)


def test_boxed_alone_takes_nothing_that_is_not_boxed():
    assert final_answer("the answer is 4", "boxed") is None
    assert final_answer("#### 4", "hash") == "4"


def test_every_answer_of_gsm8k_equals_its_spellings_and_not_its_neighbours(shared_data):
    rows = [json.loads(line) for line in (shared_data / "gsm8k" / "test.jsonl").read_text().splitlines()]
    for row in rows:
        right = reference_answer(row["answer"])
        value = int(right.replace(",", ""))
        for said in (f"#### {value}", f"so \\boxed{{{value:,}}}", f"The answer is ${value:,}.", f"we have {value}.00"):
            assert same_answer(final_answer(said), right), (said, right)
        for said in (f"#### {value + 1}", f"\\boxed{{{value * 10}}}", f"\\boxed{{{value}, {value + 1}}}"):
            assert not same_answer(final_answer(said), right), (said, right)


@pytest.mark.parametrize(
    "bomb", [r"\(" * 40_000, r"\boxed{" * 20_000, "." * 9, "5 " + "a" * 60 + "?", r"\boxed{.}", r"\boxed{10**10**10}"]
)
def test_an_answer_that_would_take_for_ever_is_wrong_at_once(bomb):
    """Each of these was searched to its end from each of its places, or was no number where one was expected."""
    assert reward.get("math").build()([], [bomb], {"answer": "1"}) == [0.0]

"""Questions and answers from docstrings."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from whet.demo.corpus import Module
from whet.demo.questions import Question, first_sentence, make_questions, write_questions

SHELF = '''
def close(shelf: "Shelf", *, now=True):
    """Close the shelf at once. And say so."""

class Shelf:
    """A place for
    many books.

    More about it.
    """

    def add(self, book: str = "x") -> None:
        """Put a book on the shelf"""

    def silent(self): ...
'''


def _module(name: str, text: str) -> Module:
    return Module(name, name.replace(".", "/") + ".py", text, ast.parse(text))


def _answer(doc: str) -> str:
    definition = ast.parse(f"def f():\n    {doc!r}").body[0]
    assert isinstance(definition, ast.FunctionDef)
    return first_sentence(definition)


def test_functions_are_asked_for_by_name_and_signature_and_classes_by_name() -> None:
    questions = make_questions([_module("house.shelf", SHELF)])
    assert [(q.text, q.answer) for q in questions.train] == [
        ("What does `shelf.close` do?", "Close the shelf at once."),
        ("What does `close(shelf, *, now=True)` do?", "Close the shelf at once."),
        ("What is `shelf.Shelf`?", "A place for many books."),
        ("What does `Shelf.add` do?", "Put a book on the shelf."),
        ("What does `Shelf.add(book='x')` do?", "Put a book on the shelf."),
    ]
    assert questions.skipped["definitions without a docstring"] == 1


def test_answers_point_at_the_line_of_the_definition() -> None:
    questions = make_questions([_module("house.shelf", SHELF)])
    assert questions.train[0].source == "house/shelf.py:2"


def test_held_out_modules_are_never_in_the_training_part() -> None:
    questions = make_questions([_module("house", SHELF), _module("textwrap", SHELF.replace("shelf", "line"))])
    assert {q.source.partition(":")[0] for q in questions.train} == {"house.py"}
    assert {q.source.partition(":")[0] for q in questions.held_out} == {"textwrap.py"}


def test_a_held_out_answer_that_training_shows_is_dropped_and_counted() -> None:
    questions = make_questions([_module("house", SHELF), _module("textwrap", SHELF)])
    assert not questions.held_out
    assert questions.skipped["held-out answers that training shows"] == 3


@pytest.mark.parametrize(
    ("doc", "answer"),
    [
        ("Return the name. It is short.", "Return the name."),
        ("\n    Return the\n    name:\n\n    - one\n", "Return the name."),
        ("Is it 3.11 or e.g.something", "Is it 3.11 or e.g.something."),
        ("", ""),
    ],
)
def test_the_answer_is_the_first_sentence_on_one_line(doc: str, answer: str) -> None:
    assert _answer(doc) == answer


@pytest.mark.parametrize(
    ("doc", "reason"),
    [
        ("Emit it.", "answers shorter than 3 words"),
        ("f(x) returns x twice.", "answers that repeat the signature"),
        ("Naïve words in a row.", "answers not in ASCII"),
        ("word " * 40, "answers longer than 120 characters"),
    ],
)
def test_unfit_answers_are_counted_by_reason(doc: str, reason: str) -> None:
    questions = make_questions([_module("house", f"def f():\n    {doc!r}\n")])
    assert not questions.train
    assert questions.skipped == {reason: 1, "held-out answers that training shows": 0}


def test_a_row_is_a_conversation_with_its_source(tmp_path: Path) -> None:
    write_questions([Question("a", "What is `a`?", "It is a letter.", "a.py:1")], tmp_path / "q.jsonl")
    assert json.loads((tmp_path / "q.jsonl").read_text()) == {
        "messages": [{"role": "user", "content": "What is `a`?"}, {"role": "assistant", "content": "It is a letter."}],
        "source": "a.py:1",
    }

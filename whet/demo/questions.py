"""Docstrings as questions and answers: what a function, method or class does, by static parsing."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from whet.demo.corpus import Module
from whet.demo.outline import Definition, arguments, definitions

SHORTEST_WORDS, LONGEST_CHARACTERS = 3, 120


@dataclass(frozen=True, slots=True)
class Question:
    """One question about `name`, the first sentence of the docstring that answers it, and where that stands."""

    name: str
    text: str
    answer: str
    source: str

    def row(self) -> dict[str, object]:
        messages = [{"role": "user", "content": self.text}, {"role": "assistant", "content": self.answer}]
        return {"messages": messages, "source": self.source}


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Questions from the modules to learn from, those from the held-out modules, and what was left out, by reason."""

    train: Sequence[Question]
    held_out: Sequence[Question]
    skipped: Counter[str]


def make_questions(modules: Sequence[Module]) -> QuestionSet:
    """Ask about every documented definition, and keep the held-out part free of answers that training shows.

    A function is asked for twice in training, by its name and by its signature; in the held-out part once, by its
    name, so that no answer counts double.
    """
    train: list[Question] = []
    held_out: list[Question] = []
    skipped: Counter[str] = Counter()
    for module in modules:
        for name, definition in definitions(module.tree):
            answer = first_sentence(definition)
            reason = _unfit(answer, definition.name)
            if reason:
                skipped[reason] += 1
                continue
            source = f"{module.source}:{definition.lineno}"
            full = f"{module.name}.{name}"
            questions = [Question(full, text, answer, source) for text in _ask(module.name, name, definition)]
            if module.is_held_out:
                held_out.append(questions[0])
            else:
                train += questions
    shown = {question.answer.casefold() for question in train}
    fresh = [question for question in held_out if question.answer.casefold() not in shown]
    skipped["held-out answers that training shows"] += len(held_out) - len(fresh)
    return QuestionSet(train, fresh, skipped)


def write_questions(questions: Sequence[Question], path: Path) -> None:
    """Write one conversation a line, with the file and line of the docstring."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(question.row(), ensure_ascii=False) + "\n" for question in questions)


def first_sentence(definition: Definition) -> str:
    """The first sentence of the docstring on one line, ending in a full stop; empty without a docstring."""
    doc = inspect.cleandoc(ast.get_docstring(definition, clean=False) or "")
    paragraph = " ".join(doc.split("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s", paragraph)[0].rstrip(".:;!") + "." if paragraph else ""


def _ask(module: str, name: str, definition: Definition) -> list[str]:
    """Names have two parts, `textwrap.fill` or `TextWrapper.fill`: more before them tells a small model little."""
    short = ".".join(f"{module}.{name}".split(".")[-2:])
    if isinstance(definition, ast.ClassDef):
        return [f"What is `{short}`?"]
    return [f"What does `{short}` do?", f"What does `{name}({arguments(definition)})` do?"]


def _unfit(answer: str, name: str) -> str:
    """Why an answer is no use to learn from, or nothing."""
    if not answer:
        return "definitions without a docstring"
    if not answer.isascii():
        return "answers not in ASCII"
    if len(answer.split()) < SHORTEST_WORDS:
        return "answers shorter than 3 words"
    if f"{name}(" in answer or "->" in answer:
        return "answers that repeat the signature"
    return "answers longer than 120 characters" if len(answer) > LONGEST_CHARACTERS else ""

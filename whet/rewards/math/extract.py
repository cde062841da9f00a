"""The final answer in a text: what is boxed, what follows `####` or "the answer is", the last number."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from whet.rewards.answer import after_thinking
from whet.rewards.math.expression import FUNCTIONS
from whet.rewards.math.reading import Words, read

Extract = Literal["auto", "boxed", "hash", "number", "whole"]

_BOX = re.compile(r"\\(?:boxed|fbox)\s*(\{|(?=\S))")
_BRACE = re.compile(r"(?<!\\)[{}]")
_HASH = re.compile(r"^\s*####[ \t]*(.+?)[ \t]*$", re.MULTILINE)
_PHRASE = re.compile(r"\banswer\b(?:\s+is\b|\s*[:=])\s*:?\s*(.+?)\s*(?=\.\s|\.?$|\n)", re.IGNORECASE | re.MULTILINE)
# No longer than what can be read (MAX_LENGTH): a text of nothing but openings is not searched to its end for each.
_FORMULA = re.compile(r"\$\$?([^$\n]{1,600}?)\$\$?|\\[(\[](.{1,600}?)\\[)\]]")
_NUMBER = re.compile(r"-?(?:\$\s?)?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+|(?<=\d))(?:\s?/\s?\d+)?(?:\\?%)?")


def final_answer(text: str, how: Extract = "auto") -> str | None:
    """The last answer that stands in a completion, its thinking aside; None where there is none.

    `auto` takes the first that is found of: the last whole `\\boxed{}`, the last line that begins with `####`, what
    follows the last "answer is" or "answer:", a short text that is nothing but an answer, the last formula if it holds
    the last number, the last number. `whole` is all of the text.
    """
    text = after_thinking(text)
    for name in _AUTO if how == "auto" else (how,):
        found = _WAYS[name](text)
        if found is not None and found.strip():
            return found.strip()
    return None


def reference_answer(text: str) -> str:
    """The answer in a data row: what is boxed or follows `####`, else the whole text."""
    return boxed(text) or _hash(text) or text


def boxed(text: str) -> str | None:
    """What the last whole `\\boxed{...}` holds. One that was cut off does not count."""
    closes = _closers(text)
    for match in reversed(list(_BOX.finditer(text))):
        if not match[1]:
            return re.match(r"\s*(\S+)", text[match.end() :])[1].rstrip("$.,;")  # type: ignore[index]
        if match.end() - 1 in closes:
            return text[match.end() : closes[match.end() - 1]]
    return None


def _closers(text: str) -> dict[int, int]:
    """Where each brace that opens is closed, in one pass: a text of nothing but openings takes no longer."""
    found: dict[int, int] = {}
    waiting: list[int] = []
    for match in _BRACE.finditer(text):
        if match[0] == "{":
            waiting.append(match.start())
        elif waiting:
            found[waiting.pop()] = match.start()
    return found


def _hash(text: str) -> str | None:
    found: list[str] = _HASH.findall(text)
    return found[-1] if found else None


def _phrase(text: str) -> str | None:
    found: list[str] = _PHRASE.findall(text)
    return found[-1] if found else None


def _bare(text: str) -> str | None:
    """A text that is an answer and nothing else."""
    text = text.strip()
    opening = re.match(r"([A-Za-z]{2,}) ", text)
    if len(text) > 80 or "\n" in text or (opening and opening[1] not in FUNCTIONS):
        return None
    return None if isinstance(read(text), Words) else text


def _formula(text: str) -> str | None:
    """The last formula between dollars or `\\(...\\)`, if nothing behind it has a number."""
    found = [match for match in _FORMULA.finditer(text) if match[0]]
    last = next((match for match in reversed(list(_NUMBER.finditer(text))) if match[0]), None)
    if not found or (last is not None and not found[-1].start() <= last.start() < last.end() < found[-1].end()):
        return None
    return found[-1][1] or found[-1][2]


def _number(text: str) -> str | None:
    found = [match[0] for match in _NUMBER.finditer(text) if match[0]]
    return found[-1] if found else None


_AUTO = ("boxed", "hash", "phrase", "bare", "formula", "number")
_WAYS: dict[str, Callable[[str], str | None]] = {
    "boxed": boxed,
    "hash": _hash,
    "phrase": _phrase,
    "bare": _bare,
    "formula": _formula,
    "number": _number,
    "whole": lambda text: text,
}

"""Thoughts: the block in which a model thinks before it answers, and which of its characters are trained."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from whet.data.chat.template_wording import Thinking

Span = tuple[int, int]
REASONING = ("reasoning_content", "thinking", "reasoning")
# How models mark it, and all that may stand between its end and the answer.
_MARKS = (
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<seed:think>", "</seed:think>"),
    ("◁think▷", "◁/think▷"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
)
_OPEN = "|".join(re.escape(mark) for mark, _ in _MARKS)
_CLOSE = "|".join(re.escape(mark) for _, mark in _MARKS)
_EMPTY = re.compile(rf"\s*(?:{_OPEN})\s*(?:{_CLOSE})\s*")
_WHOLE = re.compile(rf"\s*(?:{_OPEN})(?:.*?)(?:{_CLOSE})\s*", re.DOTALL)
_REST = re.compile(rf"(?:.*?)(?:{_CLOSE})\s*", re.DOTALL)
_OPENED = re.compile(rf"(?:{_OPEN})\s*\Z")


def without_thoughts(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The messages, without reasoning beside or at the start of what the assistant says."""
    stripped = []
    for message in messages:
        kept = dict(message)
        if kept.get("role") == "assistant":
            kept = {key: value for key, value in kept.items() if key not in REASONING}
            if isinstance(kept.get("content"), str) and (found := _WHOLE.match(kept["content"])):
                kept["content"] = kept["content"][found.end() :]
        stripped.append(kept)
    return stripped


def context_of(thinking: Thinking, text: str, span: Span) -> Span | None:
    """The characters at the start of a turn that are context by `thinking`, None where all of it is trained.

    `ignore` takes the whole block, of which the prompt may have begun the first part; `ignore_empty` and `strip` only
    one without a thought in it, which the template wrote by itself.
    """
    if thinking == "keep":
        return None
    start, end = span
    found = _EMPTY.match(text, start, end)
    if thinking == "ignore":
        opened = _OPENED.search(text, max(0, start - 40), start)
        found = (_REST if opened else _WHOLE).match(text, start, end)
    return (start, found.end()) if found and found.end() < end else None

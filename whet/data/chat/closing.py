"""Closing: the special tokens that a template ends a reply with, told from those that begin the next turn."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any

_REPLY = "QzReplyToBeClosedQz"
_ASKED, _SAID = {"role": "user", "content": "hello"}, {"role": "assistant", "content": _REPLY}


def closing(render: Callable[[Sequence[dict[str, Any]]], str | None], controls: re.Pattern[str]) -> str:
    """The special tokens right behind each other that end a plain reply, such as `<|im_end|>`; "" if there are none.

    Command R7B ends one with two. They stand behind the last reply of a conversation, with nothing after them, and
    behind a reply that is followed by another turn alike. Where that cannot be told, the first one is the end.
    `render` gives the text of messages, None where it cannot; `controls` matches a special token.
    """
    last, followed = _tail(render, []), _tail(render, [_ASKED])
    if last is None:
        return ""
    ends, rest = _run(last, controls)
    if followed is None or rest.strip():
        return "".join(ends[:1])
    pairs = zip(ends, _run(followed, controls)[0], strict=False)
    return "".join(mark for mark, _ in takewhile(lambda pair: pair[0].rstrip() == pair[1].rstrip(), pairs)).rstrip()


def _tail(render: Callable[[Sequence[dict[str, Any]]], str | None], following: list[dict[str, Any]]) -> str | None:
    """What the template writes behind a reply."""
    for first in ([_ASKED], [{"role": "system", "content": "hello"}, _ASKED]):
        text = render([*first, _SAID, *following])
        if text is not None and _REPLY in text:
            return text.rpartition(_REPLY)[2]
    return None


def _run(tail: str, controls: re.Pattern[str]) -> tuple[list[str], str]:
    """The first special tokens that follow each other, and the text behind them."""
    marks: list[str] = []
    found = controls.search(tail)
    end = found.start() if found else len(tail)
    while found and found.start() == end:
        marks.append(found.group())
        end = found.end()
        found = controls.search(tail, end)
    return marks, tail[end:]

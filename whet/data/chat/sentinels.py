"""Sentinels: which text of a rendered conversation is the template's, and which stands for a content."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from whet.data.chat.template import ChatTemplate, Messages
from whet.data.refusal import RowRefused

_SENTINEL = re.compile(r"QzSentinel\d+Qz")


def marked_render(
    template: ChatTemplate, messages: Messages, tools: Sequence[Mapping[str, Any]], replaced: Sequence[int]
) -> list[str] | None:
    """The texts before, between and behind the contents of the messages `replaced`, which sentinels stand for.

    None when the template cannot render the sentinels, or does not write each of them once and in order.
    """
    sentinels = {index: f"QzSentinel{index}Qz" for index in replaced}
    marked = [{**m, "content": sentinels[i]} if i in sentinels else m for i, m in enumerate(messages)]
    try:
        rest = template.render(marked, tools)
    except RowRefused:
        return None
    texts = []
    for sentinel in sentinels.values():
        before, found, rest = rest.partition(sentinel)
        if not found or _SENTINEL.search(before):
            return None
        texts.append(before)
    return None if _SENTINEL.search(rest) else [*texts, rest]


def align(texts: Sequence[str], contents: Sequence[str], rendered: str) -> list[tuple[int, int]] | None:
    """Where each content stands, if the render is the texts with the contents between them and nothing else.

    A content may have lost white space at its ends. None if the render is anything else.
    """
    if not rendered.startswith(texts[0]):
        return None
    at, spans = len(texts[0]), []
    for content, after in zip(contents, texts[1:], strict=True):
        for said in trims(content):
            end = at + len(said)
            if rendered.startswith(said, at) and rendered.startswith(after, end):
                break
        else:
            return None
        spans.append((at, end))
        at = end + len(after)
    return spans if at == len(rendered) else None


def trims(content: str) -> Iterator[str]:
    """The content as it is, then with white space or line breaks taken off its ends."""
    yield content
    yield content.strip()
    for ends in (None, "\n"):
        yield content.rstrip(ends)
        yield content.lstrip(ends)
    yield content.strip("\n")

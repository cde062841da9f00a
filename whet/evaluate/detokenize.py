"""WikiText as people write it: without the blanks and marks that its tokenisation put in."""

from __future__ import annotations

import re

# The rules, and their order, are those of the `wikitext` task of EleutherAI's lm-evaluation-harness, so that figures
# can be compared. One of its rules, for `/' 1/`, never meets WikiText and is left out.
_PLAIN = (
    ("s '", "s'"),
    *((f" @{mark}@ ", mark) for mark in "-,."),
    *((f" {mark} ", f"{mark} ") for mark in ":;.!?,"),
)
_PAIRS = (
    r"\(\s*([^\)]*?)\s*\)",
    r"\[\s*([^\]]*?)\s*\]",
    r"{\s*([^}]*?)\s*}",
    r"\"\s*([^\"]*?)\s*\"",
    r"'\s*([^']*?)\s*'",
)
_LAST = (
    ("= = = =", "===="),
    ("= = =", "==="),
    ("= =", "=="),
    (" ° ", "°"),
    (" \n", "\n"),
    ("\n ", "\n"),
    (" N ", " 1 "),
    (" 's", "'s"),
)


def wikitext(text: str) -> str:
    """`a 1 @,@ 000 @-@ page book ( new ) .` becomes `a 1,000-page book (new) .`"""
    for old, new in _PLAIN:
        text = text.replace(old, new)
    for pattern in _PAIRS:
        text = re.sub(pattern, _tight, text)
    for old, new in _LAST:
        text = text.replace(old, new)
    return text


def _tight(match: re.Match[str]) -> str:
    whole = match[0]
    return whole[0] + match[1] + whole[-1]

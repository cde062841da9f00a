"""Two texts as one, by a template, or left to the tokenizer to join."""

from __future__ import annotations

import re

Joined = str | tuple[str, str]


def joined(template: str | None, **texts: str) -> Joined:
    """Both texts in the places of the template that have their names; without one the pair, in order.

    All places are filled at once, so braces in texts stay as they are.
    """
    if template is None:
        first, second = texts.values()
        return first, second
    places = re.compile("|".join(rf"\{{{name}\}}" for name in texts))
    return places.sub(lambda place: texts[place[0][1:-1]], template)

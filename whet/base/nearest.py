"""The name that was meant where another one was typed."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable

# Two letters changed places in a word of three is as far as a mistyped name lies.
LIKE = 0.66


def nearest(given: str, names: Iterable[str]) -> str | None:
    """The name most like `given`; of several as like, the one that begins as it does. None where none is near.

    A name that `given` is the beginning of is near, too: `model` means `model_source`.
    """
    known = sorted(names)
    dashes = len(given) - len(given.lstrip("-"))  # which all options have alike
    near = [
        name for name in difflib.get_close_matches(given, known, n=8, cutoff=LIKE)
        if not dashes or _likeness(name.lstrip("-"), given[dashes:]) >= LIKE
    ]  # fmt: skip
    if not near:
        return min((name for name in known if given and name.startswith(given)), key=len, default=None)
    likeness = {name: _likeness(name, given) for name in near}
    best = [name for name in near if likeness[name] == likeness[near[0]]]
    return max(best, key=lambda name: len(os.path.commonprefix([name, given])))


def _likeness(name: str, given: str) -> float:
    return difflib.SequenceMatcher(None, name, given).ratio()

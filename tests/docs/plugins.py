"""Kinds of plugins stay registered as long as the process lives, which other tests share."""

from __future__ import annotations

from pathlib import Path

import whet
from whet.base.catalogue import SLOTS


def forget_plugins() -> None:
    """Unregister every kind that does not come from a file of whet."""
    own = Path(whet.__file__).parent
    for slot in SLOTS.values():
        for name, kind in list(slot._kinds.items()):
            if not Path(kind.source).is_relative_to(own):
                del slot._kinds[name]

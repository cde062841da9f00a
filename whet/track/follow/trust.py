"""Trust: an order that this user has left, told from one that came in a folder of somebody else's.

Whoever follows a run does what its order says: sends what it logs somewhere, with this user's secrets, and runs files
of plug-ins. An order is therefore sealed by a key that only this user has (`whet.base.own_key`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from whet.base import own_key


def seal(order: Mapping[str, Any]) -> str:
    """The seal of an order, in hex; empty where no key can be kept."""
    return own_key.seal(_content(order)).hex()


def is_sealed(order: Mapping[str, Any], given: str) -> bool:
    """Whether the seal is this user's, and of this order."""
    try:
        return own_key.is_sealed(_content(order), bytes.fromhex(given))
    except ValueError:
        return False


def _content(order: Mapping[str, Any]) -> bytes:
    return json.dumps(order, sort_keys=True).encode()

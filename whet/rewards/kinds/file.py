"""A user's function in a file."""

from __future__ import annotations

from whet.base.catalogue import reward
from whet.base.settings import Place
from whet.contracts.rewards import Reward


@reward("file", named_by="function")
def file(*, function: Place) -> Reward:
    """What a function of yours says: `rewards.py:name`. Its parameters are filled by name.

    function: FILE:NAME, such as rewards.py:score; it may take `completion` or `completions`, `prompt`, `row`, columns
    """
    from whet.rewards.user import user_reward

    return user_reward(function)

"""Whether a text matches a pattern."""

from __future__ import annotations

import re
from functools import partial
from typing import Literal

from whet.base.catalogue import reward
from whet.base.errors import ConfigError
from whet.contracts.rewards import Reward
from whet.rewards.answer import Each, Row


@reward("regex")
def regex(*, pattern: str, match: Literal["search", "full", "none"] = "search", ignore_case: bool = False) -> Reward:
    """1 where the completion matches a regular expression, else 0. `.` matches line ends too.

    pattern: in Python's spelling, such as `<think>.*</think>.*<answer>.*</answer>`
    match: `search` anywhere, `full` all of the text, `none` rewards its absence
    ignore_case: upper and lower case are alike
    """
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    try:
        compiled = re.compile(pattern, flags)
    except re.error as error:
        raise ConfigError(
            f"`pattern` is no regular expression: {error}", hint="in YAML, within single quotes: pattern: '[a-z]+'"
        ) from None
    return Each(partial(_matches, compiled, match))


def _matches(pattern: re.Pattern[str], match: str, completion: str, row: Row) -> float:
    if match == "full":
        return float(pattern.fullmatch(completion.strip()) is not None)
    return float((pattern.search(completion) is not None) == (match == "search"))

"""Whether a text is the right answer, letter by letter after normalisation."""

from __future__ import annotations

from functools import partial

from whet.base.catalogue import reward
from whet.contracts.rewards import Reward
from whet.rewards.answer import Each, Row, after_thinking, plain, references


@reward("exact", columns=("answer",))
def exact(*, case: bool = False, punctuation: bool = True, contains: bool = False) -> Reward:
    """1 where the completion is the row's `answer` (or one of a list of them), else 0; thinking and outer blanks aside.

    case: upper and lower case differ
    punctuation: commas, full stops, quotes and brackets count
    contains: the answer may stand anywhere in the completion, as whole words
    """
    return Each(partial(_matches, case, punctuation, contains))


def _matches(case: bool, punctuation: bool, contains: bool, completion: str, row: Row) -> float:
    said = plain(after_thinking(completion), case=case, punctuation=punctuation)
    rights = [plain(right, case=case, punctuation=punctuation) for right in references(row)]
    if not contains:
        return float(said in rights)
    return float(any(_stands_in(right, said) for right in rights))


def _stands_in(right: str, said: str) -> bool:
    """Whether the text stands there with no letter or digit right before or after it."""
    at = said.find(right) if right else -1
    while at >= 0:
        around = said[max(at - 1, 0) : at] + said[at + len(right) : at + len(right) + 1]
        if not any(letter.isalnum() for letter in around):
            return True
        at = said.find(right, at + 1)
    return False

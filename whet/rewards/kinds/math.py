"""Whether the final answer means what the right one means."""

from __future__ import annotations

from functools import partial
from typing import Literal

from whet.base.catalogue import reward
from whet.base.settings import NonNegative
from whet.contracts.rewards import Reward
from whet.rewards.answer import Each, Row, references


@reward("math", columns=("answer",))
def math(
    *, extract: Literal["auto", "boxed", "hash", "number", "whole"] = "auto", tolerance: NonNegative = 0.0
) -> Reward:
    r"""1 where the completion's final answer equals the row's `answer`, however both are written, else 0.

    extract: where the answer stands: `boxed` (\boxed{}), `hash` (#### n), the last `number`, the `whole` text; `auto`
    tolerance: how far numbers may differ, relative to the right one
    """
    return Each(partial(_equals, extract, tolerance))


def _equals(
    extract: Literal["auto", "boxed", "hash", "number", "whole"], tolerance: float, completion: str, row: Row
) -> float:
    from whet.rewards.math.equal import same_answer
    from whet.rewards.math.extract import final_answer, reference_answer

    rights, found = references(row), final_answer(completion, extract)
    if found is None:
        return 0.0
    return float(any(same_answer(found, reference_answer(right), tolerance) for right in rights))

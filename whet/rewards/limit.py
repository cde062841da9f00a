"""When a run stops because its rewards fail: a share of what was graded last, never a loss of 0."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from whet.base.errors import RunError
from whet.contracts.rewards import Grading

WINDOW = 256  # completions graded last


class FailureLimit:
    """Follows how often each reward fails. `max_failed` is the largest share, of the last 256 completions.

    Of fewer completions as many may fail as of 256, unless all of a step's did: that is told at once.
    """

    def __init__(self, max_failed: float) -> None:
        self._max_failed = max_failed
        self._recent: dict[str, deque[tuple[int, int]]] = {}

    def check(self, grading: Grading) -> None:
        """Count a grading. Raises RunError, with an example, when a reward failed too often."""
        num = sum(len(grades.totals) for grades in grading.grades)
        for name, reasons in grading.failures.items():
            self.count(name, sum(reasons.values()), num, reasons, grading.examples.get(name, ""))
        for name in self._recent.keys() - grading.failures.keys():
            self._enter(name, 0, num)

    def count(self, name: str, failed: int, num: int, reasons: Mapping[str, int], example: str) -> None:
        """Count that a reward failed on so many of `num` completions; of several ranks, their sums."""
        recent = self._enter(name, failed, num)
        lately = sum(f for f, _ in recent)
        is_over = lately > self._max_failed * max(WINDOW, sum(n for _, n in recent))
        if is_over or (failed and failed == num and self._max_failed < 1):
            share = f"{failed:,} of {num:,} completions" if failed == num else f"{lately:,} of the last completions"
            what = ", ".join(f"{reason} ({count:,})" for reason, count in reasons.items())
            raise RunError(
                f"the reward `{name}` failed on {share}: {what}\n  such as: {example}",
                hint="try it by hand with `whet rewards`, or allow more with `rewards.max_failed`",
            )

    def _enter(self, name: str, failed: int, num: int) -> deque[tuple[int, int]]:
        recent = self._recent.setdefault(name, deque())
        recent.append((failed, num))
        while len(recent) > 1 and sum(n for _, n in recent) - recent[0][1] >= WINDOW:
            recent.popleft()
        return recent

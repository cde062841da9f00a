"""Asking: the ranks answer prompts together, and every answer is graded."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whet.contracts.rewards import Grader, Grading, Player, Task, Trajectory
from whet.data.prompts import Asked
from whet.parallel.world import World
from whet.rewards.limit import FailureLimit
from whet.train.answered import Answered


@dataclass(frozen=True, slots=True)
class Share:
    """What one rank answered, and what rewards failed on: `failures[name][reason]`, with an example of each name."""

    answered: Sequence[Answered]
    failures: Mapping[str, Mapping[str, int]]
    examples: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Asking:
    """Who answers and who grades. `limit` stops the run when rewards fail too often."""

    world: World
    player: Player
    grader: Grader
    limit: FailureLimit

    def __call__(self, asked: Sequence[Asked], num: int, seed: int) -> Share:
        """`num` graded answers to each prompt, whole on every rank. The draws depend on `seed` and places alone."""
        return self.everyones(self.own(asked, num, seed))

    def own(self, asked: Sequence[Asked], num: int, seed: int) -> Share:
        """This rank's share of them."""
        mine = list(range(len(asked)))[self.world.rank :: self.world.size]
        trajectories = self.player(
            [asked[i].ids or asked[i].prompt.messages for i in mine],  # type: ignore[misc]
            [asked[i].prompt.columns for i in mine], num, seed=seed, numbers=mine,
        )  # fmt: skip
        tasks = [_task(asked[i], group) for i, group in zip(mine, trajectories, strict=True)]
        grading = self.grader.grade(tasks)
        answered = [
            Answered(i, asked[i].origin, group, grades)
            for i, group, grades in zip(mine, trajectories, grading.grades, strict=True)
        ]
        return Share(answered, grading.failures, grading.examples)

    def everyones(self, own: Share) -> Share:
        """All shares, in the order of prompts. Raises RunError when a reward failed too often."""
        shares = self.world.gathered(own)
        whole = sorted((answered for share in shares for answered in share.answered), key=lambda a: a.number)
        failed: dict[str, Counter[str]] = defaultdict(Counter)
        examples: dict[str, str] = {}
        for share in shares:
            examples |= share.examples
            for name, reasons in share.failures.items():
                failed[name].update(reasons)
        self.limit.check(Grading(tuple(a.grades for a in whole), failed, examples))
        return Share(whole, failed, examples)


def _task(asked: Asked, group: Sequence[Trajectory]) -> Task:
    messages = asked.prompt.messages
    prompt = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
    return Task(prompt, [t.text for t in group], asked.prompt.columns)

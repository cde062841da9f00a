"""Asking: the ranks answer prompts together, and every answer is graded."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from whet.contracts.rewards import Grader, Grading, Player, Task, Trajectory, questions
from whet.data.render.prompts import Asked
from whet.generate.prefetch import Ahead, Job, Progress, Watch
from whet.parallel.world import World
from whet.rewards.limit import FailureLimit
from whet.train.online.rollout_group import Answered


@dataclass(frozen=True, slots=True)
class Share:
    """What one rank answered, and what rewards failed on: `failures[name][reason]`, with an example of each name."""

    answered: Sequence[Answered]
    failures: Mapping[str, Mapping[str, int]]
    examples: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Asking:
    """Who answers, who grades, and how long they are waited for. `limit` stops the run when rewards fail too often.

    With `is_frozen` answers come from the weights as they are when they are asked for, with which training may go on.
    """

    world: World
    player: Player
    grader: Grader
    limit: FailureLimit
    watch: Watch
    is_frozen: bool = False

    def __call__(self, asked: Sequence[Asked], num: int, seed: int, what: str) -> Share:
        """`num` graded answers to each prompt, whole on every rank. The draws depend on `seed` and places alone."""
        job = self.job(asked, num, seed)
        return self.everyones(Ahead(lambda _: job, self.watch, what).take(0))

    def job(self, asked: Sequence[Asked], num: int, seed: int) -> Job[Share]:
        """What makes this rank's share, with the weights as they are when it runs, or, frozen, as they are now.

        All ranks ask for the same at the same time, in the thread that trains.
        """
        freezable: Any = self.player
        player: Player = freezable.frozen() if self.is_frozen else self.player
        return lambda progress: self._own(player, asked, num, seed, progress)

    def _own(self, player: Player, asked: Sequence[Asked], num: int, seed: int, progress: Progress) -> Share:
        if self.world.device.type == "cuda":  # each thread has a current device of its own
            torch.cuda.set_device(self.world.device)
        mine = list(range(len(asked)))[self.world.index("all") :: self.world.count("all")]
        prompts = [asked[i].ids or asked[i].prompt.messages for i in mine]
        trajectories = player(questions(prompts, mine), num, seed=seed, at=progress.at)
        progress.at("the rewards of the answers")
        tasks = [_task(asked[i], group) for i, group in zip(mine, trajectories, strict=True)]
        grading = self.grader.grade(tasks)
        answered = [
            Answered(i, asked[i].origin, group, grades)
            for i, group, grades in zip(mine, trajectories, grading.grades, strict=True)
        ]
        return Share(answered, grading.failures, grading.examples)

    def everyones(self, own: Share) -> Share:
        """All shares, in the order of prompts. Raises RunError when a reward failed too often."""
        whole = self.together(own)
        self.limit.check(Grading(tuple(a.grades for a in whole.answered), whole.failures, whole.examples))
        return whole

    def together(self, own: Share) -> Share:
        """All shares as one, in the order of prompts."""
        shares = self.world.gathered(own, "all")
        answered = sorted((answered for share in shares for answered in share.answered), key=lambda a: a.number)
        failed: dict[str, Counter[str]] = defaultdict(Counter)
        examples: dict[str, str] = {}
        for share in shares:
            examples |= share.examples
            for name, reasons in share.failures.items():
                failed[name].update(reasons)
        return Share(answered, {name: dict(reasons) for name, reasons in failed.items()}, examples)

    def part(self, whole: Share) -> Share:
        """This rank's share of what was once made together, by any number of ranks."""
        mine = [a for a in whole.answered if a.number % self.world.count("all") == self.world.index("all")]
        return Share(mine, whole.failures, whole.examples) if self.world.is_writer else Share(mine, {}, {})


def _task(asked: Asked, group: Sequence[Trajectory]) -> Task:
    messages = asked.prompt.messages
    prompt = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
    return Task(prompt, [t.text for t in group], asked.prompt.columns)

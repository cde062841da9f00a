"""Rollouts: a source of steps whose samples are the model's own answers, graded."""

# G prompts  N answers to each  T tokens of an answer

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from whet.base.errors import RunError
from whet.base.rollout import Rollout
from whet.base.seeds import derive
from whet.contracts.rollouts import Credit, Online, Outcome
from whet.contracts.sample import Sample
from whet.contracts.steps import Step, Stop
from whet.data.order.step_source import DatasetSource, check_turn, refuse_changes
from whet.data.render.prompts import Prompts
from whet.data.store.table import packed, unpacked
from whet.generate.prefetch import Ahead, Job
from whet.train.online.figures import Failures, figures_of, why_flat
from whet.train.online.rollout_group import Answered, grouped, parts_of, pieces
from whet.train.online.rollout_worker import Asking
from whet.train.online.state import Played, restored, stored
from whet.train.online.told import Teller

# Numbers of the chosen tokens of samples, by name: of each sample, one array over all its trained tokens.
Scorer = Callable[[Sequence[Sample], frozenset[str]], Mapping[str, list[np.ndarray]]]


@dataclass(frozen=True, slots=True)
class Making:
    """Who takes part in a rollout.

    `scorer` runs the models over answers before anything is learned from them. `capacity` gives the most tokens that
    a sample may have: larger groups are cut, and the prompt goes to each piece.
    """

    asking: Asking
    objective: Online
    scorer: Scorer
    capacity: Callable[[], int]


class Rollouts:
    """Steps of `updates` parts of each rollout, `passes` times over (contract: `whet.contracts.steps.StepSource`).

    Prompts come in the order of `order`, which never ends. Answers are made with the weights as they are when a
    rollout is due, or with `staleness` up to so many rollouts before; ranks share the prompts, and every rank then
    holds all answers. What is not yet learned from, and what is on its way, is part of the state, so that a resumed run
    goes on with the same answers.
    """

    can_prefetch = False

    def __init__(
        self, prompts: Prompts, order: DatasetSource, settings: Rollout, making: Making, *, total: int, seed: int
    ) -> None:
        self._prompts, self._order, self._settings = prompts, order, settings
        self.making, self.total, self._seed = making, total, seed
        self._line: Ahead[Played] = Ahead(self._ask, making.asking.watch)
        self._steps: list[list[Sample]] = []
        self._served = self._step = self._round = self._version = self._flat_rounds = 0
        self._epoch, self._figures, self._warnings = 0.0, dict[str, float](), tuple[str, ...]()
        self._teller = Teller(prompts)
        self.failures, self.tool_failures = Failures(), Failures("tool", "calls")

    def next(self, step: int) -> Step | Stop:
        """The step of this number; they are given out in order. Makes the next rollout when one is due."""
        if step >= self.total:
            return Stop(f"all {self.total:,} steps are done")
        check_turn(step, self._step)
        answers: Callable[[int], list[dict[str, Any]]] | None = None
        warnings: tuple[str, ...] = ()
        if self._served == len(self._steps) * self._settings.passes:
            answers, warnings = self._taught()
        samples = self._steps[self._served % len(self._steps)]
        figures = {**self._figures, "staleness": float(self._step - self._version)}
        self._served, self._step = self._served + 1, self._step + 1
        lengths = [s.num_tokens for s in samples]
        return Step(
            step, lengths, samples.__getitem__, self._epoch, figures=figures, warnings=warnings, answers=answers
        )

    def _taught(self) -> tuple[Callable[[int], list[dict[str, Any]]], tuple[str, ...]]:
        """Roll until there is a sample to learn from: objectives that compare answers make none of equal ones.

        Where that goes on, `rollout.patience` ends the run.
        """
        warnings: tuple[str, ...] = ()
        while True:
            answers = self._roll()
            warnings += self._warnings
            if self._steps:
                return answers, warnings

    def _roll(self) -> Callable[[int], list[dict[str, Any]]]:
        """Answer, grade, and cut into the steps that learn from it. Returns what tells of it."""
        began = time.perf_counter()
        answered, num_drawn = self._answers()
        made = time.perf_counter() - began
        credit, samples, outcome = self._judged(answered)
        self._steps, self._served = self._parts(samples), 0
        self._figures = {
            **figures_of(answered, outcome, credit, num_drawn), **credit.figures,
            "rollout_s": made, "scoring_s": time.perf_counter() - began - made,
        }  # fmt: skip
        self._warnings = (*self.failures.take(), *self.tool_failures.take(), *self._mind_signal(answered, credit))
        return partial(self._teller.told, answered, credit)

    def _answers(self) -> tuple[list[Answered], int]:
        """Graded answers to as many prompts as a rollout has, and how many prompts were drawn for them.

        With `resample`, prompts whose answers all got the same give way to further ones while there are tries.
        """
        kept: list[Answered] = []
        flat: list[Answered] = []
        wanted, num_drawn = self._settings.prompts, 0
        for _ in range(1 + self._settings.resample):
            for answered in self._play():
                num_drawn += 1
                (kept if answered.differs or not self._settings.resample else flat).append(answered)
            if len(kept) >= wanted:
                break
        return (kept + flat)[:wanted], num_drawn

    def _play(self) -> list[Answered]:
        """One round: this rank's share of prompts answered and graded, then everybody's, in the order of prompts."""
        played = self._line.take(self._round, self._useful())
        self._round += 1
        self._version, self._epoch = played.step, played.epoch
        share = self.making.asking.everyones(played.share)
        self.failures.add(share.failures, share.examples)
        self.tool_failures.of_tools(share.answered)
        return list(share.answered)

    def _ask(self, number: int) -> Job[Played]:
        """The job that makes round `number`, with the weights of now."""
        drawn = self._order.next(number)
        if isinstance(drawn, Stop):
            raise RunError(
                "there are no more prompts", hint="more rows in data.train, or train.epochs with a larger number"
            )
        asked = [self._prompts.asked(int(drawn.fetch(i).fields["number"])) for i in range(len(drawn.lengths))]
        seed, step, epoch = derive("rollout", self._seed, number), self._step, drawn.epoch
        job = self.making.asking.job(asked, self._settings.completions, seed)
        return lambda progress: Played(job(progress), step, epoch)

    def _useful(self) -> int:
        """How many rounds beyond the one that is due may be on their way, and will be learned from."""
        steps = self._settings.updates * self._settings.passes
        return min(self._settings.staleness, max(0, math.ceil((self.total - self._step) / steps) - 1))

    def settle(self) -> None:
        """Wait for what is on its way."""
        self._line.settled()

    def _judged(self, answered: Sequence[Answered]) -> tuple[Credit, list[Sample], Outcome]:
        """What the objective makes of the answers, and the samples that come of it."""
        if not any(np.isfinite(a.rewards_N).any() for a in answered):
            raise RunError(
                f"no answer of {len(answered)} prompts could be graded: {self.failures.summary()}",
                at="rewards", hint="try the reward on one answer by hand",
            )  # fmt: skip
        wants = self.making.objective.traits.wants | (
            {"old"} if self._settings.updates * self._settings.passes > 1 else set()
        )
        groups = [grouped(a) for a in answered]
        scored = self.making.scorer(groups, frozenset(wants)) if wants else {}
        tokens = {name: [parts_of(g, v) for g, v in zip(groups, scored[name], strict=True)] for name in scored}
        tokens["behaviour"] = [a.behaviour for a in answered]
        outcome = Outcome(
            np.stack([a.rewards_N for a in answered]), np.stack([a.lengths_N for a in answered]),
            np.stack([a.is_truncated_N for a in answered]), tokens,
        )  # fmt: skip
        credit = self.making.objective.credit(outcome)
        kept_tokens = {name: tokens[name] for name in ("behaviour", *sorted(scored))} | dict(credit.values)
        samples = []
        for g, a in enumerate(answered):
            kept = range(len(a.trajectories)) if credit.kept is None else credit.kept[g]
            fields = {name: column[g] for name, column in credit.fields.items()}
            fields["reward"] = a.rewards_N.astype(np.float32)
            values = {name: column[g] for name, column in kept_tokens.items()}
            samples += pieces(a, list(kept), fields, values, self.making.capacity() if credit.kept is None else None)
        return credit, samples, outcome

    def _parts(self, samples: Sequence[Sample]) -> list[list[Sample]]:
        """The samples of each update: whole prompts, as evenly as they go."""
        numbers = sorted({int(s.fields["prompt"][0]) for s in samples})
        shares = [set(part.tolist()) for part in np.array_split(np.array(numbers), self._settings.updates)]
        steps = [[_bare(s) for s in samples if int(s.fields["prompt"][0]) in share] for share in shares]
        return [step for step in steps if step]

    def _mind_signal(self, answered: Sequence[Answered], credit: Credit) -> tuple[str, ...]:
        """Say when nothing can be learned, and stop where that goes on."""
        if credit.has_signal_G.any():
            self._flat_rounds = 0
            return ()
        self._flat_rounds += 1
        found = why_flat(answered, credit)
        text = f"this rollout teaches nothing: {found}"
        if self._flat_rounds < self._settings.patience:
            return (text,)
        raise RunError(
            f"{self._flat_rounds} rollouts in a row taught nothing; in the last one {found}", at="rewards",
            hint="look at the answers (evaluate.prompts), the reward, rollout.temperature and rollout.completions",
        )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """JSON: the place in the prompts, the samples that were made and not yet learned from, and the answers of
        rounds on their way, which are waited for: those of all ranks, which call this together."""
        left = self._served < len(self._steps) * self._settings.passes
        return {
            "order": self._order.state_dict(),
            "step": self._step,
            "served": self._served if left else 0,
            "round": self._round,
            "version": self._version,
            "flat_rounds": self._flat_rounds,
            "epoch": self._epoch,
            "figures": self._figures,
            "rollout": self._shape(),
            "samples": [packed(step) for step in self._steps] if left else [],
            "ahead": {str(n): stored(played) for n, played in self._ahead().items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on after the last step given out, with the answers that were stored."""
        refuse_changes(state["rollout"], self._shape())
        self._order.load_state_dict(state["order"])
        self._step, self._served, self._round = state["step"], state["served"], state["round"]
        self._version, self._flat_rounds, self._epoch = state["version"], state["flat_rounds"], state["epoch"]
        self._figures = dict(state["figures"])
        self._steps = [unpacked(step) for step in state["samples"]]
        held = {int(n): restored(played) for n, played in state["ahead"].items()}
        part = self.making.asking.part
        self._line.restore({n: replace(played, share=part(played.share)) for n, played in held.items()})

    def _ahead(self) -> dict[int, Played]:
        """What is on its way, whole, once it is there."""
        together = self.making.asking.together
        return {n: replace(played, share=together(played.share)) for n, played in self._line.settled().items()}

    def _shape(self) -> dict[str, Any]:
        return self._settings.model_dump(exclude={"batch_tokens", "patience"})


def _bare(sample: Sample) -> Sample:
    """The sample without the number of its prompt, which no objective asks for."""
    return replace(sample, fields={name: value for name, value in sample.fields.items() if name != "prompt"})

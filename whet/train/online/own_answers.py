"""Own answers: a source whose samples are answered by the model in training, for a share of them (on-policy)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from whet.base.errors import DataError
from whet.base.run import Run
from whet.base.seeds import derive
from whet.contracts.rewards import Player, Trajectory, questions
from whet.contracts.sample import Sample
from whet.contracts.steps import Step, StepSource, Stop
from whet.data.order.dataset import Dataset
from whet.data.store.ledger import Ledger
from whet.generate.groups import Groups
from whet.generate.protocol import GenerateSettings
from whet.parallel.world import World
from whet.train.online.player import together
from whet.train.setup.chosen import Chosen
from whet.train.setup.sources import Feed, SourceKind, Supply, Words
from whet.train.setup.trained import Trained
from whet.train.step.micro_batches import Dealer


def with_own_answers(given: SourceKind) -> SourceKind:
    """The kind, with some replies by the model itself where the objective has `own` ones."""

    def feed(run: Run, chosen: Chosen, words: Words, ledger: Ledger) -> Feed:
        fed, own = given.feed(run, chosen, words, ledger), chosen.traits.own
        if own is None:
            return fed
        answered = fed.longest + own.tokens

        def begin(data: Mapping[str, Dataset], trained: Trained, dealer: Dealer) -> Supply:
            settings = GenerateSettings(max_new_tokens=own.tokens, temperature=own.temperature)
            ours = Groups(trained.loaded.module, trained.loaded.processor, settings)
            player = together(ours, trained.world, trained.loaded.module)
            supply = fed.begin(data, trained, dealer)
            return replace(supply, source=OwnAnswers(supply.source, player, trained.world, own.share, run.seed))

        return replace(fed, begin=begin, longest=max(fed.longest, min(answered, words.context or answered)))

    return replace(given, feed=feed)


@dataclass(slots=True)
class OwnAnswers:
    """The steps of `source`, with the last reply of a share of samples given by the model instead.

    Answers are made when a step is asked for, with the weights as they are then. Which samples are answered, and what
    is drawn, depends on the seed, the step and the place in it alone, so that any number of ranks has the same
    answers; ranks share the work. A resumed run makes those of its next step anew, with the same weights: there is
    nothing of them to store.
    """

    source: StepSource
    player: Player
    world: World
    share: float
    seed: int

    @property
    def total(self) -> int:
        return self.source.total

    @property
    def can_prefetch(self) -> bool:
        """The model answers with the weights of the step."""
        return False

    def next(self, step: int) -> Step | Stop:
        """The step of this number, some of its samples answered anew; all ranks ask together."""
        given = self.source.next(step)
        if isinstance(given, Stop):
            return given
        draws = np.random.default_rng(derive(self.seed, "own", step)).random(len(given.lengths))
        chosen = np.flatnonzero(draws < self.share).tolist()
        answered = self._answered(given, chosen)
        lengths = [answered[i].num_tokens if i in answered else length for i, length in enumerate(given.lengths)]
        mean = float(np.mean([np.count_nonzero(s.weights) for s in answered.values()])) if answered else 0.0
        figures = {**given.figures, "own_tokens": mean}
        return replace(given, lengths=lengths, fetch=lambda i: answered[i] if i in answered else given.fetch(i),
                       figures=figures)  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        return self.source.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.source.load_state_dict(state)

    def _answered(self, given: Step, chosen: Sequence[int]) -> dict[int, Sample]:
        """The answered samples by their place in the step, whole on every rank."""
        mine = chosen[self.world.index("all") :: self.world.count("all")]
        samples = [given.fetch(i) for i in mine]
        starts = [reply_start(sample) for sample in samples]
        prompts = [sample.ids[:start].tolist() for sample, start in zip(samples, starts, strict=True)]
        seed = derive(self.seed, "own answers", given.index)
        found = self.player(questions(prompts, mine), 1, seed=seed)
        own = {
            i: with_reply(sample, start, trajectories[0])
            for i, sample, start, trajectories in zip(mine, samples, starts, found, strict=True)
        }
        return {i: sample for part in self.world.gathered(own, "all") for i, sample in part.items()}


def reply_start(sample: Sample) -> int:
    """The first token of a sample's last reply, its last run of trained tokens. Raises DataError without a prompt."""
    trained = np.flatnonzero(sample.weights > 0)
    trained = trained[trained > 0]
    start = int(trained[np.flatnonzero(np.diff(trained, prepend=-2) > 1)[-1]])
    if start < 2:
        origin = sample.origin
        raise DataError(
            "raw text has no prompt that the model could answer",
            at=f"{origin.source} row {origin.row}" if origin else None, hint="objective.own=0",
        )  # fmt: skip
    return start


def with_reply(sample: Sample, start: int, answer: Trajectory) -> Sample:
    """The tokens before `start` as context, and behind them the answer: all that the model chose is trained."""
    ids = np.concatenate([sample.ids[:start], np.array(answer.ids, np.int32)])
    weights = np.concatenate([np.zeros(start, np.float32), np.array(answer.is_chosen, np.float32)])
    return replace(sample, ids=ids, weights=weights)

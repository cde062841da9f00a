"""From the config's section `rewards` to a grader, and what its rewards need of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from whet.base.catalogue import reward as slot
from whet.base.errors import ConfigError
from whet.contracts.rewards import Message, Reward, Score, Weighted
from whet.rewards.grading import PoolGrader

if TYPE_CHECKING:
    from whet.base.rewards import RewardEntry, Rewards

TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Only:
    """A reward that abstains on rows whose columns are not as asked."""

    reward: Reward
    where: Mapping[str, Any]

    @property
    def is_whole(self) -> bool:
        return getattr(self.reward, "is_whole", True)

    @property
    def runs_in(self) -> str:
        return getattr(self.reward, "runs_in", "process")

    @property
    def score(self) -> Any:  # where the grader looks for the module of what runs
        return getattr(self.reward, "score", self.reward)

    def __call__(
        self, prompt: Sequence[Message], completions: Sequence[str], row: Mapping[str, Any]
    ) -> Sequence[Score]:
        if any(row.get(name) != value for name, value in self.where.items()):
            return [None] * len(completions)
        return self.reward(prompt, completions, row)


def build_grader(settings: Rewards) -> PoolGrader:
    """The grader of a run's `rewards`. Raises ConfigError where there are none or one cannot be built."""
    if not settings.functions:
        raise ConfigError("there is nothing that grades completions", hint="rewards=[math]")
    names = _names(settings.functions)
    weighted = []
    for name, entry in zip(names, settings.functions, strict=True):
        built = slot.get(entry.reward.kind).build(**entry.reward.values())
        reward = Only(built, dict(entry.where)) if entry.where else built
        limit = entry.timeout_s or (TIMEOUT_S if getattr(built, "runs_in", "process") == "process" else None)
        weighted.append(Weighted(name, reward, entry.weight, limit))
    return PoolGrader(weighted, workers=None if settings.workers == "auto" else settings.workers)


def required_columns(settings: Rewards) -> dict[str, str]:
    """Columns that every row needs -> the reward that reads it. Those of rewards with `where` are not among them."""
    return {
        column: name
        for name, entry in zip(_names(settings.functions), settings.functions, strict=True)
        if not entry.where
        for column in slot.get(entry.reward.kind).facts.columns
    }


def _names(entries: Sequence[RewardEntry]) -> list[str]:
    """The rewards' names in figures: given ones, else those that their kinds say, numbered where alike."""
    names: list[str] = []
    for entry in entries:
        setting = slot.get(entry.reward.kind).facts.named_by
        own = entry.reward.values()[setting].rpartition(":")[2] if setting else entry.reward.kind
        name = entry.name or own
        if entry.name and name in names:
            raise ConfigError(f"two rewards are called `{name}`", hint="give another `name`")
        names.append(name)
    counts = dict.fromkeys(names, 0)
    for at, name in enumerate(names):
        counts[name] += 1
        if counts[name] > 1:
            names[at] = f"{name}-{counts[name]}"
    return names

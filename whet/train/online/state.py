"""What was made of rollouts and is not yet learned from, as a checkpoint can hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from whet.contracts.rewards import Grades, Trajectory
from whet.contracts.sample import Origin
from whet.train.online.rollout_group import Answered
from whet.train.online.rollout_worker import Share


@dataclass(frozen=True, slots=True)
class Played:
    """A rank's share of a round, the step whose weights answered, and how far in the prompts it lies."""

    share: Share
    step: int
    epoch: float


def stored(played: Played) -> dict[str, Any]:
    """As JSON, exact to the bit."""
    return asdict(played)


def restored(state: Mapping[str, Any]) -> Played:
    """The round of `stored`."""
    share = state["share"]
    answered = [
        Answered(a["number"], Origin(**a["origin"]), [_trajectory(t) for t in a["trajectories"]], _grades(a["grades"]))
        for a in share["answered"]
    ]
    return Played(Share(answered, share["failures"], share["examples"]), state["step"], state["epoch"])


def _trajectory(state: Mapping[str, Any]) -> Trajectory:
    """JSON knows no tuples."""
    tuples = {name: tuple(value) for name, value in state.items() if isinstance(value, list)}
    return Trajectory(**{**state, **tuples, "failures": tuple(tuple(f) for f in state["failures"])})


def _grades(state: Mapping[str, Any]) -> Grades:
    return Grades(tuple(state["totals"]), {name: tuple(scores) for name, scores in state["scores"].items()})

"""What was made of rollouts and is not yet learned from, as a checkpoint can hold it."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from whet.contracts.rewards import Grades, Trajectory
from whet.contracts.sample import Origin, Sample
from whet.train.online.answered import Answered
from whet.train.online.asking import Share


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


def packed(samples: Sequence[Sample]) -> str:
    """Samples as base64 of a compressed npz, exact to the bit."""
    arrays: dict[str, np.ndarray] = {}
    for number, sample in enumerate(samples):
        origin = sample.origin or Origin("", 0)
        arrays |= {
            f"{number}/ids": sample.ids,
            f"{number}/weights": sample.weights,
            f"{number}/cuts": np.array(sample.cuts, np.int64),
            f"{number}/source": np.array(origin.source),
            f"{number}/place": np.array([origin.row, origin.part]),
            **{f"{number}/field/{name}": np.asarray(value) for name, value in sample.fields.items()},
            **{f"{number}/value/{name}": value for name, value in sample.values.items()},
        }
    file = io.BytesIO()
    np.savez_compressed(file, count=np.array(len(samples)), **arrays)  # type: ignore[arg-type]
    return base64.b64encode(file.getvalue()).decode("ascii")


def unpacked(text: str) -> list[Sample]:
    """The samples of `packed`."""
    with np.load(io.BytesIO(base64.b64decode(text)), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    return [_sample(arrays, number) for number in range(int(arrays["count"]))]


def _sample(arrays: dict[str, np.ndarray], number: int) -> Sample:
    def under(kind: str) -> dict[str, np.ndarray]:
        return {n.split("/", 2)[2]: a for n, a in arrays.items() if n.startswith(f"{number}/{kind}/")}

    row, part = arrays[f"{number}/place"].tolist()
    return Sample(
        arrays[f"{number}/ids"], arrays[f"{number}/weights"], under("field"),
        Origin(str(arrays[f"{number}/source"]), row, part), tuple(arrays[f"{number}/cuts"].tolist()),
        values=under("value"),
    )  # fmt: skip

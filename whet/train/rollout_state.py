"""Samples of a rollout as text that a checkpoint can hold."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np

from whet.contracts.sample import Origin, Sample


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

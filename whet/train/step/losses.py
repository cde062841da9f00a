"""What of a step's loss comes from each token, sequence or group: read with its figures, at the one moment that waits
for the device."""

# P trained tokens  N sequences  G groups

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from whet.contracts.objective import LossParts


class PartsRead(NamedTuple):
    """`LossParts` on the host: `values` float32."""

    of: str
    values: np.ndarray


class StepLosses:
    """The parts of the last step's loss, a micro-batch each; None where the objective tells none."""

    def __init__(self) -> None:
        self._found: list[PartsRead | None] = []

    def read(self, numbers_K: torch.Tensor, parts: Sequence[LossParts | None]) -> list[float]:
        """Read float64 numbers (K,) and all parts at once; gives the numbers.

        The numbers travel as pairs of float32, so that their bits are kept and a part takes 4 bytes.
        """
        told = [part.values.detach().reshape(-1).float() for part in parts if part is not None]
        numbers_K = numbers_K.double()
        host = torch.cat([numbers_K.view(torch.float32), *told]).cpu().numpy()
        ends = np.cumsum([2 * len(numbers_K), *map(len, told)]).tolist()
        pieces = iter([host[start:end] for start, end in zip(ends, ends[1:], strict=False)])
        self._found = [None if part is None else PartsRead(part.of, next(pieces)) for part in parts]
        return host[: ends[0]].view(np.float64).tolist()

    def put(self, found: list[PartsRead | None]) -> None:
        """Those that another rank has read."""
        self._found = found

    def take(self) -> list[PartsRead | None]:
        """Those of the last step; nothing where it was asked before."""
        found, self._found = self._found, []
        return found

"""Host: small tables that tell how a batch lies, sent to the device without waiting for what it computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor


def sent(values: Any, device: torch.device, dtype: Any = np.int64) -> Tensor:
    """Numbers that the host knows, as a tensor on the device.

    `torch.tensor(values, device=...)` would wait until a GPU has done all that was asked of it; a copy from pinned
    memory takes its turn.
    """
    table = torch.from_numpy(np.asarray(values, dtype))
    if device.type == "cuda":
        return table.pin_memory().to(device, non_blocking=True)
    return table.to(device)

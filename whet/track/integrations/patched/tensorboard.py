"""TensorBoard as torch writes it, `torch.utils.tensorboard.SummaryWriter`: each writer is a run."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Any

from whet.track.integrations.patched.patching import Patch
from whet.track.integrations.patched.writer import follow_class, override, stand_alone

LIBRARY = "torch.utils.tensorboard"


def stand_in(patch: Patch) -> Mapping[str, Any]:
    """A writer of our own under the library's name."""
    alone = stand_alone(patch)
    if LIBRARY in sys.modules:
        override(patch, sys.modules[LIBRARY].SummaryWriter, alone)
    return {"SummaryWriter": alone}


def follow(patch: Patch) -> None:
    """Record what its writers are told."""
    follow_class(patch, importlib.import_module(LIBRARY).SummaryWriter)

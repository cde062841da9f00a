"""TensorBoard as torch writes it, `torch.utils.tensorboard.SummaryWriter`: each writer is a run."""

from __future__ import annotations

from functools import partial

from whet.track.integrations.patched.writer import follow_library, stand_in_of

LIBRARY = "torch.utils.tensorboard"
stand_in = partial(stand_in_of, LIBRARY)
follow = partial(follow_library, LIBRARY)

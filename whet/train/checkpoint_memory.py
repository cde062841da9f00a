"""What checkpoints of a run take of memory: nothing as they are written, a copy where that is done beside training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from whet.base.run import Run
from whet.plan.timeline import Moment
from whet.plan.tracing.live import storages
from whet.train.setup.trained import Trained


def copied_bytes(run: Run, trained: Trained) -> int:
    """Bytes of the copy that `train.async_checkpoint` keeps in the host's memory from the first checkpoint on: what is
    trained of the model (all of it where no file has the rest), buffers that are stored, and the optimizer's state."""
    if not run.train.async_checkpoint:
        return 0
    module, persistent = trained.loaded.module, trained.loaded.module.state_dict(keep_vars=True)
    stored = [
        *(p for name, p in module.named_parameters() if name not in trained.untouched),
        *(b for name, b in module.named_buffers() if name in persistent),
        *(v for state in trained.optimizer.state.values() for v in state.values() if isinstance(v, torch.Tensor)),
    ]
    return sum({storage._cdata: storage.nbytes() for storage in storages(stored)}.values())


def with_copy(moments: Sequence[Moment], num_bytes: float) -> list[Moment]:
    """Moments of a processor, whose memory is the host's: the copy lies beside all of them."""
    if not num_bytes:
        return list(moments)
    beside = [{**one.parts, "beside": one.parts.get("beside", 0.0) + num_bytes} for one in moments]
    return [replace(one, parts=parts) for one, parts in zip(moments, beside, strict=True)]

"""The forward of a model of transformers whose layers lie on stages: what it says, and no rank holds more than its own.

Training asks a stage for its hidden states (`staged`); here the model's own class makes what it makes of them.
"""

# T tokens  D model

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from whet.parallel.pipeline.carrier import Carrier
from whet.parallel.pipeline.over_stages import run_stages
from whet.parallel.pipeline.stages import of_stages
from whet.parallel.shard import begin, gather_root


@torch.no_grad()
def forward_of_stages(module: nn.Module, input_ids: Tensor, **how: Any) -> dict[str, Tensor]:
    """Logits of one row of ids (1, T), or last hidden states where the model has no head, on every stage. All ranks of
    the pipeline call it together, with the same ids."""
    stages = of_stages(module)
    group, place = stages.group, stages.cut.place[-1]
    assert group is not None
    carrier = Carrier(group, input_ids.device)
    begin(module)
    gather_root(module)  # stages before the last one run the model's body
    output = run_stages(module, stages, {"input_ids": input_ids, **how}, carrier)
    carrier.settle()
    key = "logits" if "logits" in output else "last_hidden_state"
    box = [{key: output[key].cpu()}] if stages.rank == place else [None]
    dist.broadcast_object_list(box, group=group, group_src=place)
    assert box[0] is not None
    return box[0]

"""The forward of a model of transformers whose layers lie on stages: what it says, and no rank holds more than its own.

Training asks a stage for its hidden states (`staged`); here the model's own class makes what it makes of them.
"""

# T tokens  D model

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.models.forward.backbone import replaced
from whet.parallel.pipeline.carrier import Carrier
from whet.parallel.pipeline.stages import AT, HINT, PassThrough, of_stages
from whet.parallel.shard import begin


@torch.no_grad()
def forward_of_stages(module: nn.Module, input_ids: Tensor, **how: Any) -> dict[str, Tensor]:
    """Logits of one row of ids (1, T), or last hidden states where the model has no head, on every stage. All ranks of
    the pipeline call it together, with the same ids."""
    stages, output = of_stages(module), {}
    group, places = stages.group, stages.cut.place
    assert group is not None
    carrier, states_TD, form = Carrier(group, input_ids.device), None, stages.form_of(input_ids.shape[1])
    begin(module)
    for stage in stages.cut.own(stages.rank):
        if stage and places[stage - 1] != stages.rank:
            states_TD = carrier.take(form, places[stage - 1])()
        head = _Head()
        heads = [(module.get_submodule(owner)._modules, name, head) for owner, name in stages.heads]
        with stages.running(module, stage, states_TD), replaced(heads if stage < stages.cut.last else []):
            output = module(input_ids=input_ids, **how)
        if stage == stages.cut.last:
            break
        states_TD = (output.last_hidden_state if head.states is None else head.states)[0]
        if states_TD.shape != form.shape:
            raise ModelError(
                f"a stage gives {tuple(states_TD.shape)} numbers, and the next one expects {form.shape}", at=AT,
                hint=HINT,
            )  # fmt: skip
        if places[stage + 1] != stages.rank:
            carrier.send(states_TD.to(form.dtype), places[stage + 1])
    carrier.settle()
    key = "logits" if "logits" in output else "last_hidden_state"
    box = [{key: output[key].cpu()}] if stages.rank == places[-1] else [None]
    dist.broadcast_object_list(box, group=group, group_src=places[-1])
    assert box[0] is not None
    return box[0]


class _Head(PassThrough):
    """Stands where what follows the layers is, before the last stage, and keeps the states that come to it."""

    states: Tensor | None = None

    def forward(self, states: Tensor, *_: Any, **__: Any) -> Tensor:
        self.states = states if self.states is None else self.states
        return states

"""A language model whose layers lie on stages, run as if it were whole: what decoding asks of a model, it can ask this.

All ranks of the pipeline call it alike. Each runs its own layers, and keeps the keys and values of those alone; hidden
states of new tokens go from stage to stage, and the last one's rank tells what comes of them.
"""

# B rows  T tokens  D model  V vocab

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.models.decoding.cache import lies_by_layers
from whet.models.decoding.proof import decode_anew
from whet.models.forward.backbone import decoder_of, unwrapped
from whet.parallel.pipeline.carrier import Carrier, Form
from whet.parallel.pipeline.stages import AT, HINT, Stages
from whet.parallel.pipeline.turns import Turns

_CACHE = "past_key_values"


@dataclass(frozen=True, slots=True)
class Said:
    """What a forward gives: logits (B, T, V), and the cache of this rank's layers."""

    logits: Tensor
    past_key_values: Any = None


class OverStages(nn.Module):
    """A module that is cut, called as a whole one; without gradients.

    `module` is this rank's part, which nobody else runs meanwhile. Every rank is given the logits. Between what it
    sends and what it waits for, a rank gives away its turn.
    """

    def __init__(self, module: nn.Module, stages: Stages) -> None:
        """`stages` are what it knows of being cut, with the group of ranks that it runs on."""
        super().__init__()
        self.module, self.stages, self.turns = module, stages, Turns()
        assert self.stages.group is not None
        self.carrier = Carrier(self.stages.group, next(module.parameters()).device)
        self._tells_logits = True
        if not lies_by_layers(unwrapped(module)):
            decode_anew(module)

    def tell(self, at: Callable[[str], None]) -> None:
        """From now on `at` is told what this rank waits for."""
        self.carrier = replace(self.carrier, at=at)

    def quiet(self) -> OverStages:
        """The same, whose logits the last stage's rank alone is given, and others some of no token: what comes of them
        is `told`."""
        found = copy.copy(self)
        found._tells_logits = False
        return found

    def get_base_model(self) -> nn.Module:
        """The model of transformers."""
        return unwrapped(self.module)

    @property
    def is_last(self) -> bool:
        """Whether logits are made here."""
        return self.stages.rank == self.stages.cut.place[-1]

    @torch.no_grad()
    def forward(self, **inputs: Any) -> Said:
        output = run_stages(self.module, self.stages, inputs, self.carrier, self.turns.give)
        if self.is_last:
            logits = output.logits
        else:
            kept = inputs.get("logits_to_keep", 0)
            count = len(kept) if isinstance(kept, Tensor) else kept or inputs["input_ids"].shape[1]
            logits = torch.empty(len(inputs["input_ids"]), count, 0, device=self.carrier.device)
        return Said(self._everywhere(logits) if self._tells_logits else logits, getattr(output, _CACHE, None))

    def told(self, make: Callable[[], tuple[Tensor, Tensor]], rows: int) -> tuple[Tensor, Tensor]:
        """Ids (rows,) and log-probabilities (rows,) that the last stage's rank makes, on every rank."""
        places, form = self.stages.cut.place, Form((2, rows), torch.float64)
        if self.is_last:
            ids, logprobs = make()
            both = torch.stack([ids.double(), logprobs.double()])
            for rank in range(self.carrier.group.size()):
                if rank != places[-1]:
                    self.carrier.send(both, rank)
        self.turns.give()
        if not self.is_last:
            both = self.carrier.take(form, places[-1])()
            if places[0] == places[-1]:  # whose rank sends what all turns have chosen before it begins any of them anew
                self.turns.give()
        return both[0].long(), both[1]

    def _everywhere(self, logits: Tensor) -> Tensor:
        place, group = self.stages.cut.place[-1], self.carrier.group
        box = [(tuple(logits.shape), logits.dtype)]
        dist.broadcast_object_list(box, group=group, group_src=place)
        shape, dtype = box[0]
        whole = logits.contiguous() if self.is_last else logits.new_empty(shape, dtype=dtype)
        dist.broadcast(whole, group=group, group_src=place)
        return whole


def run_stages(
    module: nn.Module,
    stages: Stages,
    inputs: Mapping[str, Any],
    carrier: Carrier,
    between: Callable[[], None] = lambda: None,
) -> Any:
    """What a module's own forward gives of the last of this rank's stages, of rows of `input_ids` (B, T): on the last
    stage's rank what the whole model gives. `between` two stages of a rank others may do something."""
    given, places, states_BTD = dict(inputs), stages.cut.place, None
    output: Any = None
    form = Form((*given["input_ids"].shape, *stages.form.shape), stages.form.dtype)
    for number, stage in enumerate(stages.cut.own(stages.rank)):
        if number:
            between()
            given |= {} if getattr(output, _CACHE, None) is None else {_CACHE: output.past_key_values}
        if stage and places[stage - 1] != stages.rank:
            states_BTD = carrier.take(form, places[stage - 1])()
        is_last = stage == stages.cut.last
        own = given if is_last else {name: value for name, value in given.items() if name != "logits_to_keep"}
        with stages.running(module, stage, states_BTD), _seen(given.get(_CACHE), stages.cut.runs[stage]):
            output = (module if is_last else decoder_of(unwrapped(module)))(**own)
        if is_last:
            break
        states_BTD = output.last_hidden_state
        if states_BTD.shape != form.shape:
            raise ModelError(
                f"a stage gives {tuple(states_BTD.shape)} numbers, and the next one expects {form.shape}", at=AT,
                hint=HINT,
            )  # fmt: skip
        if places[stage + 1] != stages.rank:
            carrier.send(states_BTD.to(form.dtype), places[stage + 1])
    return output


@contextmanager
def _seen(cache: Any, run: range) -> Iterator[None]:
    """Inside, a cache tells of the layers of one stage alone, in whose place and those of all others: masks follow from
    how much a layer has seen, and those of other stages have seen nothing, or are a token ahead."""
    layers = getattr(cache, "layers", None)
    if not layers or len(layers) < run.stop:
        yield
        return
    own = [layers[number] for number in run]
    alike = {type(layer): layer for layer in reversed(own)}
    cache.layers = [layer if number in run else alike.get(type(layer), own[0]) for number, layer in enumerate(layers)]
    try:
        yield
    finally:
        cache.layers = layers

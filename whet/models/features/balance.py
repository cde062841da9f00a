"""What the routers of a mixture of experts give each of them, added up while the model runs over a batch."""

# T tokens  E experts  K experts of a token

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.contracts.batch import Batch
from whet.contracts.feature import ModelFeature
from whet.contracts.model import Loaded
from whet.models.features.carried import config_for
from whet.models.forward.backbone import unwrapped

RECORDED = "router_logits"  # how transformers' classes name the module, and which of its outputs, that has them
# How configs call the number of experts of a token.
CHOSEN = ("num_experts_per_tok", "moe_topk", "moe_k", "moe_top_k", "top_k")
_NONE = torch.zeros(0, dtype=torch.int64)


class RouterTotals(ModelFeature):
    """Keeps, of the last run with gradients, each expert's probabilities, and counts, in the runs that it is asked to,
    which experts were chosen.

    Layers that are computed again in the backward pass add nothing: by then the run is over.
    """

    def __init__(self) -> None:
        self._open, self._is_real, self._chosen = False, False, 1
        self._found: list[Tensor] = []
        self._is_counted = False
        self._counts = _NONE

    def install(self, model: Loaded) -> None:
        module: Any = unwrapped(model.module)
        config = config_for(module, "experts in balance")
        recorded = [
            record for part in module.modules() for record in [_recorder(part)] if record is not None
        ]  # a class inside may name it, and the one around
        kinds = {record.target_class: getattr(record, "index", 0) for record in recorded}
        routers = [part for part in module.modules() if type(part) in kinds]
        self._chosen = next((number for name in CHOSEN if (number := getattr(config, name, None))), 0)
        if not routers or not self._chosen:
            raise ModelError(
                f"{type(module).__name__} has no routers that transformers tells of", at="train.balance",
                hint="train.balance=0, or a mixture of experts such as qwen3_moe",
            )  # fmt: skip
        for router in routers:
            router.register_forward_hook(self._hook(kinds[type(router)]))

    def begin_run(self, batch: Batch) -> None:
        self._open = self._is_counted or torch.is_grad_enabled()
        self._is_real = len(batch.trained.trained_at) > 0  # an idle rank runs along over a sample of another's
        if self._open:
            self._found = []

    def end_run(self) -> None:
        if self._open and self._is_counted:
            for logits_TE in self._found:
                ids_TK = logits_TE.softmax(-1).topk(self._chosen, -1).indices
                # Not bincount: its result has no shape where nothing is computed.
                chosen = torch.zeros_like(logits_TE, dtype=torch.int64).scatter_(-1, ids_TK, 1).sum(0)
                self._counts = _plus(self._counts, chosen if self._is_real else chosen * 0)
            self._found = []
        self._open = False

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Inside, runs are counted, with gradients or without."""
        self._is_counted = True
        try:
            yield
        finally:
            self._is_counted = False

    def counted(self) -> Tensor:
        """How often each expert was chosen (E,) in runs that were counted. It is told once."""
        counts, self._counts = self._counts, _NONE
        return counts

    def probabilities(self) -> Tensor | None:
        """Those of each expert (E,) float32 of the last run with gradients, added over tokens and averaged over layers;
        None where there was none. They are handed over once."""
        found, self._found = self._found, []
        sums = [logits_TE.float().softmax(-1).sum(0) for logits_TE in found]
        return torch.stack(sums).mean(0) if sums else None

    def per_token(self) -> int:
        """Experts that each token goes to."""
        return self._chosen

    def _hook(self, index: int) -> Any:
        def note(router: nn.Module, _: Any, output: Any) -> None:
            if self._open:
                logits = output if isinstance(output, Tensor) else output[index]
                self._found.append(logits.reshape(-1, logits.shape[-1]))

        return note


def _recorder(part: Any) -> Any:
    return (getattr(type(part), "_can_record_outputs", None) or {}).get(RECORDED)


def _plus(counts: Tensor, more: Tensor) -> Tensor:
    return more if not len(counts) else counts.to(more.device) + more

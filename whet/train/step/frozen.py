"""Models that are asked and never trained: a copy, a teacher, the policy itself or without its adapters."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from whet.contracts.batch import Batch
from whet.contracts.model import PLAIN, Model, Readout
from whet.models.tuning.wrapper import wrapper_of


class Frozen:
    """A model that is asked and never trained: no gradient, no dropout."""

    def __init__(self, module: torch.nn.Module, model: Model) -> None:
        self.module, self._model = module, model

    def run(self, batch: Batch, want: frozenset[str], readout: Readout = PLAIN) -> dict[str, torch.Tensor]:
        with self._asked():
            return self._model.run(batch, want, readout)

    @contextlib.contextmanager
    def _asked(self) -> Iterator[None]:
        was_training = self.module.training
        self.module.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            self.module.train(was_training)


class AdaptersOff(Frozen):
    """The policy itself with its adapters switched off."""

    def run(self, batch: Batch, want: frozenset[str], readout: Readout = PLAIN) -> dict[str, torch.Tensor]:
        trained = [(p, p.requires_grad) for p in self.module.parameters()]
        wrapper: Any = wrapper_of(self.module)
        try:
            with wrapper.disable_adapter():
                return super().run(batch, want, readout)
        finally:  # PEFT (0.21) freezes what it switches off, and then frees all of it
            for parameter, was_trained in trained:
                parameter.requires_grad_(was_trained)

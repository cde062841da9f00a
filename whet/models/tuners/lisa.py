"""LISA: a few layers, drawn anew every some steps, are trained at a time (Pan et al. 2024, algorithm 1)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from whet.base.catalogue import tuner
from whet.base.settings import Count, Natural
from whet.models.tuners.full import Full

if TYPE_CHECKING:
    from torch import nn


@tuner("lisa")
def lisa(*, layers: Count = 2, every: Count = 20, seed: Natural = 0) -> Lisa:
    """Train embedding, head and a few layers at a time; which ones is drawn anew every some steps.

    layers: layers trained at a time
    every: steps between draws
    seed: seed of the draws
    """
    return Lisa(layers, every, seed)


class Lisa(Full):
    """Full tuning in turns. The draw is a function of seed and step, so nothing of it must be stored.

    A layer that is not trained has no gradient, and the loop drops its optimizer state. Differs from the paper's code,
    which keeps it: the memory would grow to that of full tuning.
    """

    def __init__(self, layers: int, every: int, seed: int) -> None:
        self._layers, self._every, self._seed = layers, every, seed

    def prepare(self, module: nn.Module) -> nn.Module:
        from whet.base.errors import ModelError
        from whet.models.blocks import blocks

        count = len(blocks(module)[1])
        if self._layers > count:
            raise ModelError(f"the model has {count} layers only", at="tuner.layers", hint=f"tuner.layers={count}")
        return super().prepare(module)

    def before_step(self, module: nn.Module, step: int) -> None:
        from whet.models.blocks import blocks

        _, found = blocks(module)
        drawn = self.drawn(step, len(found))
        for index, block in enumerate(found):
            block.requires_grad_(index in drawn)

    def drawn(self, step: int, count: int) -> set[int]:
        """The layers of a step: `layers` of `count`, uniformly without repetition."""
        source = random.Random(f"{self._seed}/{step // self._every}")
        return set(source.sample(range(count), self._layers))

    def untouched(self, module: nn.Module) -> frozenset[str]:
        return frozenset()

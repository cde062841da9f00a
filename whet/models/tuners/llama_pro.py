"""LLaMA-Pro: new blocks between those of the model, of which only the new ones are trained (Wu et al. 2024)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whet.base.catalogue import tuner
from whet.base.settings import Count
from whet.models.tuners.full import Full

if TYPE_CHECKING:
    from torch import nn


@tuner("llama-pro")
def llama_pro(*, blocks: Count = 4) -> LlamaPro:
    """Insert copies of blocks that change nothing at first, and train only these.

    blocks: how many; they are spread evenly, so the number of layers must be a multiple
    """
    return LlamaPro(blocks)


class LlamaPro(Full):
    """A deeper model whose own blocks stay as they were."""

    starts_from_weights = True

    def __init__(self, blocks: int) -> None:
        self._blocks = blocks

    def prepare(self, module: nn.Module) -> nn.Module:
        from whet.models.blocks import blocks, expand
        from whet.models.forward.heads import new_parts

        places = expand(module, self._blocks)
        module.requires_grad_(False)
        for place in places:
            blocks(module)[1][place].requires_grad_(True)
        for name in new_parts(module):
            module.get_submodule(name).requires_grad_(True)
        return module

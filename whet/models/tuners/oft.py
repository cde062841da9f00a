"""OFT: an orthogonal matrix turns the input of each layer (Qiu et al. 2023)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whet.base.catalogue import tuner
from whet.base.settings import Count, Momentum, Natural

if TYPE_CHECKING:
    from whet.models.tuning.peft_tuner import PeftTuner


@tuner("oft")
def oft(
    *,
    block: Count = 32,
    module_dropout: Momentum = 0.0,
    constrained: bool = False,
    shared: bool = False,
    neumann: bool = True,
    targets: tuple[str, ...] | str = "all-linear",
    exclude: tuple[str, ...] | str = (),
    layers: tuple[Natural, ...] = (),
    modules_to_save: tuple[str, ...] = (),
) -> PeftTuner:
    """Train block-diagonal orthogonal matrices that turn the input of each layer.

    block: size of an orthogonal block
    module_dropout: share of blocks left as they are while training
    constrained: keep the matrices near the identity (COFT)
    shared: one block for all of a layer
    neumann: invert by a Neumann series, which is faster and nearly orthogonal
    targets: all-linear (every linear layer but the head), names of modules, or a regular expression
    exclude: names, or a regular expression, of modules that are left out, such as [lm_head]
    layers: only these layers, counted from 0
    modules_to_save: modules that are trained whole and stored with the adapter, such as lm_head
    """
    from whet.models.tuning.peft_tuner import PeftTuner
    from whet.models.tuning.targets import chosen_modules

    settings = {
        "oft_block_size": block,
        "module_dropout": module_dropout,
        "coft": constrained,
        "block_share": shared,
        "use_cayley_neumann": neumann,
        "r": 0,
    }
    return PeftTuner("oft", settings | chosen_modules(targets, exclude, layers, modules_to_save))

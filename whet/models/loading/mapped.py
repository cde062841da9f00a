"""A model whose weights stay in its files: the system reads pages of them when they are used, and lets go of them for
others when memory is short.

It is how weights are used that are larger than the memory: each forward reads all that was let go of again, from the
beginning to the end, so the fewer forwards the better. Where all of them fit, they are read once.
"""

from __future__ import annotations

from torch import nn

from whet.base.errors import ModelError
from whet.contracts.model import Loaded
from whet.models.loading.fill import put, settled


def mapped(model: Loaded, path: str) -> Loaded:
    """The model on meta with its values, in place, none of which may be changed. On the CPU.

    Raises ModelError where something has to be made of what the files hold, be it another dtype.
    """
    assert model.weights is not None
    stored = model.weights.stored
    if missing := next((name for name, _ in model.module.named_parameters() if name not in stored), None):
        raise ModelError(
            f"{path} does not hold `{missing}` as the model has it, and made anew it would be in memory",
            at="--weights", hint="--weights memory, or a folder that `whet export` wrote",
        )  # fmt: skip
    put(model.module, model.weights.make())
    for name, tensor in (*model.module.named_parameters(), *model.module.named_buffers()):
        if name not in stored:
            continue
        value = stored[name].part(tuple(slice(0, size) for size in tensor.shape))
        if value.dtype != tensor.dtype:
            own = str(value.dtype).removeprefix("torch.")
            raise ModelError(
                f"`{name}` is {own} in {path}, and in another dtype it would be in memory", at="--dtype",
                hint="--dtype auto, or --weights memory",
            )  # fmt: skip
        if isinstance(tensor, nn.Parameter):
            tensor.data = value  # the object stays, and with it what is tied
            tensor.requires_grad_(False)
        else:
            owner, _, own = name.rpartition(".")
            model.module.get_submodule(owner).register_buffer(own, value)
    return settled(model)

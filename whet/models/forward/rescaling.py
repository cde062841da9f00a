"""Models that change their weights between training and evaluation, made to leave them alone.

RWKV (transformers 5.23) halves the weights of later layers in place at the first forward pass in evaluation, against
overflow in half precision, and doubles them again at the next one in training. What reads weights in between (a written
model, a checkpoint, weights sent to an engine) would have them halved. Without it the outputs are the same but for the
epsilon of a layer norm, and the config that is written says that nothing is to be halved.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from whet.base.errors import ModelError

_EVERY, _IS_RESCALED = "rescale_every", "layers_are_rescaled"
# What is halved, in each block: PEFT's part of it would not be.
_HALVED = ("attention.output", "feed_forward.value")


def keep(module: nn.Module) -> None:
    """Let a model's weights be what they are. Raises ModelError for an adapter that others would read as another."""
    for part in module.modules():
        if _IS_RESCALED not in part.__dict__ or part.__dict__[_IS_RESCALED]:
            continue
        config: Any = part.config
        if 0 < getattr(config, _EVERY) < config.num_hidden_layers:
            _refuse_adapters(part)
        setattr(config, _EVERY, 0)


def _refuse_adapters(part: nn.Module) -> None:
    for name, inner in part.named_modules():
        if name.endswith(_HALVED) and "base_layer" in inner._modules:
            raise ModelError(
                f"transformers halves `{name}` when it evaluates, and not what an adapter adds to it: PEFT would read "
                "another model than was trained",
                at="tuner", hint=f'tuner.exclude=".*({"|".join(_HALVED)})", or tuner=full',
            )  # fmt: skip

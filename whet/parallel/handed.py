"""What a layer is given and gives on as it is, to the layer that follows, goes past FSDP2.

T5's first layer makes a bias of distances that all others hand on. FSDP2 (torch 2.13) makes a view of each tensor that
a layer is given, so that it sees when the backward pass is through, and warns of views among what a layer gives.
"""

from __future__ import annotations

from functools import partial
from types import MethodType
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only


class Handed:
    """A tensor where nobody looks for one: `torch.utils._pytree` sees a leaf."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def hand_on(layer: nn.Module) -> None:
    """Let a layer, whose hooks of FSDP2 lie around its `forward`, hand on what it was given, and take it so."""
    layer.forward = MethodType(partial(_forward, inner=layer.forward), layer)


def _forward(layer: nn.Module, *args: Any, inner: Any, **kwargs: Any) -> Any:
    args, kwargs = tree_map_only(Handed, lambda one: one.tensor, (args, kwargs))
    given = {id(one) for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)}
    return tree_map_only(Tensor, lambda x: Handed(x) if id(x) in given else x, inner(*args, **kwargs))

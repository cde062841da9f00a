"""Selective recomputation: what is dear to compute is kept for the backward pass, and all else is computed again.

Kept on the device it is torch's own (`create_selective_checkpoint_contexts`), which `torch.compile` knows; what leaves
the device goes another way, since torch keeps it where no hook of saved tensors sees it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map
from torch.utils.checkpoint import CheckpointPolicy, create_selective_checkpoint_contexts

from whet.models.forward.offloaded import Offload, brought

# Products of matrices and attention. Names that a torch does not have are passed over.
_NAMES = (
    "mm", "addmm", "bmm", "baddbmm", "_scaled_mm", "_grouped_mm", "_scaled_grouped_mm", "convolution",
    "_scaled_dot_product_flash_attention", "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_efficient_attention", "_scaled_dot_product_cudnn_attention", "_flash_attention_forward",
    "_efficient_attention_forward",
)  # fmt: skip
DEAR = frozenset(getattr(torch.ops.aten, name).default for name in _NAMES if hasattr(torch.ops.aten, name))
Contexts = tuple[Any, Any]


def on_device() -> Contexts:
    """For a layer's forward pass, and for the one that is made again."""
    return create_selective_checkpoint_contexts(_policy)


def elsewhere(offload: Offload) -> Contexts:
    """The same, of what leaves the device: the layer is one of `offload`."""
    kept: dict[Any, deque[Any]] = defaultdict(deque)
    return _Keeping(kept, offload.put), _Using(kept)


def _policy(context: Any, op: Any, *args: Any, **kwargs: Any) -> CheckpointPolicy:
    return CheckpointPolicy.MUST_SAVE if op in DEAR else CheckpointPolicy.PREFER_RECOMPUTE


class _Keeping(TorchDispatchMode):
    """Keeps what dear ops give, in turn."""

    def __init__(self, kept: dict[Any, deque[Any]], put: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self._kept, self._put = kept, put

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func in DEAR:
            self._kept[func].append(tree_map(lambda one: self._put(one) if isinstance(one, Tensor) else one, out))
        return out


class _Using(TorchDispatchMode):
    """Gives what was kept in place of computing it. It is a copy: a layer may write into it."""

    def __init__(self, kept: dict[Any, deque[Any]]) -> None:
        super().__init__()
        self._kept = kept

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in DEAR and self._kept[func]:
            return tree_map(_copied, self._kept[func].popleft())
        return func(*args, **(kwargs or {}))


def _copied(kept: Any) -> Any:
    found = brought(kept)
    return found.clone() if isinstance(found, Tensor) else found

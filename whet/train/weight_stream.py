"""The weights of a model in training, one by one under the names of its published files, adapters folded in."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from whet.base.errors import RunError
from whet.contracts.executor import Executor
from whet.models.features.carried import is_added
from whet.models.forward.language import unwrapped
from whet.models.merging.layers import breaks_ties, live_weights
from whet.models.tuning.wrapper import wrapper_of


def live_tensors(module: nn.Module, executor: Executor) -> Iterator[tuple[str, Tensor]]:
    """(name as transformers saves it, whole tensor on its device) of each weight as it is now; tied ones once.

    Gathers one tensor at a time; with FSDP all ranks take part. Raises RunError for sharded adapters.
    """
    check_sendable(module)
    if wrapper_of(module) is None:
        yield from executor.weights({name for name, _ in module.named_parameters() if not is_added(module, name)})
        return
    if breaks_ties(module):
        raise RunError(
            "the adapter changes one end of weights that are tied, which an engine holds only once",
            at="tuner.targets", hint="tuner.targets=all-linear",
        )  # fmt: skip
    yield from ((name, tensor) for name, tensor in live_weights(unwrapped(module)) if not is_added(module, name))


def check_sendable(module: nn.Module) -> None:
    """Raise RunError for an adapter whose weights ranks share: it is folded into whole ones."""
    if wrapper_of(module) is not None and any(isinstance(p, DTensor) for p in module.parameters()):
        raise RunError(
            "weights of an adapter cannot be sent while they are sharded", at="rollout.engine", hint="tuner: full"
        )

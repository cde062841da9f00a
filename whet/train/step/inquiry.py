"""Inquiry: passes that gave what is no number, made once more and watched: on which rank and module it begins.

What ranks send each other carries it on: once gradients are summed, every rank has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from whet.kernels.layout import local
from whet.parallel.world import World


@dataclass(frozen=True, slots=True)
class Seen:
    """The first of what a rank's modules give, or are told of it on the way back, that is no number. `turn` counts what
    was looked at before."""

    module: str
    is_gradient: bool
    turn: int

    @property
    def words(self) -> str:
        """As part of a sentence that names the rank."""
        return f"in {'the gradient at the output' if self.is_gradient else 'the output'} of `{self.module}`"


def first_seen(module: nn.Module, passes: Callable[[], object]) -> Seen | None:
    """Make the passes, and give what is seen first on this rank. Reads each output: it is for a run that ends."""
    watch = _Watch()
    # First of its hooks: what follows may add up what ranks have, and then all of them have it.
    hooks = [
        part.register_forward_hook(partial(watch.gives, name), prepend=True, with_kwargs=True)
        for name, part in module.named_modules()
        if name
    ]
    try:
        passes()
    finally:
        for hook in hooks:
            hook.remove()
    return watch.seen


def where_it_begins(world: World, seen: Seen | None) -> str:
    """The ranks on which it begins, of those that share a model's layers, in words. All ranks ask at once."""
    found = enumerate(world.gathered((world.index("data"), world.index("stages"), seen), "all"))
    by_copy: dict[int, list[tuple[int, int, Seen]]] = {}
    for rank, (copy, stage, one) in found:
        if one is not None:
            by_copy.setdefault(copy, []).append((rank, stage, one))
    told = [f"on rank {rank} {one.words}" for own in by_copy.values() for rank, one in _first(own)]
    return f"computed again, it begins {', '.join(told)}" if told else "computed again, it does not come again"


def _first(found: Sequence[tuple[int, int, Seen]]) -> Iterable[tuple[int, Seen]]:
    """Those that nobody has handed it to: it goes up through the stages with what they give, and down with gradients;
    of the ranks of a stage, which do the same, the first that saw it."""
    forward = [one for one in found if not one[2].is_gradient]
    keys = {one: (one[1] if forward else -one[1], one[2].turn) for one in forward or found}
    return [(rank, seen) for (rank, stage, seen), key in keys.items() if key == min(keys.values())]


class _Watch:
    def __init__(self) -> None:
        self.seen: Seen | None = None
        self._turn = 0

    def gives(self, name: str, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        """A module has given its output."""
        if self.seen is not None:
            return
        self._turn += 1
        given, got = _tensors(output), _tensors((args, kwargs))
        if not all(map(_is_finite, given)):
            if all(map(_is_finite, got)):
                self.seen = Seen(name, False, self._turn)
            return
        for tensor in given:
            if tensor.requires_grad:
                tensor.register_hook(partial(self._comes_back, name))

    def _comes_back(self, name: str, gradient: Tensor) -> None:
        self._turn += 1
        if self.seen is None and not _is_finite(gradient):
            self.seen = Seen(name, True, self._turn)


def _tensors(values: Any) -> list[Tensor]:
    return [one for one in tree_leaves(values) if isinstance(one, Tensor) and one.is_floating_point()]


def _is_finite(tensor: Tensor) -> bool:
    return bool(local(tensor.detach()).isfinite().all())

"""Statistics of each layer at the steps that are asked for: of its gradients, and of what it gives on to the next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from whet.parallel.norm import squares
from whet.parallel.world import World

# Of the last micro-batch's output of a layer.
_FIGURES = ("mean", "std", "peak")


class LayerStatistics:
    """Looks at layers at every `every`-th step. Numbers stay on the device until `take`, which waits for it.

    Gradients: the norm over the layer's parameters. Activations (of the last micro-batch): mean, standard deviation
    and largest size of its output. Layers whose output is looked at are `hooked`: no compiled ones, which a hook would
    compile anew.

    Ranks may hold different layers: all of them are told on every rank. Of a layer that several hold, the first one
    tells what it gives on. All ranks build it together.
    """

    def __init__(
        self, module: nn.Module, layers: Sequence[str], hooked: Sequence[str], world: World, every: int
    ) -> None:
        self._world, self._every, self._is_due = world, every, False
        self._layers = {name: module.get_submodule(name) for name in layers}
        held = world.gathered((list(layers), list(hooked)), "all")
        self._everywhere = list(dict.fromkeys(name for names, _ in held for name in names))
        tellers = {name: rank for rank, (_, names) in reversed(list(enumerate(held))) for name in names}
        self._told = list(tellers)
        self._hooked = [name for name, rank in tellers.items() if rank == world.index("all")]
        self._hooks: list[Any] = []
        self._outputs: dict[str, tuple[Tensor, ...]] = {}
        self._found: dict[str, Tensor] = {}

    def begin(self, index: int) -> None:
        """Step `index` (from 0) begins."""
        self._unhook()
        self._outputs, self._found = {}, {}
        self._is_due = (index + 1) % self._every == 0
        if self._is_due:
            self._hooks = [self._layers[name].register_forward_hook(self._hook(name)) for name in self._hooked]

    def after_backward(self) -> None:
        """All gradients of the step are there, before they are clipped. All ranks call it together."""
        if not self._is_due:
            return
        self._unhook()
        none = torch.zeros((), device=self._world.device)
        own = {_norm(name): squares(self._parameters(name), self._world) for name in self._everywhere}
        for name in self._told:
            seen = self._outputs.get(name)
            own[_count(name)] = none if seen is None else none + 1
            own |= zip(_activations(name), seen or (none,) * len(_FIGURES), strict=True)
        for name in self._everywhere:
            own[_learning(name)] = none + any(p.requires_grad for p in self._parameters(name))
        summed = self._world.summed(own, "all")
        self._found = summed | {name: summed[name].sqrt() for name in map(_norm, self._everywhere)}

    def take(self) -> dict[str, float]:
        """What the step gave, by name; nothing where it was not looked at."""
        found, self._found = self._found, {}
        if not found:
            return {}
        values = dict(zip(found, torch.stack(list(found.values())).tolist(), strict=True))
        for name in self._told:
            if not values.pop(_count(name)):  # it was not run, or gives on something else than a tensor
                for figure in _activations(name):
                    del values[figure]
        for name in self._everywhere:
            if not values.pop(_learning(name)):  # frozen: it has no gradient to speak of
                del values[_norm(name)]
        return values

    def _parameters(self, name: str) -> Iterable[nn.Parameter]:
        return self._layers[name].parameters() if name in self._layers else ()

    def _unhook(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def _hook(self, name: str) -> Any:
        def look(_: nn.Module, inputs: Any, output: Any) -> None:
            hidden = output[0] if isinstance(output, tuple) else output
            if isinstance(hidden, Tensor) and torch.is_grad_enabled():
                values = hidden.detach().float()
                self._outputs[name] = values.mean(), values.std(correction=0), values.abs().amax()

        return look


def _norm(layer: str) -> str:
    return f"gradients/{layer}/norm"


def _learning(layer: str) -> str:
    return f"gradients/{layer}/learning"


def _count(layer: str) -> str:
    return f"activations/{layer}/count"


def _activations(layer: str) -> list[str]:
    return [f"activations/{layer}/{figure}" for figure in _FIGURES]

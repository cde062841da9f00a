"""Statistics of each layer at the steps that are asked for: of its gradients, and of what it gives on to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from whet.parallel.norm import squares
from whet.parallel.world import World

_NORM, _MEAN, _SPREAD, _PEAK = "norm", "mean", "std", "peak"


class LayerStatistics:
    """Looks at layers at every `every`-th step. Numbers stay on the device until `take`, which waits for it.

    Gradients: the norm over the layer's parameters. Activations (of the last micro-batch): mean, standard deviation
    and largest size of its output. Layers whose output is looked at are `hooked`: no compiled ones, which a hook would
    compile anew.
    """

    def __init__(
        self, module: nn.Module, layers: Sequence[str], hooked: Sequence[str], world: World, every: int
    ) -> None:
        self._world, self._every, self._is_due = world, every, False
        self._layers = {name: module.get_submodule(name) for name in layers}
        self._hooked = list(hooked)
        self._hooks: list[Any] = []
        self._found: dict[str, Tensor] = {}

    def begin(self, index: int) -> None:
        """Step `index` (from 0) begins."""
        self._unhook()
        self._found = {}
        self._is_due = (index + 1) % self._every == 0
        if self._is_due:
            self._hooks = [self._layers[name].register_forward_hook(self._hook(name)) for name in self._hooked]

    def after_backward(self) -> None:
        """All gradients of the step are there, before they are clipped."""
        if not self._is_due:
            return
        self._unhook()
        own = {name: squares(layer.parameters(), self._world) for name, layer in self._layers.items()}
        for name, total in self._world.summed(own, "all").items():
            self._found[f"gradients/{name}/{_NORM}"] = total.sqrt()

    def take(self) -> dict[str, float]:
        """What the step gave, by name; nothing where it was not looked at."""
        found, self._found = self._found, {}
        if not found:
            return {}
        return dict(zip(found, torch.stack([one.double() for one in found.values()]).tolist(), strict=True))

    def _unhook(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def _hook(self, name: str) -> Any:
        def look(_: nn.Module, inputs: Any, output: Any) -> None:
            hidden = output[0] if isinstance(output, tuple) else output
            if isinstance(hidden, Tensor) and torch.is_grad_enabled():
                values = hidden.detach().float()
                self._found[f"activations/{name}/{_MEAN}"] = values.mean()
                self._found[f"activations/{name}/{_SPREAD}"] = values.std(correction=0)
                self._found[f"activations/{name}/{_PEAK}"] = values.abs().amax()

        return look

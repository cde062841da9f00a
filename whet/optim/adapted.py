"""The door at which a plain torch optimizer becomes one that the executor drives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from whet.base.errors import ConfigError
from whet.contracts.optimizer import Optimizer


def adapted(chosen: object) -> Optimizer:
    """What a kind of the slot has made, as it is or, where it is a plain torch optimizer, as one without moments.

    Raises ConfigError where it is neither.
    """
    if isinstance(chosen, Optimizer):
        return chosen
    if isinstance(chosen, torch.optim.Optimizer):
        return Adapted(chosen)
    raise ConfigError(
        f"the optimizer is a `{type(chosen).__name__}`, which is no torch.optim.Optimizer",
        at="optimizer", hint="derive it from torch.optim.Optimizer, or from whet.contracts.optimizer.Optimizer",
    )  # fmt: skip


class Adapted(Optimizer):
    """Groups, state and step are those of `inner`, any torch optimizer."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        super().__init__(inner.param_groups, {})
        self.param_groups, self.state = inner.param_groups, inner.state

    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        self.inner.step()

    def update(self, group: Mapping[str, Any], parameters: Sequence[Tensor]) -> None:
        whole = self.inner.param_groups
        self.inner.param_groups = [{**group, "params": list(parameters)}]
        try:
            self.inner.step()
        finally:
            self.inner.param_groups = whole

    def state_dict(self) -> dict[str, Any]:
        return self.inner.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As `inner` does, but in the dtypes of what is stored: torch's own loader turns all into the parameters'."""
        self.inner.load_state_dict(state_dict)
        self.param_groups, self.state = self.inner.param_groups, self.inner.state
        parameters = (p for group in self.param_groups for p in group["params"])
        numbers = (number for group in state_dict["param_groups"] for number in group["params"])
        for parameter, number in zip(parameters, numbers, strict=True):
            for name, value in state_dict["state"].get(number, {}).items():
                if isinstance(value, Tensor) and value.dtype != self.state[parameter][name].dtype:
                    self.state[parameter][name] = value.to(self.state[parameter][name].device, copy=True)

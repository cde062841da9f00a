"""Tuner: which parameters are trained, and what is added to a model so that they can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn


class Tuner(Protocol):
    """What the slot `tuner` builds. The loop calls its methods in the order they stand here.

    `mergeable`: whether the trained parameters can be folded into the model's own weights. A tuner may also have
    `rates(module) -> {parameter name: factor}`, by which the learning rate of those parameters is multiplied.
    """

    mergeable: bool

    def prepare(self, module: nn.Module) -> nn.Module:
        """Set `requires_grad`, add modules. The module may be on meta. Returns the module to train."""
        ...

    def init(self, module: nn.Module, calibration: Any | None) -> None:
        """Give added parameters their starting values, now that the model's own are real."""
        ...

    def before_step(self, module: nn.Module, step: int) -> None: ...

    def penalty(self, module: nn.Module) -> Tensor | None:
        """A term of the loss that depends on parameters alone, or None."""
        ...

    def after_step(self, module: nn.Module, step: int) -> None: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...

    def saved_names(self, module: nn.Module) -> Mapping[str, str]:
        """Our name of each parameter that an export writes -> its name in the exported file."""
        ...

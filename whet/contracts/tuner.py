"""Tuner: which parameters are trained, and what is added to a model so that they can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn

    from whet.contracts.feature import ModelFeature


class Calibration(Protocol):
    """What a tuner may ask before the first step."""

    @property
    def total_steps(self) -> int: ...

    def gradients(self) -> float:
        """Leave the gradient of the first step's loss in `grad` of every parameter that requires one. Returns its
        2-norm over all ranks, which may be infinite or undefined."""
        ...


class Tuner(Protocol):
    """What the slot `tuner` builds. The loop calls its methods in the order they stand here.

    `mergeable`: whether the trained parameters can be folded into the model's own weights. `is_adapter`: whether the
    result is an adapter beside its base model rather than a whole model. `narrow`: frozen weights may be held in the
    precision of the products, because what is trained is kept apart from them. `holds_heads`: a new head of the model
    is trained, and stored with the result. `starts_from_weights`: `prepare` looks at the model's own weights (DoRA,
    PiSSA, copies of blocks), so it must have them; else it may be given a module that has none. `features` is what it
    needs of the module's forward passes beside what it changes in `prepare`.
    """

    mergeable: bool
    is_adapter: bool
    narrow: bool
    holds_heads: bool
    starts_from_weights: bool
    features: Sequence[ModelFeature]

    def prepare(self, module: nn.Module) -> nn.Module:
        """Set `requires_grad`, add modules. The module may be on meta. Returns the module to train."""
        ...

    def init(self, module: nn.Module, calibration: Calibration | None) -> None:
        """Give added parameters their starting values, now that the model's own are real and perhaps sharded.

        Called in every attempt, before a checkpoint is restored.
        """
        ...

    def rates(self, module: nn.Module) -> Mapping[str, float]:
        """Factors on the learning rate, by parameter name; those that are not named have 1."""
        ...

    def before_step(self, module: nn.Module, step: int) -> None:
        """Called before the first forward of a step."""
        ...

    def penalty(self, module: nn.Module) -> Tensor | None:
        """A term of the loss that depends on parameters alone, or None. Its gradient is added once a step."""
        ...

    def after_step(self, module: nn.Module, step: int) -> None:
        """Called after the update, while the gradients of the step are still there."""
        ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...

    def restored(self, module: nn.Module) -> None:
        """Called when a checkpoint has been restored into the module and into this tuner."""
        ...

    def untouched(self, module: nn.Module) -> frozenset[str]:
        """Names of parameters that stay as they were loaded: a checkpoint leaves them out."""
        ...

    def written(self, module: nn.Module, name: str, tensor: Tensor) -> Tensor:
        """What an export writes for a parameter whose whole value is `tensor`."""
        ...

    def saved_names(self, module: nn.Module) -> Mapping[str, str]:
        """Our name of each parameter that an export writes -> its name in the exported file."""
        ...

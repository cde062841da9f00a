"""Full fine-tuning: every parameter is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from whet.base.catalogue import tuner

if TYPE_CHECKING:
    from torch import Tensor, nn

    from whet.contracts.feature import ModelFeature
    from whet.contracts.tuner import Calibration


@tuner("full", own_weights=True, all_weights=True, traced=())
def full() -> Full:
    """Train every parameter."""
    return Full()


class Full:
    """All parameters as they are; nothing is added and nothing changes between steps."""

    mergeable = True
    is_adapter = False
    narrow = False
    holds_heads = True
    starts_from_weights = False
    features: Sequence[ModelFeature] = ()

    def prepare(self, module: nn.Module) -> nn.Module:
        return module.requires_grad_(True)

    def init(self, module: nn.Module, calibration: Calibration | None) -> None:
        pass

    def rates(self, module: nn.Module) -> Mapping[str, float]:
        return {}

    def before_step(self, module: nn.Module, step: int) -> None:
        pass

    def penalty(self, module: nn.Module) -> Tensor | None:
        return None

    def after_step(self, module: nn.Module, step: int) -> None:
        pass

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass

    def restored(self, module: nn.Module) -> None:
        pass

    def untouched(self, module: nn.Module) -> frozenset[str]:
        return frozenset(name for name, p in module.named_parameters() if not p.requires_grad)

    def written(self, module: nn.Module, name: str, tensor: Tensor) -> Tensor:
        return tensor

    def saved_names(self, module: nn.Module) -> Mapping[str, str]:
        return {name: name for name, _ in module.named_parameters()}


class Still(Full):
    """Nothing is trained: for models that are only asked, such as a reference."""

    def prepare(self, module: nn.Module) -> nn.Module:
        return module.requires_grad_(False).eval()

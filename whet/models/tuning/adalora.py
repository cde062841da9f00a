"""AdaLoRA as a tuner: its term of the loss, its budget, and the importance that decides what is taken away."""

# R rank of one layer

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.contracts.tuner import Calibration
from whet.models.tuning.peft_tuner import PeftTuner
from whet.models.tuning.wrapper import NAME, wrapper_of

PARTS = ("A", "E", "B")


@dataclass(frozen=True, slots=True)
class Budget:
    """Ranks that are left after a step: full at first, then falling by the cube of the time that is left."""

    rank: int
    start_rank: int
    warmup: float
    final: float
    every: int

    def steps(self, total: int) -> tuple[int, int]:
        """The last step before anything is taken away, and the step that decides for the rest of the run."""
        return int(self.warmup * total), total - max(int(self.final * total), 1)

    def after(self, step: int, total: int, count: int) -> int | None:
        """Ranks of all `count` layers together after `step` (from 1); None where nothing is decided."""
        first, last = self.steps(total)
        full, goal = self.start_rank * count, self.rank * count
        if step <= first or step > last or (step % self.every and step != last):
            return None
        left = 1 - (step - first) / max(last - first, 1)
        return int((full - goal) * left**3 + goal)


class AdaLora(PeftTuner):
    """AdaLoRA. Importance lies in buffers beside the layers, so checkpoints hold it like any other state."""

    def __init__(
        self, settings: Mapping[str, Any], budget: Budget, betas: tuple[float, float], orthogonal: float
    ) -> None:
        super().__init__("adalora", {**settings, "total_step": 1_000_000})
        self._budget, self._betas, self._orthogonal = budget, betas, orthogonal
        self._total = 0
        self._kept: dict[str, list[bool]] = {}

    def prepare(self, module: nn.Module) -> nn.Module:
        module = super().prepare(module)
        for _, layer in _layers(module):
            for part in PARTS:
                value = _of(layer, part)
                layer.register_buffer(f"importance_{part}", torch.zeros_like(value, dtype=torch.float32))
                layer.register_buffer(f"uncertainty_{part}", torch.zeros_like(value, dtype=torch.float32))
        return module

    def init(self, module: nn.Module, calibration: Calibration | None) -> None:
        if calibration is None:
            return
        self._total = calibration.total_steps
        first, last = self._budget.steps(self._total)
        if last <= first:
            raise ModelError(
                f"{self._total} steps are too few for AdaLoRA's budget", at="tuner", hint="more steps, or tuner=lora"
            )
        wrapper = wrapper_of(module)
        assert wrapper is not None
        config = wrapper.peft_config[NAME]
        config.total_step, config.tinit, config.tfinal = self._total, first, self._total - last

    def penalty(self, module: nn.Module) -> Tensor | None:
        """Distance of the outer matrices from orthogonal ones, mean over them (equation 4)."""
        if not self._orthogonal:
            return None
        found = []
        for _, layer in _layers(module):
            first, second = _of(layer, "A"), _of(layer, "B")
            for square in (first @ first.T, second.T @ second):
                whole = _whole(square)
                found.append(torch.linalg.norm(whole - torch.eye(len(whole), dtype=whole.dtype, device=whole.device)))
        return self._orthogonal * torch.stack(found).mean()

    @torch.no_grad()
    def after_step(self, module: nn.Module, step: int) -> None:
        """Step `step` (from 0) is over: measure, decide, and silence what was taken away."""
        done, (_, last) = step + 1, self._budget.steps(self._total)
        layers = dict(_layers(module))
        if done <= last:
            for layer in layers.values():
                self._measure(layer)
            left = self._budget.after(done, self._total, len(layers))
            if left is not None:
                self._kept = _most_important(layers, left)
        if self._kept and (done > last or self._budget.after(done, self._total, len(layers)) is not None):
            for name, layer in layers.items():
                _silence(_of(layer, "E"), torch.tensor(self._kept[name]))
        if done == last:
            self._tell_config(module)

    def saved_names(self, module: nn.Module) -> Mapping[str, str]:
        """All of them: what was taken away is cut off when they are stored."""
        wrapper = wrapper_of(module)
        assert wrapper is not None
        config = wrapper.peft_config[NAME]
        pattern, config.rank_pattern = config.rank_pattern, None
        try:
            return super().saved_names(module)
        finally:
            config.rank_pattern = pattern

    def state_dict(self) -> dict[str, Any]:
        return {"kept": self._kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._kept = dict(state["kept"])

    def restored(self, module: nn.Module) -> None:
        self._tell_config(module)

    def _measure(self, layer: Any) -> None:
        """Moving means of |parameter x gradient| and of its spread (equations 9 and 10)."""
        rate, spread = self._betas
        for part in PARTS:
            parameter = _of(layer, part)
            if parameter.grad is None:
                continue
            now = (_whole(parameter) * _whole(parameter.grad)).abs().float()
            mean, deviation = getattr(layer, f"importance_{part}"), getattr(layer, f"uncertainty_{part}")
            mean.mul_(rate).add_(now, alpha=1 - rate)
            deviation.mul_(spread).add_((now - mean).abs(), alpha=1 - spread)

    def _tell_config(self, module: nn.Module) -> None:
        """What PEFT must know to store and load each layer with the rank that it has left."""
        wrapper = wrapper_of(module)
        assert wrapper is not None
        if self._kept:
            wrapper.peft_config[NAME].rank_pattern = {f"{name}.lora_E": kept for name, kept in self._kept.items()}


def _layers(module: nn.Module) -> Iterator[tuple[str, Any]]:
    from peft.tuners.adalora.layer import SVDLinear

    return ((name, part) for name, part in module.named_modules() if isinstance(part, SVDLinear))


def _of(layer: Any, part: str) -> Tensor:
    return getattr(layer, f"lora_{part}")[NAME]


def _whole(tensor: Any) -> Tensor:
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def _scores(layer: Any) -> Tensor:
    """Importance (R,) of each singular value with its two vectors (equation 8)."""
    a, e, b = (getattr(layer, f"importance_{p}") * getattr(layer, f"uncertainty_{p}") for p in PARTS)
    return e.view(-1) + a.mean(dim=1) + b.mean(dim=0)


def _most_important(layers: Mapping[str, Any], left: int) -> dict[str, list[bool]]:
    """Which singular values of each layer stay when `left` of all may."""
    scores = {name: _scores(layer) for name, layer in layers.items()}
    together = torch.cat(list(scores.values()))
    taken = len(together) - left
    if taken <= 0:
        return {name: [True] * len(score) for name, score in scores.items()}
    threshold = torch.kthvalue(together, taken).values
    return {name: (score > threshold).tolist() for name, score in scores.items()}


def _silence(values_R1: Any, kept_R: Tensor) -> None:
    mask_R1 = kept_R[:, None].to(values_R1.device)
    if hasattr(values_R1, "full_tensor"):
        from torch.distributed.tensor import distribute_tensor

        whole = values_R1.full_tensor() * mask_R1
        values_R1.copy_(distribute_tensor(whole, values_R1.device_mesh, values_R1.placements))
    else:
        values_R1.mul_(mask_R1)

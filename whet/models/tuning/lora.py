"""LoRA as a tuner: PEFT's layers, with rates of their own, experts, and starts that change the frozen weights."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from whet.base.errors import ModelError
from whet.contracts.model import ParamRole
from whet.contracts.tuner import Calibration
from whet.models.roles import roles
from whet.models.tuning.fast_lora import install
from whet.models.tuning.loftq import start_from_rounding
from whet.models.tuning.new_tokens import refuse_saved_ends, trainable_rows
from whet.models.tuning.peft_tuner import PeftTuner
from whet.models.tuning.starts import keep_start
from whet.models.tuning.wrapper import NAME, wrapper_of

EXPERTS = "experts"
_FROM_WEIGHTS = {"pissa": "pissa", "pissa-fast": "pissa_niter_16", "olora": "olora"}


def peft_start(init: str) -> bool | str:
    """What PEFT calls a start. LoRA-GA's comes later, from gradients."""
    return _FROM_WEIGHTS.get(init, init if init in ("gaussian", "orthogonal") else True)


class Lora(PeftTuner):
    """LoRA. `plus` is the rate of the second matrix over that of the first (Hayou et al. 2024)."""

    def __init__(
        self, settings: Mapping[str, Any], *, init: str = "default", plus: float = 1.0, fast: bool = True
    ) -> None:
        super().__init__("lora", settings)
        self._init, self._plus, self._fast = init, plus, fast
        self.for_rounded = init == "loftq"
        self.starts_from_weights = (
            init in _FROM_WEIGHTS or settings["use_dora"] or bool(settings.get("modules_to_save"))
        )
        # What is trained beside the matrices would be trained in half precision.
        self.narrow = not settings.get("modules_to_save") and settings.get("bias", "none") == "none"

    def fitted(self, module: nn.Module) -> dict[str, Any]:
        settings = super().fitted(module)
        named = settings.get("target_parameters")
        if named and EXPERTS in named:
            found = expert_parameters(module)
            if not found:
                raise ModelError("the model has no experts", at="tuner.parameters", hint="tuner.parameters=[]")
            settings["target_parameters"] = [n for n in named if n != EXPERTS] + found
        rows = trainable_rows(module)
        if rows is not None:
            refuse_saved_ends(module, settings.get("modules_to_save") or ())
            settings["trainable_token_indices"] = rows
        return settings

    def prepare(self, module: nn.Module) -> nn.Module:
        module = super().prepare(module)
        if self._init in _FROM_WEIGHTS or self._init == "lora-ga":
            _check_own(module, self._init)
            for layer in lora_layers(module):
                keep_start(layer)
        if self._fast:
            install(module)
        return module

    def init(self, module: nn.Module, calibration: Calibration | None) -> None:
        """LoRA-GA: start along the first gradient of the weights (Wang et al. 2024). It holds all of them at once."""
        if self._init == "loftq":
            start_from_rounding(module, {n: p for n, p in module.named_modules() if p in set(lora_layers(module))})
        if self.settings["use_dora"]:
            _check_directions(module)
        if self._init != "lora-ga" or calibration is None:
            return
        layers = list(lora_layers(module))
        start_from_gradients(module, layers, calibration)

    def rates(self, module: nn.Module) -> Mapping[str, float]:
        if self._plus == 1.0:
            return {}
        second = (".lora_B.", ".lora_embedding_B.")
        return {n: self._plus for n, p in module.named_parameters() if p.requires_grad and any(s in n for s in second)}

    def untouched(self, module: nn.Module) -> frozenset[str]:
        # A gradient's start cannot be computed again from the weights alone, so its checkpoints hold what it changed.
        return frozenset() if self._init == "lora-ga" else super().untouched(module)


def expert_parameters(module: nn.Module) -> list[str]:
    """Names of the experts' three-dimensional weights, without the layers' numbers."""
    found = [name for name, role in roles(module).items() if role is ParamRole.EXPERT]
    return list(dict.fromkeys(name.rpartition("layers.")[2].partition(".")[2] or name for name in found))


def lora_layers(module: nn.Module) -> Iterator[Any]:
    """PEFT's LoRA layers around linear ones, in the module's order."""
    from peft.tuners.lora import Linear

    return (part for part in module.modules() if isinstance(part, Linear) and NAME in part.lora_A)


def _check_own(module: nn.Module, init: str) -> None:
    """Raise ModelError for a start that takes something out of weights which another module has too."""
    owners = Counter(id(parameter) for _, parameter in module.named_parameters(remove_duplicate=False))
    names = {id(part): name for name, part in module.named_modules()}
    for layer in lora_layers(module):
        if owners[id(layer.base_layer.weight)] > 1:
            name = names[id(layer)].rsplit(".", 1)[-1]
            raise ModelError(
                f"`init: {init}` takes the start of `{name}` out of its weights, and these are the embeddings' too",
                at="tuner.init", hint=f"tuner.init=default, or targets without {name}",
            )  # fmt: skip


def _check_directions(module: nn.Module) -> None:
    """Raise ModelError where DoRA would divide by the length of a row that is zero, as PEFT does."""
    for name, part in module.named_modules():
        if name.endswith(f".lora_magnitude_vector.{NAME}") and bool((part.weight == 0).any()):
            layer = name.removesuffix(f".lora_magnitude_vector.{NAME}")
            raise ModelError(
                f"`dora` divides by the length of each row, and `{layer}` has rows of zeros (padding, or spare tokens)",
                at="tuner.dora", hint=f"tuner.dora=false, or targets without {layer.rsplit('.', 1)[-1]}",
            )  # fmt: skip


def start_from_gradients(module: nn.Module, layers: Sequence[Any], calibration: Calibration) -> None:
    """Give each layer PEFT's start from the gradient of its frozen weight, which the model has without adapters."""
    from peft import LoraGAConfig

    trained = [p for p in module.parameters() if p.requires_grad]
    weights = [layer.base_layer.weight for layer in layers]
    widest = min(min(weight.shape) for weight in weights) // 2
    if max(layer.r[NAME] for layer in layers) > widest:
        raise ModelError(
            f"LoRA-GA takes twice its rank from each weight, here {widest} at most",
            at="tuner.rank",
            hint=f"tuner.rank={widest}",
        )
    wrapper = wrapper_of(module)
    assert wrapper is not None
    with wrapper.disable_adapter():
        for parameter in trained:
            parameter.requires_grad_(False)
        for weight in weights:
            weight.requires_grad_(True)
        norm = calibration.gradients()
    if not math.isfinite(norm):
        raise ModelError(
            f"the gradient of the first step, from which LoRA-GA starts, is {norm}", at="tuner.init",
            hint="tuner.init=default, or train.precision=fp32",
        )  # fmt: skip
    for layer, weight in zip(layers, weights, strict=True):
        layer.base_layer._peft_loraga_grad = weight.grad
        weight.requires_grad_(False)
        layer.lora_ga_init(NAME, LoraGAConfig())
        weight.grad = None
        keep_start(layer)
    for parameter in trained:
        parameter.requires_grad_(True)

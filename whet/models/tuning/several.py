"""Several adapters of one base model: one or none in use at a time, or each for its own tokens of a forward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.models.checkpoints.door import read_by_others
from whet.models.tuning.adapter_files import stored_weights
from whet.models.tuning.wrapper import quiet


class Several:
    """Adapters in PEFT's format in one module, by name."""

    def __init__(self, module: nn.Module, folders: Mapping[str, str]) -> None:
        """Reads all of them.

        Raises ModelError where one does not fit the module, adds tokens to its input, or has biases of its own.
        """
        from peft import PeftConfig, get_peft_model

        self.names = tuple(folders)
        self._wrapper: Any = None
        self._used: str | None = None
        for name, folder in folders.items():
            with read_by_others(folder, at=folder):
                config = PeftConfig.from_pretrained(folder)
            if config.is_prompt_learning:
                said = f"{config.peft_type.value} adds to the input, which adapters beside others cannot"
                raise ModelError(said, at=folder, hint=f"serve it alone: whet serve {folder}")
            if getattr(config, "bias", "none") != "none":  # PEFT trains these in place: the base model's answers too
                said = f"it has biases of its own (bias: {config.bias}), which take the place of the base model's"
                raise ModelError(said, at=folder, hint=f"serve it alone: whet serve {folder}")
            config.inference_mode, config.base_model_name_or_path = True, None
            with quiet():
                if self._wrapper is None:
                    self._wrapper = get_peft_model(module, config, adapter_name=name)  # type: ignore[arg-type]
                else:
                    self._wrapper.add_adapter(name, config)
            self._fill(name, folder)
        module.eval()
        self._tuner = self._wrapper.base_model
        self._tuner.disable_adapter_layers()
        self._dealt: Mapping[str, Tensor] = {}
        self.is_shared = self._is_linear()
        if self.is_shared:
            for layer in self._layers():
                layer.register_forward_hook(self._add)

    def deal(self, places: Mapping[str, Tensor]) -> None:
        """Let the next forwards' tokens at these places (of a row [1, T]) be with the adapters of these names, and all
        others with the base model alone. For adapters that are `is_shared`."""
        self._dealt = places

    def _layers(self) -> Iterator[Any]:
        from peft.tuners.tuners_utils import BaseTunerLayer

        return (one for one in self._wrapper.modules() if isinstance(one, BaseTunerLayer))

    def _is_linear(self) -> bool:
        """Whether all that the adapters do is to add B(A(x)) to what linear layers of the whole row give: no DoRA, no
        layers of their own, no embeddings, and no layers that see some of the tokens, as experts do."""
        from peft.tuners.lora.layer import Linear
        from peft.utils.other import AuxiliaryTrainingWrapper

        if any(isinstance(one, AuxiliaryTrainingWrapper) for one in self._wrapper.modules()):
            return False
        plain = all(type(one) is Linear and not one.lora_variant and not one.fan_in_fan_out for one in self._layers())
        return plain and self._see_whole_row()

    def _see_whole_row(self) -> bool:
        """Whether each of the layers gets all tokens in a row: tried with one."""
        seen: list[tuple[int, ...]] = []
        layers = list(self._layers())
        hooks = [
            one.register_forward_hook(lambda own, given, found: seen.append(given[0].shape[:-1])) for one in layers
        ]
        device = next(self._wrapper.parameters()).device
        try:
            with torch.no_grad():
                self._wrapper.base_model.model(input_ids=torch.arange(3, device=device)[None], use_cache=False)
        finally:
            for hook in hooks:
                hook.remove()
        return seen == [(1, 3)] * len(layers)

    def _add(self, layer: Any, given: tuple[Tensor, ...], found: Tensor) -> Tensor:
        """What a layer gives, and what the adapters add to it at their places."""
        for name, at in self._dealt.items():
            if name in layer.lora_A:
                down = layer.lora_A[name]
                added = layer.lora_B[name](down(given[0][:, at].to(down.weight.dtype))) * layer.scaling[name]
                found = found.index_add(1, at, added.to(found.dtype))
        return found

    def use(self, name: str | None) -> None:
        """Let the next forwards be with this one; None: with the base model alone."""
        if name == self._used:
            return
        if name is None:
            self._tuner.disable_adapter_layers()
        else:
            if self._used is None:
                self._tuner.enable_adapter_layers()
            self._tuner.set_adapter(name)
        self._used = name

    def _fill(self, name: str, folder: str) -> None:
        from peft import get_peft_model_state_dict, set_peft_model_state_dict

        stored = stored_weights(folder)
        hint = f"serve it on its own base model: whet serve {folder}"
        try:
            report = set_peft_model_state_dict(self._wrapper, stored, adapter_name=name)
        except (RuntimeError, ValueError) as error:
            said = str(error).strip().splitlines()[-1].strip()
            raise ModelError(f"the adapter {folder} does not fit its base: {said}", at=folder, hint=hint) from None
        held = get_peft_model_state_dict(self._wrapper, adapter_name=name, save_embedding_layers=False)
        strange = sorted([*report.unexpected_keys, *(held.keys() - stored.keys())])
        if strange:
            said = f"the adapter {folder} was made for another model: {', '.join(strange[:3])}"
            raise ModelError(said, at=folder, hint=hint)

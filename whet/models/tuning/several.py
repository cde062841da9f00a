"""Several adapters of one base model, one or none in use at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

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

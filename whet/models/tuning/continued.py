"""Continuing an adapter: what its folder says becomes the tuner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from whet.base.errors import ModelError
from whet.models.checkpoints.door import read_by_others
from whet.models.forward.heads import PLACES
from whet.models.loading.find import find_model
from whet.models.probing.twin import TWIN
from whet.models.tuning.adapter_files import is_adapter
from whet.models.tuning.adapters import fill
from whet.models.tuning.fast_lora import install
from whet.models.tuning.peft_tuner import PeftTuner
from whet.models.tuning.wrapper import wrapper_of


def continued(path: str) -> PeftTuner:
    """The tuner of the adapter that `path` names. Raises ModelError where it is none."""
    folder = find_model(path)
    if not is_adapter(folder):
        raise ModelError(f"{path} is not an adapter", at="tuner.path", hint=f"model={path}, with another tuner")
    made = Continued(str(Path(folder).resolve()))
    if made.is_prompt:
        raise ModelError(
            f"{path} holds virtual tokens, which are not trained further", at="tuner.path",
            hint="tuner=prompt, or tuner=p-tuning, anew",
        )  # fmt: skip
    return made


class Continued(PeftTuner):
    """PEFT's method of a folder, started from the weights that are stored there."""

    def __init__(self, path: str) -> None:
        from peft import PeftConfig

        with read_by_others(path, at="tuner.path"):
            self._stored = PeftConfig.from_pretrained(path)
        self._path = path
        super().__init__(self._stored.peft_type.value, {})

    @property
    def is_prompt(self) -> bool:
        return bool(self._stored.is_prompt_learning)

    def config(self, module: nn.Module) -> Any:
        from peft import PeftConfig

        config: Any = PeftConfig.from_pretrained(self._path)
        config.inference_mode = False
        config.base_model_name_or_path = getattr(module, "name_or_path", None) or None
        if config.modules_to_save:
            # PEFT (0.21) names each place where classes keep a head, whether this one has it or not.
            here = {name.rpartition(".")[2] for name, _ in module.named_modules()}
            config.modules_to_save = [one for one in config.modules_to_save if one in here or one not in PLACES]
        return config

    def prepare(self, module: nn.Module) -> nn.Module:
        """On meta the adapter stays empty, and on the probes' twin, whose shapes are others, it is drawn."""
        module = super().prepare(module)
        if TWIN not in module.__dict__ and not any(p.is_meta for p in module.parameters()):
            fill(wrapper_of(module), self._path)
        if self.method == "LORA":
            install(module)
        return module

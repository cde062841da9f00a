"""A tuner that lets PEFT put an adapter into the model, and the frozen model train it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from copy import copy
from dataclasses import fields
from typing import Any

from torch import nn

from whet.base.errors import ConfigError, ModelError, first_line
from whet.models.forward.heads import kind_of, new_parts
from whet.models.loading.classes import HEADED, LANGUAGE
from whet.models.loading.families import family_of
from whet.models.tuners.full import Full
from whet.models.tuning.new_tokens import new_tokens_of
from whet.models.tuning.targets import (
    ALL_LINEAR,
    KEYS,
    NORMS,
    check_any,
    check_inner,
    check_selected,
    check_targeted,
    key_names,
    linear_names,
    norm_names,
)
from whet.models.tuning.wrapper import NAME, adapter_state, hold, quiet, wrapper_of

_SCALED = ("target_modules", "feedforward_modules")


class PeftTuner(Full):
    """One method of PEFT with its settings, by PEFT's own names."""

    is_adapter = True
    starts_from_weights = True  # some methods do, and PEFT does not tell which

    def __init__(self, method: str, settings: Mapping[str, Any]) -> None:
        self.method, self.settings = method.upper(), dict(settings)

    def prepare(self, module: nn.Module) -> nn.Module:
        from peft import get_peft_model

        on_meta = any(p.is_meta for p in module.parameters())
        module.requires_grad_(False)
        if self.method != "LORA":
            refuse_new_tokens(module)
        try:
            config = self.config(module)
        except (ValueError, TypeError) as error:
            raise ModelError(
                f"PEFT takes no such settings of `{self.method.lower()}`: {first_line(error)}",
                at="tuner", hint=f"whet slots tuner {self.method.lower()}",
            ) from error  # fmt: skip
        chosen = {field.name: copy(getattr(config, field.name)) for field in fields(config)}
        check_selected(module, chosen)
        start = self._without_start(config) if on_meta else None
        try:
            with quiet():
                wrapper = get_peft_model(module, config, adapter_name=NAME, low_cpu_mem_usage=on_meta)
        except (ValueError, TypeError, NotImplementedError, AttributeError) as error:
            check_any(module, linear_names(module, self.method), self.method)
            hint = "tuner.exclude=[]" if chosen.get("exclude_modules") else "tuner.targets=all-linear, or tuner=lora"
            said = f"`{self.method.lower()}` does not fit this model: {first_line(error)}"
            raise ModelError(said, at="tuner", hint=hint) from error
        if start is not None:
            wrapper.peft_config[NAME].init_lora_weights = start
        if not any(p.requires_grad for p in module.parameters()):
            raise ModelError("the adapter has nothing to train", at="tuner", hint="tuner.targets=all-linear")
        check_targeted(wrapper.base_model.targeted_module_names, chosen)
        return hold(module, wrapper)

    def config(self, module: nn.Module) -> Any:
        """PEFT's config for this module, with patterns of its own: PEFT (0.21) adds some for experts that it fuses."""
        fitted = {name: copy(value) for name, value in self.fitted(module).items()}
        config = config_class(self.method)(task_type=_task(module), **fitted)
        config.base_model_name_or_path = getattr(module, "name_or_path", None) or None
        return config

    def fitted(self, module: nn.Module) -> dict[str, Any]:
        """The settings with targets that this module has. Raises ModelError for names that it has not."""
        settings = dict(self.settings)
        targets = settings.get("target_modules")
        if targets == ALL_LINEAR:
            settings["target_modules"] = linear_names(module, self.method)
            check_any(module, settings["target_modules"], self.method)
        elif targets == NORMS:
            settings["target_modules"] = norm_names(module)
        elif targets == KEYS:
            del settings["target_modules"]
            settings |= {} if _is_known(module) else dict(zip(_SCALED, key_names(module), strict=True))
        check_inner(settings.get("target_modules"), settings.get("feedforward_modules"))
        return settings | self._with_head(module, settings)

    def _with_head(self, module: nn.Module, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The parts of a new head among those that are trained whole and stored with the adapter."""
        parts = new_parts(module)
        if not parts:
            return {}
        if "modules_to_save" not in {field.name for field in fields(config_class(self.method))}:
            raise ModelError(f"`{self.method.lower()}` cannot hold a new head", at="tuner", hint="tuner=lora")
        return {"modules_to_save": [*settings.get("modules_to_save", ()), *parts]}

    def untouched(self, module: nn.Module) -> frozenset[str]:
        added = set(self.saved_names(module))
        return frozenset(n for n, p in module.named_parameters() if not p.requires_grad and n not in added)

    def saved_names(self, module: nn.Module) -> Mapping[str, str]:
        wrapper: Any = wrapper_of(module)
        state = wrapper.state_dict(keep_vars=True)
        own: dict[int, str] = {}
        for name, value in [*module.named_parameters(), *module.named_buffers()]:  # the first name of tied ones
            own.setdefault(id(value), name)
        return {own[id(v)]: name for name, v in adapter_state(wrapper, state).items() if id(v) in own}

    @staticmethod
    def _without_start(config: Any) -> str | None:
        """No starting values: on meta there is nothing to decompose, and values come later. Returns what was asked."""
        start = getattr(config, "init_lora_weights", None)
        if not isinstance(start, str):
            return None
        config.init_lora_weights = True
        return start


def refuse_new_tokens(module: nn.Module) -> None:
    """Raise ModelError where new tokens would stay as they start."""
    if new_tokens_of(module) is not None:
        raise ModelError("this adapter trains no embeddings of new tokens", at="model.new_tokens", hint="tuner=lora")


def config_class(method: str) -> type:
    """PEFT's config class of a method. Raises ConfigError with the nearest name."""
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
    from peft.utils.peft_types import PeftType

    names = sorted(kind.value for kind in PEFT_TYPE_TO_CONFIG_MAPPING)
    if method.upper() not in names:
        near = difflib.get_close_matches(method.upper(), names, n=1)
        hint = f"did you mean `{near[0].lower()}`?" if near else f"one of: {', '.join(names).lower()}"
        raise ConfigError(f"the installed PEFT has no method `{method}`", at="tuner.method", hint=hint)
    return PEFT_TYPE_TO_CONFIG_MAPPING[PeftType(method.upper())]


def check_fields(method: str, settings: Mapping[str, Any]) -> None:
    """Raise ConfigError for a setting that PEFT's config of the method does not have."""
    known = [field.name for field in fields(config_class(method)) if field.init]
    for name in settings:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"one of: {', '.join(sorted(known))}"
            raise ConfigError(f"PEFT's `{method}` has no setting `{name}`", at=f"tuner.settings.{name}", hint=hint)


def _is_known(module: Any) -> bool:
    """Whether PEFT has targets of its own for (IA)3 in this architecture."""
    from peft.utils import TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING

    return module.config.model_type in TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING


def _task(module: Any) -> str | None:
    """What PEFT calls the use of the model; None where it knows no name for it (filling in masks)."""
    kind = kind_of(type(module).__name__)
    if kind is not None:
        return HEADED[kind].task
    return LANGUAGE[family_of(module.config, allow_code=True) or "causal"].task

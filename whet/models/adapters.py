"""Adapters in PEFT's format: finding them, their base, and a model with one in it.

PEFT puts its layers into the model in place, so a tuned model stays the object of transformers that it was. The
wrapper, which knows how to store the adapter, is kept beside it.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from whet.base.errors import ModelError

CONFIG = "adapter_config.json"
NAME = "default"
_PLACE = "_whet_adapter"


def is_adapter(path: str | None) -> bool:
    """Whether `path` is a folder with an adapter and without a whole model."""
    folder = Path(path or "")
    return (folder / CONFIG).is_file() and not (folder / "config.json").is_file()


def base_of(path: str) -> str:
    """The base model that an adapter folder names: as it stands there, or beside the adapter if it was moved along."""
    place = Path(path) / CONFIG
    try:
        base = json.loads(place.read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError):
        base = None
    if not base:
        raise ModelError(f"{path} does not say which model it belongs to", at=str(place), hint="model.base=ITS_MODEL")
    beside = Path(path).parent / base
    if not Path(base).exists() and beside.exists():
        return str(beside)
    if not Path(base).exists() and base.startswith((".", "/", "~")):
        raise ModelError(f"the base model of {path} is not at {base}", at=str(place), hint="model.base=ITS_MODEL")
    return base


def hold(module: nn.Module, wrapper: Any) -> nn.Module:
    """Keep PEFT's wrapper with the module that it wraps. Not as a submodule: the wrapper holds the module already."""
    object.__setattr__(module, _PLACE, wrapper)
    return module


def wrapper_of(module: nn.Module) -> Any | None:
    """PEFT's wrapper around the module, if an adapter is in it."""
    return module.__dict__.get(_PLACE)


def with_adapter(module: nn.Module, path: str) -> nn.Module:
    """The base model with the adapter of the folder `path` in it, for use. Raises ModelError where they do not fit."""
    wrapper = _loaded(module, path)
    if wrapper.peft_config[NAME].is_prompt_learning:
        from whet.models.tuning.prompting import attach

        return attach(module, wrapper)
    return hold(module, wrapper)


def merged(module: nn.Module, path: str) -> nn.Module:
    """The base model with the adapter folded into its weights. Raises ModelError for a method that cannot be."""
    wrapper = _loaded(module, path)
    try:
        return wrapper.merge_and_unload(safe_merge=True)
    except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
        kind = wrapper.peft_config[NAME].peft_type.value
        raise ModelError(
            f"a {kind} adapter cannot be merged: {str(error).splitlines()[0]}",
            at=path,
            hint="continue it with `tuner.adapter=FOLDER` on its base model",
        ) from None


def merge(module: nn.Module) -> nn.Module:
    """Fold the adapter that is in a loaded module into its weights."""
    wrapper = wrapper_of(module)
    if wrapper is None:
        return module
    del module.__dict__[_PLACE]
    return wrapper.merge_and_unload(safe_merge=True)


def stored_adapter(module: nn.Module, tensors: Mapping[str, Tensor]) -> tuple[Any, dict[str, Tensor]]:
    """PEFT's config of the adapter in the module, and what PEFT stores of `tensors`, which have the module's names."""
    wrapper = wrapper_of(module)
    assert wrapper is not None
    if wrapper.peft_config[NAME].is_prompt_learning:
        from whet.models.tuning.prompting import stored_prompt

        return wrapper.peft_config[NAME], stored_prompt(wrapper, tensors)
    prefix = next(name for name, part in wrapper.named_modules() if part is module)
    beside = {name: t for name, t in wrapper.state_dict().items() if not name.startswith(f"{prefix}.")}
    state = beside | {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}
    starts = {name: tensor for name, tensor in state.items() if name.endswith((".start_A", ".start_B"))}
    rest = {name: tensor for name, tensor in state.items() if name not in starts}
    config, stored = wrapper.peft_config[NAME], adapter_state(wrapper, rest)
    if not starts:
        return config, stored
    from whet.models.tuning.lora import of_original

    named = {name.replace(".start_", ".lora_") + ".weight": tensor for name, tensor in starts.items()}
    return of_original(config, stored, named)


def adapter_state(wrapper: Any, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The part of a wrapper's `state` that PEFT stores, by the names of its file."""
    from peft import get_peft_model_state_dict

    return get_peft_model_state_dict(wrapper, state_dict=dict(state), adapter_name=NAME, save_embedding_layers=False)


def stored_weights(path: str) -> dict[str, Any]:
    """The adapter's tensors by their names in its file."""
    from safetensors.torch import load_file

    file = Path(path) / "adapter_model.safetensors"
    if not file.is_file():
        pickled = (Path(path) / "adapter_model.bin").is_file()
        what = "holds pickled weights only" if pickled else "holds no adapter_model.safetensors"
        raise ModelError(f"{path} {what}", at=path, hint="save it again with PEFT: model.save_pretrained(FOLDER)")
    return load_file(file)


@contextmanager
def quiet() -> Iterator[None]:
    """PEFT 0.21 asks transformers 5.23 for an attribute by the name that it had before, and is warned for it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
        yield


def _loaded(module: nn.Module, path: str) -> Any:
    from peft import PeftConfig, get_peft_model

    config = PeftConfig.from_pretrained(path)
    config.inference_mode = True
    base = config.base_model_name_or_path
    config.base_model_name_or_path = None  # PEFT warns where it differs from the module's own name
    try:
        with quiet():
            wrapper = get_peft_model(module, config)
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"the adapter {path} does not fit its base: {_mismatch(error)}", at=path) from error
    wrapper.peft_config[NAME].base_model_name_or_path = base
    fill(wrapper, path)
    return wrapper


def fill(wrapper: Any, path: str) -> None:
    """Give the adapter in `wrapper` the weights of a folder. Raises ModelError where names or shapes differ."""
    from peft import set_peft_model_state_dict

    stored = stored_weights(path)
    try:
        report = set_peft_model_state_dict(wrapper, stored)
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"the adapter {path} does not fit its base: {_mismatch(error)}", at=path) from error
    if wrapper.peft_config[NAME].is_prompt_learning:
        return  # its one tensor is loaded apart, and counted as unexpected
    held = adapter_state(wrapper, wrapper.state_dict())
    # What a file has beyond the adapter's own, such as the base's embedding, counts only if it has no place.
    strange = sorted([*report.unexpected_keys, *(held.keys() - stored.keys())])
    if strange:
        names = ", ".join(strange[:3]) + (", ..." if len(strange) > 3 else "")
        raise ModelError(
            f"the adapter {path} was made for another model: {names}", at=path, hint="model.base=ITS_OWN_BASE_MODEL"
        )


def _mismatch(error: Exception) -> str:
    """The lines of torch's message that name tensors, or its first line."""
    lines = [line.strip() for line in str(error).splitlines()]
    named = [line for line in lines if "size mismatch" in line]
    return "; ".join(named[:3]) + ("; ..." if len(named) > 3 else "") if named else lines[0]

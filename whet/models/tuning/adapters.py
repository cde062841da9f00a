"""A model with an adapter of PEFT's format in it: read from a folder, folded into the weights, taken out to be stored.

PEFT puts its layers into the model in place, so a tuned model stays the object of transformers that it was. The
wrapper, which knows how to store the adapter, is kept beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.models.checkpoints.door import read_by_others
from whet.models.tuning.adapter_files import ON_BASE, ends_of, stored_shapes, stored_weights
from whet.models.tuning.prompting import attach, stored_prompt
from whet.models.tuning.starts import of_original
from whet.models.tuning.wrapper import NAME, adapter_state, hold, let_go, quiet, wrapper_of

# Buffers beside PEFT's layers that training needs and nobody else.
_OURS = re.compile(r"\.(importance|uncertainty)_[AEB]$")


def with_adapter(module: nn.Module, path: str) -> nn.Module:
    """The base model with the adapter of the folder `path` in it, for use; on meta the adapter is empty too.

    Raises ModelError where they do not fit.
    """
    wrapper = _loaded(module, path)
    if wrapper.peft_config[NAME].is_prompt_learning:
        return attach(module, wrapper)
    return hold(module, wrapper)


def merged(module: nn.Module, path: str) -> nn.Module:
    """The base model with the adapter folded into its weights. Raises ModelError for a method that cannot be."""
    return _folded(module, _loaded(module, path), path)


def merge(module: nn.Module) -> nn.Module:
    """Fold the adapter that is in a loaded module into its weights."""
    wrapper = let_go(module)
    if wrapper is None:
        return module
    return _folded(module, wrapper, getattr(module, "name_or_path", None) or None)


def _folded(module: nn.Module, wrapper: Any, path: str | None) -> nn.Module:
    from whet.models.merging.layers import UNMERGEABLE, fold

    config = wrapper.peft_config[NAME]
    if config.is_prompt_learning:
        raise _unmergeable(config, "it adds to the input and changes no weight", path)
    try:
        fold(module)
    except UNMERGEABLE as error:
        raise _unmergeable(config, str(error).splitlines()[0], path) from None
    vars(module).pop("peft_config", None)
    return module


def _unmergeable(config: Any, reason: str, path: str | None) -> ModelError:
    return ModelError(
        f"a {config.peft_type.value} adapter cannot be merged: {reason}",
        at=path,
        hint=f"continue it with tuner.adapter={path or 'runs/chat'} on its base model",
    )


def stored_adapter(module: nn.Module, tensors: Mapping[str, Tensor]) -> tuple[Any, dict[str, Tensor]]:
    """PEFT's config of the adapter in the module, and what PEFT stores of `tensors`, which have the module's names."""
    wrapper = wrapper_of(module)
    assert wrapper is not None
    if wrapper.peft_config[NAME].is_prompt_learning:
        return wrapper.peft_config[NAME], stored_prompt(wrapper, tensors)
    prefix = next(name for name, part in wrapper.named_modules() if part is module)
    tensors = under_all_names(module, tensors)
    beside = {name: t for name, t in wrapper.state_dict().items() if not name.startswith(f"{prefix}.")}
    state = beside | {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}
    starts = {name: tensor for name, tensor in state.items() if name.endswith((".start_A", ".start_B"))}
    rest = {name: tensor for name, tensor in state.items() if name not in starts and not _OURS.search(name)}
    config, stored = wrapper.peft_config[NAME], adapter_state(wrapper, rest)
    if not starts:
        return config, stored
    named = {name.replace(".start_", ".lora_") + ".weight": tensor for name, tensor in starts.items()}
    return of_original(config, stored, named)


def under_all_names(module: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`tensors`, of which tied ones are given once, under every name that the module has for them."""
    named = dict(module.named_parameters(remove_duplicate=False))
    values = {id(named[name]): tensor for name, tensor in tensors.items() if name in named}
    return dict(tensors) | {name: values[id(p)] for name, p in named.items() if id(p) in values}


def grow_for(module: Any, path: str) -> None:
    """Give the base as many tokens as the adapter of a folder, which brings their embeddings, was trained with."""
    embedding = module.get_input_embeddings() if hasattr(module, "get_input_embeddings") else None
    shapes = stored_shapes(path)
    if embedding is None or not any(shape and shape[0] > len(embedding.weight) for shape in shapes.values()):
        return
    rows = max(ends_of(shapes, module).values(), default=0)
    if rows > len(embedding.weight):
        module.resize_token_embeddings(rows, mean_resizing=False)


def _loaded(module: nn.Module, path: str) -> Any:
    from peft import PeftConfig, get_peft_model

    with read_by_others(path, at=path):
        config = PeftConfig.from_pretrained(path)
    config.inference_mode = True
    base = config.base_model_name_or_path
    config.base_model_name_or_path = None  # PEFT warns where it differs from the module's own name
    grow_for(module, path)
    on_meta = any(p.is_meta for p in module.parameters())
    try:
        with quiet():
            wrapper = get_peft_model(module, config, low_cpu_mem_usage=on_meta)
    except (RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _misfit(path, error) from error
    wrapper.peft_config[NAME].base_model_name_or_path = base
    if not on_meta:
        fill(wrapper, path)
    elif wrapper.peft_config[NAME].is_prompt_learning:
        wrapper.prompt_encoder.to("meta")
    return wrapper


def fill(wrapper: Any, path: str) -> None:
    """Give the adapter in `wrapper` the weights of a folder. Raises ModelError where names or shapes differ."""
    from peft import set_peft_model_state_dict

    stored = stored_weights(path)
    try:
        report = set_peft_model_state_dict(wrapper, stored)
    except (RuntimeError, ValueError) as error:
        raise _misfit(path, error) from error
    if wrapper.peft_config[NAME].is_prompt_learning:
        return  # its one tensor is loaded apart, and counted as unexpected
    held = adapter_state(wrapper, wrapper.state_dict())
    # What a file has beyond the adapter's own, such as the base's embedding, counts only if it has no place.
    # Tied matrices are stored once.
    given = {held[name].data_ptr() for name in held.keys() & stored.keys()}
    missing = [name for name in held.keys() - stored.keys() if held[name].data_ptr() not in given]
    strange = sorted([*report.unexpected_keys, *missing])
    if strange:
        names = ", ".join(strange[:3]) + (", ..." if len(strange) > 3 else "")
        raise ModelError(f"the adapter {path} was made for another model: {names}", at=path, hint=ON_BASE)


def _misfit(path: str, error: Exception) -> ModelError:
    message = f"the adapter {path} does not fit its base: {_mismatch(error)}"
    return ModelError(message, at=path, hint=f"{ON_BASE}; or get the adapter's folder anew")


def _mismatch(error: Exception) -> str:
    """The lines of torch's message that name tensors, or its first line."""
    lines = [line.strip() for line in str(error).splitlines()]
    named = [line for line in lines if "size mismatch" in line]
    return "; ".join(named[:3]) + ("; ..." if len(named) > 3 else "") if named else lines[0]

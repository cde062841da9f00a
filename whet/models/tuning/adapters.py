"""Adapters in PEFT's format: finding them, their base, and a model with one in it.

PEFT puts its layers into the model in place, so a tuned model stays the object of transformers that it was. The
wrapper, which knows how to store the adapter, is kept beside it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from whet.base.documents import read_object
from whet.base.errors import ModelError
from whet.models.checkpoints.door import read_by_others

CONFIG = "adapter_config.json"
NAME = "default"
_PLACE = "_whet_adapter"
_PREFIX = "base_model.model."
# Buffers beside PEFT's layers that training needs and nobody else.
_OURS = re.compile(r"\.(importance|uncertainty)_[AEB]$")


def is_adapter(path: str | None) -> bool:
    """Whether `path` is a folder with an adapter and without a whole model."""
    folder = Path(path or "")
    return (folder / CONFIG).is_file() and not (folder / "config.json").is_file()


def base_of(path: str) -> str:
    """The base model that an adapter folder names: as it stands there, or beside the adapter if it was moved along."""
    place = Path(path) / CONFIG
    base = read_object(place, error=ModelError, hint="model.base=ITS_MODEL").get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
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
    """The base model with the adapter of the folder `path` in it, for use; on meta the adapter is empty too.

    Raises ModelError where they do not fit.
    """
    wrapper = _loaded(module, path)
    if wrapper.peft_config[NAME].is_prompt_learning:
        from whet.models.tuning.prompting import attach

        return attach(module, wrapper)
    return hold(module, wrapper)


def merged(module: nn.Module, path: str) -> nn.Module:
    """The base model with the adapter folded into its weights. Raises ModelError for a method that cannot be."""
    return _folded(module, _loaded(module, path), path)


def merge(module: nn.Module) -> nn.Module:
    """Fold the adapter that is in a loaded module into its weights."""
    wrapper = wrapper_of(module)
    if wrapper is None:
        return module
    del module.__dict__[_PLACE]
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
        hint="continue it with `tuner.adapter=FOLDER` on its base model",
    )


def stored_adapter(module: nn.Module, tensors: Mapping[str, Tensor]) -> tuple[Any, dict[str, Tensor]]:
    """PEFT's config of the adapter in the module, and what PEFT stores of `tensors`, which have the module's names."""
    wrapper = wrapper_of(module)
    assert wrapper is not None
    if wrapper.peft_config[NAME].is_prompt_learning:
        from whet.models.tuning.prompting import stored_prompt

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
    from whet.models.tuning.lora import of_original

    named = {name.replace(".start_", ".lora_") + ".weight": tensor for name, tensor in starts.items()}
    return of_original(config, stored, named)


def under_all_names(module: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`tensors`, of which tied ones are given once, under every name that the module has for them."""
    named = dict(module.named_parameters(remove_duplicate=False))
    values = {id(named[name]): tensor for name, tensor in tensors.items() if name in named}
    return dict(tensors) | {name: values[id(p)] for name, p in named.items() if id(p) in values}


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
    tensors = load_file(file)
    return {name: tensors[name] for name in _own(tensors)}


def _own(names: Iterable[str]) -> list[str]:
    """The names without the second copies that PEFT (0.21) writes of resized modules that are trained whole."""
    names = set(names)
    twice = {name for name in names if ".original_module." in name}
    twice |= {name for name in names if name.replace(".modules_to_save", "") in names - {name}}
    return sorted(names - twice)


def stored_shapes(path: str) -> dict[str, tuple[int, ...]]:
    """The shapes of the adapter's tensors by their names in its file, of which the head alone is read."""
    from safetensors import SafetensorError, safe_open

    file = Path(path) / "adapter_model.safetensors"
    if not file.is_file():
        return {}
    try:
        with safe_open(file, "pt") as tensors:
            return {name: tuple(tensors.get_slice(name).get_shape()) for name in _own(tensors.keys())}
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"`{file.name}` cannot be read: {error}", at=path, hint="copy it from its source again"
        ) from None


def ends_of(shapes: Mapping[str, tuple[int, ...]], module: Any) -> dict[str, int]:
    """Rows of the embedding and of the head, by name, as far as an adapter with these tensors brings them whole."""
    ends = [module.get_input_embeddings(), module.get_output_embeddings()]
    names = {f"{name}.weight" for name, part in module.named_modules() if any(part is end for end in ends)}
    whole = {name.removeprefix(_PREFIX).replace(".base_layer.", "."): shape for name, shape in shapes.items()}
    return {name: whole[name][0] for name in sorted(names & whole.keys())}


def grow_for(module: Any, path: str) -> None:
    """Give the base as many tokens as the adapter of a folder, which brings their embeddings, was trained with."""
    embedding = module.get_input_embeddings() if hasattr(module, "get_input_embeddings") else None
    shapes = stored_shapes(path)
    if embedding is None or not any(shape and shape[0] > len(embedding.weight) for shape in shapes.values()):
        return
    rows = max(ends_of(shapes, module).values(), default=0)
    if rows > len(embedding.weight):
        module.resize_token_embeddings(rows, mean_resizing=False)


def breaks_a_tie(path: str, shapes: Mapping[str, tuple[int, ...]], module: nn.Module) -> bool:
    """Whether the adapter of a folder, folded in, leaves tied weights of the module apart. Reads no tensor."""
    from peft import PeftConfig

    from whet.models.merging.layers import ties_of

    with read_by_others(path, at=path):
        config: Any = PeftConfig.from_pretrained(path)
    copied = () if getattr(config, "ensure_weight_tying", False) else getattr(config, "modules_to_save", None) or ()
    owners = {end.rpartition(".")[0] for pair in ties_of(module).items() for end in pair}
    for key in shapes:
        name = key.removeprefix(_PREFIX).replace(".base_layer.", ".")
        owner = next((one for one in owners if name.startswith(f"{one}.")), None)
        if owner is None or name.endswith("trainable_tokens_delta"):
            continue
        if name != f"{owner}.weight" or any(f".{owner}".endswith(f".{one}") for one in copied):
            return True
    return False


@contextmanager
def quiet() -> Iterator[None]:
    """PEFT 0.21 asks transformers 5.23 for an attribute by the name that it had before, and is warned for it.

    It also warns that merging an adapter of one end of tied weights is delicate: ours unties them, which a notice says.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
        warnings.filterwarnings("ignore", message="Model (has|with) `tie_word_embeddings=True` and")
        yield


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
        raise ModelError(
            f"the adapter {path} was made for another model: {names}", at=path, hint="model.base=ITS_OWN_BASE_MODEL"
        )


def _misfit(path: str, error: Exception) -> ModelError:
    message = f"the adapter {path} does not fit its base: {_mismatch(error)}"
    return ModelError(message, at=path, hint="model.base=ITS_OWN_BASE_MODEL, or get the adapter's folder anew")


def _mismatch(error: Exception) -> str:
    """The lines of torch's message that name tensors, or its first line."""
    lines = [line.strip() for line in str(error).splitlines()]
    named = [line for line in lines if "size mismatch" in line]
    return "; ".join(named[:3]) + ("; ..." if len(named) > 3 else "") if named else lines[0]

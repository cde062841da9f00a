"""Adapter folders in PEFT's format: what they hold, and which model they belong to. Reads no model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from whet.base.documents import read_object
from whet.base.errors import ModelError
from whet.models.checkpoints.door import read_by_others

CONFIG = "adapter_config.json"
# What helps where the model under an adapter is not the one that it was trained on.
ON_BASE = "model.base=Qwen/Qwen3-0.6B, or whichever model it was trained on"
_PREFIX = "base_model.model."


def is_adapter(path: str | None) -> bool:
    """Whether `path` is a folder with an adapter and without a whole model."""
    folder = Path(path or "")
    return (folder / CONFIG).is_file() and not (folder / "config.json").is_file()


def base_of(path: str) -> str:
    """The base model that an adapter folder names: as it stands there, or beside the adapter if it was moved along."""
    place = Path(path) / CONFIG
    base = read_object(place, error=ModelError, hint=ON_BASE).get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise ModelError(f"{path} does not say which model it belongs to", at=str(place), hint=ON_BASE)
    beside = Path(path).parent / base
    if not Path(base).exists() and beside.exists():
        return str(beside)
    if not Path(base).exists() and base.startswith((".", "/", "~")):
        raise ModelError(f"the base model of {path} is not at {base}", at=str(place), hint=ON_BASE)
    return base


def stored_weights(path: str) -> dict[str, Any]:
    """The adapter's tensors by their names in its file."""
    from safetensors.torch import load_file

    file = Path(path) / "adapter_model.safetensors"
    if not file.is_file():
        pickled = (Path(path) / "adapter_model.bin").is_file()
        what = "holds pickled weights only" if pickled else "holds no adapter_model.safetensors"
        raise ModelError(f"{path} {what}", at=path, hint=f"save it again with PEFT: model.save_pretrained({path!r})")
    tensors = load_file(file)
    return {name: tensors[name] for name in _own(tensors)}


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


def _own(names: Iterable[str]) -> list[str]:
    """The names without the second copies that PEFT (0.21) writes of resized modules that are trained whole."""
    names = set(names)
    twice = {name for name in names if ".original_module." in name}
    twice |= {name for name in names if name.replace(".modules_to_save", "") in names - {name}}
    return sorted(names - twice)


def ends_of(shapes: Mapping[str, tuple[int, ...]], module: Any) -> dict[str, int]:
    """Rows of the embedding and of the head, by name, as far as an adapter with these tensors brings them whole."""
    ends = [module.get_input_embeddings(), module.get_output_embeddings()]
    names = {f"{name}.weight" for name, part in module.named_modules() if any(part is end for end in ends)}
    whole = {name.removeprefix(_PREFIX).replace(".base_layer.", "."): shape for name, shape in shapes.items()}
    return {name: whole[name][0] for name in sorted(names & whole.keys())}


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

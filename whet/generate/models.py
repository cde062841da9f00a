"""Which model is meant, and loading it to be used rather than trained."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from whet.base.errors import ModelError, RunError
from whet.track import store

if TYPE_CHECKING:
    import torch

    from whet.contracts.model import Loaded


def find_model(name: str, root: Path = store.ROOT) -> str:
    """The model folder that `name` means: itself, or the `model/` of a run folder or of a run by name.

    What looks like a hub id (`owner/name`, not here) is returned as it is. Raises WhetError with the nearest name.
    """
    path = Path(name)
    if (path / "config.json").is_file():
        return str(path)
    run = find_run(name, root)
    if run is not None:
        return _model_of(run)
    if path.exists():
        raise ModelError(f"{name} is not a model: it has no config.json", hint="give a model folder, or a run")
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return name
    names = sorted(folder.name for folder in root.iterdir() if folder.is_dir()) if root.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=1)
    hint = f"did you mean `{near[0]}`?" if near else "give a model folder, a run, or a hub id such as Qwen/Qwen3-0.6B"
    raise RunError(f"there is no model or run `{name}`", at=str(root), hint=hint)


def find_run(name: str, root: Path = store.ROOT) -> Path | None:
    """The run folder that `name` means, also when it is the `model/` inside one; None if it is no run's."""
    for candidate in (name, str(Path(name).resolve().parent) if Path(name).name == "model" else name):
        try:
            return store.find(candidate, root)
        except RunError:
            continue
    return None


def load_model(name: str, *, device: str = "auto", dtype: str = "auto", root: Path = store.ROOT) -> Loaded:
    """Load the model that `name` means, for use. Raises ModelError if it has no tokenizer.

    `auto` is a GPU where there is one, and the weights' own dtype; fp32 on a CPU, where half precision is slower.
    """
    from whet.base.catalogue import model_source
    from whet.models.context import BuildContext

    path = find_model(name, root)
    chosen = _device(device)
    context = BuildContext(device=chosen, dtype=_dtype(dtype, path, chosen))
    loaded = model_source.get("hf").build(context, path=path)
    if loaded.processor is None:
        raise ModelError(f"{path} holds no tokenizer", hint="copy the tokenizer's files into the model's folder")
    loaded.module.eval()
    return loaded


def stored_dtype(path: str) -> torch.dtype:
    """The dtype of a model's weights, by its config."""
    import torch
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(path).dtype or torch.float32


def _model_of(run: Path) -> str:
    folder = run / "model"
    if not (folder / "config.json").is_file():
        raise RunError(f"the run `{run.name}` has no model yet", at=str(folder), hint=f"whet train {run}")
    return str(folder)


def _device(name: str) -> torch.device:
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"`{name}` is no device here: {str(error).splitlines()[0]}", hint="--device cpu") from None
    return device


def _dtype(name: str, path: str, device: torch.device) -> torch.dtype:
    import torch

    known = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    if name == "auto":
        return torch.float32 if device.type == "cpu" else stored_dtype(path)
    if name not in known:
        raise ModelError(f"`{name}` is not a dtype", hint=f"one of: auto, {', '.join(known)}")
    return known[name]

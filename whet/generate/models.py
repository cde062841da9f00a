"""Loading a model to be used rather than trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from whet.base.errors import ModelError
from whet.base.memory import give_back
from whet.models.loading.find import find_model
from whet.track.reading import store

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from whet.contracts.model import Head, Loaded


def load_model(
    name: str, *, device: str = "auto", dtype: str = "auto", root: Path = store.ROOT, quantize: str | None = None,
    is_mapped: bool = False, placed: Callable[[Loaded, torch.device], Loaded] | None = None,
) -> Loaded:  # fmt: skip
    """Load the model that `name` means, for use. Raises ModelError if it has no tokenizer.

    `auto` is a GPU where there is one, and the weights' own dtype; fp32 on a CPU, where half precision is slower.
    Linear layers are packed by the codec `quantize` while they are read. Weights that are `is_mapped` stay in their
    files (`whet.models.loading.mapped`), on the CPU, in their own dtype. `placed` gives the model, which is on meta,
    its values: by default all of them, on the device.
    """
    from whet.base.catalogue import model_source
    from whet.models.checkpoints.door import read_by_others
    from whet.models.loading.context import BuildContext
    from whet.models.loading.fill import filled
    from whet.models.loading.mapped import mapped
    from whet.models.sentence_transformers import is_sentence, read_sentence

    path = find_model(name, root)
    chosen = pick_device("cpu" if is_mapped and device == "auto" else device)
    if is_mapped:
        if chosen.type != "cpu":
            said = f"weights that stay in their files are used by the CPU, and not by `{chosen}`"
            raise ModelError(said, at="--weights", hint="--device cpu")
        if quantize:
            said = "packed weights are made anew, and would be in memory"
            raise ModelError(said, at="--weights", hint=f"--quantize {quantize} without --weights mapped")
        dtype = _name_of(stored_dtype(path)) if dtype == "auto" else dtype
    with read_by_others(path):
        context = BuildContext(dtype=pick_dtype(dtype, path, chosen), head=stored_head(path))
        built = model_source.usual().build(context, path=path, quantize=quantize)
        loaded = mapped(built, path) if is_mapped else (placed or filled)(built, chosen)
    if quantize:
        give_back()  # what they were before they were packed
    if loaded.processor is None:
        raise ModelError(f"{path} holds no tokenizer", hint="copy the tokenizer's files into the model's folder")
    loaded.module.eval()
    return replace(loaded, embedder=read_sentence(Path(path))) if is_sentence(Path(path)) else loaded


def stored_head(path: str) -> Head | None:
    """The head of the model in a folder; None of a language model."""
    from whet.models.forward.heads import beside, head_of
    from whet.models.loading.reading import stored_config
    from whet.models.loading.spec import Spec
    from whet.models.tuning.adapter_files import is_adapter

    if is_adapter(path):
        return beside(path)
    # What cannot be read is said where it is loaded.
    is_here = (Path(path) / "config.json").is_file()
    return head_of(stored_config(Spec(path))) if is_here else None


def stored_dtype(path: str) -> torch.dtype:
    """The dtype of a model's weights, by its config; for an adapter that of its base."""
    import torch

    from whet.models.loading.reading import stored_config
    from whet.models.loading.spec import Spec
    from whet.models.tuning.adapter_files import base_of, is_adapter

    while is_adapter(path):
        path = base_of(path)
    return stored_config(Spec(path)).dtype or torch.float32


def pick_device(name: str) -> torch.device:
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"`{name}` is no device here: {str(error).splitlines()[0]}", hint="--device cpu") from None
    return device


def _name_of(dtype: torch.dtype) -> str:
    """As `pick_dtype` knows it."""
    return {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}.get(name := str(dtype).split(".")[-1], name)


def pick_dtype(name: str, path: str, device: torch.device) -> torch.dtype:
    import torch

    known = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    if name == "auto":
        return torch.float32 if device.type == "cpu" else stored_dtype(path)
    if name not in known:
        raise ModelError(f"`{name}` is not a dtype", hint=f"one of: auto, {', '.join(known)}")
    return known[name]

"""What an exporter is given: a whole model in fp32, its tokenizer, and what both do with the fixed prompts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.base.errors import ConfigError, ModelError
from whet.export.card import Card, card_of_run
from whet.track.reading import store

if TYPE_CHECKING:
    import torch
    from torch import nn

    from whet.export.observation import Observed


@dataclass(frozen=True, slots=True)
class Source:
    """A model to be exported.

    `module` is whole and in fp32, in which half precision is exact; `dtype` is that of its stored weights. `trained`
    is what the model did before anything was written, and what every exporter must prove again.
    """

    name: str
    module: nn.Module
    tokenizer: Any
    dtype: torch.dtype
    card: Card
    trained: Observed
    device: str = "cpu"


def find_source(name: str, root: Path = store.ROOT) -> tuple[str, Path | None]:
    """What `name` means, and the run that it belongs to: a model, an adapter, or a checkpoint of DeepSpeed's ZeRO."""
    from whet.models.checkpoints.zero import is_zero
    from whet.models.loading.find import find_model, find_run

    return (name, None) if is_zero(name) else (find_model(name, root), find_run(name, root))


def read_source(name: str, *, device: str = "cpu", root: Path = store.ROOT, like: str | None = None) -> Source:
    """The model that `name` means (run, folder, hub id), loaded, observed, and merged if it is an adapter.

    A quantized base has the values that its adapter was trained on. A checkpoint of DeepSpeed's ZeRO has the config and
    the tokenizer of `like`, or those that lie beside it.
    """
    from whet.models.checkpoints.zero import is_zero

    if is_zero(name):
        return _from_zero(name, like or name, device)
    if like is not None:
        raise ConfigError(f"{name} is no checkpoint of DeepSpeed", hint="leave --like out")
    from whet.export.observation import observe
    from whet.generate.models import load_model, stored_dtype
    from whet.models.checkpoints.quantized import dequantize
    from whet.models.loading.find import find_model, find_run
    from whet.models.tuning.adapters import merge

    path, run = find_model(name, root), find_run(name, root)
    loaded = load_model(path, device=device, dtype="fp32", root=root)
    card = card_of_run(run) if run else Card(Path(path).name)
    trained = observe(loaded.module, loaded.processor)
    module = merge(dequantize(loaded.module))
    return Source(card.name, module, loaded.processor, stored_dtype(path), card, trained, device)


def _from_zero(path: str, like: str, device: str) -> Source:
    """The fp32 weights of a ZeRO checkpoint in the architecture of the folder `like`."""
    import torch
    from transformers import AutoModelForCausalLM

    from whet.export.observation import observe
    from whet.models.checkpoints.zero import Zero
    from whet.models.loading.reading import read
    from whet.models.loading.spec import Spec

    weights = Zero(path)
    hint = "--like Qwen/Qwen3-0.6B, or whichever model the training began from"
    if Path(like).is_dir() and not (Path(like) / "config.json").is_file():
        raise ModelError(f"{like} holds no config.json", at=like, hint=hint)
    config, tokenizer = read(Spec(like))
    with torch.device("meta"):
        module = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    state = {name.removeprefix("module."): tensor for name, tensor in weights.items()}
    strange = _strange(module, state)
    if strange:
        raise ModelError(f"{path} was not written by the architecture of {like}: {strange}", at=path, hint=hint)
    module = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    module.load_state_dict(state, strict=False)
    module = module.eval().to(device)
    folder = Path(path).resolve()
    card = Card(folder.name, like if like.count("/") == 1 and not Path(like).exists() else None)
    return Source(folder.name, module, tokenizer, torch.float32, card, observe(module, tokenizer), device)


def _strange(module: nn.Module, state: dict[str, torch.Tensor]) -> str:
    """Names that one side lacks, and shapes that differ, in a few words."""
    ties = getattr(module, "all_tied_weights_keys", {})
    shapes = {name: tensor.shape for name, tensor in module.state_dict().items()}
    found = [f"no `{name}`" for name in shapes if name not in state and name not in ties]
    found += [f"`{name}`" for name in state if name not in shapes]
    found += [f"`{n}` {tuple(t.shape)}" for n, t in state.items() if n in shapes and t.shape != shapes[n]]
    return ", ".join(found[:3])

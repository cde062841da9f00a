"""Write a model with adapters and other models merged into it, read and written piece by piece."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from whet.base import hub
from whet.base.errors import ModelError
from whet.export.card import Card
from whet.export.limits import Limits
from whet.export.observation import observe
from whet.export.report import Report, compare
from whet.export.weights import SHARD_BYTES, skeleton
from whet.export.writing import write_model
from whet.models.checkpoints.experts import Fused, UnknownPieces, experts
from whet.models.checkpoints.quantized import Quantization, dequantize, linears, quantize, stored_method
from whet.models.checkpoints.stored import Stored, local_folder
from whet.models.loading.progress_bars import patient_bars
from whet.models.loading.reading import stored_config
from whet.models.loading.spec import Spec
from whet.models.merging.combine import Recipe
from whet.models.merging.folding import Adapter, needs_whole_base
from whet.models.merging.layers import ties_of, untie_config
from whet.models.merging.weights import Change, Finetuned, Merged, Rounded, Weighted, check_recipe
from whet.models.text import text_config
from whet.models.tuning.adapter_files import base_of, is_adapter
from whet.models.tuning.adapters import merged, with_adapter

if TYPE_CHECKING:
    from torch import Tensor, nn

# A mixture has no trained model that it should equal: its report tells how far it is from the base.
_FREE = Limits(None, math.inf, math.inf, 0.0)


@dataclass(frozen=True, slots=True)
class Part:
    """A folder to be merged in, an adapter or a whole model, and how much of it."""

    path: str
    weight: float = 1.0


def merge_models(
    base: str,
    parts: Sequence[Part],
    output: Path,
    recipe: Recipe,
    *,
    dtype: torch.dtype | None = None,
    shard_bytes: int = SHARD_BYTES,
    card: Card | None = None,
    device: str = "cpu",
    check: bool = True,
) -> Report | None:
    """Write the base with all `parts` merged in as a plain transformers folder.

    Weights are merged in float32 and rounded once, to `dtype` or to that which each has in the base's files. Without
    `check`, at most a shard and one layer (once for each part) are in memory, experts of a layer being one.
    The few methods that need all weights at once are held whole. One part taken whole must then do what it did alone,
    or ModelError is raised and the files are kept aside.
    """
    config, mixed = mixture(base, parts, recipe)
    tokenizer, generation = tokenizer_of([part.path for part in parts], base), generation_config_of(base)
    prove = _check(base, parts, recipe, tokenizer, device) if check else None
    return write_model(
        output,
        mixed.items() if dtype else mixed.rounded(),
        config,
        tokenizer,
        generation_config=generation,
        card=card or Card(output.resolve().name, last_base(base)),
        dtype=dtype,
        shard_bytes=shard_bytes,
        check=prove,
    )


def mixture(base: str, parts: Sequence[Part], recipe: Recipe) -> tuple[Any, Merged]:
    """The config of the base with all `parts` in it, and its weights in float32, each made when it is asked for."""
    config = stored_config(Spec(last_base(base)))
    method = stored_method(config)
    if method is not None:
        raise ModelError(
            f"{last_base(base)} is quantized by `{method}`, and merging would have to round its weights again",
            at=last_base(base),
            hint=f"whet export {parts[0].path if parts else base} --to hf, which unpacks them",
        )
    model = skeleton(config)
    weights = seen_by(weights_of(base, model), model, [part.path for part in parts])
    changes = [Weighted(_change(part.path, model, base), part.weight) for part in parts]
    check_recipe(changes, recipe)
    config = _fitting(config, model, changes, apart=_is_apart(base, weights, model))
    return config, Merged(weights, skeleton(config), changes, recipe)


def last_base(path: str) -> str:
    return last_base(base_of(path)) if is_adapter(path) else path


def weights_of(path: str, model: nn.Module) -> Mapping[str, Tensor]:
    """The weights of a model folder under the architecture's names; an adapter's are those of its base, changed."""
    if is_adapter(path):
        below = seen_by(weights_of(base_of(path), model), model, [path])
        change = Weighted(_change(path, model, base_of(path)))
        fitting = _fitting(model.config, model, [change], apart=_is_apart(base_of(path), below, model))
        return Merged(below, skeleton(fitting), [change], Recipe())
    stored = Stored(local_folder(path))
    ties: Mapping[str, str] = getattr(model, "all_tied_weights_keys", {})
    if all(name in stored for name in model.state_dict() if name not in ties):
        return stored
    if experts(model):
        with suppress(UnknownPieces):
            fused = Fused(stored, model)
            if fused.is_whole:
                return fused
    return _in_memory(path).state_dict()


def seen_by(weights: Mapping[str, Tensor], model: nn.Module, paths: Sequence[str]) -> Mapping[str, Tensor]:
    """The base's weights as the adapters saw them: rounded, if they were trained on a quantized base."""
    found = {how for how in (Quantization.beside(path) for path in paths) if how is not None}
    if not found:
        return weights
    if len(found) > 1 or any(Quantization.beside(path) is None for path in paths):
        raise ModelError(
            "these adapters were trained on bases that were quantized in different ways",
            at=paths[0],
            hint="merge one of them, and train the other on the result",
        )
    how = found.pop()
    return Rounded(weights, frozenset(f"{name}.weight" for name in linears(model, how.keep)), how.codec)


def _in_memory(path: str, dtype: torch.dtype | str = "auto") -> nn.Module:
    """The model as transformers loads it: some are computed in other pieces than they are stored in."""
    from transformers import AutoModelForCausalLM

    with patient_bars(), hub.asked(path):
        return AutoModelForCausalLM.from_pretrained(path, dtype=dtype, use_safetensors=True)


def _change(path: str, model: nn.Module, base: str) -> Change:
    if not is_adapter(path):
        return Finetuned(path, weights_of(path, model), model, is_tied=_is_tied(stored_config(Spec(path))))
    if needs_whole_base(path):
        whole = merged(_in_memory(last_base(base), torch.float32), path)
        return Finetuned(path, whole.state_dict(), model, is_tied=_is_tied(whole.config))
    return Adapter(path, model)


def _is_apart(base: str, weights: Mapping[str, Tensor], model: nn.Module) -> bool:
    """Whether adapters below have left tied weights apart."""
    return is_adapter(base) and any(end in weights for end in ties_of(model))


def _is_tied(config: Any) -> bool:
    return bool(getattr(text_config(config), "tie_word_embeddings", False))


def _fitting(config: Any, model: nn.Module, changes: Sequence[Weighted], *, apart: bool) -> Any:
    """The config with the ends untied that now differ, or were `apart` in an adapter below, and with the vocabulary
    that an adapter has brought."""
    config = copy.deepcopy(config)
    ties = ties_of(model)
    if apart or any(one.change.unties(ends) for one in changes for ends in ties.items()):
        untie_config(config)
    for rows in filter(None, (one.change.vocabulary for one in changes)):
        text_config(config).vocab_size = rows
    return config


def tokenizer_of(paths: Sequence[str], base: str) -> Any:
    """The first part's own tokenizer, else the base's."""
    from transformers import AutoTokenizer

    for path in [*paths, base, last_base(base)]:
        if not Path(path).is_dir() or (Path(path) / "tokenizer_config.json").is_file():
            with hub.asked(path):
                return AutoTokenizer.from_pretrained(path)
    raise ModelError(f"{base} holds no tokenizer", hint="copy the tokenizer's files into the model's folder")


def generation_config_of(base: str) -> Any:
    from transformers import GenerationConfig

    folder = local_folder(last_base(base))
    return GenerationConfig.from_pretrained(folder) if (folder / "generation_config.json").is_file() else None


def _check(base: str, parts: Sequence[Part], recipe: Recipe, tokenizer: Any, device: str) -> Callable[[Path], Report]:
    """What the written folder is compared with: one part as it was trained, or the base when parts are mixed."""
    is_whole = [part.weight for part in parts] == [1.0] and recipe.method in ("linear", "slerp")

    def prove(folder: Path) -> Report:
        module = _alone(base, parts[0].path) if is_whole else _in_memory(last_base(base), torch.float32)
        reference = observe(module.to(device), tokenizer)
        del module
        if is_whole:
            return compare(reference, folder, device=device)
        return compare(reference, folder, device=device, limits=_FREE)

    return prove


def _alone(base: str, path: str) -> nn.Module:
    """The base with one adapter in it, unmerged; or the other model."""
    if not is_adapter(path):
        return _in_memory(path, torch.float32)
    module = _in_memory(last_base(base), torch.float32)
    if is_adapter(base):
        module = dequantize(merged(_quantized(module, base), base))
    return with_adapter(_quantized(module, path), path)


def _quantized(module: nn.Module, adapter: str) -> nn.Module:
    """The base as it was while the adapter was trained."""
    how = Quantization.beside(adapter)
    if how is not None:
        quantize(module, how)
    return module

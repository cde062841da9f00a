"""Weights as safetensors: checked against the architecture, named as checkpoints name them, in shards as they come."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.kernels.layout import whole_tensor
from whet.models.checkpoints.experts import UnknownPieces, experts, pieces
from whet.models.forward.heads import class_of

SHARD_BYTES = 5 * 10**9
# Where transformers lists parts of a model that lose too much in half precision.
_IN_FP32 = ("_keep_in_fp32_modules", "_keep_in_fp32_modules_strict")


def named_weights(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The names and whole tensors of a module's state. With sharded weights every rank must go through all of them."""
    for name, tensor in module.state_dict().items():
        yield name, whole_tensor(tensor)


def skeleton(config: Any) -> nn.Module:
    """The architecture that `config` names, without memory."""
    with torch.device("meta"):
        return class_of(config).auto.from_config(config, attn_implementation="eager")


def write_weights(
    folder: Path, weights: Iterable[tuple[str, Tensor]], model: nn.Module, dtype: torch.dtype | None, shard_bytes: int
) -> Counter[torch.dtype]:
    """Write the weights of the architecture `model` (from `skeleton`), cast to `dtype`. Returns how many of each dtype.

    At most a shard and one tensor are in memory at a time; a model whose tensors transformers stores in other pieces
    than it computes with is held whole, if they are more than experts cut apart. Raises ModelError when weights are
    missing, unknown, of another shape, or tied to each other and yet different.
    """
    prepared = ready(_checked(weights, model), model, dtype)
    return write_shards(folder, _as_stored(prepared, model) if _conversions(model) else prepared, shard_bytes)


def _as_stored(weights: Iterator[tuple[str, Tensor]], model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The weights as transformers names and cuts them in files."""
    held = None
    with suppress(UnknownPieces):
        held = pieces(model) if experts(model) else None
    if held is not None:
        for name, tensor in weights:
            yield from ((piece.name, piece.of(tensor)) for piece in held[name])
        return
    from transformers.core_model_loading import revert_weight_conversion

    yield from revert_weight_conversion(model, dict(weights)).items()  # type: ignore[arg-type]


def _checked(weights: Iterable[tuple[str, Tensor]], model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The weights, each once, without those that a tie makes again."""
    expected = {name: tensor.shape for name, tensor in model.state_dict().items()}
    ties: Mapping[str, str] = getattr(model, "all_tied_weights_keys", {})
    ends = {*ties, *ties.values()}
    seen: set[str] = set()
    held: dict[str, Tensor] = {}
    for name, tensor in weights:
        if name not in expected or tensor.shape != expected[name]:
            raise _unlike(name, tensor, expected, model)
        seen.add(name)
        if name in ends:
            held[name] = tensor
        if name not in ties:
            yield name, tensor
    for name, source in ties.items():
        if name in held and source in held and not torch.equal(held[name], held[source]):
            raise ModelError(
                f"`{name}` and `{source}` are tied in the config and differ in the weights",
                hint="set tie_word_embeddings to false in the config",
            )
        if name in held and source not in seen:
            seen.add(source)
            yield source, held[name]
    missing = sorted(expected.keys() - seen - ties.keys())
    if missing:
        names = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise ModelError(f"{len(missing)} weights of {type(model).__name__} are missing: {names}", hint="give them all")


def _unlike(name: str, tensor: Tensor, expected: Mapping[str, torch.Size], model: nn.Module) -> ModelError:
    kind = type(model).__name__
    if name not in expected:
        return ModelError(f"{kind} has no weight `{name}`", hint="merge adapters and use the names of transformers")
    shapes = f"{tuple(tensor.shape)}, and {kind} has {tuple(expected[name])}"
    return ModelError(f"`{name}` has the shape {shapes}", hint="use the config that the weights were made with")


def ready(
    weights: Iterable[tuple[str, Tensor]], model: nn.Module, dtype: torch.dtype | None
) -> Iterator[tuple[str, Tensor]]:
    """Weights on the CPU, contiguous, cast; those that the architecture wants in fp32 stay so."""
    kept = {part for name in _IN_FP32 for part in getattr(model, name, None) or ()}
    for name, tensor in weights:
        is_kept = not kept.isdisjoint(name.split("."))
        target = dtype if dtype and tensor.is_floating_point() and not is_kept else tensor.dtype
        yield name, tensor.detach().to("cpu", target).contiguous()


def _conversions(model: nn.Module) -> list[Any]:
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import PrefixChange

    found = get_model_conversion_mapping(model, add_legacy=False)  # type: ignore[arg-type]
    return [conversion for conversion in found if not isinstance(conversion, PrefixChange)]


def write_shards(folder: Path, weights: Iterable[tuple[str, Tensor]], shard_bytes: int) -> Counter[torch.dtype]:
    """Fill shards in the order of the weights; one alone has no number in its name and no index."""
    shards: list[tuple[Path, list[str]]] = []
    shard: dict[str, Tensor] = {}
    counts: Counter[torch.dtype] = Counter()
    num_bytes = 0
    for name, tensor in weights:
        size = tensor.numel() * tensor.element_size()
        if shard and num_bytes + size > shard_bytes:
            shards.append(_write_shard(folder, len(shards), shard))
            shard, num_bytes = {}, 0
        # A view would drag its whole storage into the file.
        shard[name] = tensor if tensor.untyped_storage().nbytes() == size else tensor.clone()
        counts[tensor.dtype] += tensor.numel()
        num_bytes += size
    shards.append(_write_shard(folder, len(shards), shard))
    places: dict[str, str] = {}
    for number, (path, names) in enumerate(shards, 1):
        single = len(shards) == 1
        final = "model.safetensors" if single else f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        path.rename(folder / final)
        places |= dict.fromkeys(names, final)
    if len(shards) > 1:
        total_bytes = sum(dtype.itemsize * count for dtype, count in counts.items())
        index = {"metadata": {"total_size": total_bytes}, "weight_map": dict(sorted(places.items()))}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    return counts


def _write_shard(folder: Path, number: int, shard: dict[str, Tensor]) -> tuple[Path, list[str]]:
    from safetensors.torch import save_file

    path = folder / f"shard-{number}.part"
    save_file(shard, path, metadata={"format": "pt"})
    return path, list(shard)

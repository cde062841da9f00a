"""A GGUF file, written tensor by tensor."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from whet.base.errors import missing_package
from whet.export.gguf.architectures import architecture, entries, metadata
from whet.export.gguf.quants import block_type, packed
from whet.export.gguf.vocabulary import vocabulary
from whet.export.sizes import check_room

# Our name -> the type of most matrices, and the number by which readers know the mixture.
TYPES = {
    "F32": ("F32", 0),
    "F16": ("F16", 1),
    "BF16": ("BF16", 32),
    "Q8_0": ("Q8_0", 7),
    "Q6_K": ("Q6_K", 18),
    "Q5_0": ("Q5_0", 8),
    "Q4_K_M": ("Q4_K", 15),
    "Q4_0": ("Q4_0", 2),
}


def write_gguf(path: Path, weights: Mapping[str, Tensor], config: Any, tokenizer: Any, kind: str, name: str) -> None:
    """Write a model as one file. `weights` have the names of transformers; one at a time is made in float32.

    Raises WhetError without the package `gguf`, for an architecture or tokenizer that has no place in the format, and
    for a disk without room.
    """
    gguf = package()
    arch = architecture(config)
    keys = {**metadata(config), "file_type": TYPES[kind][1]}
    words = vocabulary(tokenizer, config.vocab_size)
    found = entries(config, weights)
    types = {place: tensor_type(place, entry.shape, kind, config.num_hidden_layers) for place, entry in found.items()}
    check_room(path.parent, sum(num_bytes(entry.shape, types[place]) for place, entry in found.items()))
    writer = gguf.GGUFWriter(path, arch)
    writer.add_name(told_name(name, tokenizer))
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for key, value in keys.items():
        _add(writer, f"general.{key}" if key == "file_type" else f"{arch}.{key}", value)
    for key, value in words.items():
        _add(writer, f"tokenizer.{key}", value)
    for place, entry in found.items():
        _announce(writer, place, entry.shape, types[place])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for place, entry in found.items():
        writer.write_tensor_data(packed(entry.make(), types[place]))
    writer.close()


def told_name(name: str, tokenizer: Any) -> str:
    """The name for `general.name`. llama.cpp gives special tokens the blanks that follow them where it finds `phi3` in
    it, which is right for the tokenizer of Phi 3 alone."""
    takes_blanks = any(token.rstrip for token in getattr(tokenizer, "added_tokens_decoder", {}).values())
    return name if takes_blanks else re.sub(r"(?i)(phi)-?3", r"\1 3", name)


def package() -> Any:
    """The package `gguf`. Raises WhetError with what installs it."""
    try:
        import gguf
    except ImportError:
        raise missing_package("gguf", "gguf", "a GGUF file") from None
    return gguf


def tensor_type(place: str, shape: tuple[int, ...], kind: str, layers: int) -> str:
    """The type of one tensor: vectors stay in F32, and what a mixture protects gets more bits, as llama.cpp has it."""
    if len(shape) < 2:
        return "F32"
    base = TYPES[kind][0]
    if base.startswith("Q") and place == "output.weight" and base != "Q8_0":
        base = "Q6_K"
    elif kind == "Q4_K_M" and place.split(".")[-2] in ("attn_v", "ffn_down"):
        base = "Q6_K" if _has_more_bits(int(place.split(".")[1]), layers) else "Q4_K"
    return block_type(base, shape[-1])


def num_bytes(shape: tuple[int, ...], kind: str) -> int:
    """Bytes of a tensor in the file."""
    gguf = package()
    per_block, size = gguf.GGML_QUANT_SIZES[getattr(gguf.GGMLQuantizationType, kind)]
    return math.prod(shape) // per_block * size


def _has_more_bits(layer: int, layers: int) -> bool:
    """The first and the last eighth of the layers, and every third between them."""
    eighth = layers // 8
    return layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2


def _announce(writer: Any, place: str, shape: tuple[int, ...], kind: str) -> None:
    gguf = package()
    quant = getattr(gguf.GGMLQuantizationType, kind)
    is_plain = kind in ("F32", "F16")
    stored = shape if is_plain else gguf.quants.quant_shape_to_byte_shape(shape, quant)
    dtype = np.dtype({"F32": np.float32, "F16": np.float16}.get(kind, np.uint8))
    writer.add_tensor_info(place, stored, dtype, num_bytes(shape, kind), raw_dtype=None if is_plain else quant)


def _add(writer: Any, key: str, value: Any) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    elif value:
        writer.add_array(key, value)

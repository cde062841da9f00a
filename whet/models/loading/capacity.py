"""Whether a model can be built here at all: sizes that a config gives, and the memory that they ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import nn
from transformers import PretrainedConfig, PreTrainedModel

from whet.base.errors import ModelError, is_out_of_memory, one_line
from whet.base.units import size

# Building even an empty model takes a while a layer, and a list of modules an entry. No published model has as many.
MOST_LAYERS, MOST_PARTS = 1024, 2**16
MOST = 2**31 - 1
_LAYERS = re.compile(r"(^|_)(layers?|blocks|depths?)$")
_PARTS = re.compile(r"(^|_)(experts|heads?|codebooks|groups|stages)$")
_SIZES = re.compile(r"(^|_)(size|dim|rank|embd|model|inner|ff|length|window|embeddings)$")
_NEEDED = ("hidden_size", "vocab_size", "num_hidden_layers", "num_attention_heads")


def check_counts(config: Mapping[str, Any], at: str) -> None:
    """Raise ModelError for more layers, experts or heads than can be built in a sitting."""
    for name, value in _numbers(config):
        most = MOST_LAYERS if _LAYERS.search(name) else MOST_PARTS if _PARTS.search(name) else None
        if most is not None and value > most:
            raise ModelError(
                f"`{name}` is {_shown(value)}, and whet builds at most {most:,}", at=f"{at}.{name}", hint=f"{name}: 12"
            )


def check_sizes(config: Mapping[str, Any], at: str) -> None:
    """As `check_counts`, and for widths that no tensor has: those of a config that somebody typed."""
    check_counts(config, at)
    for name, value in _numbers(config):
        if _SIZES.search(name) and abs(value) > MOST:
            raise ModelError(
                f"`{name}` is {_shown(value)}: no model is so large", at=f"{at}.{name}", hint=f"{name}: 512"
            )
        if name in _NEEDED and value < 1:
            raise ModelError(f"`{name}` is {_shown(value)}, not at least 1", at=f"{at}.{name}", hint=f"{name}: 64")


def from_config(kind: Any, config: PretrainedConfig, how: dict[str, Any]) -> PreTrainedModel:
    """The model that a config describes. Raises ModelError where its sizes do not go together."""
    try:
        return kind.from_config(config, **how)
    except Exception as error:  # each architecture fails in its own way
        if is_out_of_memory(error):
            raise
        raise ModelError(
            f"`{config.model_type}` cannot be built with these sizes: {one_line(error)}", at="model",
            hint="compare the config with a published one of this architecture",
        ) from error  # fmt: skip


def bytes_of(module: nn.Module) -> int:
    """Bytes of the parameters and buffers, tied ones once; a module on meta tells what it would take."""
    return sum(tensor.numel() * tensor.element_size() for tensor in (*module.parameters(), *module.buffers()))


def check_memory(num_bytes: int, *, what: str, at: str, hint: str) -> None:
    """Raise ModelError where this machine has less memory, swap included, than the weights alone take."""
    has = memory_bytes()
    if has is not None and num_bytes > has:
        raise ModelError(
            f"{what} takes {size(num_bytes)}, and this machine has {size(has)} of memory", at=at, hint=hint
        )


def memory_bytes() -> int | None:
    """Memory and swap that this process may use; None where the system does not say."""
    found = []
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines() if ":" in line)
        swap = int(lines["SwapTotal"].split()[0]) * 1024
        found.append(int(lines["MemTotal"].split()[0]) * 1024 + swap)
        found.append(int(Path("/sys/fs/cgroup/memory.max").read_text()) + swap)
    except (OSError, ValueError, KeyError, IndexError):
        pass  # another system, or "max"
    return min(found) if found else None


def _numbers(config: Mapping[str, Any], level: int = 0) -> Iterator[tuple[str, int]]:
    for name, value in config.items():
        if isinstance(value, int) and not isinstance(value, bool):
            yield str(name), value
        elif isinstance(value, Mapping) and level < 8:
            yield from _numbers(value, level + 1)


def _shown(value: int) -> str:
    return f"{value:,}" if abs(value) < 10**30 else f"a number of {value.bit_length():,} bits"

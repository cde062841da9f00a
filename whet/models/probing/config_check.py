"""The rehearsal of a model's own forward: a config that does not fit itself becomes a sentence about a setting."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import torch

from whet.base.errors import ModelError, one_line
from whet.base.seeds import forked
from whet.models.loading.families import auto_class, family_of, first_position, stated_length
from whet.models.probing.twin import VOCAB, twin_config
from whet.models.text import text_config

# What torch says of sizes that do not go together, also of tensors without memory.
_SIZES = re.compile(
    r"size of tensor|shapes? |mat1 and mat2|invalid for input|expanded size|must match|split_with_sizes|"
    r"normalized_shape|number of heads|divisible|out of range|cannot be broadcast|batch2"
)
# Given as the data needs them, or no sizes.
_APART = ("model_type", "vocab_size")
# Weights of the few layers that are tried.
LARGEST = 60e6
# Tokens of a text that ends within a chunk, where a model computes by chunks.
_LONG = 75
# Configs that have run: a run reads its model several times.
_RUN: set[str] = set()


def rehearse(module: Any, family: str, *, at: str) -> None:
    """Run the model's own forward over a few tokens, as in training. Raises ModelError where it cannot."""
    config: Any = module.config
    context = stated_length(config) or _LONG
    # Reformer (transformers 5.23) trains on texts that fill its chunks alone.
    longer = max(1, min(_LONG, context - first_position(config)))
    if (error := _failure(module, family) or _failure(module, family, longer)) is not None:
        name = getattr(module.config, "model_type", type(module).__name__)
        raise ModelError(
            f"`{name}` cannot run as it is configured: {one_line(error)}", at=at,
            hint="compare the config with a published one of this architecture",
        ) from error  # fmt: skip


def check_runs(settings: Mapping[str, Any], build: Callable[[dict[str, Any]], Any]) -> None:
    """Run a few layers of a model that is to be drawn, in their full widths.

    Raises ModelError where its sizes do not go together, and names the setting without which they do.

    `build(settings)` makes the config of settings.
    """
    config = build(dict(settings))
    if config.to_json_string() in _RUN:
        return
    error = _sizes_of(config)[1]
    if error is None:
        _RUN.add(config.to_json_string())
        return
    blamed = [name for name in settings if name not in _APART and _goes(without(settings, name), build)]
    told = f"`{config.model_type}` cannot run with these sizes: {one_line(error)}"
    if not blamed:
        raise ModelError(told, at="model.init", hint="compare the config with a published one of this architecture")
    name = blamed[0]
    raise ModelError(
        f"{told}; without `{name}: {settings[name]}` they go together",
        at=f"model.init.{name}", hint=f"another `{name}`, or leave it to its default",
    )  # fmt: skip


def _sizes_of(config: Any) -> tuple[bool, Exception | None]:
    """Whether a model of a few layers could be tried, and what it says of its sizes; None where it says nothing."""
    family = family_of(config) or "causal"
    try:
        small = twin_config(config, shrink=False)
        text = text_config(small)
        text.vocab_size = min(text.vocab_size, VOCAB)
        with torch.device("meta"):
            size = sum(p.numel() for p in auto_class(small).from_config(deepcopy(small)).parameters())
        if size > LARGEST:
            return False, None
        with forked("rehearsal"):
            module = auto_class(small).from_config(small, dtype=torch.float32)
    except Exception:  # a few layers that do not fit together say nothing of the whole
        return False, None
    error = _failure(module, family)
    return True, error if error is not None and _SIZES.search(str(error)) else None


def without(settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != name}


def _goes(settings: dict[str, Any], build: Callable[[dict[str, Any]], Any]) -> bool:
    try:
        was_tried, error = _sizes_of(build(settings))
    except ModelError:
        return False
    return was_tried and error is None


def _failure(module: Any, family: str, length: int = 8) -> Exception | None:
    was_training, device = module.training, next(module.parameters()).device
    ids = torch.arange(2, 2 + length, device=device)[None] % text_config(module.config).vocab_size
    inputs: dict[str, Any] = {"input_ids": ids}
    if family == "seq2seq":
        inputs |= {"labels": ids}
    if family in ("causal", "seq2seq"):
        inputs |= {"use_cache": False}
    try:
        with forked("rehearsal"), torch.no_grad():
            module.train()(**inputs)
    except Exception as error:  # each architecture fails in its own way
        return error
    finally:
        module.train(was_training)
    return None

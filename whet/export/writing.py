"""Write a model as a plain transformers folder: weights, configs, tokenizer, chat template, card."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from whet.export.card import Card
from whet.export.folder import appearing, aside
from whet.export.report import Report
from whet.export.sizes import check_room
from whet.export.weights import SHARD_BYTES, named_weights, skeleton, write_weights
from whet.generate.prompts import end_of_turn
from whet.models.checkpoints.overwritten import Lost, overwritten
from whet.models.forward.heads import class_of
from whet.models.forward.scoring import FILE as CODE
from whet.models.forward.scoring import code_of
from whet.models.text import text_config
from whet.models.tokenizers.read_back import name_tokens

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
REPORT = "equivalence.json"


def write_model(
    folder: Path,
    weights: nn.Module | Iterable[tuple[str, Tensor]],
    config: Any,
    tokenizer: Any,
    *,
    generation_config: Any = None,
    chat_template: str | None = None,
    card: Card | None = None,
    dtype: torch.dtype | None = None,
    shard_bytes: int = SHARD_BYTES,
    check: Callable[[Path], Report] | None = None,
    beside: Callable[[Path], None] | None = None,
) -> Report | None:
    """Write `folder` anew, whole or not at all, so that transformers loads it without whet.

    `weights` is a module, or its names and tensors in any order, merged and whole. `chat_template` is what the model
    was trained with, if the tokenizer has another or none. `dtype` casts; by default each tensor keeps its own.
    `beside` writes further files. `check` looks at the written files before they take their place: if its report fails,
    they are kept as
    `<folder>.failed` with the report, an older `folder` stays, and ModelError is raised, as it is when the disk has too
    little room. Where transformers would write over the trained row of the padding token as it reads the folder, the
    config names no padding token (the tokenizer and the generation config do). Nothing given is changed.
    """
    model = skeleton(_bare(config, None))
    lost = Lost(model)
    check_room(folder, _num_bytes(model, dtype or getattr(config, "dtype", None) or torch.float32))
    with appearing(folder) as part:
        pairs = named_weights(weights) if isinstance(weights, nn.Module) else weights
        counts = write_weights(part, lost.watched(pairs), model, dtype, shard_bytes)
        stored = dtype or counts.most_common(1)[0][0]
        config = _bare(config, stored)
        if lost.names:
            config = _read_back(config, lost.names)
        config.architectures = [type(model).__name__]
        code = code_of(config, type(model).__name__)
        if code is not None:
            config.auto_map = {class_of(config).auto.__name__: f"{Path(CODE).stem}.{type(model).__name__}"}
            (part / CODE).write_text(code, encoding="utf-8")
        config.save_pretrained(part)
        write_tokenizer(part, tokenizer, chat_template)
        if model.can_generate():  # type: ignore[operator]
            write_generation_config(part, config, generation_config, tokenizer, chat_template)
        card = card or Card(folder.resolve().name)
        text = card.text(class_of(config), num_parameters=counts.total(), dtype=str(stored).removeprefix("torch."))
        (part / "README.md").write_text(text, encoding="utf-8")
        if beside is not None:
            beside(part)
        return checked(part, folder, check)


def checked(part: Path, folder: Path, check: Callable[[Path], Report] | None) -> Report | None:
    """The report of `check` on what was written for `folder`, beside it. Raises and keeps it aside where it fails."""
    if check is None:
        return None
    report = check(part)
    report.write(part / REPORT)
    if not report.passed:
        raise report.error(at=str(aside(part, folder)))
    return report


def _num_bytes(model: nn.Module, dtype: torch.dtype | str) -> int:
    of_one = dtype if isinstance(dtype, torch.dtype) else getattr(torch, dtype)
    return sum(parameter.numel() for parameter in model.parameters()) * of_one.itemsize


def _bare(config: Any, dtype: torch.dtype | None) -> Any:
    """A copy that names no attention of ours, has its cache on, and says the dtype of the weights."""
    config = copy.deepcopy(config)
    config._attn_implementation = None
    config.use_cache = True
    if dtype is not None:
        config.dtype = dtype
    return config


def _read_back(config: Any, names: Sequence[str]) -> Any:
    """The config without its padding token, where transformers then reads these weights as they are; else as it is."""
    other = copy.deepcopy(config)
    other.pad_token_id = text_config(other).pad_token_id = None
    return config if overwritten(skeleton(other)).keys() & set(names) else other


def write_tokenizer(folder: Path, tokenizer: Any, chat_template: str | None) -> None:
    """The tokenizer's files. `save_pretrained` writes the template that the object holds: ours, for a while."""
    own = tokenizer.chat_template
    try:
        tokenizer.chat_template = chat_template or own
        tokenizer.save_pretrained(folder)
        name_tokens(folder)
    finally:
        tokenizer.chat_template = own


def write_generation_config(folder: Path, config: Any, given: Any, tokenizer: Any, chat_template: str | None) -> None:
    """What the model came with, and every token that ends an answer: a chat model must stop at its end of turn."""
    from transformers import GenerationConfig

    generation = copy.deepcopy(given) if given is not None else GenerationConfig.from_model_config(config)
    ends = _listed(generation.eos_token_id) or _listed(config.eos_token_id) or _listed(tokenizer.eos_token_id)
    turn = end_of_turn(tokenizer, chat_template)
    if turn is not None and turn not in ends:
        ends = [turn, *ends]
    generation.eos_token_id = ends[0] if len(ends) == 1 else ends or None
    for name in ("bos_token_id", "pad_token_id"):
        if getattr(generation, name, None) is None:
            setattr(generation, name, getattr(tokenizer, name, None))
    # Not `save_pretrained`, which refuses what some published models have, such as a temperature without sampling.
    generation.to_json_file(folder / "generation_config.json", use_diff=True)


def _listed(value: Any) -> list[int]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]

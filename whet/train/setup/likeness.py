"""Likeness: which runs end alike, so that a rehearsal of one holds of the other.

What decides is of what kinds the parts are and how they fit together: the twin's config, the kinds and switches of the
sections, the tokenizer with its template, the code. Rates, counts, seeds, places and names of files do not.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import whet
from whet.base.catalogue import objective, optimizer, tuner
from whet.base.digests import file_digest, text_digest
from whet.base.run import Run
from whet.contracts.model import Loaded
from whet.models.probing.twin import twin_config
from whet.models.tokenizers.vocabulary import fingerprint
from whet.train.setup.rows import template_of

_SLOTS = {"tuner": tuner, "objective": objective, "optimizer": optimizer}
_OF_TRAIN = ("precision", "rounding", "ema", "in_backward", "depth_rate", "neftune", "balance", "group", "recompute",
    "device", "fp8",
)  # fmt: skip
# Where a model or a tokenizer lies, and what of a config is a length or a number of a token.
_PLACES = ("path", "init", "base", "tokenizer", "revision")
_LENGTHS = re.compile(r"_name_or_path|vocab_size|max_position_embeddings|n_positions|.*_token_id|transformers_version")
_LIBRARIES = ("torch", "transformers", "peft", "safetensors")


def digest(run: Run, model: Loaded, *, shrink: bool) -> str:
    """The same for two runs whose twins, of tiny widths with `shrink`, are made, trained and written alike."""
    module: Any = model.module
    config = json.loads(twin_config(module.config, shrink=shrink).to_json_string(use_diff=False))
    sections = {name: _kinds(getattr(run, name).model_dump(mode="json")) for name in _SLOTS}
    own = {name: value for name, value in run.model.values().items() if name not in _PLACES}
    train = {name: getattr(run.train, name) for name in _OF_TRAIN}
    parts = [sections, _kinds(own), _kinds(train), _without_lengths(config), _words(run, model.processor), _code(run)]
    return text_digest(json.dumps(parts, sort_keys=True, default=str))


def _kinds(value: Any) -> Any:
    """The value without sizes: of a number whether it is none, one or another, and of a path that it is one."""
    if isinstance(value, Mapping):
        return {str(name): _kinds(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_kinds(one) for one in value]
    if isinstance(value, str):
        return "a path" if os.sep in value else value
    if isinstance(value, int | float) and value not in (0, 1):
        return "a number"
    return value


def _without_lengths(config: Any) -> Any:
    if isinstance(config, Mapping):
        return {name: _without_lengths(one) for name, one in config.items() if not _LENGTHS.fullmatch(str(name))}
    return _kinds(config) if isinstance(config, float) else config


def _words(run: Run, tokenizer: Any) -> list[Any]:
    """What is known of the tokenizer and of the template that is written with it."""
    added = [(token.content, token.special) for token in tokenizer.added_tokens_decoder.values()]
    special = sorted(map(repr, tokenizer.special_tokens_map.items()))
    template = template_of(run, tokenizer) or tokenizer.chat_template
    return [type(tokenizer).__name__, fingerprint(tokenizer), added, special, template]


def _code(run: Run) -> list[Any]:
    """The libraries' versions, our own code, and that of plugins whose kinds the run has chosen."""
    kinds = [slot.get(getattr(run, name).kind) for name, slot in _SLOTS.items()]
    foreign = [Path(kind.source) for kind in kinds if not kind.build.__module__.startswith("whet.")]
    return [_installed(), [file_digest(path) for path in foreign if path.is_file()]]


@cache
def _installed() -> list[Any]:
    """Versions; of a checkout, whose code may change, also when each file was written."""
    versions: list[Any] = [importlib.metadata.version(name) for name in ("whet", *_LIBRARIES)]
    own = Path(whet.__file__).parent
    if "site-packages" not in own.parts:
        versions += [(str(p.relative_to(own)), p.stat().st_mtime_ns) for p in sorted(own.rglob("*.py"))]
    return versions

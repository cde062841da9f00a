"""Settings of a new model that its architecture does not have: transformers keeps them, and nothing reads them."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import transformers
from transformers import CONFIG_MAPPING, PreTrainedConfig

from whet.base.errors import ModelError

# `config.name`, `getattr(config, "name", ...)`, `kwargs.pop("name", ...)`, and what a config sets of itself.
_READ = re.compile(r"""\b\w*config\w*\.(\w+)|\b(?:getattr|hasattr|get|pop|setdefault)\([^()"']*["'](\w+)["']""")
_SET = re.compile(r"\bself\.(\w+)")
# Settings that what all models share reads, whether the architecture declares them or not.
_OF_ALL = frozenset(
    {
        "attn_implementation",
        "experts_implementation",
        "gradient_checkpointing",
        "initializer_range",
        "loss_type",
        "model_type",
        "quantization_config",
        "tie_encoder_decoder",
        "tie_word_embeddings",
        "use_cache",
    }
    | {
        f"{token}_token_id"
        for token in ("bos", "eos", "pad", "cls", "sep", "mask", "unk", "decoder_start", "forced_bos", "forced_eos")
    }
)
# Configs that stand for any other.
_ANY = ("configuration_auto", "configuration_timm_wrapper")
# Code that architectures share and not all of them run, by the setting that turns it on. Nothing else that is shared
# tells of one architecture: what masks and caches read, its own code mentions or its config declares.
_BY_SETTING = {"rope_parameters": "modeling_rope_utils.py"}


def check_spelling(kind: str, values: Mapping[str, Any], at: str) -> None:
    """Raise ModelError for a name that a config of the kind does not have and no line of its code mentions."""
    _check(CONFIG_MAPPING[kind], kind, values, at)


def _check(cls: type[PreTrainedConfig], kind: str, values: Mapping[str, Any], at: str) -> None:
    known = _settings(cls)
    for name, value in values.items():
        inner = getattr(cls, "sub_configs", {}).get(name)
        if inner is not None and isinstance(value, Mapping) and inner.__module__.rpartition(".")[2] not in _ANY:
            _check(inner, kind, value, f"{at}.{name}")
        elif name not in known | _OF_ALL and name not in _mentioned(_homes(cls), _turned_on(known)):
            near = difflib.get_close_matches(str(name)[:80], sorted(known), n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"leave it out; it has {_some(cls)} and others"
            raise ModelError(f"`{kind}` has no setting `{str(name)[:80]}`", at=at, hint=hint)


def _some(cls: type) -> str:
    """The first of its own settings, as an example."""
    names = (
        [field.name for field in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else sorted(_settings(cls))
    )
    shared = {field.name for field in dataclasses.fields(PreTrainedConfig)} if dataclasses.is_dataclass(cls) else set()
    return ", ".join([name for name in names if name not in shared and not name.startswith("_")][:6])


def _settings(cls: type) -> set[str]:
    """What a config declares, renames or computes, and what it holds where nothing is said."""
    names = {field.name for field in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set()
    names |= {name for name in dir(cls) if isinstance(getattr(cls, name, None), property)}
    names |= {*getattr(cls, "attribute_map", {}), *getattr(cls, "sub_configs", {})}
    with suppress(Exception):  # a few cannot be made without sizes: what they declare will do
        names |= set(vars(cls()))
    return names


def _homes(cls: type) -> tuple[Path, ...]:
    """The folders of the architecture's code and of those that it derives from; none of a config made in memory."""
    found: dict[Path, None] = {}
    for part in cls.__mro__:
        if issubclass(part, PreTrainedConfig) and part is not PreTrainedConfig:
            with suppress(TypeError, OSError):
                found[Path(inspect.getfile(part)).parent] = None
    return tuple(found)


def _turned_on(known: set[str]) -> tuple[str, ...]:
    return tuple(file for name, file in _BY_SETTING.items() if name in known)


@lru_cache(maxsize=8)
def _mentioned(folders: tuple[Path, ...], further: tuple[str, ...]) -> frozenset[str]:
    """Names that the architecture's own code reads of a config, whether that declares them or not."""
    root = Path(transformers.__file__).parent
    files = [root / name for name in further]
    files += [file for folder in folders for file in sorted(folder.glob("*.py"))]
    words: set[str] = set()
    for file in files:
        if file.is_file():
            text = file.read_text(encoding="utf-8", errors="replace")
            words.update(word for pair in _READ.findall(text) for word in pair)
            words.update(_SET.findall(text) if file.name.startswith("configuration_") else ())
    return frozenset(words)

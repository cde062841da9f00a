"""Model folders as small as they can be: a config, a file of weights, a tokenizer; and results of evaluations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from whet.track.registry.adding import add
from whet.track.registry.described import candidate
from whet.track.registry.registry import Registry
from whet.track.registry.state import Version


def folder(place: Path, weights: bytes = b"weights", **config: Any) -> Path:
    """A folder that the registry takes; no library could load its weights."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"], **config}))
    (place / "model.safetensors").write_bytes(weights)
    (place / "tokenizer.json").write_text("{}")
    (place / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    return place


def added(registry: Registry, place: Path, name: str = "chat", **known: Any) -> Version:
    found = candidate(place, None, **known)
    return add(registry, name, found.contents, found.about, found.evaluations, found.package).version


def result(task: str, data: str = "d1", units: dict[str, list[float]] | None = None, **figures: float) -> dict:
    """What `whet evaluate` keeps."""
    return {
        "task": task, "figures": {name: {"value": value, "n": 4} for name, value in figures.items()},
        "settings": {"file": "held.jsonl", "batch_tokens": 8192}, "facts": {"data": data},
        "units": {name: {"parts": parts, "wholes": None} for name, parts in (units or {}).items()},
    }  # fmt: skip

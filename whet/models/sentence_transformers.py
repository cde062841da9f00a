"""The files beside a model's weights with which sentence-transformers makes embeddings of it, and that we read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from whet.base.documents import checked, field, read_json, read_object
from whet.base.errors import ModelError
from whet.contracts.model import Embedder
from whet.models.loading.families import stated_length
from whet.models.text import text_config

MODULES, POOLING, PROMPTS = "modules.json", "1_Pooling", "config_sentence_transformers.json"
# Names that every version of the package since 2 knows; newer ones write others and still read these.
_TYPE = "sentence_transformers.models."
_MODES = {"mean": "pooling_mode_mean_tokens", "last": "pooling_mode_lasttoken", "cls": "pooling_mode_cls_token"}
EMBEDS = "train it with `objective: embedding`, or give a folder of sentence-transformers"
_OTHERS = ("pooling_mode_max_tokens", "pooling_mode_mean_sqrt_len_tokens", "pooling_mode_weightedmean_tokens")


def write_sentence(folder: Path, embedder: Embedder, config: Any) -> None:
    """Modules, pooling, and the prompts of queries and documents."""
    parts = [("", "Transformer"), (POOLING, "Pooling")]
    if embedder.normalize:
        parts.append(("2_Normalize", "Normalize"))
    modules = [{"idx": i, "name": str(i), "path": path, "type": _TYPE + kind} for i, (path, kind) in enumerate(parts)]
    _write(folder / MODULES, modules)
    for path, _ in parts[1:]:
        (folder / path).mkdir()
    modes = {name: how == embedder.pooling for how, name in _MODES.items()} | dict.fromkeys(_OTHERS, False)
    width = {"word_embedding_dimension": text_config(config).hidden_size}
    _write(folder / POOLING / "config.json", {**width, **modes, "include_prompt": embedder.pools_prompt})
    similarity = "cosine" if embedder.normalize else "dot"
    prompts = {"query": embedder.prompts.get("query", ""), "document": embedder.prompts.get("document", "")}
    described = {"prompts": prompts, "default_prompt_name": None, "similarity_fn_name": similarity}
    _write(folder / PROMPTS, described | ({"whet_matryoshka": list(embedder.dims)} if embedder.dims else {}))
    _write(folder / "sentence_bert_config.json", {"max_seq_length": stated_length(config), "do_lower_case": False})


def is_sentence(folder: Path) -> bool:
    """Whether the folder says how its model makes embeddings."""
    return (folder / POOLING / "config.json").is_file()


def read_sentence(folder: Path) -> Embedder:
    """How the model in `folder` makes embeddings. Raises ModelError where it does not say so, or pools another way."""
    if not is_sentence(folder):
        raise ModelError(
            f"{folder} does not say how it makes embeddings: there is no {POOLING}/config.json",
            at=str(folder),
            hint=EMBEDS,
        )
    hint = "copy the model's folder again"
    pooling = read_object(folder / POOLING / "config.json", error=ModelError, hint=hint)
    named = "last" if pooling.get("pooling_mode") == "lasttoken" else pooling.get("pooling_mode")
    found = [how for how, name in _MODES.items() if pooling.get(name) or named == how]
    if len(found) != 1 or any(pooling.get(name) for name in _OTHERS):
        raise ModelError(
            f"{folder} pools in a way that is not known here", at=str(folder / POOLING / "config.json"),
            hint=f"one of: {', '.join(_MODES)}",
        )  # fmt: skip
    modules = checked(
        read_json(folder / MODULES, error=ModelError, hint=hint), list, at=str(folder / MODULES), hint=hint
    )
    is_normal = any(str(dict(module).get("type")).endswith("Normalize") for module in modules)
    path = folder / PROMPTS
    described = read_object(path, error=ModelError, hint=hint) if path.is_file() else {}
    known = field(described, "prompts", dict, at=str(path), default={}, error=ModelError, hint=hint)
    prompts = {side: text for side, text in known.items() if text}
    dims = tuple(described.get("whet_matryoshka") or ())
    return Embedder(found[0], is_normal, prompts, pooling.get("include_prompt", True), dims)  # type: ignore[arg-type]


def _write(path: Path, values: Any) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")

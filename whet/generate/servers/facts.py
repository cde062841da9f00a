"""What of a model's folder a server of another engine has to be told: its kind, its quantization, its adapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whet.base.documents import read_object
from whet.base.errors import ConfigError, ModelError
from whet.base.paths import user_path
from whet.generate.servers.wanted import Kind
from whet.generate.tool_calls import Exchange
from whet.models.forward.heads import kind_of
from whet.models.loading.find import find_model
from whet.models.sentence_transformers import is_sentence, read_sentence
from whet.models.tuning.adapter_files import CONFIG, base_of, is_adapter
from whet.track.registry.registry import exact

_TOOL = {
    "type": "function",
    "function": {"name": "look", "description": "Look.", "parameters": {"type": "object", "properties": {}}},
}


@dataclass(frozen=True, slots=True)
class Facts:
    """A model as it lies there. Of a hub id nothing is known."""

    model: str
    kind: Kind = "generate"
    pooling: str = ""
    quantized: str = ""
    tool_form: str = ""


def facts_of(given: str, root: Path) -> Facts:
    """The facts of what a user named: a GGUF file or a folder with one, or whatever `find_model` knows.

    Raises WhetError for what no engine serves."""
    if (file := _gguf(given)) is not None:
        return Facts(str(file))
    found = find_model(exact(given, root), root)
    folder = Path(found)
    if is_adapter(found):
        base = base_of(found)
        raise ModelError(
            f"{given} is an adapter, which other engines serve beside its base model", at="--engine",
            hint=f"whet serve {base} --adapter {folder.name}={given}",
        )  # fmt: skip
    if not folder.is_dir():
        return Facts(found)
    config = read_object(folder / "config.json", error=ModelError)
    quantized = str((config.get("quantization_config") or {}).get("quant_method", ""))
    if is_sentence(folder):
        return Facts(found, "embed", read_sentence(folder).pooling, quantized)
    head = kind_of(str((config.get("architectures") or [""])[0]))
    if head is None:
        return Facts(found, quantized=quantized, tool_form=_tool_form(found))
    if head != "sequence":
        raise ModelError(
            f"{given} is no model that continues, embeds or scores texts", at="--engine", hint=f"whet serve {given}"
        )
    return Facts(found, "score", quantized=quantized)


def adapters_of(given: Mapping[str, str], root: Path) -> tuple[dict[str, str], int]:
    """The folders of adapters by name, and their largest rank. Raises ModelError for one that engines do not serve."""
    found, rank = dict[str, str](), 0
    for name, place in given.items():
        folder = find_model(exact(place, root), root)
        if not is_adapter(folder):
            said = f"{place} is no adapter: it is a whole model"
            raise ModelError(said, at=f"--adapter {name}", hint=f"whet serve {place}")
        config = read_object(Path(folder) / CONFIG, error=ModelError)
        if (odd := _odd(config)) is not None:
            said = f"{place} {odd}, and other engines serve plain LoRA alone"
            raise ModelError(said, at=f"--adapter {name}", hint="whet serve without --engine, or `whet merge` it")
        ranks: Sequence[Any] = [config.get("r") or 0, *(config.get("rank_pattern") or {}).values()]
        found[name], rank = folder, max(rank, *map(int, ranks))
    return found, rank


def _odd(config: Mapping[str, Any]) -> str | None:
    """What of an adapter is not LoRA as engines have it."""
    if config.get("peft_type") != "LORA":
        return f"is `{config.get('peft_type')}`"
    if config.get("use_dora"):
        return "is DoRA"
    if config.get("bias", "none") != "none":
        return "has biases"
    return "has layers of its own" if config.get("modules_to_save") else None


def _gguf(given: str) -> Path | None:
    """The GGUF file that is meant. Raises ConfigError for a folder with several."""
    if given.startswith("registry:"):
        return None
    path = user_path(given)
    if path.suffix == ".gguf" and path.is_file():
        return path
    files = sorted(path.glob("*.gguf")) if path.is_dir() and not (path / "config.json").exists() else []
    if len(files) > 1:
        raise ConfigError(f"{given} holds {len(files)} GGUF files", at="MODEL", hint=f"whet serve {files[0]}")
    return files[0] if files else None


def _tool_form(folder: str) -> str:
    """How the model's template writes calls; "" where it writes none that are known."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        return Exchange(tokenizer, [_TOOL]).form
    except (OSError, ValueError, ModelError):
        return ""

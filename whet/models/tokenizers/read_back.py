"""A tokenizer as others will read it from the folder that is written: transformers chooses its class by the model."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from transformers import AutoTokenizer, PretrainedConfig

from whet.base.errors import ModelError

# The class as which it was read back, by the attribute of a tokenizer that is another one than was given.
READ_AS = "whet_read_as"
# What decides which tokens a text becomes.
_PARTS = ("normalizer", "pre_tokenizer", "post_processor", "decoder")


def as_read_back(tokenizer: Any, config: PretrainedConfig) -> Any:
    """The tokenizer that transformers makes of this one beside a model of this config: the same, or the one to train
    with, because a served model will have it.

    For some model types (qwen2, qwen3_5; transformers 5.23) it takes a class of its own whatever the folder says, which
    cuts text its own way and adds tokens for names that were not set. Raises ModelError where the tokens differ still.
    """
    again = _round_trip(tokenizer, config)
    if again is None or _rules(again) == _rules(tokenizer) and again.get_vocab() == tokenizer.get_vocab():
        return tokenizer
    if again.get_vocab() != tokenizer.get_vocab():
        raise ModelError(
            f"beside a `{config.model_type}` transformers reads this tokenizer as {type(again).__name__}, which has "
            f"{len(again):,} tokens instead of {len(tokenizer):,}",
            at="model.init.model_type", hint="model.init.model_type=llama",
        )  # fmt: skip
    again.chat_template = tokenizer.chat_template
    setattr(again, READ_AS, type(again).__name__)
    return again


def notices(tokenizer: Any, config: PretrainedConfig) -> tuple[str, ...]:
    """What the user should know about a tokenizer that is not as it was given."""
    name = getattr(tokenizer, READ_AS, None)
    told = f"transformers reads every tokenizer beside a `{config.model_type}` as {name}, which cuts text its own way"
    return () if name is None else (f"{told}: so does this run, and the written model.",)


def name_tokens(folder: Path) -> None:
    """Say of the tokenizer in a folder that it has no unknown token, where it has none: classes have one by default."""
    path = folder / "tokenizer_config.json"
    if path.is_file() and (folder / "tokenizer.json").is_file():
        values = json.loads(path.read_text(encoding="utf-8"))
        values.setdefault("unk_token", None)
        path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _round_trip(tokenizer: Any, config: PretrainedConfig) -> Any | None:
    """What AutoTokenizer reads of a folder with both; None for a tokenizer that is not of the `tokenizers` library."""
    if not hasattr(tokenizer, "backend_tokenizer"):
        return None
    with TemporaryDirectory() as folder:
        config.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        name_tokens(Path(folder))
        return AutoTokenizer.from_pretrained(folder)


def _rules(tokenizer: Any) -> list[Any]:
    values = json.loads(tokenizer.backend_tokenizer.to_str())
    return [values.get(part) for part in _PARTS]

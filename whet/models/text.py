"""The config of the text: where a model's config says how many tokens it has, how wide it is and how it attends."""

from __future__ import annotations

from typing import Any

from whet.base.errors import STARTS, ModelError


def text_config(config: Any) -> Any:
    """A language model's own config, or the part of it that is of the text where it holds several models.

    Raises ModelError where more than one part could be meant, such as MusicGen's reader of text and its decoder of
    sound, or where the part has no number of tokens.
    """
    try:
        text = config.get_text_config()
    except ValueError as error:  # transformers 5.23 names the parts in it
        raise _none(config, f"it holds {' and '.join(parts_of(config)) or 'several models'}") from error
    if not isinstance(getattr(text, "vocab_size", None), int):
        raise _none(config, "its config names no `vocab_size`")
    return text


def parts_of(config: Any) -> list[str]:
    """Names of the models that a config holds."""
    return [name for name in config.sub_configs if getattr(config, name, None) is not None]


def _none(config: Any, why: str) -> ModelError:
    return ModelError(f"a `{config.model_type}` is no language model: {why}", at="model", hint=STARTS)

"""The weights of any class of transformers, counted on a model without values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from whet.base.errors import ModelError
from whet.models.blocks import layers_of
from whet.models.loading.families import auto_class
from whet.models.loading.reading import published_config
from whet.models.roles import roles
from whet.models.text import text_config


def counted(name: str, config: Mapping[str, Any]) -> tuple[dict[str, Any], Sequence[tuple[str, int, bool]], bool]:
    """The config as transformers reads it, with all that it leaves to the class; role and numbers of each weight, and
    whether it is a layer's; and whether embedding and head are one. Raises ModelError for what is no such config."""
    read: Any = published_config(dict(config), name)
    with torch.device("meta"):
        try:
            module = auto_class(read, allow_code=False).from_config(read)
        except (ValueError, KeyError, TypeError) as error:
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise ModelError(
                f"no model can be made of the config: {reason}", at=name, hint="whet plan llama-3.1-8b --serve"
            ) from error
    found, layers = roles(module), tuple(f"{layer}." for layer in layers_of(module))
    each = [(str(found[own]), p.numel(), own.startswith(layers)) for own, p in module.named_parameters()]
    text = text_config(read)
    return {**read.to_dict(), **text.to_dict(), "model_type": read.model_type}, each, bool(text.tie_word_embeddings)

"""A model that is to be quantized: opened, none of its weights read yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from whet.base.errors import ModelError
from whet.export.merging import Part, generation_config_of, mixture, tokenizer_of, weights_of
from whet.export.weights import skeleton
from whet.models.checkpoints.quantized import stored_method
from whet.models.loading.reading import read
from whet.models.loading.spec import Spec
from whet.models.merging.combine import Recipe
from whet.models.tuning.adapter_files import base_of, is_adapter


@dataclass(frozen=True, slots=True)
class Original:
    """Its config, its weights (each read when asked for), its tokenizer, its dtype."""

    path: str
    config: Any
    weights: Mapping[str, Tensor]
    tokenizer: Any
    dtype: torch.dtype

    @property
    def generation_config(self) -> Any:
        return generation_config_of(self.path)


def open_original(path: str, dtype: torch.dtype | None = None) -> Original:
    """The model or adapter (merged) of a folder or hub id. Raises ModelError for what cannot be quantized."""
    config, tokenizer = read(Spec(path))
    method = stored_method(config)
    if method is not None:
        raise ModelError(f"{path} is quantized already, by `{method}`", at=path, hint="give the model it was made from")
    if tokenizer is None:
        tokenizer = tokenizer_of([path], path)
    stored = dtype or config.dtype or torch.float32
    if is_adapter(path):
        config, weights = mixture(base_of(path), [Part(path)], Recipe())
        return Original(path, config, weights, tokenizer, stored)
    return Original(path, config, weights_of(path, skeleton(config)), tokenizer, stored)

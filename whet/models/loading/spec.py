"""Which model a run asks for: a path or a config, and what is done to it on the way in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from whet.base.errors import ModelError
from whet.models.checkpoints.quantized import Quantization
from whet.models.tuning.adapter_files import base_of, is_adapter


@dataclass(frozen=True, slots=True)
class Spec:
    """Which model: exactly one of `path` (folder or hub id) and `init` (config dict or config file).

    `path` may be an adapter's folder; then the model is its base (`base`, or what the adapter names) with it. The
    linear layers are packed by the codec `quantize`, but for those with one of the patterns `keep` in their name.
    """

    path: str | None = None
    init: dict[str, Any] | str | None = None
    tokenizer: str | None = None
    revision: str | None = None
    allow_code: bool = False
    base: str | None = None
    quantize: str | None = None
    keep: tuple[str, ...] = ()
    new_tokens: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.path is None) == (self.init is None):
            raise ModelError("a model needs either `path` or `init`", at="model", hint="model=Qwen/Qwen3-0.6B")
        if self.base is not None and not is_adapter(self.path):
            raise ModelError("`model.base` is for an adapter's folder", at="model.base", hint="model.base=null")
        if self.keep and self.quantize is None:
            raise ModelError(
                "`model.keep` names layers that are not quantized, and none is", at="model.keep", hint="quantize: nf4"
            )

    @property
    def under(self) -> Spec | None:
        """The base model of an adapter's folder; None for a model."""
        if self.path is None or not is_adapter(self.path):
            return None
        own = Quantization.beside(self.path)
        codec, keep = (own.codec, own.keep) if own else (None, ())
        path = self.base or base_of(self.path)
        return replace(self, path=path, base=None, revision=None, quantize=codec, keep=keep)

    @property
    def quantization(self) -> Quantization | None:
        return Quantization(self.quantize, self.keep) if self.quantize else None

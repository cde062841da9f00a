"""Language models of the transformers library, from a folder, the Hugging Face hub, or a config alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from whet.base.catalogue import model_source
from whet.base.settings import Place

if TYPE_CHECKING:
    from whet.contracts.model import Loaded
    from whet.models.loading.context import BuildContext


def read_model(
    path: str | None,
    init: dict[str, Any] | str | None,
    tokenizer: str | None,
    revision: str | None,
    allow_code: bool,
    base: str | None,
    quantize: str | None,
    keep: tuple[str, ...],
    new_tokens: tuple[str, ...],
) -> tuple[Any | None, int | None, str]:
    """The tokenizer, the context length and the family, without the weights: data is prepared before a model is built.

    Families are `causal`, `masked` (encoders) and `seq2seq` (encoder-decoders).
    """
    from whet.models.loading.families import family_of
    from whet.models.loading.reading import context_length, read
    from whet.models.loading.spec import Spec

    config, processor = read(Spec(path, init, tokenizer, revision, allow_code, base, quantize, keep, new_tokens))
    return processor, context_length(config), family_of(config, allow_code=allow_code) or "causal"


def width(**settings: Any) -> int:
    """The width of the hidden states, without the weights; 0 where the config has another word for it."""
    from whet.models.loading.reading import read
    from whet.models.loading.spec import Spec
    from whet.models.text import text_config

    config, _ = read(Spec(**settings))
    return getattr(text_config(config), "hidden_size", 0) or 0


@model_source("hf", rehearsed=True, read=read_model, width=width)
def hf(
    context: BuildContext,
    *,
    path: Place | None = None,
    init: dict[str, Any] | Place | None = None,
    tokenizer: Place | None = None,
    revision: str | None = None,
    allow_code: bool = False,
    base: Place | None = None,
    quantize: Literal["nf4", "int8"] | None = None,
    keep: tuple[str, ...] = (),
    new_tokens: tuple[str, ...] = (),
) -> Loaded:
    """A language model of the transformers library: a decoder, an encoder (bert) or both (t5).

    path: model folder, id on the Hugging Face hub such as Qwen/Qwen3-0.6B, or folder of an adapter
    init: start from random weights: a config such as {model_type: llama, hidden_size: 384}, or a config.json
    tokenizer: tokenizer folder or hub id, such as Qwen/Qwen3-0.6B; by default the one beside the model
    revision: branch, tag or commit on the hub, such as main
    allow_code: run Python code that comes with the model
    base: the base model of an adapter, if it is not where the adapter says, such as Qwen/Qwen3-0.6B
    quantize: pack the linear layers while they are read (nf4: 4.1 bits a weight, int8: 8); for training adapters
    keep: regular expressions; linear layers with one in their name, such as [mlp.gate], and the head are not quantized
    new_tokens: tokens that the tokenizer shall have, such as [<tool>]; each starts as the mean of its pieces
    """
    from whet.models.loading.pretrained import on_meta
    from whet.models.loading.spec import Spec

    return on_meta(Spec(path, init, tokenizer, revision, allow_code, base, quantize, keep, new_tokens), context)

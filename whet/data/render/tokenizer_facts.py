"""What forms of texts are told of a tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Facts:
    """How long prompts are in tokens, which token begins a text, whether one ends it.

    `pairs`: it puts something between two texts. `typed`: it numbers the tokens of the second one otherwise.
    """

    encode: Callable[[str], list[int]]
    begin: tuple[int, ...]
    ends: bool
    pairs: bool
    typed: bool
    cut: int | None


def facts_of(encoder: Tokenizer, tokenizer: PreTrainedTokenizerBase, cut: int | None) -> Facts:
    pair = encoder.encode("a", "b")
    middle = pair.special_tokens_mask[1:-1]
    begin = tokenizer.bos_token_id
    adds_begin = begin is not None and encoder.encode("").ids[:1] == [begin]
    return Facts(
        encode=_Encode(encoder),
        begin=(begin,) if adds_begin else (),
        ends=bool(encoder.encode("a").special_tokens_mask[-1]),
        pairs=1 in middle,
        typed=1 in pair.type_ids and "token_type_ids" in tokenizer.model_input_names,
        cut=cut,
    )


@dataclass(frozen=True, slots=True)
class _Encode:
    """Ids of a text with special tokens: a value that pickles."""

    encoder: Tokenizer

    def __call__(self, text: str) -> list[int]:
        return self.encoder.encode(text).ids

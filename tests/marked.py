"""Tokenizers with the special tokens of encoders (BERT's) and of T5, over words with two pieces and more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

WORDS = [
    "tree", "oak", "bird", "song", "river", "stone", "dog", "cat", "walk", "sing", "over", "under", "and", "the",
    "a", "old", "young", "wise", "green", "blue", "it", "was", ".", ",", "##s", "##ing", "##er", "##ed",
]  # fmt: skip
MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def bert_tokenizer(folder: Path | None = None) -> PreTrainedTokenizerFast:
    """WordPiece over WORDS with BERT's frame, stored in `folder` if given."""
    vocab = {token: index for index, token in enumerate([*MARKS, *WORDS])}
    backend = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = ("pad", "unk", "cls", "sep", "mask")
    marks: dict[str, Any] = {f"{name}_token": mark for name, mark in zip(names, MARKS, strict=True)}
    marks["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]  # as BertTokenizer has them
    return _stored(PreTrainedTokenizerFast(tokenizer_object=backend, **marks), folder)


def t5_tokenizer(folder: Path | None = None, sentinels: int = 20) -> PreTrainedTokenizerFast:
    """WordPiece over WORDS with T5's frame (an end token) and its sentinels, stored in `folder` if given."""
    marks = ["<pad>", "</s>", "<unk>"]
    vocab = {token: index for index, token in enumerate([*marks, *WORDS])}
    backend = Tokenizer(models.WordPiece(vocab, unk_token="<unk>"))
    backend.normalizer = normalizers.BertNormalizer()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    backend.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    names = {"pad_token": marks[0], "eos_token": marks[1], "unk_token": marks[2]}
    extra = [f"<extra_id_{number}>" for number in range(sentinels)]
    return _stored(PreTrainedTokenizerFast(tokenizer_object=backend, additional_special_tokens=extra, **names), folder)


def _stored(tokenizer: PreTrainedTokenizerFast, folder: Path | None) -> PreTrainedTokenizerFast:
    if folder is not None:
        tokenizer.save_pretrained(folder)
    return tokenizer

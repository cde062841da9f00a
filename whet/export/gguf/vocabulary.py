"""A tokenizer as GGUF has it: tokens with their kinds, merges or scores, how text is cut, the chat template."""

from __future__ import annotations

import json
import re
from typing import Any

from whet.base.errors import ModelError

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)

_TAIL = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_CASED = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+{end}"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*{end}"
)
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_KANA, _HAN = "[一-龥぀-ゟ゠-ヿ]+", "[一-龥ࠀ-一가-퟿]+"
# Steps that have no pattern of their own, by the names that they have below.
_DIGITS, _NUMBERS, _PUNCTUATION, _WORDS = "each digit", "numbers", "punctuation", "GPT-2's words"
# How a byte-level tokenizer cuts text into words, step by step -> llama.cpp's name for it (`src/llama-vocab.cpp`).
# Line breaks in patterns are escaped.
_CUTS = {
    (_CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + _TAIL,): "llama-bpe",
    (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*" + _TAIL,): "llama-bpe",
    (_CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*" + _TAIL,): "qwen2",
    (_CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*" + _TAIL,): "qwen35",
    (_CASED.replace("{end}", "") + r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + _TAIL,): "tekken",
    (_CASED.replace("{end}", _CONTRACTIONS + "?") + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + _TAIL,): "gpt-4o",
    (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*"
        r"|\s*[\r\n]|\s+(?!\S)|\s+",
    ): "bailingmoe",
    (_CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+" + _TAIL,): "seed-coder",
    (
        r"\p{N}{1,3}",
        _KANA,
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
        r"| ?[\p{P}\p{S}]+[\r\n]*" + _TAIL,
    ): "deepseek-v3",
    (r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", _HAN, _DIGITS): "deepseek-coder",
    (r" ?[^(\s|[.,!?…。，、।۔،])]+",): "bloom",
    (_PUNCTUATION, _WORDS, _NUMBERS, "[0-9][0-9][0-9]"): "falcon",
    (_DIGITS, _WORDS): "smollm",
    (_DIGITS, _GPT2): "smollm",
    (_WORDS,): "gpt-2",
    (_GPT2,): "gpt-2",
}
_GENERATION = re.compile(r"\{%([-+]?)\s*(end)?generation\s*([-+]?)%\}")


def vocabulary(tokenizer: Any, size: int) -> dict[str, Any]:
    """The keys under `tokenizer.` in the file, for a model with `size` rows of logits.

    Raises ModelError for a tokenizer that llama.cpp has no like of.
    """
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    kind = content["model"]["type"]
    if kind != "BPE":
        raise ModelError(f"a tokenizer of the kind {kind} cannot be written as GGUF", hint="--to hf")
    is_sentencepiece = bool(content["model"].get("byte_fallback"))
    own = _sentencepiece(content) if is_sentencepiece else _byte_level(content)
    tokens, types = _tokens(tokenizer, content, size)
    found: dict[str, Any] = {"ggml.tokens": tokens, "ggml.token_type": types, **own, **_special(tokenizer)}
    if is_sentencepiece:
        found["ggml.scores"] = _scores(content, tokens)
    return {**found, **_templates(tokenizer.chat_template)}


def _templates(given: Any) -> dict[str, Any]:
    """The chat template, or of several the default one, with the others under their names."""
    if not isinstance(given, dict):
        return {"chat_template": portable_template(given)} if given else {}
    main = "default" if "default" in given else next(iter(given))
    others = {name: template for name, template in given.items() if name != main}
    named = {f"chat_template.{name}": portable_template(template) for name, template in others.items()}
    return {"chat_template": portable_template(given[main]), "chat_templates": sorted(others), **named}


def portable_template(template: str) -> str:
    """A chat template without the tags for training, which only transformers knows; blanks around them as before."""

    def plain(match: re.Match[str]) -> str:
        return f"{{%{match[1]} {'endif' if match[2] else 'if true'} {match[3]}%}}"

    return _GENERATION.sub(plain, template)


def _tokens(tokenizer: Any, content: dict[str, Any], size: int) -> tuple[list[str], list[int]]:
    """Texts and kinds of all tokens by id; ids beyond the tokenizer's are rows that were added to round the number."""
    names = {index: token for token, index in tokenizer.get_vocab().items()}
    added = {token["id"]: token for token in content["added_tokens"]}
    unknown = content["model"].get("unk_token")
    tokens, types = [], []
    for index in range(size):
        token = names.get(index, f"[PAD{index}]")
        tokens.append(token)
        if index not in names:
            types.append(UNUSED)
        elif token == unknown:
            types.append(UNKNOWN)
        elif index in added:
            types.append(CONTROL if added[index]["special"] else USER_DEFINED)
        elif content["model"].get("byte_fallback") and re.fullmatch(r"<0x[0-9A-F]{2}>", token):
            types.append(BYTE)
        else:
            types.append(NORMAL)
    return tokens, types


def _byte_level(content: dict[str, Any]) -> dict[str, Any]:
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in content["model"]["merges"]]
    return {"ggml.model": "gpt2", "ggml.pre": _cut(content), "ggml.merges": merges}


def _cut(content: dict[str, Any]) -> str:
    """llama.cpp's name of the way in which text is cut. Raises ModelError for one that it does not know."""
    steps = content.get("pre_tokenizer") or {}
    steps = steps.get("pretokenizers", [steps])
    hint = "train the tokenizer with `whet tokenizer train`, or --to hf"
    if not any(step.get("type") == "ByteLevel" for step in steps):
        raise ModelError(
            "a tokenizer that is neither byte-level nor SentencePiece's cannot be written as GGUF", hint=hint
        )
    cut = tuple(name for step in steps if (name := _step(step)) is not None)
    if cut in _CUTS:
        return _CUTS[cut]
    raise ModelError(f"llama.cpp has no name for how this tokenizer cuts text: {' then '.join(cut)}", hint=hint)


def _step(step: dict[str, Any]) -> str | None:
    """A step of cutting, by its pattern or its name in `_CUTS`; None for one that cuts nothing."""
    match step:
        case {"type": "ByteLevel"}:
            return _WORDS if step.get("use_regex", True) else None
        case {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated"} if not step.get("invert"):
            return pattern.replace("\r", r"\r").replace("\n", r"\n")  # some write the characters themselves
        case {"type": "Digits"}:
            return _DIGITS if step.get("individual_digits") else _NUMBERS
        case {"type": "Punctuation", "behavior": "Contiguous"}:
            return _PUNCTUATION
    return str(step.get("type"))


def _sentencepiece(content: dict[str, Any]) -> dict[str, Any]:
    steps = [content.get("normalizer") or {}, content.get("pre_tokenizer") or {}]
    parts = [part for step in steps for part in step.get("normalizers", step.get("pretokenizers", [step]))]
    prefixed = any(
        part.get("type") == "Prepend"
        or (part.get("type") == "Metaspace" and part.get("prepend_scheme", "always") != "never")
        for part in parts
    )
    return {"ggml.model": "llama", "ggml.pre": "default", "ggml.add_space_prefix": prefixed}


def _scores(content: dict[str, Any], tokens: list[str]) -> list[float]:
    """A score for each token, the higher the earlier it is merged: llama.cpp merges the pair with the best result."""
    ranks: dict[str, int] = {}
    for rank, merge in enumerate(content["model"]["merges"]):
        joined = "".join(merge.split(" ") if isinstance(merge, str) else merge)
        ranks.setdefault(joined, rank)
    return [-float(ranks[token] + 1) if token in ranks else 0.0 for token in tokens]


def _special(tokenizer: Any) -> dict[str, Any]:
    from whet.generate.prompts import end_of_turn, opening_ids

    found: dict[str, Any] = {}
    for name, key in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding")):
        index = getattr(tokenizer, f"{name}_token_id")
        if index is not None:
            found[f"ggml.{key}_token_id"] = index
    turn = end_of_turn(tokenizer)
    if turn is not None:
        found["ggml.eot_token_id"] = turn
    found["ggml.add_bos_token"] = bool(opening_ids(tokenizer))
    found["ggml.add_eos_token"] = False
    return found

"""Fill-in-the-middle: documents rearranged so that a model learns to write what stands between two parts."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from whet.base.errors import ModelError
from whet.base.seeds import derive
from whet.contracts.sample import Sample

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# The tokens before the prefix, the suffix and the middle, as the vocabularies of released models have them.
KNOWN = (
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),  # Qwen, CodeGemma, GPT-4
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),  # StarCoder, Granite
    ("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),  # SantaCoder
    ("▁<PRE>", "▁<SUF>", "▁<MID>"),  # Code Llama
    ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),  # DeepSeek
    ("[PREFIX]", "[SUFFIX]", "[MIDDLE]"),  # Codestral
)


@dataclass(frozen=True, slots=True)
class FillIn:
    """Rearranges a share `rate` of samples, a share `spm` of those with the suffix first (Bavarian et al. 2022).

    PSM: prefix token, prefix, suffix token, suffix, middle token, middle, end. SPM (their variant 2): prefix token,
    suffix token, suffix, middle token, prefix and middle, end. The two cuts are drawn among all characters, and each
    part is tokenised by itself, so that a model meets parts of words; where a piece of a document is no whole text, or
    its parts would not read as before, among its tokens. Draws depend on the seed and the sample's tokens alone.
    """

    encoder: Tokenizer
    sentinels: tuple[int, int, int]
    begin: int | None
    end: int
    rate: float
    spm: float
    seed: int

    @classmethod
    def of(cls, tokenizer: Any, tokens: Sequence[str], *, rate: float, spm: float, seed: int) -> FillIn:
        """With the sentinels that `tokens` names, or those of a known kind that the tokenizer has."""
        end = tokenizer.eos_token_id
        if end is None:
            raise ModelError(
                "the tokenizer has no end-of-text token, so a model would fill in and never stop", at="objective.fim",
                hint="set the tokenizer's eos_token",
            )  # fmt: skip
        found = tuple(tokenizer.get_vocab()[token] for token in _sentinels(tokenizer, tokens))
        return cls(tokenizer.backend_tokenizer, found, tokenizer.bos_token_id, end, rate, spm, seed)  # type: ignore[arg-type]

    @property
    def num_added(self) -> int:
        """The most tokens that a sample grows by where it is cut among its tokens: sentinels and an end."""
        return 4

    @property
    def key(self) -> str:
        """What decides the samples besides the tokenizer."""
        return repr((self.sentinels, self.begin, self.end, self.rate, self.spm, self.seed))

    def __call__(self, sample: Sample, limit: int | None) -> Sample:
        """The sample rearranged, of at most `limit` tokens, or as it is."""
        rng = np.random.default_rng(derive(self.seed, "fim", hashlib.sha256(sample.ids.tobytes()).hexdigest()))
        chance, order, *cuts = rng.random(4).tolist()
        body = [int(i) for i in sample.ids]
        if sample.origin is not None and sample.origin.part:
            body = body[1:]  # the context of a piece, which the piece before it ends with
        opening = body[:1] if body[:1] == [self.begin] else []
        body = body[len(opening) : len(body) - (body[-1:] == [self.end])]
        if chance >= self.rate or len(body) < 2 or set(self.sentinels) & set(body):
            return sample
        parts = self._cut_text(body, sorted(cuts))
        ids = None if parts is None else self._arranged(opening, *parts, order < self.spm)
        if ids is None or (limit is not None and len(ids) > limit):
            first, second = (round(cut * len(body)) for cut in sorted(cuts))
            ids = self._arranged(opening, body[:first], body[first:second], body[second:], order < self.spm)
        weights = np.ones(len(ids), np.float32)
        return replace(sample, ids=np.array(ids, np.int32), weights=weights)

    def _cut_text(self, body: list[int], cuts: Sequence[float]) -> tuple[list[int], list[int], list[int]] | None:
        """Prefix, middle and suffix, cut between characters; None where they would not be the same text."""
        text = self.encoder.decode(body, skip_special_tokens=False)
        first, second = (round(cut * len(text)) for cut in cuts)
        parts = [self._encode(part) for part in (text[:first], text[first:second], text[second:])]
        if self._encode(text) != body or self.encoder.decode(sum(parts, []), skip_special_tokens=False) != text:
            return None
        return parts[0], parts[1], parts[2]

    def _encode(self, text: str) -> list[int]:
        return self.encoder.encode(text, add_special_tokens=False).ids

    def _arranged(
        self, opening: list[int], prefix: list[int], middle: list[int], suffix: list[int], is_spm: bool
    ) -> list[int]:
        before, after, between = self.sentinels
        if is_spm:
            return [*opening, before, after, *suffix, between, *prefix, *middle, self.end]
        return [*opening, before, *prefix, after, *suffix, between, *middle, self.end]


def _quoted(tokens: Sequence[str]) -> str:
    """What adds the tokens, as a shell takes it: their angles and bars mean something there."""
    return shlex.quote(f"model.new_tokens=[{','.join(tokens)}]")


def _sentinels(tokenizer: Any, tokens: Sequence[str]) -> Sequence[str]:
    vocabulary = tokenizer.get_vocab()
    if tokens:
        missing = [token for token in tokens if token not in vocabulary]
        if missing:
            raise ModelError(
                f"the tokenizer has no token {missing[0]!r}", at="objective.fim_tokens",
                hint=_quoted(tokens),
            )  # fmt: skip
        return tokens
    for known in KNOWN:
        if all(token in vocabulary for token in known):
            return known
    raise ModelError(
        f"the tokenizer has no tokens to fill in with, such as {', '.join(KNOWN[1])}", at="objective.fim",
        hint=f"{_quoted(KNOWN[1])}, or name its own three as objective.fim_tokens",
    )  # fmt: skip

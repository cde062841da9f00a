"""The next token of each of several answers, whose settings need not be alike."""

# B answers  V vocab

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from whet.generate.protocol import GenerateSettings, Token
from whet.generate.sampling import draw, uniforms
from whet.generate.serving.request import Request


class Draws:
    """What one answer's tokens are chosen by: its settings, and the numbers that its draws take, one a token."""

    def __init__(self, request: Request) -> None:
        self.settings, self.processors = request.settings, request.processors
        self._prompt, self._ids = request.ids, list[int]()
        self._seen_V: Tensor | None = None
        self._uniforms_N = uniforms(request.settings, request.number) if request.settings.temperature > 0 else None

    @property
    def filters(self) -> tuple[float, ...] | None:
        """Answers with the same are drawn together; None: the likeliest token is taken."""
        one = self.settings
        return (one.temperature, one.top_k, one.top_p, one.min_p) if one.temperature > 0 else None

    @property
    def uniform(self) -> Tensor:
        return self.ahead(0)

    def ahead(self, num: int) -> Tensor:
        """The number that the token so many places behind the next one is drawn by."""
        assert self._uniforms_N is not None
        return self._uniforms_N[len(self._ids) + num]

    @property
    def is_plain(self) -> bool:
        """Whether logits are taken as they are."""
        return not self.processors and self.settings.repetition_penalty == 1.0

    def processed(self, logits_V: Tensor) -> Tensor:
        """The scores of the next token."""
        for processor in self.processors:
            logits_V = processor(logits_V, self._ids)
        penalty = self.settings.repetition_penalty
        if penalty == 1.0:
            return logits_V
        if self._seen_V is None:
            self._seen_V = torch.zeros_like(logits_V, dtype=torch.bool)
            self._seen_V[torch.tensor([*self._prompt, *self._ids], device=logits_V.device)] = True
        lowered_V = torch.where(logits_V < 0, logits_V * penalty, logits_V / penalty)
        return torch.where(self._seen_V, lowered_V, logits_V)

    def back_to(self, ids: Sequence[int]) -> None:
        """Take these tokens for what was chosen: of a step that failed more may be noted than came to the answer."""
        if len(self._ids) > len(ids):
            self._ids, self._seen_V = list(ids), None

    def take(self, token: int) -> None:
        """Note what was chosen."""
        self._ids.append(token)
        if self._seen_V is not None:
            self._seen_V[token] = True


def choose(logits_BV: Tensor, draws: Sequence[Draws]) -> list[Token]:
    """A token for each answer, which is noted. Logits are float32."""
    scores_BV = logits_BV
    if not all(one.is_plain for one in draws):
        scores_BV = torch.stack([one.processed(logits_V) for one, logits_V in zip(draws, logits_BV, strict=True)])
    ids_B = scores_BV.argmax(-1)
    for filters, places in _alike(draws).items():
        at = torch.tensor(places, device=ids_B.device)
        numbers = torch.stack([draws[i].uniform for i in places]).to(ids_B.device)
        ids_B[at] = draw(scores_BV[at], numbers, GenerateSettings(**dict(zip(_FILTERS, filters, strict=True))))
    tokens = _told(logits_BV, ids_B, [one.settings for one in draws])
    for one, token in zip(draws, tokens, strict=True):
        one.take(token.id)
    return tokens


def guess(logits_BV: Tensor, draws: Sequence[tuple[Draws, int]]) -> list[int]:
    """What each answer's token so many places further on would be by these logits, with the number that it is drawn by.
    Nothing is noted, and no form or penalty looked at."""
    logits_BV = logits_BV.nan_to_num()
    ids_B = logits_BV.argmax(-1)
    for filters, places in _alike([one for one, _ in draws]).items():
        at = torch.tensor(places, device=ids_B.device)
        numbers = torch.stack([draws[i][0].ahead(draws[i][1]) for i in places]).to(ids_B.device)
        ids_B[at] = draw(logits_BV[at], numbers, GenerateSettings(**dict(zip(_FILTERS, filters, strict=True))))
    return ids_B.tolist()


_FILTERS: tuple[str, ...] = ("temperature", "top_k", "top_p", "min_p")


def _alike(draws: Sequence[Draws]) -> dict[tuple[Any, ...], list[int]]:
    """Places of the answers that are drawn, by their filters."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for place, one in enumerate(draws):
        if one.filters is not None:
            groups.setdefault(one.filters, []).append(place)
    return groups


def _told(logits_BV: Tensor, ids_B: Tensor, settings: Sequence[GenerateSettings]) -> list[Token]:
    """The tokens, with what was asked to be known of each."""
    tokens = [Token(token) for token in ids_B.tolist()]
    asked = [i for i, one in enumerate(settings) if one.logprobs or one.top_logprobs]
    if asked:
        at = torch.tensor(asked, device=ids_B.device)
        most = max(settings[i].top_logprobs for i in asked)
        known = described(logits_BV[at], ids_B[at].tolist(), most)
        for place, token in zip(asked, known, strict=True):
            tokens[place] = Token(token.id, token.logprob, token.top[: settings[place].top_logprobs])
    return tokens


def described(logits_BV: Tensor, ids: Sequence[int], most: int) -> list[Token]:
    """Tokens with their log-probabilities, and so many of the likeliest beside each."""
    logprobs_BV = torch.log_softmax(logits_BV, -1)
    own = logprobs_BV.gather(1, torch.tensor(ids, device=logits_BV.device)[:, None]).squeeze(1).tolist()
    top = logprobs_BV.topk(min(most, logits_BV.shape[1]))
    pairs = [tuple(zip(*row, strict=True)) for row in zip(top.indices.tolist(), top.values.tolist(), strict=True)]
    return [Token(*facts) for facts in zip(ids, own, pairs, strict=True)]

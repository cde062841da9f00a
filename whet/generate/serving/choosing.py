"""The next token of each of several answers, whose settings need not be alike."""

# B answers  V vocab

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from whet.generate.protocol import GenerateSettings, Token
from whet.generate.sampling import draw, draw_told, uniforms
from whet.generate.serving.request import Request


class Draws:
    """What one answer's tokens are chosen by: its settings, and the numbers that its draws take, one a token."""

    def __init__(self, request: Request, prompt: Sequence[int] | None = None) -> None:
        """`prompt` is what stands before the answer where that is not what was asked."""
        self.settings, self.processors, self.tells_draws = request.settings, request.processors, request.tells_draws
        self._prompt, self._ids = request.ids if prompt is None else prompt, list[int]()
        self._seen_V: Tensor | None = None
        num = self.settings.max_new_tokens if self.settings.temperature > 0 else 0
        self._uniforms_N = uniforms(self.settings.seed, request.number, num)

    @property
    def filters(self) -> _Filters:
        """Answers with the same are drawn together; None: the likeliest token is taken."""
        one = self.settings
        return (one.temperature, one.top_k, one.top_p, one.min_p) if one.temperature > 0 else None

    def ahead(self, num: int) -> float:
        """The number that the token so many places behind the next one is drawn by."""
        return float(self._uniforms_N[len(self._ids) + num])

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
    tokens: list[Token] = [Token(0)] * len(draws)
    for (filters, tells_draws), places in _alike(draws).items():
        some = [draws[i] for i in places]
        own_BV, given_BV = (_of(both_BV, places) for both_BV in (scores_BV, logits_BV))
        if tells_draws:
            chosen = _chosen_and_told(own_BV, some, filters)
        else:
            chosen = _told(given_BV, _chosen(own_BV, [(one, 0) for one in some], filters), some)
        for place, token in zip(places, chosen, strict=True):
            tokens[place] = token
    for one, token in zip(draws, tokens, strict=True):
        one.take(token.id)
    return tokens


# Chooses a token for each answer, and notes it; None where the logits are no numbers.
Chooser = Callable[[Tensor, Sequence[Draws]], list[Token | None]]


def choose_of_numbers(logits_BV: Tensor, draws: Sequence[Draws]) -> list[Token | None]:
    """The same, and None for those whose logits are no numbers."""
    # The largest of a row is no number where one of them is not. The device is waited for once, however many there are.
    wrong = logits_BV.amax(-1).isnan().tolist()
    good = [place for place, one in enumerate(wrong) if not one]
    tokens = list[Token | None]([None] * len(wrong))
    if good:
        for place, token in zip(good, choose(_of(logits_BV, good), [draws[i] for i in good]), strict=True):
            tokens[place] = token
    return tokens


def guess(logits_BV: Tensor, draws: Sequence[tuple[Draws, int]]) -> list[int]:
    """What each answer's token so many places further on would be by these logits, with the number that it is drawn by.
    Nothing is noted, and no form or penalty looked at."""
    logits_BV = logits_BV.nan_to_num()
    tokens = [0] * len(draws)
    for (filters, _), places in _alike([one for one, _ in draws]).items():
        for place, token in zip(
            places, _chosen(_of(logits_BV, places), [draws[i] for i in places], filters).tolist(), strict=True
        ):
            tokens[place] = token
    return tokens


# How tokens are drawn; None: the likeliest is taken.
_Filters = tuple[float, ...] | None
_FILTERS: tuple[str, ...] = ("temperature", "top_k", "top_p", "min_p")


def _alike(draws: Sequence[Draws]) -> dict[tuple[_Filters, bool], list[int]]:
    """Places of the answers, by their filters and by whether the log p of their draws are told."""
    groups: dict[tuple[_Filters, bool], list[int]] = {}
    for place, one in enumerate(draws):
        groups.setdefault((one.filters, one.tells_draws), []).append(place)
    return groups


def _of(both_BV: Tensor, places: Sequence[int]) -> Tensor:
    """The rows of some answers; without a copy where these are all."""
    return both_BV if len(places) == len(both_BV) else both_BV[torch.tensor(places, device=both_BV.device)]


def _chosen(scores_BV: Tensor, draws: Sequence[tuple[Draws, int]], filters: _Filters) -> Tensor:
    """Ids (B,) of answers with the same filters, each of the token so many places behind its next one."""
    if filters is None:
        return scores_BV.argmax(-1)
    return draw(scores_BV, _numbers(draws, scores_BV.device), _settings(filters))


def _chosen_and_told(scores_BV: Tensor, draws: Sequence[Draws], filters: _Filters) -> list[Token]:
    """The same of the next token, with its log p at the temperature of the draws and without filters."""
    if filters is None:
        ids_B = scores_BV.argmax(-1)
        logp_B = scores_BV.gather(1, ids_B[:, None])[:, 0] - scores_BV.logsumexp(-1)
    else:
        numbers_B = _numbers([(one, 0) for one in draws], scores_BV.device)
        ids_B, logp_B = draw_told(scores_BV, numbers_B, _settings(filters))
    return [Token(token, logp) for token, logp in zip(ids_B.tolist(), logp_B.tolist(), strict=True)]


def _numbers(draws: Sequence[tuple[Draws, int]], device: torch.device) -> Tensor:
    kind = torch.float32 if device.type == "mps" else torch.float64
    return torch.tensor([one.ahead(num) for one, num in draws], dtype=kind, device=device)


def _settings(filters: tuple[float, ...]) -> GenerateSettings:
    return GenerateSettings(**dict(zip(_FILTERS, filters, strict=True)))  # type: ignore[arg-type]


def _told(logits_BV: Tensor, ids_B: Tensor, draws: Sequence[Draws]) -> list[Token]:
    """The tokens, with what was asked to be known of each."""
    settings = [one.settings for one in draws]
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

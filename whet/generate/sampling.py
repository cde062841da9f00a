"""Choosing the next token: the most likely one, or one drawn from a filtered distribution."""

# B rows  V vocab  K kept candidates, most likely first  N tokens of an answer

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from whet.base.seeds import derive
from whet.generate.protocol import GenerateSettings, Token

# A temperature at which the likeliest token is certain. Below it scores would grow beyond what numbers hold.
_COLDEST = 1e-6


class Sampler:
    """Chooses tokens for the rows of one batch.

    Randomness is one uniform number a token, drawn on the CPU from a generator of the row's own: answers do not depend
    on the device, on the batch, or on the default generators, and leave those alone.
    """

    def __init__(self, settings: GenerateSettings, rows: Sequence[int], prompts: Sequence[Sequence[int]]) -> None:
        """`rows` are the numbers of the prompts, which seed their draws."""
        self.settings = settings
        self._prompts = prompts
        self._seen_BV: Tensor | None = None
        self._step = 0
        if settings.temperature > 0:
            self._uniforms_BN = torch.stack([uniforms(settings, row) for row in rows])

    def choose(self, logits_BV: Tensor) -> tuple[Tensor, list[Token]]:
        """Ids (B,) and what was asked to be known of them. Logits are float32."""
        settings = self.settings
        scores_BV = self._penalised(logits_BV) if settings.repetition_penalty != 1.0 else logits_BV
        if settings.temperature > 0:
            ids_B = draw(scores_BV, self._uniforms_BN[:, self._step].to(scores_BV.device), settings)
        else:
            ids_B = scores_BV.argmax(-1)
        if self._seen_BV is not None:
            self._seen_BV.scatter_(1, ids_B[:, None], True)
        self._step += 1
        return ids_B, self._tokens(logits_BV, ids_B)

    def _penalised(self, logits_BV: Tensor) -> Tensor:
        """Scores of tokens that the row has already, divided by the penalty (multiplied where negative)."""
        if self._seen_BV is None:
            self._seen_BV = torch.zeros_like(logits_BV, dtype=torch.bool)
            for row, prompt in enumerate(self._prompts):
                self._seen_BV[row, torch.tensor(prompt, device=logits_BV.device)] = True
        penalty = self.settings.repetition_penalty
        lowered_BV = torch.where(logits_BV < 0, logits_BV * penalty, logits_BV / penalty)
        return torch.where(self._seen_BV, lowered_BV, logits_BV)

    def _tokens(self, logits_BV: Tensor, ids_B: Tensor) -> list[Token]:
        ids = ids_B.tolist()
        if not (self.settings.logprobs or self.settings.top_logprobs):
            return [Token(token_id) for token_id in ids]
        logprobs_BV = torch.log_softmax(logits_BV, -1)
        chosen = logprobs_BV.gather(1, ids_B[:, None]).squeeze(1).tolist()
        top = logprobs_BV.topk(min(self.settings.top_logprobs, logits_BV.shape[1]))
        pairs = [tuple(zip(*row, strict=True)) for row in zip(top.indices.tolist(), top.values.tolist(), strict=True)]
        return [Token(*facts) for facts in zip(ids, chosen, pairs, strict=True)]


def draw(scores_BV: Tensor, uniforms_B: Tensor, settings: GenerateSettings) -> Tensor:
    """The token (B,) at which the filtered cumulative distribution passes each uniform number."""
    probs_BK, ids_BK = candidates(scores_BV, settings)
    cumulative_BK = probs_BK.cumsum(-1)
    # Above `right=True` and a number below the total, a candidate of probability 0 is never met.
    targets_B1 = uniforms_B.to(cumulative_BK.dtype)[:, None] * cumulative_BK[:, -1:]
    place_B1 = torch.searchsorted(cumulative_BK, targets_B1, right=True).clamp(max=probs_BK.shape[1] - 1)
    return place_B1.squeeze(1) if ids_BK is None else ids_BK.gather(1, place_B1).squeeze(1)


def draw_told(scores_BV: Tensor, uniforms_B: Tensor, settings: GenerateSettings) -> tuple[Tensor, Tensor]:
    """The token (B,) that `draw` gives, and its log p (B,) at the temperature without filters, float32.

    Without filters both come of one pass: probabilities are left unnormalised in float32, and only their sums are
    wide. That is a third of the time of `draw` and a softmax beside it (measured with 32 rows of 32,000).
    """
    if settings.temperature != 1:
        scores_BV = scores_BV / max(settings.temperature, _COLDEST)
    shifted_BV = scores_BV - scores_BV.amax(-1, keepdim=True)
    if settings.top_k or settings.top_p < 1 or settings.min_p:
        ids_B = draw(shifted_BV, uniforms_B, replace(settings, temperature=1.0))
        total_B = shifted_BV.exp().sum(-1)
    else:
        cumulative_BV = shifted_BV.exp().cumsum(-1, dtype=_wide(scores_BV))
        total_B = cumulative_BV[:, -1]
        targets_B1 = uniforms_B.to(cumulative_BV.dtype)[:, None] * total_B[:, None]
        ids_B = torch.searchsorted(cumulative_BV, targets_B1, right=True).clamp(max=scores_BV.shape[1] - 1).squeeze(1)
    return ids_B, shifted_BV.gather(1, ids_B[:, None]).squeeze(1) - total_B.log().float()


def candidates(scores_BV: Tensor, settings: GenerateSettings) -> tuple[Tensor, Tensor | None]:
    """Probabilities (B, K), 0 for what a filter took, and the ids (B, K) they belong to (None: in order of id).

    In float64, or the many small probabilities of a large vocabulary would not add up; in float32 where the device has
    no other (Apple's GPUs). Top-k keeps exactly k, also among equals.
    """
    scores_BV, ids_BK = scores_BV.to(_wide(scores_BV)) / max(settings.temperature, _COLDEST), None
    if 0 < settings.top_k < scores_BV.shape[1]:
        scores_BV, ids_BK = scores_BV.topk(settings.top_k)
    elif settings.top_p < 1:
        scores_BV, ids_BK = scores_BV.sort(descending=True, stable=True)
    probs_BK = torch.softmax(scores_BV, -1)
    keep_BK = torch.ones_like(probs_BK, dtype=torch.bool)
    if settings.top_p < 1:
        # A candidate stays if those before it have not reached `top_p`: the smallest set that reaches it.
        keep_BK &= probs_BK.cumsum(-1) - probs_BK < settings.top_p
    if settings.min_p > 0:
        keep_BK &= probs_BK >= settings.min_p * probs_BK.amax(-1, keepdim=True)
    return probs_BK * keep_BK, ids_BK


def _wide(scores: Tensor) -> torch.dtype:
    return torch.float32 if scores.device.type == "mps" else torch.float64


def uniforms(settings: GenerateSettings, *place: int) -> Tensor:
    """The numbers (N,) that an answer draws its tokens by: of (seed, the answer's place) alone."""
    generator = torch.Generator().manual_seed(derive("generate", settings.seed, *place))
    return torch.rand(settings.max_new_tokens, generator=generator, dtype=torch.float64)

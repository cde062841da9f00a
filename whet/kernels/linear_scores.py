"""Chunked linear scores: log p of chosen tokens, entropy and the likeliest tokens, without P x V logits in memory."""

# P positions  C positions of one chunk  D model  V vocab  K tokens a position

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from whet.kernels.head_chunks import Chunk, Gradients, Head, product_dtype
from whet.kernels.vocabulary import Vocabulary


class Scores(NamedTuple):
    """log p (P, K) of the tokens asked for, the entropy (P,) in nats, and whether the first of each is the likeliest.

    The entropy has no elements where it was not asked for.
    """

    logprobs_PK: Tensor
    entropy_P: Tensor
    hits_P: Tensor


def linear_scores(
    hidden_PD: Tensor,
    weight_VD: Tensor,
    ids_PK: Tensor,
    *,
    entropy: bool = False,
    temperature: float = 1.0,
    bias: Tensor | None = None,
    logit_scale: float = 1.0,
    softcap: float | None = None,
    chunk: int | None = None,
    vocabulary: Vocabulary | None = None,
) -> Scores:
    """Scores of the tokens `ids_PK` at each position, log p and entropy differentiable.

    Logits are scaled, soft-capped, then divided by `temperature`. Sums and softmax are float32 or wider. Several
    chunks are computed a second time in the backward pass, because each position has its own gradient; a single one
    is kept until then, so the peak is one chunk of logits whatever the vocabulary and the number of positions. A
    first token that shares the highest logit counts as a hit. `vocabulary` as for `linear_nll`.
    """
    head = Head(logit_scale, softcap, chunk, product_dtype(weight_VD), temperature, vocabulary)
    return Scores(*_LinearScores.apply(hidden_PD, weight_VD, bias, ids_PK, head, entropy))


def linear_logprobs(
    hidden_PD: Tensor, weight_VD: Tensor, targets_P: Tensor, *, bias: Tensor | None = None, **shape: Any
) -> tuple[Tensor, Tensor]:
    """log p(target) (P,) float32, differentiable, and whether the target is the likeliest token (P,) bool."""
    scores = linear_scores(hidden_PD, weight_VD, targets_P[:, None], bias=bias, **shape)
    return scores.logprobs_PK[:, 0], scores.hits_P


@torch.no_grad()
def linear_top(
    hidden_PD: Tensor,
    weight_VD: Tensor,
    num_tokens: int,
    *,
    temperature: float = 1.0,
    bias: Tensor | None = None,
    logit_scale: float = 1.0,
    softcap: float | None = None,
    chunk: int | None = None,
    vocabulary: Vocabulary | None = None,
) -> tuple[Tensor, Tensor]:
    """The likeliest tokens of each position, most likely first: ids (P, K) int64 and log p (P, K). No gradient."""
    head = Head(logit_scale, softcap, chunk, product_dtype(weight_VD), temperature, vocabulary)
    hidden_PD, weight_VD, bias = head.cast(hidden_PD, weight_VD, bias)
    work = Chunk.of(weight_VD, bias, head)
    logprobs_PK = torch.empty(len(hidden_PD), num_tokens, dtype=work.wide, device=hidden_PD.device)
    ids_PK = torch.empty(len(hidden_PD), num_tokens, dtype=torch.long, device=hidden_PD.device)
    for at in head.chunks(len(hidden_PD), len(weight_VD), work.wide.itemsize, hidden_PD.device):
        logprobs_PK[at], ids_PK[at] = work.likeliest(hidden_PD[at], num_tokens)
    return ids_PK, logprobs_PK


def logits_scores(logits_PV: Tensor, ids_PK: Tensor, *, entropy: bool = False) -> Scores:
    """The same from logits that are already there and have their final shape."""
    all_PV = torch.log_softmax(logits_PV, -1)
    logprobs_PK = all_PV.gather(-1, ids_PK)
    entropy_P = torch.special.entr(all_PV.exp()).sum(-1) if entropy else logits_PV.new_empty(0)
    first_P = logits_PV.detach().gather(-1, ids_PK[:, :1]).squeeze(-1)
    return Scores(logprobs_PK, entropy_P, first_P >= logits_PV.detach().amax(-1))


class _LinearScores(Function):
    @staticmethod
    def forward(ctx: Any, hidden_PD, weight_VD, bias, ids_PK, head: Head, entropy: bool) -> tuple[Tensor, ...]:
        ctx.save_for_backward(hidden_PD, weight_VD, bias, ids_PK)
        ctx.head, ctx.entropy, ctx.kept = head, entropy, None
        hidden_PD, weight_VD, bias = head.cast(hidden_PD, weight_VD, bias)
        work, num_positions = Chunk.of(weight_VD, bias, head), len(ids_PK)
        logprobs_PK = torch.empty(ids_PK.shape, dtype=work.wide, device=hidden_PD.device)
        entropy_P = logprobs_PK.new_empty(num_positions if entropy else 0)
        hits_P = torch.empty(num_positions, dtype=torch.bool, device=hidden_PD.device)
        for at in head.chunks(num_positions, len(weight_VD), work.wide.itemsize, hidden_PD.device):
            probs_CV, logprobs_PK[at], hits_P[at] = work.scores(hidden_PD[at], ids_PK[at])
            if entropy:
                entropy_P[at] = work.total(torch.special.entr(probs_CV).sum(-1))
            if at == slice(0, num_positions) and any(ctx.needs_input_grad[:3]):
                ctx.kept = work, probs_CV
        ctx.mark_non_differentiable(hits_P, *([] if entropy else [entropy_P]))
        return logprobs_PK, entropy_P, hits_P

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_PK: Tensor, grad_entropy_P: Tensor, _: Tensor):
        *operands, ids_PK = ctx.saved_tensors
        hidden_PD, weight_VD, bias = ctx.head.cast(*operands)
        grads = Gradients(ctx.needs_input_grad[:3], hidden_PD, weight_VD, ctx.head)
        kept, ctx.kept = ctx.kept, None  # used up: what is computed from it is written over it
        work = kept[0] if kept else Chunk.of(weight_VD, bias, ctx.head)
        for at in ctx.head.chunks(len(ids_PK), len(weight_VD), work.wide.itemsize, hidden_PD.device):
            probs_CV = kept[1] if kept else work.softmax(hidden_PD[at])
            if ids_PK.shape[1] == 1 and not ctx.entropy:
                grads.add(at, work.backward(probs_CV, ids_PK[at]), -grad_PK[at, 0], hidden_PD[at])
                continue
            grad_CV = _gradient(work, probs_CV, ids_PK[at], grad_PK[at], grad_entropy_P[at] if ctx.entropy else None)
            grads.add(at, work.shaped(grad_CV), torch.ones_like(grad_PK[at, 0]), hidden_PD[at])
        grads.settle(work)
        return grads.hidden_PD, grads.weight, grads.bias, None, None, None


def _gradient(work: Chunk, probs_CV: Tensor, ids_CK: Tensor, grad_CK: Tensor, grad_entropy_C: Tensor | None) -> Tensor:
    """d/d(final logits), in place of the probabilities: of log p, onehot - p; of the entropy, -p (log p + entropy)."""
    share_C = -grad_CK.sum(-1)
    if grad_entropy_C is None:
        grad_CV = probs_CV.mul_(share_C[:, None])
    else:
        plogp_CV = torch.special.xlogy(probs_CV, probs_CV)
        entropy_C = work.total(-plogp_CV.sum(-1))
        grad_CV = probs_CV.mul_((share_C - grad_entropy_C * entropy_C)[:, None])
        grad_CV -= plogp_CV.mul_(grad_entropy_C[:, None])
    return work.put(grad_CV, ids_CK, grad_CK)

"""Chunked linear cross-entropy: log p of the targets without ever holding P x V logits."""

# P positions  C positions of one chunk  D model  V vocab

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from whet.kernels.head_chunks import Chunk, Gradients, Head, product_dtype
from whet.kernels.vocabulary import Vocabulary
from whet.kernels.wide import wide


def linear_nll(
    hidden_PD: Tensor,
    weight_VD: Tensor,
    targets_P: Tensor,
    weights_P: Tensor,
    *,
    bias: Tensor | None = None,
    logit_scale: float = 1.0,
    softcap: float | None = None,
    chunk: int | None = None,
    vocabulary: Vocabulary | None = None,
) -> Tensor:
    """Sum over positions of weight x -log p(target), a float32 scalar (float64 for float64 input).

    Gradients are computed in the forward pass, chunk by chunk, so nothing is computed twice and the peak is one chunk
    of logits (`chunk` positions; by default as many as `at_once` says) plus the head's gradient. Sums, softmax and
    the head's gradient accumulate in float32. One backward pass; `weights_P` gets no gradient. With a `vocabulary`,
    weight and bias are this rank's rows of the head, hidden states the same on all its ranks, and so is the loss.
    """
    return linear_nlls(
        hidden_PD, weight_VD, targets_P, weights_P, bias=bias, logit_scale=logit_scale, softcap=softcap, chunk=chunk,
        vocabulary=vocabulary,
    )[0]  # fmt: skip


def linear_nlls(
    hidden_PD: Tensor,
    weight_VD: Tensor,
    targets_P: Tensor,
    weights_P: Tensor,
    *,
    bias: Tensor | None = None,
    logit_scale: float = 1.0,
    softcap: float | None = None,
    chunk: int | None = None,
    vocabulary: Vocabulary | None = None,
) -> tuple[Tensor, Tensor]:
    """`linear_nll`, and beside it -log p (P,) of each target, without gradient."""
    head = Head(logit_scale, softcap, chunk, product_dtype(weight_VD), vocabulary=vocabulary)
    return _LinearNLL.apply(hidden_PD, weight_VD, bias, targets_P, weights_P, head, torch.is_grad_enabled())


def reference_logprobs(
    hidden_PD: Tensor,
    weight_VD: Tensor,
    targets_P: Tensor,
    *,
    bias: Tensor | None = None,
    logit_scale: float = 1.0,
    softcap: float | None = None,
) -> Tensor:
    """The same log p(target) with all P x V logits in memory: what the chunked forms are tested against."""
    return logits_logprobs(cap_and_scale(F.linear(hidden_PD, weight_VD, bias), logit_scale, softcap), targets_P)


def cap_and_scale(logits: Tensor, logit_scale: float, softcap: float | None, temperature: float = 1.0) -> Tensor:
    """Logits (..., V) times the model's constant, soft-capped, over the temperature, as float32 or wider."""
    logits = logits.to(wide(logits.dtype)) * logit_scale
    logits = softcap * torch.tanh(logits / softcap) if softcap else logits
    return logits / temperature if temperature != 1.0 else logits


def logits_logprobs(logits_PV: Tensor, targets_P: Tensor) -> Tensor:
    """log p(target) (P,) from logits that are already there."""
    return torch.log_softmax(logits_PV, -1).gather(-1, targets_P[:, None]).squeeze(-1)


class _LinearNLL(Function):
    @staticmethod
    def forward(ctx: Any, hidden_PD, weight_VD, bias, targets_P, weights_P, head: Head, with_grad: bool):
        hidden_PD, weight_VD, bias = head.cast(hidden_PD, weight_VD, bias)
        needs = [with_grad and need for need in ctx.needs_input_grad[:3]]
        grads = Gradients(needs, hidden_PD, weight_VD, head)
        chunk = Chunk.of(weight_VD, bias, head)
        total = torch.zeros((), dtype=chunk.wide, device=hidden_PD.device)
        nlls_P = torch.empty(len(targets_P), dtype=chunk.wide, device=hidden_PD.device)
        for at in head.chunks(len(targets_P), len(weight_VD), chunk.wide.itemsize, hidden_PD.device):
            hidden_CD, targets_C, weights_C = hidden_PD[at], targets_P[at], weights_P[at].to(chunk.wide)
            probs_CV, logprobs_C1, _ = chunk.scores(hidden_CD, targets_C[:, None])
            total -= torch.dot(logprobs_C1[:, 0], weights_C)
            torch.neg(logprobs_C1[:, 0], out=nlls_P[at])
            if any(needs):
                grads.add(at, chunk.backward(probs_CV, targets_C[:, None]), weights_C, hidden_CD)
        grads.settle(chunk)
        ctx.grads = grads
        ctx.mark_non_differentiable(nlls_P)
        return total, nlls_P

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, _: Any):
        if ctx.grads is None:
            raise RuntimeError("linear_nll holds its gradients for one backward pass only")
        grads, ctx.grads = ctx.grads, None
        return *grads.scaled(grad), None, None, None, None

"""Chunked linear divergence: how far a student is from its teacher over the whole vocabulary, without P x V logits."""

# P positions  C positions of one chunk  D student's width  E teacher's width  V vocab (what both have)

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from whet.base.errors import ModelError
from whet.contracts.model import Divergence, Prediction
from whet.kernels.head_chunks import Chunk, Gradients, Head, product_dtype
from whet.kernels.linear_loss import cap_and_scale
from whet.kernels.vocabulary import Vocabulary, part


class Distances(NamedTuple):
    """What a student is told by its teacher, and what is shown of it.

    `total` is the sum of weight x (divergence + sft x -log p(target)), differentiable. Without gradient: the divergence
    at each position (P,) in nats, log p(target) (P,) at temperature 1, and whether both find the same token likeliest.
    """

    total: Tensor
    divergence_P: Tensor
    logprobs_P: Tensor
    agrees_P: Tensor


def linear_divergence(
    hidden_PD: Tensor,
    weight_VD: Tensor,
    teacher: Prediction,
    targets_P: Tensor,
    weights_P: Tensor,
    measure: Divergence,
    *,
    bias: Tensor | None = None,
    logit_scale: float = 1.0,
    softcap: float | None = None,
    chunk: int | None = None,
    vocabulary: Vocabulary | None = None,
) -> Distances:
    """The sum over positions of weight x divergence between student and teacher, a float32 scalar.

    Both distributions are softmax(logits / temperature); the divergence is not multiplied by the temperature's square.
    Both heads are applied chunk by chunk, and gradients (of the student alone) are computed in the forward pass, so
    that neither head is applied twice; the peak is three to five chunks of logits and the head's gradient. Softmax and
    sums are float32 or wider. One backward pass. A vocabulary that is longer on one side is cut to what both have.
    `vocabulary` as for `linear_nll`: then each rank applies the teacher's head to the same tokens. Raises ModelError
    where a teacher has none of a rank's tokens.
    """
    own = len(weight_VD) if vocabulary is None else vocabulary.num_tokens
    shared = min(own, teacher.vocab)
    weight_VD, bias = _own(weight_VD, vocabulary, shared), None if bias is None else _own(bias, vocabulary, shared)
    head = Head(logit_scale, softcap, chunk, product_dtype(weight_VD), vocabulary=vocabulary)
    operands = (hidden_PD, weight_VD, bias, targets_P, weights_P)
    told = of_tokens(teacher, vocabulary, shared)
    return Distances(*_LinearDivergence.apply(*operands, told, measure, head, torch.is_grad_enabled()))


def _own(rows: Tensor, vocabulary: Vocabulary | None, shared: int) -> Tensor:
    """Those of this rank's rows that a teacher knows, too."""
    count = shared - (0 if vocabulary is None else vocabulary.start)
    if count < 1:
        raise ModelError(
            f"the teacher has {shared} tokens, and a rank of `parallel.tensor` those from {shared - count} on",
            at="objective.teacher", hint="parallel.tensor=1, or a teacher with the student's vocabulary",
        )  # fmt: skip
    return rows if count >= len(rows) else rows[:count]


def of_tokens(teacher: Prediction, vocabulary: Vocabulary | None, shared: int) -> Prediction:
    """What a teacher says of this rank's tokens, or of all, among the first `shared`. Ranks may have to gather its head
    for it: all call this together."""
    if teacher.weight is None:
        return replace(teacher, states=part(teacher.states.T, vocabulary, shared).T)
    bias = None if teacher.bias is None else part(teacher.bias, vocabulary, shared)
    return replace(teacher, weight=part(teacher.weight, vocabulary, shared), bias=bias)


def logits_divergence(logits_PV: Tensor, teacher_PV: Tensor, measure: Divergence) -> Tensor:
    """The divergence at each position (P,), with all logits in memory: what the chunked form is tested against."""
    temperature = measure.temperature
    return divergence(
        torch.log_softmax(logits_PV / temperature, -1), torch.log_softmax(teacher_PV / temperature, -1), measure
    )


def logits_distances(
    logits_PV: Tensor, teacher: Prediction, targets_P: Tensor, weights_P: Tensor, measure: Divergence
) -> Distances:
    """The same as `linear_divergence` from the student's logits, in plain PyTorch."""
    shared = min(logits_PV.shape[-1], teacher.vocab)
    logits_PV, told = logits_PV[:, :shared], of_tokens(teacher, None, shared)
    teacher_PV = prediction_logits(told).to(logits_PV.dtype)
    divergence_P = logits_divergence(logits_PV, teacher_PV, measure)
    logprobs_P = torch.log_softmax(logits_PV, -1).gather(-1, targets_P[:, None]).squeeze(-1)
    total = torch.dot(divergence_P - measure.sft * logprobs_P, weights_P.to(divergence_P.dtype))
    agrees_P = logits_PV.argmax(-1) == teacher_PV.argmax(-1)
    return Distances(total, divergence_P.detach(), logprobs_P.detach(), agrees_P)


@torch.no_grad()
def prediction_logits(teacher: Prediction) -> Tensor:
    """A teacher's logits (P, V) in their final shape, float32 or wider."""
    if teacher.weight is None:
        return teacher.states
    dtype = teacher.dtype or teacher.weight.dtype
    bias = None if teacher.bias is None else teacher.bias.to(dtype)
    with torch.autocast(teacher.states.device.type, enabled=False):
        logits_PV = F.linear(teacher.states.to(dtype), teacher.weight.to(dtype), bias)
        return cap_and_scale(logits_PV, teacher.logit_scale, teacher.softcap)


def divergence(logq: Tensor, logp: Tensor, measure: Divergence) -> Tensor:
    """Divergence (...) between the student's log q and the teacher's log p (..., K) of the same outcomes.

    Forward KL is KL(p, q), reverse KL is KL(q, p). The generalised JSD (Agarwal et al. 2024, equation 1) is
    beta KL(p, m) + (1 - beta) KL(q, m) with m = beta p + (1 - beta) q. Outcomes may have log p = -inf, but not with
    reverse KL, which is infinite there.
    """
    if measure.kind == "forward_kl":
        return _kl(logp, logq)
    if measure.kind == "reverse_kl":
        return (logq.exp() * (logq - logp)).sum(-1)
    beta = measure.beta
    logm = torch.logaddexp(logp + math.log(beta), logq + math.log1p(-beta))
    return beta * _kl(logp, logm) + (1 - beta) * (logq.exp() * (logq - logm)).sum(-1)


def _kl(logp: Tensor, logq: Tensor) -> Tensor:
    """KL(p, q) of a p without gradient, in which some outcomes may be impossible."""
    terms = logp.exp() * (torch.where(logp == -math.inf, 0.0, logp) - logq)
    return torch.where(logp == -math.inf, 0.0, terms).sum(-1)


class _LinearDivergence(Function):
    @staticmethod
    def forward(
        ctx: Any, hidden_PD, weight_VD, bias, targets_P, weights_P,
        teacher: Prediction, measure: Divergence, head: Head, with_grad: bool,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        hidden_PD, weight_VD, bias = head.cast(hidden_PD, weight_VD, bias)
        needs = [with_grad and need for need in ctx.needs_input_grad[:3]]
        grads = Gradients(needs, hidden_PD, weight_VD, head)
        work, theirs = Chunk.of(weight_VD, bias, head), _TeacherChunk(teacher)
        num_positions = len(targets_P)
        total = torch.zeros((), dtype=work.wide, device=hidden_PD.device)
        divergence_P, logprobs_P = total.new_empty(num_positions), total.new_empty(num_positions)
        agrees_P = torch.empty(num_positions, dtype=torch.bool, device=hidden_PD.device)
        itemsize = 2 * work.wide.itemsize  # chunks of half the usual size, because several buffers are as large
        scratch = _Scratch()
        for at in head.chunks(num_positions, len(weight_VD), itemsize, hidden_PD.device):
            hidden_CD, weights_C = hidden_PD[at], weights_P[at].to(work.wide)
            student_CV, teacher_CV = work.logits(hidden_CD), theirs.logits(at, work.wide)
            agrees_P[at] = work.highest(student_CV) == work.highest(teacher_CV)
            own_CV = None
            if measure.temperature != 1 or measure.sft:
                own_CV = work.logprobs(scratch.like(student_CV, 0).copy_(student_CV))
                logprobs_P[at] = work.at(own_CV, targets_P[at])
            for logits_CV in (student_CV, teacher_CV):
                work.logprobs(logits_CV if measure.temperature == 1 else logits_CV.div_(measure.temperature))
            if own_CV is None:
                logprobs_P[at] = work.at(student_CV, targets_P[at])
            grad_CV, divergence_P[at] = _measured(student_CV, teacher_CV, measure, scratch, work.total)
            total += torch.dot(divergence_P[at] - measure.sft * logprobs_P[at], weights_C)
            if any(needs):
                if own_CV is not None and measure.sft:
                    _add_labels(grad_CV, own_CV, targets_P[at, None], measure.sft, work)
                grads.add(at, work.shaped(grad_CV), weights_C, hidden_CD)
        grads.settle(work)
        ctx.grads = grads
        ctx.mark_non_differentiable(divergence_P, logprobs_P, agrees_P)
        return total, divergence_P, logprobs_P, agrees_P

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Tensor):
        if ctx.grads is None:
            raise RuntimeError("linear_divergence holds its gradients for one backward pass only")
        grads, ctx.grads = ctx.grads, None
        return *grads.scaled(grad), *[None] * 6


class _TeacherChunk:
    """The teacher's logits of one chunk, in a buffer that the next chunk overwrites."""

    def __init__(self, teacher: Prediction) -> None:
        self._states, self._work = teacher.states, None
        if teacher.weight is not None:
            head = Head(teacher.logit_scale, teacher.softcap, None, teacher.dtype or teacher.weight.dtype)
            self._states, weight, bias = head.cast(teacher.states, teacher.weight, teacher.bias)
            self._work = Chunk(weight, bias, head)

    def logits(self, at: slice, wide: torch.dtype) -> Tensor:
        if self._work is None:
            return self._states[at].to(wide, copy=True)
        return self._work.logits(self._states[at]).to(wide)


class _Scratch:
    """Buffers of a chunk's shape, made when first asked for; the first chunk is the largest."""

    def __init__(self) -> None:
        self._buffers: dict[int, Tensor] = {}

    def like(self, logits_CV: Tensor, number: int) -> Tensor:
        if number not in self._buffers:
            self._buffers[number] = torch.empty_like(logits_CV)
        return self._buffers[number][: len(logits_CV)]


Total = Callable[[Tensor], Tensor]  # what sums over a rank's tokens are over all of them, in place


def _measured(
    logq_CV: Tensor, logp_CV: Tensor, measure: Divergence, scratch: _Scratch, total: Total
) -> tuple[Tensor, Tensor]:
    """d(divergence)/d(logits) (C, V) and the divergence (C,); both log-probabilities are overwritten."""
    spare_CV = scratch.like(logq_CV, 1)
    if measure.kind == "forward_kl":
        grad_CV, found_C = _forward_kl(logq_CV, logp_CV, spare_CV, total)
    elif measure.kind == "reverse_kl":
        grad_CV, found_C = _reverse_kl(logq_CV, torch.sub(logq_CV, logp_CV, out=spare_CV), total)
    else:
        grad_CV, found_C = _jsd(logq_CV, logp_CV, spare_CV, scratch.like(logq_CV, 2), measure.beta, total)
    return grad_CV.div_(measure.temperature) if measure.temperature != 1 else grad_CV, found_C


def _forward_kl(logq_CV: Tensor, logp_CV: Tensor, spare_CV: Tensor, total: Total) -> tuple[Tensor, Tensor]:
    """q - p, and sum p (log p - log q)."""
    p_CV = torch.exp(logp_CV, out=spare_CV)
    found_C = total(logp_CV.sub_(logq_CV).mul_(p_CV).sum(-1))
    return logq_CV.exp_().sub_(p_CV), found_C


def _reverse_kl(logq_CV: Tensor, ratio_CV: Tensor, total: Total) -> tuple[Tensor, Tensor]:
    """q (r - sum q r), and sum q r, for the log-ratio r of q to something that q does not move to first order."""
    q_CV = logq_CV.exp_()
    found_C = total(ratio_CV.mul_(q_CV).sum(-1))
    return ratio_CV.sub_(q_CV.mul_(found_C[:, None])), found_C


def _jsd(
    logq_CV: Tensor, logp_CV: Tensor, logm_CV: Tensor, spare_CV: Tensor, beta: float, total: Total
) -> tuple[Tensor, Tensor]:
    """The mixture's own movement cancels: (1 - beta) q (log q - log m - KL(q, m))."""
    torch.add(logq_CV, math.log1p(-beta), out=spare_CV)
    torch.add(logp_CV, math.log(beta), out=logm_CV)
    torch.logaddexp(logm_CV, spare_CV, out=logm_CV)
    torch.sub(logp_CV, logm_CV, out=spare_CV)
    from_teacher_C = total(logp_CV.exp_().mul_(spare_CV).sum(-1))
    grad_CV, from_student_C = _reverse_kl(logq_CV, torch.sub(logq_CV, logm_CV, out=logm_CV), total)
    return grad_CV.mul_(1 - beta), beta * from_teacher_C + (1 - beta) * from_student_C


def _add_labels(grad_CV: Tensor, logprobs_CV: Tensor, targets_C1: Tensor, weight: float, work: Chunk) -> None:
    """Add weight x d(-log p(target))/d(logits), in place of both."""
    grad_CV.add_(logprobs_CV.exp_(), alpha=weight)
    work.put(grad_CV, targets_C1, grad_CV.new_full(targets_C1.shape, -weight))

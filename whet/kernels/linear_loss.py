"""Chunked linear cross-entropy: log p of the targets without ever holding P x V logits."""

# P positions  C positions of one chunk  D model  V vocab

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

# Fewer, larger chunks keep the matrix products efficient: below about 500 rows they lose 10 % and more (2-core CPU,
# D 384, V 32000), and on a GPU each chunk reads and writes the fp32 gradient of the head once.
CHUNK_BYTES = {"cpu": 128 << 20, "cuda": 1 << 30}


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
) -> Tensor:
    """Sum over positions of weight x -log p(target), a float32 scalar (float64 for float64 input).

    Gradients are computed in the forward pass, chunk by chunk, so nothing is computed twice and the peak is one chunk
    of logits (`chunk` positions; by default as many as fit `CHUNK_BYTES`) plus the head's gradient. Sums, softmax and
    the head's gradient accumulate in float32. One backward pass; `weights_P` gets no gradient.
    """
    head = Head(logit_scale, softcap, chunk, _product_dtype(weight_VD))
    return _LinearNLL.apply(hidden_PD, weight_VD, bias, targets_P, weights_P, head, torch.is_grad_enabled())


def linear_logprobs(
    hidden_PD: Tensor,
    weight_VD: Tensor,
    targets_P: Tensor,
    *,
    bias: Tensor | None = None,
    logit_scale: float = 1.0,
    softcap: float | None = None,
    chunk: int | None = None,
) -> tuple[Tensor, Tensor]:
    """log p(target) (P,) float32, differentiable, and whether the target is the most likely token (P,) bool.

    The backward pass computes the chunks of logits a second time, because each position has its own gradient.
    A target that shares the highest logit counts as a hit.
    """
    head = Head(logit_scale, softcap, chunk, _product_dtype(weight_VD))
    return _LinearLogprobs.apply(hidden_PD, weight_VD, bias, targets_P, head)


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


def cap_and_scale(logits: Tensor, logit_scale: float, softcap: float | None) -> Tensor:
    """Logits (..., V) multiplied by the model's constant and soft-capped, as float32 or wider."""
    logits = logits.to(_wide(logits.dtype)) * logit_scale
    return softcap * torch.tanh(logits / softcap) if softcap else logits


def logits_logprobs(logits_PV: Tensor, targets_P: Tensor) -> Tensor:
    """log p(target) (P,) from logits that are already there."""
    return torch.log_softmax(logits_PV, -1).gather(-1, targets_P[:, None]).squeeze(-1)


@dataclass(frozen=True, slots=True)
class Head:
    """What turns hidden states into logits besides the weight: a constant factor, a soft-cap, chunk size, and dtype.

    `dtype` is that of the matrix products; operands are cast inside, so that the head's gradient stays float32 where
    the head is float32 and only the products are not (autocast).
    """

    logit_scale: float
    softcap: float | None
    chunk: int | None
    dtype: torch.dtype

    def cast(self, *operands: Tensor | None) -> list[Any]:
        return [None if operand is None else operand.to(self.dtype) for operand in operands]

    def chunks(self, num_positions: int, vocab: int, itemsize: int, device: torch.device) -> Iterator[slice]:
        rows = self.chunk or max(1, CHUNK_BYTES.get(device.type, CHUNK_BYTES["cuda"]) // (vocab * itemsize))
        # Equal chunks: a short last one would run its products at a fraction of the speed.
        rows = -(-num_positions // max(1, -(-num_positions // rows)))
        return (slice(at, min(at + rows, num_positions)) for at in range(0, num_positions, max(rows, 1)))


class _Chunk:
    """One chunk's probabilities in a buffer that the next chunk overwrites."""

    def __init__(self, weight_VD: Tensor, bias: Tensor | None, head: Head) -> None:
        self.weight_VD, self.bias, self.head = weight_VD, bias, head
        self.wide = _wide(weight_VD.dtype)
        self.buffer: Tensor | None = None
        self.narrow: Tensor | None = None
        self.capped: Tensor | None = None

    def softmax(self, hidden_CD: Tensor, targets_C: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Probabilities (C, V) in place of the logits, log p(target) (C,), and whether it is the highest (C,)."""
        logits_CV = self._logits(hidden_CD)
        target_C = logits_CV.gather(-1, targets_C[:, None]).squeeze(-1)
        highest_C = logits_CV.amax(-1)
        probs_CV = torch.softmax(logits_CV, -1, out=logits_CV)
        # p(target) itself may underflow; the highest probability is at least 1/V, so its logarithm is exact enough.
        logsumexp_C = highest_C - probs_CV.amax(-1).log()
        return probs_CV, target_C - logsumexp_C, target_C >= highest_C

    def backward(self, probs_CV: Tensor, targets_C: Tensor) -> Tensor:
        """d(-log p)/d(scaled logits) (C, V) in the products' dtype, in place, without the position's factor."""
        probs_CV.scatter_add_(-1, targets_C[:, None], probs_CV.new_full((len(targets_C), 1), -1.0))
        if self.head.softcap and self.capped is not None:
            ratio_CV = self.capped[: len(targets_C)].div_(self.head.softcap)
            probs_CV.mul_(ratio_CV.square_().neg_().add_(1))
        return probs_CV if self.narrow is None else self.narrow[: len(targets_C)].copy_(probs_CV)

    def _logits(self, hidden_CD: Tensor) -> Tensor:
        rows, dtype = len(hidden_CD), self.weight_VD.dtype
        if self.buffer is None:
            shape = (rows, len(self.weight_VD))
            self.buffer = torch.empty(shape, dtype=self.wide, device=hidden_CD.device)
            if dtype != self.wide:
                self.narrow = torch.empty(shape, dtype=dtype, device=hidden_CD.device)
        logits_CV = self.buffer[:rows]
        product_CV = logits_CV if self.narrow is None else self.narrow[:rows]
        if self.bias is None:
            torch.mm(hidden_CD, self.weight_VD.T, out=product_CV)
        else:
            torch.addmm(self.bias, hidden_CD, self.weight_VD.T, out=product_CV)
        if self.narrow is not None:
            logits_CV.copy_(product_CV)
        return self._shape(logits_CV)

    def _shape(self, logits_CV: Tensor) -> Tensor:
        if self.head.logit_scale != 1.0:
            logits_CV.mul_(self.head.logit_scale)
        if self.head.softcap:
            logits_CV.div_(self.head.softcap).tanh_().mul_(self.head.softcap)
            if self.capped is None:
                self.capped = torch.empty_like(logits_CV)  # the first chunk is the largest
            self.capped[: len(logits_CV)].copy_(logits_CV)
        return logits_CV


class _Gradients:
    """Gradients of hidden states, weight and bias, summed over chunks; those not needed are never made."""

    def __init__(self, needs: Sequence[bool], hidden_PD: Tensor, weight_VD: Tensor, head: Head) -> None:
        wide = _wide(weight_VD.dtype)
        self.head, self.weight_VD = head, weight_VD
        self.hidden_PD = torch.empty_like(hidden_PD) if needs[0] else None
        self.weight = torch.zeros_like(weight_VD, dtype=wide) if needs[1] else None
        self.bias = torch.zeros(len(weight_VD), dtype=wide, device=weight_VD.device) if needs[2] else None

    def add(self, at: slice, grad_CV: Tensor, factor_C: Tensor, hidden_CD: Tensor) -> None:
        """Add a chunk: the gradient of position c's logits is `factor_C[c] * grad_CV[c]`.

        The factor multiplies the (C, D) operands instead of the (C, V) one: one pass over memory less.
        """
        raw_C = factor_C * self.head.logit_scale
        if self.hidden_PD is not None:
            torch.mm(grad_CV, self.weight_VD, out=self.hidden_PD[at])
            self.hidden_PD[at].mul_(raw_C[:, None])
        if self.weight is not None:
            scaled_CD = (hidden_CD * raw_C[:, None]).to(hidden_CD.dtype)
            if scaled_CD.dtype == self.weight.dtype:
                self.weight.addmm_(grad_CV.T, scaled_CD)
            else:
                self.weight.add_(torch.mm(grad_CV.T, scaled_CD))
        if self.bias is not None:
            self.bias.add_(torch.mv(grad_CV.T, raw_C.to(grad_CV.dtype)))

    def scaled(self, factor: Tensor) -> tuple[Tensor | None, ...]:
        grads = (self.hidden_PD, self.weight, self.bias)
        return tuple(None if grad is None else grad.mul_(factor) for grad in grads)


class _LinearNLL(Function):
    @staticmethod
    def forward(ctx: Any, hidden_PD, weight_VD, bias, targets_P, weights_P, head: Head, with_grad: bool) -> Tensor:
        hidden_PD, weight_VD, bias = head.cast(hidden_PD, weight_VD, bias)
        needs = [with_grad and need for need in ctx.needs_input_grad[:3]]
        grads = _Gradients(needs, hidden_PD, weight_VD, head)
        chunk = _Chunk(weight_VD, bias, head)
        total = torch.zeros((), dtype=chunk.wide, device=hidden_PD.device)
        for at in head.chunks(len(targets_P), len(weight_VD), chunk.wide.itemsize, hidden_PD.device):
            hidden_CD, targets_C, weights_C = hidden_PD[at], targets_P[at], weights_P[at].to(chunk.wide)
            probs_CV, logprobs_C, _ = chunk.softmax(hidden_CD, targets_C)
            total -= torch.dot(logprobs_C, weights_C)
            if any(needs):
                grads.add(at, chunk.backward(probs_CV, targets_C), weights_C, hidden_CD)
        ctx.grads = grads
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor):
        if ctx.grads is None:
            raise RuntimeError("linear_nll holds its gradients for one backward pass only")
        grads, ctx.grads = ctx.grads, None
        return *grads.scaled(grad), None, None, None, None


class _LinearLogprobs(Function):
    @staticmethod
    def forward(ctx: Any, hidden_PD, weight_VD, bias, targets_P, head: Head) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(hidden_PD, weight_VD, bias, targets_P)
        ctx.head = head
        hidden_PD, weight_VD, bias = head.cast(hidden_PD, weight_VD, bias)
        chunk = _Chunk(weight_VD, bias, head)
        logprobs_P = torch.empty(len(targets_P), dtype=chunk.wide, device=hidden_PD.device)
        hits_P = torch.empty(len(targets_P), dtype=torch.bool, device=hidden_PD.device)
        for at in head.chunks(len(targets_P), len(weight_VD), chunk.wide.itemsize, hidden_PD.device):
            _, logprobs_P[at], hits_P[at] = chunk.softmax(hidden_PD[at], targets_P[at])
        ctx.mark_non_differentiable(hits_P)
        return logprobs_P, hits_P

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_P: Tensor, _: Tensor):
        *operands, targets_P = ctx.saved_tensors
        hidden_PD, weight_VD, bias = ctx.head.cast(*operands)
        grads = _Gradients(ctx.needs_input_grad[:3], hidden_PD, weight_VD, ctx.head)
        chunk = _Chunk(weight_VD, bias, ctx.head)
        for at in ctx.head.chunks(len(targets_P), len(weight_VD), chunk.wide.itemsize, hidden_PD.device):
            probs_CV, _, _ = chunk.softmax(hidden_PD[at], targets_P[at])
            grads.add(at, chunk.backward(probs_CV, targets_P[at]), -grad_P[at], hidden_PD[at])
        return grads.hidden_PD, grads.weight, grads.bias, None, None


def _product_dtype(weight_VD: Tensor) -> torch.dtype:
    """The dtype of a matrix product with this weight here: autocast's, else the weight's."""
    kind = weight_VD.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight_VD.dtype


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32

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

from whet.kernels.wide import wide

# Fewer, larger chunks keep the matrix products efficient: below about 500 rows they lose 10 % and more (2-core CPU,
# D 384, V 32000), and on a GPU each chunk reads and writes the fp32 gradient of the head once.
CHUNK_BYTES = {"cpu": 64 << 20, "cuda": 1 << 30}


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
    return linear_nlls(
        hidden_PD, weight_VD, targets_P, weights_P, bias=bias, logit_scale=logit_scale, softcap=softcap, chunk=chunk
    )[0]


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
) -> tuple[Tensor, Tensor]:
    """`linear_nll`, and beside it -log p (P,) of each target, without gradient."""
    head = Head(logit_scale, softcap, chunk, product_dtype(weight_VD))
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
    temperature: float = 1.0

    def cast(self, *operands: Tensor | None) -> list[Any]:
        return [None if operand is None else operand.to(self.dtype) for operand in operands]

    def chunks(self, num_positions: int, vocab: int, itemsize: int, device: torch.device) -> Iterator[slice]:
        rows = self.chunk or max(1, CHUNK_BYTES.get(device.type, CHUNK_BYTES["cuda"]) // (vocab * itemsize))
        # Equal chunks: a short last one would run its products at a fraction of the speed.
        rows = -(-num_positions // max(1, -(-num_positions // rows)))
        return (slice(at, min(at + rows, num_positions)) for at in range(0, num_positions, max(rows, 1)))


class Chunk:
    """One chunk's probabilities in a buffer that the next chunk overwrites."""

    def __init__(self, weight_VD: Tensor, bias: Tensor | None, head: Head) -> None:
        self.weight_VD, self.bias, self.head = weight_VD, bias, head
        self.wide = wide(weight_VD.dtype)
        self.buffer: Tensor | None = None
        self.narrow: Tensor | None = None
        self.capped: Tensor | None = None

    def softmax(self, hidden_CD: Tensor) -> Tensor:
        """Probabilities (C, V) in place of the logits."""
        logits_CV = self.logits(hidden_CD)
        return torch.softmax(logits_CV, -1, out=logits_CV)

    def scores(self, hidden_CD: Tensor, ids_CK: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Probabilities (C, V), log p of the tokens `ids_CK` (C, K), and whether the first is the highest (C,)."""
        logits_CV = self.logits(hidden_CD)
        chosen_CK = logits_CV.gather(-1, ids_CK)
        highest_C = logits_CV.amax(-1)
        probs_CV = torch.softmax(logits_CV, -1, out=logits_CV)
        # p(token) itself may underflow; the highest probability is at least 1/V, so its logarithm is exact enough.
        logsumexp_C = highest_C - probs_CV.amax(-1).log()
        return probs_CV, chosen_CK - logsumexp_C[:, None], chosen_CK[:, 0] >= highest_C

    def backward(self, probs_CV: Tensor, ids_C1: Tensor) -> Tensor:
        """d(-log p)/d(scaled logits) (C, V) in the products' dtype, in place, without the position's factor."""
        return self.shaped(probs_CV.scatter_add_(-1, ids_C1, probs_CV.new_full(ids_C1.shape, -1.0)))

    def shaped(self, grad_CV: Tensor) -> Tensor:
        """A gradient of the final logits taken back through soft-cap, in place, in the products' dtype."""
        if self.head.softcap and self.capped is not None:
            ratio_CV = self.capped[: len(grad_CV)].div_(self.head.softcap)
            grad_CV.mul_(ratio_CV.square_().neg_().add_(1))
        return grad_CV if self.narrow is None else self.narrow[: len(grad_CV)].copy_(grad_CV)

    def logits(self, hidden_CD: Tensor) -> Tensor:
        """Logits (C, V) in their final shape, in the buffer."""
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
        return logits_CV if self.head.temperature == 1.0 else logits_CV.div_(self.head.temperature)


class Gradients:
    """Gradients of hidden states, weight and bias, summed over chunks; those not needed are never made."""

    def __init__(self, needs: Sequence[bool], hidden_PD: Tensor, weight_VD: Tensor, head: Head) -> None:
        dtype = wide(weight_VD.dtype)
        self.head, self.weight_VD = head, weight_VD
        self.hidden_PD = torch.empty_like(hidden_PD) if needs[0] else None
        self.weight = torch.zeros_like(weight_VD, dtype=dtype) if needs[1] else None
        self.bias = torch.zeros(len(weight_VD), dtype=dtype, device=weight_VD.device) if needs[2] else None

    def add(self, at: slice, grad_CV: Tensor, factor_C: Tensor, hidden_CD: Tensor) -> None:
        """Add a chunk: the gradient of position c's logits is `factor_C[c] * grad_CV[c]`.

        The factor multiplies the (C, D) operands instead of the (C, V) one: one pass over memory less.
        """
        raw_C = factor_C * (self.head.logit_scale / self.head.temperature)
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
    def forward(ctx: Any, hidden_PD, weight_VD, bias, targets_P, weights_P, head: Head, with_grad: bool):
        hidden_PD, weight_VD, bias = head.cast(hidden_PD, weight_VD, bias)
        needs = [with_grad and need for need in ctx.needs_input_grad[:3]]
        grads = Gradients(needs, hidden_PD, weight_VD, head)
        chunk = Chunk(weight_VD, bias, head)
        total = torch.zeros((), dtype=chunk.wide, device=hidden_PD.device)
        nlls_P = torch.empty(len(targets_P), dtype=chunk.wide, device=hidden_PD.device)
        for at in head.chunks(len(targets_P), len(weight_VD), chunk.wide.itemsize, hidden_PD.device):
            hidden_CD, targets_C, weights_C = hidden_PD[at], targets_P[at], weights_P[at].to(chunk.wide)
            probs_CV, logprobs_C1, _ = chunk.scores(hidden_CD, targets_C[:, None])
            total -= torch.dot(logprobs_C1[:, 0], weights_C)
            torch.neg(logprobs_C1[:, 0], out=nlls_P[at])
            if any(needs):
                grads.add(at, chunk.backward(probs_CV, targets_C[:, None]), weights_C, hidden_CD)
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


def product_dtype(weight_VD: Tensor) -> torch.dtype:
    """The dtype of a matrix product with this weight here: autocast's, else the weight's."""
    kind = weight_VD.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight_VD.dtype

"""Chunks of a head's logits, and the gradients of what they are made of: what chunked losses and scores stand on."""

# P positions  C positions of one chunk  D model  V vocab, or this rank's part of it  K tokens a position

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from whet.base.at_once import at_once
from whet.kernels.vocabulary import Vocabulary
from whet.kernels.wide import wide


@dataclass(frozen=True, slots=True)
class Head:
    """What turns hidden states into logits besides the weight: a constant factor, a soft-cap, chunk size, and dtype.

    `dtype` is that of the matrix products; operands are cast inside, so that the head's gradient stays float32 where
    the head is float32 and only the products are not (autocast). `vocabulary` says which tokens the weight's rows are,
    where other ranks have the others.
    """

    logit_scale: float
    softcap: float | None
    chunk: int | None
    dtype: torch.dtype
    temperature: float = 1.0
    vocabulary: Vocabulary | None = None

    def cast(self, *operands: Tensor | None) -> list[Any]:
        return [None if operand is None else operand.to(self.dtype) for operand in operands]

    def chunks(self, num_positions: int, vocab: int, itemsize: int, device: torch.device) -> Iterator[slice]:
        rows = self.chunk or max(1, at_once(device.type).logits_bytes // (vocab * itemsize))
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

    @staticmethod
    def of(weight_VD: Tensor, bias: Tensor | None, head: Head) -> Chunk:
        """The chunk of a whole head, or of this rank's part of one."""
        if head.vocabulary is None:
            return Chunk(weight_VD, bias, head)
        return CutChunk(weight_VD, bias, head, head.vocabulary)

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

    def likeliest(self, hidden_CD: Tensor, num_tokens: int) -> tuple[Tensor, Tensor]:
        """log p (C, K) of the likeliest tokens, most likely first, and the tokens (C, K)."""
        logits_CV = self.logits(hidden_CD)
        highest_CK, ids_CK = logits_CV.topk(num_tokens, -1)
        return highest_CK - logits_CV.logsumexp(-1, keepdim=True), ids_CK

    def logprobs(self, logits_CV: Tensor) -> Tensor:
        """log p (C, V) in place of logits."""
        return torch.log_softmax(logits_CV, -1, out=logits_CV)

    def at(self, values_CV: Tensor, ids_C: Tensor) -> Tensor:
        """The values (C,) of the tokens `ids_C`."""
        return values_CV.gather(-1, ids_C[:, None])[:, 0]

    def highest(self, values_CV: Tensor) -> Tensor:
        """The token (C,) of each position's largest value."""
        return values_CV.argmax(-1)

    def put(self, grad_CV: Tensor, ids_CK: Tensor, values_CK: Tensor) -> Tensor:
        """Add values to those of the tokens `ids_CK`, in place."""
        return grad_CV.scatter_add_(-1, ids_CK, values_CK)

    def total(self, x: Tensor) -> Tensor:
        """What sums over this weight's tokens are over the whole vocabulary, in place."""
        return x

    def backward(self, probs_CV: Tensor, ids_C1: Tensor) -> Tensor:
        """d(-log p)/d(scaled logits) (C, V) in the products' dtype, in place, without the position's factor."""
        return self.shaped(self.put(probs_CV, ids_C1, probs_CV.new_full(ids_C1.shape, -1.0)))

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


class CutChunk(Chunk):
    """A chunk of which this rank computes the tokens of its part of the vocabulary; all ranks take the same chunks."""

    def __init__(self, weight_VD: Tensor, bias: Tensor | None, head: Head, vocabulary: Vocabulary) -> None:
        super().__init__(weight_VD, bias, head)
        self.vocabulary = vocabulary

    def softmax(self, hidden_CD: Tensor) -> Tensor:
        return self._probabilities(self.logits(hidden_CD))[0]

    def scores(self, hidden_CD: Tensor, ids_CK: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits_CV = self.logits(hidden_CD)
        at_CK, is_here_CK = self.vocabulary.own(ids_CK)
        chosen_CK = self.total(logits_CV.gather(-1, at_CK).masked_fill_(~is_here_CK, 0.0))
        probs_CV, highest_C, logsumexp_C = self._probabilities(logits_CV)
        return probs_CV, chosen_CK - logsumexp_C[:, None], chosen_CK[:, 0] >= highest_C

    def likeliest(self, hidden_CD: Tensor, num_tokens: int) -> tuple[Tensor, Tensor]:
        logits_CV = self.logits(hidden_CD)
        highest_CK, ids_CK = self.vocabulary.likeliest(logits_CV, num_tokens)
        return highest_CK - self._probabilities(logits_CV)[2][:, None], ids_CK

    def logprobs(self, logits_CV: Tensor) -> Tensor:
        own_C = logits_CV.logsumexp(-1)
        highest_C = self.vocabulary.highest(own_C.clone())
        return logits_CV.sub_((highest_C + self.total((own_C - highest_C).exp_()).log_())[:, None])

    def at(self, values_CV: Tensor, ids_C: Tensor) -> Tensor:
        at_C, is_here_C = self.vocabulary.own(ids_C)
        return self.total(super().at(values_CV, at_C).masked_fill(~is_here_C, 0.0))

    def highest(self, values_CV: Tensor) -> Tensor:
        return self.vocabulary.likeliest(values_CV, 1)[1][:, 0]

    def put(self, grad_CV: Tensor, ids_CK: Tensor, values_CK: Tensor) -> Tensor:
        at_CK, is_here_CK = self.vocabulary.own(ids_CK)
        return grad_CV.scatter_add_(-1, at_CK, values_CK.masked_fill(~is_here_CK, 0.0))

    def total(self, x: Tensor) -> Tensor:
        return self.vocabulary.total(x)

    def _probabilities(self, logits_CV: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Probabilities (C, V) in place of the logits, each position's highest logit, and its log of summed
        exponentials."""
        highest_C = self.vocabulary.highest(logits_CV.amax(-1))
        probs_CV = logits_CV.sub_(highest_C[:, None]).exp_()
        sums_C = self.total(probs_CV.sum(-1))
        return probs_CV.div_(sums_C[:, None]), highest_C, highest_C + sums_C.log()


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

    def settle(self, chunk: Chunk) -> None:
        """Once all chunks are added: hidden states have their gradient from all tokens."""
        if self.hidden_PD is not None:
            chunk.total(self.hidden_PD)

    def scaled(self, factor: Tensor) -> tuple[Tensor | None, ...]:
        grads = (self.hidden_PD, self.weight, self.bias)
        return tuple(None if grad is None else grad.mul_(factor) for grad in grads)


def product_dtype(weight_VD: Tensor) -> torch.dtype:
    """The dtype of a matrix product with this weight here: autocast's, else the weight's."""
    kind = weight_VD.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight_VD.dtype

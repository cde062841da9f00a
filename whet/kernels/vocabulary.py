"""A head whose rows, the tokens of a vocabulary, are dealt to ranks: losses and scores without gathered logits.

Each rank computes the logits of its own tokens alone. Ranks agree on each position's highest logit and sum of
exponentials, three numbers a position, and add up the gradient of the hidden states (Shoeybi et al. 2019, section 3).
"""

# C positions of one chunk  V tokens of this rank  K tokens a position

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor

from whet.kernels.layout import Layout, local


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Tokens `start` to `stop` lie on this rank, and the others on those of `group`, equally many on each."""

    start: int
    stop: int
    group: dist.ProcessGroup

    @property
    def num_tokens(self) -> int:
        """Those of all ranks."""
        return (self.stop - self.start) * self.group.size()

    def total(self, x: Tensor) -> Tensor:
        """The sum over ranks, in place."""
        dist.all_reduce(x, group=self.group)
        return x

    def highest(self, x: Tensor) -> Tensor:
        """The largest over ranks, in place."""
        dist.all_reduce(x, op=dist.ReduceOp.MAX, group=self.group)
        return x

    def own(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Where tokens lie here (0 for those that do not), and whether they do."""
        is_here = (ids >= self.start) & (ids < self.stop)
        return torch.where(is_here, ids - self.start, 0), is_here

    def likeliest(self, values_CV: Tensor, num_tokens: int) -> tuple[Tensor, Tensor]:
        """The largest of all ranks' values (C, K), and their tokens (C, K)."""
        values_CK, places_CK = values_CV.topk(min(num_tokens, values_CV.shape[-1]), -1)
        ids_CK = places_CK + self.start
        all_values, all_ids = ([torch.empty_like(x) for _ in range(self.group.size())] for x in (values_CK, ids_CK))
        dist.all_gather(all_values, values_CK.contiguous(), group=self.group)
        dist.all_gather(all_ids, ids_CK.contiguous(), group=self.group)
        highest_CK, at_CK = torch.cat(all_values, -1).topk(num_tokens, -1)
        return highest_CK, torch.cat(all_ids, -1).gather(-1, at_CK)


def held(weight: Tensor) -> tuple[Tensor, Vocabulary | None]:
    """This rank's rows of a head's weight, and which tokens they are; None where it has all."""
    layout = Layout.of(weight)
    if not isinstance(weight, DTensor) or layout.is_whole:
        return local(weight), None
    (dimension,) = layout.over  # a head that lies over two axes has no one group that shares its tokens
    rows = layout.here[0]
    return local(weight), Vocabulary(rows.start, rows.stop, weight.device_mesh.get_group(dimension))


def part(rows: Tensor, vocabulary: Vocabulary | None, num_tokens: int) -> Tensor:
    """What another head, of whatever vocabulary, has of this rank's tokens among the first `num_tokens`: its weight or
    bias, by rows. Where it is dealt out otherwise, or is needed whole, ranks gather it: all call this together."""
    start, stop = (0, num_tokens) if vocabulary is None else (vocabulary.start, min(vocabulary.stop, num_tokens))
    if not isinstance(rows, DTensor):
        return rows[start:stop]
    here = Layout.of(rows).here[0]
    if vocabulary is not None and (here.start, here.stop) == (vocabulary.start, vocabulary.stop):
        return local(rows)[: stop - start]
    return rows.full_tensor()[start:stop]

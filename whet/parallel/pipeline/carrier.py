"""Carrier: what goes from one stage's rank to the next one's, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor


class Form(NamedTuple):
    """What a tensor is like that is on its way: both ends know, so nothing is said about it."""

    shape: tuple[int, ...]
    dtype: torch.dtype


@dataclass(frozen=True)
class Carrier:
    """Moves tensors between the ranks of `group`, by their places in it. Two ranks send and take in the same order.
    `at` is told what is waited for, and when it has come."""

    group: dist.ProcessGroup
    device: torch.device
    at: Callable[[str], None] = lambda doing: None
    _sent: list[tuple[dist.Work, Tensor]] = field(default_factory=list)

    def send(self, tensor: Tensor, rank: int) -> None:
        """Begin to send; the tensor is kept until it has gone."""
        whole = tensor.detach().contiguous()
        work = dist.isend(whole, group=self.group, group_dst=rank)
        self._sent[:] = [one for one in self._sent if not one[0].is_completed()]
        if work is not None:
            self._sent.append((work, whole))

    def take(self, form: Form, rank: int) -> Callable[[], Tensor]:
        """Begin to take a tensor of this form; the result waits until it is here."""
        buffer = torch.empty(form.shape, dtype=form.dtype, device=self.device)
        work = dist.irecv(buffer, group=self.group, group_src=rank)

        def arrived() -> Tensor:
            if work is not None:
                self.at(f"what rank {dist.get_global_rank(self.group, rank)} sends")
                work.wait()
                self.at("its own layers")
            return buffer

        return arrived

    def settle(self) -> None:
        """Return when all that was sent has gone."""
        while self._sent:
            self._sent.pop()[0].wait()

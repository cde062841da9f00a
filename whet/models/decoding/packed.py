"""One forward over parts of several sequences, packed one behind the other."""

# T tokens of the forward  P told tokens  V vocab

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from whet.models.decoding.lean import lean_of
from whet.models.decoding.sequences import Part
from whet.models.forward.attention import packed_row
from whet.models.forward.backbone import unwrapped

# Told before a forward: places of its tokens by the name of an adapter.
Deal = Callable[[Mapping[str, Tensor]], None]


def of_none(places: Mapping[str, Tensor]) -> None:
    assert not places, places


class Packed:
    """A causal model that sees its attention as ours, whose layers ask `attend` in place of it."""

    def __init__(self, module: nn.Module, first: int, deal: Deal, threads: int) -> None:
        """`first` is the number of a sequence's first position. `deal` is told before each forward which of its tokens
        are an adapter's. Large products are made on so many threads of the CPU at least, where the model is a plain
        decoder."""
        self._module, self._first, self._deal = module, first, deal
        self._takes = inspect.signature(unwrapped(module).forward).parameters
        self._lean = lean_of(module, threads)
        self.device = next(module.parameters()).device

    @torch.no_grad()
    def logits(self, parts: Sequence[Part], places_T: Tensor, segments: Any, attend: Callable[..., Tensor]) -> Tensor:
        """Logits (P, V) float32 of the tokens after which the next one is wanted, in the order of the parts."""
        ids_T = torch.tensor([token for part in parts for token in part.ids], device=self.device)
        told_P = torch.tensor(_told(parts), dtype=torch.long, device=self.device)
        self._deal(_dealt(parts, self.device))
        if self._lean is not None:
            last = max(part.end for part in parts) - 1 + self._first
            return self._lean.logits(ids_T, places_T + self._first, last, told_P, attend).float()
        inputs: dict[str, Any] = {"input_ids": ids_T[None], "use_cache": False}
        inputs |= {"segments": segments, "around": (attend,)}
        if "position_ids" in self._takes:
            inputs["position_ids"] = places_T[None] + self._first
        keeps = "logits_to_keep" in self._takes
        if keeps:
            inputs["logits_to_keep"] = told_P if len(told_P) else 1
        with packed_row():
            logits_TV = self._module(**inputs).logits[0]
        if not len(told_P):
            return logits_TV[:0].float()
        return (logits_TV if keeps else logits_TV[told_P]).float()


def in_order(parts: Sequence[Part], place: Callable[[Part], int]) -> list[int]:
    """Numbers of the parts: those of one token first, by place."""
    return sorted(range(len(parts)), key=lambda i: (len(parts[i].ids) > 1, place(parts[i])))


def dealt_out(logits_PV: Tensor, parts: Sequence[Part], order: Sequence[int]) -> list[Tensor]:
    """The logits of each part, of those of a forward over the parts in this order."""
    told = logits_PV.split([parts[i].told for i in order])
    found = dict(zip(order, told, strict=True))
    return [found[i] for i in range(len(parts))]


def _dealt(parts: Sequence[Part], device: torch.device) -> dict[str, Tensor]:
    """Places in the forward of the tokens of each adapter."""
    places: dict[str, list[int]] = {}
    end = 0
    for part in parts:
        if part.adapter is not None:
            places.setdefault(part.adapter, []).extend(range(end, end + len(part.ids)))
        end += len(part.ids)
    return {name: torch.tensor(found, device=device) for name, found in places.items()}


def _told(parts: Sequence[Part]) -> list[int]:
    """Places in the forward of the tokens after which the next one is asked for."""
    told: list[int] = []
    end = 0
    for part in parts:
        end += len(part.ids)
        told += range(end - part.told, end)
    return told

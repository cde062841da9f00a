"""Rows of a causal model in the making: run what is new, push a token to each, choose which go on."""

# B rows  T tokens  V vocab

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.models.decoding.cache import growing
from whet.models.decoding.manner import Manner
from whet.models.decoding.states import NAMES, chosen
from whet.models.forward.backbone import unwrapped
from whet.models.forward.rope import forget

Ids = Sequence[Sequence[int]]


class Rows(Protocol):
    """Rows that grow side by side, each by a token at a time."""

    def logits(self) -> Tensor:
        """Run what was pushed: logits (B, V) of the next token of each row, in float32."""
        ...

    def push(self, ids_B: Tensor) -> None:
        """A token more for each row."""
        ...

    def choose(self, index_B: Tensor) -> None:
        """Go on with these rows, which may be named several times."""
        ...


def rows_of(module: nn.Module, manner: Manner, rows: Ids, context: int | None = None) -> Rows:
    """Rows that begin with these tokens. `context` is the most that the model can see."""
    if manner.cached:
        return Cached(module, manner, rows, context)
    return Whole(module, rows, context)


class Cached:
    """Rows that are padded on the left, so that all end at the same place, and whose earlier tokens are kept."""

    def __init__(self, module: nn.Module, manner: Manner, rows: Ids, context: int | None) -> None:
        self._module, self._manner = module, manner
        self._takes = inspect.signature(unwrapped(module).forward).parameters
        self._last_position = None if context is None else context - 1
        self._device = next(module.parameters()).device
        self._length = max(map(len, rows))
        self._next_BT = torch.tensor([[0] * (self._length - len(ids)) + [*ids] for ids in rows], device=self._device)
        self._pads_B = torch.tensor([self._length - len(ids) for ids in rows], device=self._device)
        self._is_padded = bool(self._pads_B.any())
        self._name = next((name for name in NAMES if name in self._takes), NAMES[0])
        self._cache = self._empty()
        # Kept where all of it may have to be run anew.
        self._seen_BT = self._next_BT if manner.turn is not None else None

    def logits(self) -> Tensor:
        fresh = self._next_BT.shape[1]
        place_T = torch.arange(self._length, device=self._device)
        inputs: dict[str, Any] = {"input_ids": self._next_BT, "use_cache": True}
        inputs |= {} if self._cache is None else {self._name: self._cache}
        if self._is_padded:
            inputs["attention_mask"] = place_T >= self._pads_B[:, None]
        if "position_ids" in self._takes:
            # A row that has ended goes on beside the others, perhaps past the model's last place.
            own_BT = (place_T[-fresh:] - self._pads_B[:, None]).clamp(min=0, max=self._last_position)
            inputs["position_ids"] = own_BT + self._manner.first
        if "logits_to_keep" in self._takes:
            inputs["logits_to_keep"] = 1
        if self._manner.turns_always:
            forget(self._module)
        output = self._module(**inputs)
        self._cache = getattr(output, self._name, None)
        if self._cache is None:
            raise ModelError(
                "the model keeps nothing of the tokens that it has seen",
                hint="use it without a cache: another model, or another engine",
            )
        return output.logits[:, -1].float()

    def _empty(self) -> Any:
        """A cache of ours; None where the model makes its own."""
        ours = self._manner.grows and self._name == NAMES[0]
        return growing(self._module) if ours else None

    def push(self, ids_B: Tensor) -> None:
        self._next_BT = ids_B[:, None]
        self._length += 1
        if self._seen_BT is not None:
            self._seen_BT = torch.cat([self._seen_BT, self._next_BT], 1)
            self._turn()

    def choose(self, index_B: Tensor) -> None:
        self._cache = chosen(self._cache, len(self._pads_B), index_B)
        self._pads_B = self._pads_B[index_B]
        self._is_padded = bool(self._pads_B.any())
        if self._seen_BT is not None:
            self._seen_BT = self._seen_BT[index_B]

    def _turn(self) -> None:
        """Begin anew where the frequencies of the rotary embedding change: what is kept was turned by the old ones."""
        turn = self._manner.turn
        if turn is None or self._seen_BT is None or self._length <= turn:
            return
        if self._length == turn + 1 or self._manner.turns_always:
            self._next_BT, self._cache = self._seen_BT, self._empty()


class Whole:
    """Rows that are padded on the right, and computed anew for every token: where nothing that is kept can be used."""

    def __init__(self, module: nn.Module, rows: Ids, context: int | None) -> None:
        self._module, self._context = module, context
        self._takes = inspect.signature(unwrapped(module).forward).parameters
        longest, device = max(map(len, rows)), next(module.parameters()).device
        self._ids_BT = torch.tensor([[*ids, *[0] * (longest - len(ids))] for ids in rows], device=device)
        self._lengths_B = torch.tensor([len(ids) for ids in rows], device=device)

    def logits(self) -> Tensor:
        longest, shortest = self._ids_BT.shape[1], int(self._lengths_B.min())
        inputs: dict[str, Any] = {"input_ids": self._ids_BT, "use_cache": False}
        if "logits_to_keep" in self._takes:
            inputs["logits_to_keep"] = longest - shortest + 1
        forget(self._module)
        logits_BTV = self._module(**inputs).logits
        place_B = self._lengths_B - 1 - (longest - logits_BTV.shape[1])
        return logits_BTV[torch.arange(len(place_B), device=place_B.device), place_B].float()

    def push(self, ids_B: Tensor) -> None:
        # A row that has ended goes on beside the others, and stays at the model's last place.
        lengths_B = self._lengths_B + 1 if self._context is None else (self._lengths_B + 1).clamp(max=self._context)
        if int(lengths_B.max()) > self._ids_BT.shape[1]:
            self._ids_BT = torch.cat([self._ids_BT, torch.zeros_like(self._ids_BT[:, :1])], 1)
        self._ids_BT[torch.arange(len(ids_B), device=ids_B.device), lengths_B - 1] = ids_B
        self._lengths_B = lengths_B

    def choose(self, index_B: Tensor) -> None:
        self._lengths_B = self._lengths_B[index_B]
        self._ids_BT = self._ids_BT[index_B][:, : int(self._lengths_B.max())]

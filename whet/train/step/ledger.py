"""Ledger: what the micro-batches of a step give, added up where it was computed."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from whet.contracts.objective import LossParts, Terms


class Ledger:
    """Adds sums and metrics of micro-batches in float64 on the device: `totals`, which nothing has read."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.totals: dict[str, torch.Tensor] = {}
        self.parts: list[LossParts | None] = []
        self.each: list[Mapping[str, torch.Tensor]] = []

    def add(self, terms: Terms) -> None:
        self.parts.append(terms.parts)
        self.each.append({name: value.detach() for name, value in terms.sums.items()})
        for name, value in terms.sums.items():
            self._put(f"sum/{name}", value)
        for name, (top, low) in terms.metrics.items():
            self.mean(name, top, low)

    def mean(self, name: str, top: torch.Tensor | float, low: torch.Tensor | float) -> None:
        """A part of a metric that is shown as the sum of `top` over that of `low`."""
        self._put(f"top/{name}", top)
        self._put(f"low/{name}", low)

    def _put(self, name: str, value: torch.Tensor | float) -> None:
        if isinstance(value, torch.Tensor):
            number = value.detach().to(self._device).double()
        else:  # written on the device: a copy of a number there would wait
            number = torch.full((), value, dtype=torch.float64, device=self._device)
        self.totals[name] = self.totals[name] + number if name in self.totals else number

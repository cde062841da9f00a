"""Watchdog: alarms for a loss that is not a number, or that spikes and stays up."""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import Any

from whet.base.run import Watchdog as Settings


class Watchdog:
    """Compares each loss with the recent median by robust deviation (1.4826 x median absolute deviation)."""

    def __init__(self, settings: Settings, *, watches_spikes: bool = True) -> None:
        """Without `watches_spikes` only numbers are asked for: a loss that is 0 on average has no level."""
        self._settings, self._watches_spikes = settings, watches_spikes
        self._recent: deque[float] = deque(maxlen=settings.window)
        self._spikes = 0

    def look(self, loss: float, grad_norm: float) -> str | None:
        """What is wrong with this step, or None. A spike is reported once `patience` steps in a row have it."""
        if self._settings.action == "off":
            return None
        if not (math.isfinite(loss) and math.isfinite(grad_norm)):
            return f"loss {loss:.4g} and gradient norm {grad_norm:.4g} are not finite; the update was not applied"
        spiking = self._watches_spikes and self._is_spike(loss)
        self._spikes = self._spikes + 1 if spiking else 0
        if not spiking:
            self._recent.append(loss)
        if self._spikes < self._settings.patience:
            return None
        self._spikes = 0
        return f"loss {loss:.4g} has stayed far above its recent median {median(self._recent):.4g}"

    def _is_spike(self, loss: float) -> bool:
        if len(self._recent) < max(8, self._settings.window // 4):
            return False
        middle = median(self._recent)
        deviation = 1.4826 * median(abs(x - middle) for x in self._recent)
        return loss > middle + self._settings.spike * max(deviation, 0.02 * abs(middle))

    def state_dict(self) -> dict[str, Any]:
        return {"recent": list(self._recent), "spikes": self._spikes}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._recent.clear()
        self._recent.extend(state["recent"])
        self._spikes = state["spikes"]

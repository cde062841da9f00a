"""Watchdog: alarms for a loss that is not a number, that spikes and stays up, and for answers of another model."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from whet.base.run import Watchdog as Settings


@dataclass(frozen=True, slots=True)
class DriftLimit:
    """How far the probabilities of answers may be from those that training computes with the same weights, and what a
    larger drift comes from."""

    limit: float
    reason: str


class Watchdog:
    """Compares each loss with the recent median by robust deviation (1.4826 x median absolute deviation)."""

    def __init__(
        self, settings: Settings, *, watches_spikes: bool = True, drift_limit: DriftLimit | None = None
    ) -> None:
        """Without `watches_spikes` only numbers are asked for: a loss that is 0 on average has no level."""
        self._settings, self._watches_spikes, self._drift_limit = settings, watches_spikes, drift_limit
        self._has_drifted = False
        self._recent: deque[float] = deque(maxlen=settings.window)
        self._spikes = 0
        self.num_odd = 0

    def look(self, loss: float, grad_norm: float) -> str | None:
        """What is wrong with this step, or None. A spike is reported once `patience` steps in a row have it.

        `num_odd` is then how many steps the alarm is about, this one the last.
        """
        if self._settings.action == "off":
            return None
        if not (math.isfinite(loss) and math.isfinite(grad_norm)):
            self.num_odd = 1
            return f"loss {loss:.4g} and gradient norm {grad_norm:.4g} are not finite; the update was not applied"
        spiking = self._watches_spikes and self._is_spike(loss)
        self._spikes = self._spikes + 1 if spiking else 0
        if not spiking:
            self._recent.append(loss)
        if self._spikes < self._settings.patience:
            return None
        self.num_odd, self._spikes = self._spikes, 0
        return f"loss {loss:.4g} has stayed far above its recent median {median(self._recent):.4g}"

    def look_at_answers(self, figures: Mapping[str, float]) -> str | None:
        """What is wrong with answers of the present weights, once: they were drawn from another distribution."""
        allowed = self._drift_limit
        if self._settings.action == "off" or allowed is None or self._has_drifted or figures.get("staleness") != 0:
            return None
        drift = figures.get("drift", 0.0)
        if drift <= allowed.limit:
            return None
        self._has_drifted = True
        return (
            f"drift is {drift:.2g}, and rounding explains no more than {allowed.limit:.2g}: answers are drawn with "
            f"other probabilities than training computes for them. {allowed.reason}"
        )

    def _is_spike(self, loss: float) -> bool:
        window = self._settings.window
        if len(self._recent) < min(window, max(8, window // 4)):
            return False
        middle = median(self._recent)
        deviation = 1.4826 * median(abs(x - middle) for x in self._recent)
        return loss > middle + self._settings.spike * max(deviation, 0.02 * abs(middle))

    def state_dict(self) -> dict[str, Any]:
        return {"recent": list(self._recent), "spikes": self._spikes, "has_drifted": self._has_drifted}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._recent.clear()
        self._recent.extend(state["recent"])
        self._spikes = state["spikes"]
        self._has_drifted = state.get("has_drifted", False)

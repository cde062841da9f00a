"""Progress: how far a run has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class Progress:
    """How far the run has come; stored in every checkpoint."""

    step: int = 0
    tokens: int = 0
    samples: int = 0

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step, "tokens": self.tokens, "samples": self.samples}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step, self.tokens, self.samples = state["step"], state["tokens"], state["samples"]

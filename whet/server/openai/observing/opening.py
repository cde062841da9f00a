"""What observes requests, from what is typed: a project, a share, a collector, prices."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whet.base.errors import ConfigError
from whet.server.openai.observing.recorder import Recorder, Sink
from whet.server.openai.observing.request import Price
from whet.server.openai.observing.sinks import Collector, Store, check_project
from whet.track.registry.registry import exact

_OPTION = "--price"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observing:
    """What is asked for. Without a project and a collector nothing is observed."""

    project: str | None = None
    collector: str | None = None
    sample: float = 1.0
    keeps_text: bool = False
    price: str | None = None

    def check(self, root: Path) -> None:
        """Raises ConfigError for what cannot be meant, before a model is loaded."""
        if self.price is not None:
            price_of(self.price)
        if self.collector is not None:
            Collector(self.collector, "")
        if self.project is not None:
            check_project(root, self.project)

    @property
    def option(self) -> str:
        """What observes, as it is typed; empty where nothing does."""
        return "--record" if self.project is not None else "--otlp" if self.collector is not None else ""

    def recorder(self, root: Path, config: Mapping[str, Any]) -> Recorder | None:
        """Raises ConfigError for what cannot be meant, and RunError where the store takes nothing."""
        price = None if self.price is None else price_of(self.price)
        if self.project is None and self.collector is None:
            return None
        sinks: list[Sink] = []
        if self.collector is not None:
            sinks.append(Collector(self.collector, self.project or "whet serve"))
        store = None
        if self.project is not None:
            store = Store(root, self.project, config)
            sinks.append(store)
            print(f"requests are recorded in {root / store.run}", file=sys.stderr, flush=True)
        return Recorder(
            sinks, sample=self.sample, keeps_text=self.keeps_text, price=price,
            versions=_versions(config, root), closing=None if store is None else store.close,
        )  # fmt: skip


def _versions(config: Mapping[str, Any], root: Path) -> dict[str | None, str]:
    """What answers, by the adapter that was asked for: the exact version where it is of the registry."""
    named = {None: config.get("model"), **config.get("adapters", {})}
    return {name: exact(str(given), root) for name, given in named.items() if given}


def price_of(text: str) -> Price:
    """`PROMPT,ANSWER` or `PROMPT,ANSWER,CACHED`, each for a million tokens. Raises ConfigError for others."""
    try:
        found = [float(one) for one in text.split(",")]
    except ValueError:
        found = []
    if len(found) not in (2, 3) or not all(0 <= one < float("inf") for one in found):
        said = f"`{text[:100]}` is no price of a million tokens of prompts and of answers"
        raise ConfigError(said, at=_OPTION, hint=f"{_OPTION} 0.5,1.5 (a third one is of known tokens)")
    return Price(found[0], found[1], found[2] if len(found) == 3 else found[0])

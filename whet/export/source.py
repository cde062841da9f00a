"""What an exporter is given: a whole model in fp32, its tokenizer, and what both do with the fixed prompts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.export.card import Card, card_of_run
from whet.track import store

if TYPE_CHECKING:
    import torch
    from torch import nn

    from whet.export.report import Observed


@dataclass(frozen=True, slots=True)
class Source:
    """A model to be exported.

    `module` is whole and in fp32, in which half precision is exact; `dtype` is that of its stored weights. `trained`
    is what the model did before anything was written, and what every exporter must prove again.
    """

    name: str
    module: nn.Module
    tokenizer: Any
    dtype: torch.dtype
    card: Card
    trained: Observed
    device: str = "cpu"


def read_source(name: str, *, device: str = "cpu", root: Path = store.ROOT) -> Source:
    """The model that `name` means (run, folder, hub id), loaded, observed, and merged if it is an adapter."""
    from whet.export.report import observe
    from whet.generate.models import load_model, stored_dtype
    from whet.models.adapters import merge
    from whet.models.find import find_model, find_run

    path, run = find_model(name, root), find_run(name, root)
    loaded = load_model(path, device=device, dtype="fp32", root=root)
    card = card_of_run(run) if run else Card(Path(path).name)
    trained = observe(loaded.module, loaded.processor)
    return Source(card.name, merge(loaded.module), loaded.processor, stored_dtype(path), card, trained, device)

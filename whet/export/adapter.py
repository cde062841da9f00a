"""Write an adapter as a PEFT folder: config, weights, tokenizer, chat template, card."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from whet.contracts.model import Head
from whet.export.card import Card
from whet.export.folder import appearing
from whet.export.report import Report
from whet.export.writing import checked, write_generation_config, write_tokenizer
from whet.models.checkpoints import quantized
from whet.models.forward import heads
from whet.models.loading.classes import HEADED, LANGUAGE
from whet.models.loading.families import family_of


def write_adapter(
    folder: Path,
    adapter: tuple[Any, Mapping[str, Tensor]],
    config: Any,
    tokenizer: Any,
    *,
    generation_config: Any = None,
    chat_template: str | None = None,
    card: Card | None = None,
    base: quantized.Quantization | None = None,
    head: Head | None = None,
    beside: Callable[[Path], None] | None = None,
    check: Callable[[Path], Report] | None = None,
) -> Report | None:
    """Write `folder` anew, whole or not at all, so that PEFT loads it without whet.

    `adapter` is PEFT's config and the tensors by the names that PEFT stores; `config` is the base model's. How the
    `base` was quantized, and what its new `head` is, are kept beside the adapter. The rest is as `write_model` has it.
    The generation config is there for those who serve the folder: PEFT does not read it.
    """
    method, tensors = adapter
    with appearing(folder) as part:
        stored = copy.deepcopy(method)
        stored.inference_mode = True
        stored.save_pretrained(part)
        kept = {name: tensor.detach().to("cpu").contiguous().clone() for name, tensor in tensors.items()}
        save_file(kept, part / "adapter_model.safetensors", metadata={"format": "pt"})
        if base is not None:
            (part / quantized.FILE).write_text(json.dumps(base.as_dict(), indent=2) + "\n")
        write_tokenizer(part, tokenizer, chat_template)
        if head is None:
            write_generation_config(part, config, generation_config, tokenizer, chat_template)
        else:
            heads.write_beside(part, head)
        card = card or Card(folder.resolve().name)
        (part / "README.md").write_text(_text(card, config, method, kept, head), encoding="utf-8")
        if beside is not None:
            beside(part)
        return checked(part, folder, check)


def _text(card: Card, config: Any, method: Any, tensors: Mapping[str, Tensor], head: Head | None) -> str:
    """The card. What the adapter's base cannot know of a new head is said where the model is loaded."""
    kind = HEADED[head.kind] if head else LANGUAGE[family_of(config) or "causal"]
    told = []
    if head is not None:
        told += [] if head.kind == "none" else [f"id2label={dict(enumerate(head.labels or ()))}"]
        told += [] if head.is_causal else ["is_causal=False"]
    return card.text(
        kind,
        num_parameters=sum(t.numel() for t in tensors.values()),
        dtype=str(next((t.dtype for t in tensors.values()), torch.float32)).removeprefix("torch."),
        adapter=method.peft_type.value.lower(),
        told=told,
    )

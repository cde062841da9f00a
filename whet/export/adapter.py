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
from whet.export.writing import PURPOSES, checked, write_generation_config, write_tokenizer
from whet.models import heads
from whet.models.checkpoints import quantized

_CLASSES = {
    "sequence": "AutoPeftModelForSequenceClassification",
    "token": "AutoPeftModelForTokenClassification",
    "none": "AutoPeftModelForFeatureExtraction",
}


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
        (part / "README.md").write_text(_text(card, method, kept, head), encoding="utf-8")
        if beside is not None:
            beside(part)
        return checked(part, folder, check)


def _text(card: Card, method: Any, tensors: Mapping[str, Tensor], head: Head | None) -> str:
    dtype = next((t.dtype for t in tensors.values()), torch.float32)
    count = sum(t.numel() for t in tensors.values())
    kind = method.peft_type.value.lower()
    text = card.text(num_parameters=count, dtype=str(dtype).removeprefix("torch."), adapter=kind)
    if head is None:
        return text
    text = text.replace("AutoPeftModelForCausalLM", _CLASSES[head.kind]).replace("text-generation", PURPOSES[head.kind])
    return text.replace(f'{_CLASSES[head.kind]}.from_pretrained("PATH")', _call(head))


def _call(head: Head) -> str:
    """How the model is loaded: what the adapter's base cannot know of the head is said."""
    told = [] if head.kind == "none" else [f"id2label={dict(enumerate(head.labels or ()))}"]
    told += [] if head.is_causal else ["is_causal=False"]
    arguments = ", ".join(['"PATH"', *told])
    return f"{_CLASSES[head.kind]}.from_pretrained({arguments})"

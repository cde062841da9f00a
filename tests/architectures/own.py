"""The oracle: what a model's own forwards give, one plain forward a sample, and how far another result is off."""

# T tokens  V vocab  C classes

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.architectures.small import tokenizer
from tests.tiny import sentence
from whet.contracts.batch import Batch
from whet.models.probing.probe_cases import feeding


@dataclass(frozen=True)
class Step:
    """A step's mean loss, and its gradients by parameter."""

    loss: float
    gradients: dict[str, Tensor]


def own_loss(kind: str, own: nn.Module, batches: Sequence[Batch]) -> Tensor:
    """The mean loss over all trained tokens (or sequences), by one plain forward a sample."""
    sums, total = [], 0.0
    for batch in batches:
        stream = batch.trained
        sources = batch.streams["source"].segments if kind == "seq2seq" else stream.segments
        for number, (segment, source) in enumerate(zip(stream.segments, sources, strict=True)):
            at = slice(segment.start, segment.end)
            ids, targets, weights = stream.ids[at], stream.targets[at], stream.weights[at]
            if kind == "seq2seq":
                read = batch.streams["source"].ids[source.start : source.end]
                labels = torch.where(weights > 0, targets, -100)
                inputs = {"input_ids": read[None], "labels": labels[None]} | feeding(own, labels[None])
                logits = own(**inputs, use_cache=False).logits[0]
                loss, weight = (F.cross_entropy(logits, targets, reduction="none") * weights).sum(), weights.sum()
            elif kind == "sequence":
                scores = own(input_ids=ids[None]).logits[0]
                loss, weight = F.cross_entropy(scores, batch.fields["label"][number].long()), torch.ones(())
            else:
                how = {"use_cache": False} if kind == "causal" else {}
                logits = own(input_ids=ids[None], **how).logits[0]
                targets = stream.values["label"][at] if kind == "token" else targets
                loss, weight = (F.cross_entropy(logits, targets, reduction="none") * weights).sum(), weights.sum()
            sums.append(loss)
            total += float(weight)
    return torch.stack(sums).sum() / total


def own_step(kind: str, own: nn.Module, batches: Sequence[Batch]) -> Step:
    """Loss and gradients of its own forward, which stay on its parameters."""
    loss = own_loss(kind, own, batches)
    loss.backward()
    return Step(loss.item(), {name: p.grad for name, p in own.named_parameters() if p.grad is not None})


def worst(offs: dict[str, float]) -> tuple[str, float]:
    """What is farthest off, and by how much."""
    return max(offs.items(), key=lambda one: math.inf if math.isnan(one[1]) else one[1])


def distances(found: Step, expected: Step, scale: Step) -> dict[str, float]:
    """How far off everything is.

    The law's measure: per tensor the difference over its norm in `scale`, or over a thousandth of the global one.
    """
    offs = {"the loss": abs(found.loss - expected.loss) / abs(scale.loss)}
    floor = 1e-3 * torch.stack([g.norm() for g in scale.gradients.values()]).norm().item()
    for name, gradient in expected.gradients.items():
        ours = found.gradients.get(name, torch.zeros(()))  # none is one of zero
        norm = max(scale.gradients[name].norm().item(), floor)
        offs[f"the gradient of {name}"] = (ours.double() - gradient.double()).norm().item() / norm
    return offs


@torch.no_grad()
def logits_of(kind: str, module: nn.Module) -> Tensor:
    """What the model says of one text (T, V) or (1, C), in its own forward."""
    ids = torch.tensor([tokenizer().encode(sentence(3, 4), add_special_tokens=False)])
    how: dict[str, Any] = {"causal": {"use_cache": False}, "seq2seq": {"decoder_input_ids": ids}}.get(kind, {})
    return module.eval()(input_ids=ids, **how).logits[0].float()


@torch.no_grad()
def continued(kind: str, own: Any, prompt: list[int], answer: list[int]) -> Tensor:
    """Log p (T, V) of each answer's token, from one plain forward."""
    if kind == "seq2seq":
        start = own.config.decoder_start_token_id
        fed = torch.tensor([[start, *answer[:-1]]])
        logits = own(input_ids=torch.tensor([prompt]), decoder_input_ids=fed, use_cache=False).logits[0]
    else:
        logits = own(input_ids=torch.tensor([[*prompt, *answer[:-1]]]), use_cache=False).logits[0, len(prompt) - 1 :]
    return torch.log_softmax(logits.float(), -1)

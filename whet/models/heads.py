"""Heads other than that of a language model: scores of sequences or of tokens, or none at all."""

# T tokens  P trained positions  D model  N sequences  C scores

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PretrainedConfig,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    MODEL_MAPPING,
)

from whet.base.errors import ModelError
from whet.contracts.batch import Stream
from whet.contracts.model import Head

CLASSES: dict[str, Any] = {
    "sequence": AutoModelForSequenceClassification,
    "token": AutoModelForTokenClassification,
    "none": AutoModel,
}
_KNOWN = {
    "sequence": MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    "token": MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    "none": MODEL_MAPPING,
}
# Where classes of transformers keep the head, which is drawn where a checkpoint has none.
PLACES = ("score", "classifier", "classification_head", "pre_classifier")
# The body's last layer, which many classes have and checkpoints of masked language models lack.
_DRAWN = (*PLACES, "pooler")


def headed(config: PretrainedConfig, head: Head) -> Any:
    """The class of models with this head; the config is set to what the head says.

    Transformers reads scores of sequences at the last token that is no padding, so padding must not be what ends a
    text. Raises ModelError where transformers has no such class for the model.
    """
    if type(config) not in _KNOWN[head.kind]:
        raise ModelError(
            f"transformers has no {'scoring' if head.kind == 'sequence' else head.kind} head for `{config.model_type}`",
            at="model",
            hint="a model such as llama or qwen3",
        )
    if head.kind != "none":
        assert head.labels is not None
        config.num_labels = len(head.labels)
        if head.labels != ("",):
            config.id2label = dict(enumerate(head.labels))
            config.label2id = {name: number for number, name in enumerate(head.labels)}
        config.problem_type = head.problem
    if head.kind == "token" and getattr(config, "classifier_dropout", None) is None:
        config.classifier_dropout = getattr(config, "hidden_dropout_prob", 0.0)  # transformers would drop a tenth
    if not head.is_causal:
        config.is_causal = False
    for name, value in head.notes.items():
        setattr(config, name, value)
    _part_padding(config)
    return CLASSES[head.kind]


def head_of(config: PretrainedConfig) -> Head | None:
    """The head of a stored model, by the name of its architecture; None for a language model."""
    name = (config.architectures or [""])[0]
    labels = tuple(config.id2label[number] for number in sorted(config.id2label or {}))
    is_causal = getattr(config, "is_causal", True) is not False
    for kind, ending in (("sequence", "ForSequenceClassification"), ("token", "ForTokenClassification")):
        if name.endswith(ending):
            return Head(kind, labels, getattr(config, "problem_type", None), is_causal)  # type: ignore[arg-type]
    return Head("none", (), None, is_causal) if is_body(name) else None


def is_body(architecture: str) -> bool:
    """Whether a class of transformers with this name gives hidden states alone."""
    return architecture.endswith("Model") and not architecture.endswith(("LMHeadModel", "DoubleHeadsModel"))


def is_drawn(name: str) -> bool:
    """Whether a checkpoint of a language model may lack this tensor of a model with another head."""
    return not set(_DRAWN).isdisjoint(name.split("."))


def sequence_scores(model: Any, hidden_TD: Tensor, stream: Stream) -> Tensor:
    """What the head says of the last token of each sequence (N, C) float32; branches with their beginning are one."""
    head = getattr(model, "score", None)
    if head is None:
        raise ModelError("the model has no scoring head", hint="objective: reward")
    beginnings = {segment.prefix for segment in stream.segments}
    lasts = [segment.end - 1 for index, segment in enumerate(stream.segments) if index not in beginnings]
    return head(hidden_TD[torch.tensor(lasts, device=hidden_TD.device)]).float()


def token_scores(model: Any, hidden_PD: Tensor) -> Tensor:
    """What the head says of tokens (P, C) float32."""
    head = next((found for name in PLACES if isinstance(found := getattr(model, name, None), nn.Module)), None)
    if head is None:
        raise ModelError("the model has no head for tokens", hint="objective: token-classification")
    dropout = getattr(model, "dropout", None)
    return head(dropout(hidden_PD) if isinstance(dropout, nn.Module) else hidden_PD).float()


def _part_padding(config: PretrainedConfig) -> None:
    ends = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
    if config.pad_token_id in ends:
        config.pad_token_id = None

"""Heads other than that of a language model: scores of sequences or of tokens, or none at all."""

# T tokens  P trained positions  D model  N sequences  C scores

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig

from whet.base.documents import field, read_object
from whet.base.errors import ModelError
from whet.contracts.batch import Stream
from whet.contracts.model import Head
from whet.kernels.host import sent
from whet.kernels.wide import widened
from whet.models.forward.backbone import Given, replaced
from whet.models.forward.scoring import teach
from whet.models.loading.classes import HEADED, LANGUAGE, Class, Kind
from whet.models.loading.families import family_of

# What a written config says beside transformers' own words: how texts were joined, and what closes a step.
NOTES = ("whet_template", "whet_separator")
# Names of the tensors that were drawn, for want of weights, by the attribute of a module.
DRAWN = "whet_drawn"
# Names of those that were drawn because the stored head has another size.
REDRAWN = "whet_redrawn"
FILE = "head.json"  # beside an adapter: the head that it has trained, which its base lacks
# Where classes of transformers keep the head, which is drawn where a checkpoint has none.
PLACES = ("score", "classifier", "classification_head", "pre_classifier")
# The body's last layer, which many classes have and checkpoints of masked language models lack.
_DRAWN = (*PLACES, "pooler")


def headed(config: PretrainedConfig, head: Head) -> Any:
    """The class of models with this head; the config is set to what the head says.

    Transformers reads scores of sequences at the last token that is no padding, so padding must not be what ends a
    text. Raises ModelError where transformers has no such class for the model.
    """
    if type(config) not in HEADED[head.kind].configs and not (head.kind == "sequence" and teach(config)):
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
    return HEADED[head.kind].auto


def head_of(config: PretrainedConfig) -> Head | None:
    """The head of a stored model, by the name of its architecture; None for a language model."""
    name = (config.architectures or [""])[0]
    kind = kind_of(name)
    if kind is None:
        return None
    labels = tuple(config.id2label[number] for number in sorted(config.id2label or {}))
    is_causal = getattr(config, "is_causal", True) is not False
    if kind == "none":
        return Head("none", (), None, is_causal)
    notes = {name: value for name in NOTES if (value := getattr(config, name, None)) is not None}
    return Head(kind, labels, getattr(config, "problem_type", None), is_causal, notes)


def class_of(config: PretrainedConfig) -> Class:
    """What loads the model that a written config names: a language model, or one with another head."""
    head = head_of(config)
    if head is not None and head.kind == "sequence":
        teach(config)
    return HEADED[head.kind] if head else LANGUAGE[family_of(config) or "causal"]


@contextmanager
def quietly() -> Iterator[None]:
    """Inside, transformers (5.23) does not print what a checkpoint lacks: of a head that is new we say it ourselves."""
    logger = logging.getLogger("transformers.modeling_utils")

    def passes(record: logging.LogRecord) -> bool:
        return "LOAD REPORT" not in record.getMessage()

    logger.addFilter(passes)
    try:
        yield
    finally:
        logger.removeFilter(passes)


def write_beside(adapter: Path, head: Head) -> None:
    """Write what the head of an adapter is into its folder: PEFT stores its weights alone."""
    (adapter / FILE).write_text(json.dumps(asdict(head), indent=2) + "\n", encoding="utf-8")


def beside(adapter: str) -> Head | None:
    """The head of the adapter in a folder; None if it is one of a language model."""
    path = Path(adapter) / FILE
    if not path.is_file():
        return None
    hint = "copy the adapter's folder again"
    values = read_object(path, error=ModelError, hint=hint)
    labels = field(values, "labels", list, at=str(path), error=ModelError, hint=hint)
    try:
        return Head(**{**values, "labels": tuple(labels)})
    except TypeError as error:
        raise ModelError(f"`{path.name}` describes no head: {error}", at=str(path), hint=hint) from None


def kind_of(architecture: str) -> Kind | None:
    """The kind of head that a class of transformers with this name has; None for a language model."""
    for kind, known in HEADED.items():
        if known.ending and architecture.endswith(known.ending):
            return kind
    return "none" if is_body(architecture) else None


def is_body(architecture: str) -> bool:
    """Whether a class of transformers with this name gives hidden states alone."""
    return architecture.endswith("Model") and not architecture.endswith(("LMHeadModel", "DoubleHeadsModel", "MTModel"))


def is_drawn(name: str) -> bool:
    """Whether a checkpoint of a language model may lack this tensor of a model with another head."""
    return not set(_DRAWN).isdisjoint(name.split("."))


def new_parts(module: nn.Module) -> list[str]:
    """Names of the modules that are drawn where a language model becomes one with another head, and so are trained."""
    return parts_of(module) if kind_of(type(module).__name__) != "none" else []


def parts_of(module: nn.Module) -> list[str]:
    """Names of the modules that a checkpoint of a language model lacks; none of a language model."""
    if kind_of(type(module).__name__) is None:
        return []
    found: list[str] = []
    for name, part in module.named_modules():
        is_inside = any(name.startswith(f"{other}.") for other in found)
        if name.rpartition(".")[2] in _DRAWN and not is_inside and next(part.parameters(), None) is not None:
            found.append(name)
    return found


def sequence_scores(model: Any, hidden_TD: Tensor, stream: Stream) -> Tensor:
    """What the head says of the last token of each sequence (N, C) float32; branches with their beginning are one."""
    beginnings = {segment.prefix for segment in stream.segments}
    lasts = [segment.end - 1 for index, segment in enumerate(stream.segments) if index not in beginnings]
    hidden_ND, head = hidden_TD[sent(lasts, hidden_TD.device)], getattr(model, "score", None)
    return widened(_asked(model, hidden_ND) if head is None else head(hidden_ND))


def _asked(model: Any, hidden_ND: Tensor) -> Tensor:
    """Scores (N, C) by the model's own forward over sequences of one token, with its body replaced by the states."""
    ids_N1 = torch.full((len(hidden_ND), 1), int(model.config.pad_token_id == 0), device=hidden_ND.device)
    batches = ids_N1.split(1) if model.config.pad_token_id is None else [ids_N1]
    states = hidden_ND[:, None].split([len(ids) for ids in batches])
    found = []
    for ids, hidden_B1D in zip(batches, states, strict=True):
        with replaced([(model._modules, model.base_model_prefix, Given(hidden_B1D))]):
            found.append(type(model).forward(model, input_ids=ids).logits)
    return torch.cat(found)


def token_scores(model: Any, hidden_PD: Tensor) -> Tensor:
    """What the head says of tokens (P, C) float32."""
    head = next((found for name in PLACES if isinstance(found := getattr(model, name, None), nn.Module)), None)
    if head is None:
        raise ModelError("the model has no head for tokens", hint="objective: token-classification")
    dropout = getattr(model, "dropout", None)
    return widened(head(dropout(hidden_PD) if isinstance(dropout, nn.Module) else hidden_PD))


def _part_padding(config: PretrainedConfig) -> None:
    ends = getattr(config, "eos_token_id", None)
    if getattr(config, "pad_token_id", None) in (ends if isinstance(ends, list) else [ends]):
        config.pad_token_id = None

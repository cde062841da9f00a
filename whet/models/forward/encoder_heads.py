"""Heads of encoders: what a class of transformers makes of last hidden states, asked of its own forward.

Each class pools in a way of its own: BERT by a layer over the first token, RoBERTa inside its head, ModernBERT by the
first token or the mean. So the forward itself is called, with its body replaced by the states that it would give.
"""

# S sequences  L longest one  T tokens  P labelled tokens  D model  C scores

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig

from whet.base.errors import ModelError, one_line
from whet.base.seeds import forked
from whet.contracts.batch import Stream
from whet.contracts.model import Head
from whet.kernels.wide import widened
from whet.models.forward import heads
from whet.models.forward.backbone import Given, Rows, decoder_of, replaced
from whet.models.forward.heads import headed
from whet.models.loading.families import family_of
from whet.models.probing.probe_cases import AGREEMENT, LENGTHS, random_tokens, stream_of
from whet.models.probing.twin import randomise, twin_config

# What ALBERT and BigBird call the activation that they keep beside their pooler, which is but a linear layer.
_BESIDE = ("pooler_activation", "activation")


def sequence_scores(model: Any, hidden_TD: Tensor, stream: Stream) -> Tensor:
    """What the head says of each sequence (S, C) float32."""
    rows = Rows(stream, is_causal=False)
    hidden_SLD = rows.laid(hidden_TD)
    return widened(_own(model, Given(hidden_SLD, _pooled(decoder_of(model), hidden_SLD)), rows.mask_SL))


def token_scores(model: Any, hidden_PD: Tensor) -> Tensor:
    """What the head says of tokens (P, C) float32."""
    mask_1P = torch.ones(1, len(hidden_PD), dtype=torch.long, device=hidden_PD.device)
    return widened(_own(model, Given(hidden_PD[None]), mask_1P)[0])


def check(config: PretrainedConfig, head: Head) -> None:
    """Compare scores of the model's twin, made of its hidden states, with those of its own forward.

    Raises ModelError where they differ: the class looks at more than last hidden states. Decoders' classes of
    transformers' own mould are not asked: they have a linear layer, `score`, and nothing else.
    """
    name, config = config.model_type, deepcopy(config)
    kind = headed(config, head)
    if any(part.__name__.startswith("GenericFor") for part in kind._model_mapping[type(config)].__mro__):
        return
    try:
        own, ours = _scores(kind, twin_config(config), head)
    except Exception as error:  # whatever a class raises without its own head's inputs rules it out
        raise _refused(name, one_line(error)) from error
    if not (own - ours).abs().max() <= AGREEMENT * own.abs().max():
        raise _refused(name, "its scores are not made of last hidden states alone")


def _scores(kind: Any, small: PretrainedConfig, head: Head) -> tuple[Tensor, Tensor]:
    """Scores of the twin's own forward, and ours."""
    with forked("twin"):
        module = kind.from_config(small, dtype=torch.float32)
    randomise(module)
    module.eval()
    samples = random_tokens(small, LENGTHS)
    with torch.no_grad():
        own = [module(input_ids=ids[None]).logits for ids in samples]
        hidden_TD = torch.cat([decoder_of(module)(input_ids=ids[None]).last_hidden_state[0] for ids in samples])
        is_encoder = family_of(small) == "masked"
        if head.kind == "token":
            ours = token_scores(module, hidden_TD) if is_encoder else heads.token_scores(module, hidden_TD)
            return torch.cat([logits[0] for logits in own]), ours
        ids = torch.cat(samples)
        stream = stream_of(samples, ids, torch.ones(len(ids)), "bidirectional" if is_encoder else "causal")
        score = sequence_scores if is_encoder else heads.sequence_scores
        return torch.cat(own), score(module, hidden_TD, stream)


def _own(model: Any, body: nn.Module, mask_SL: Tensor) -> Tensor:
    """The logits of the model's own forward over what `body` gives."""
    with replaced([(model._modules, model.base_model_prefix, body)]):
        return type(model).forward(model, input_ids=torch.zeros_like(mask_SL), attention_mask=mask_SL).logits


def _pooled(body: Any, hidden_SLD: Tensor) -> Tensor | None:
    """What the body's last layer makes of a sequence, where it has one."""
    pooler = getattr(body, "pooler", None)
    if not isinstance(pooler, nn.Module):
        return None
    for name in _BESIDE:
        if (activation := body._modules.get(name)) is not None:
            return activation(pooler(hidden_SLD[:, 0]))
    return pooler(hidden_SLD)


def _refused(name: str, reason: str) -> ModelError:
    return ModelError(
        f"{name} cannot be trained with this head: {reason}", at="model", hint="a model such as bert, or llama"
    )

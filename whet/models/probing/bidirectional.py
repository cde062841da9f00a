"""Both ways: whether a decoder computes the same with and without us where its tokens see what follows them."""

# T tokens  D model

from __future__ import annotations

from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PretrainedConfig

from whet.base.errors import ModelError, one_line
from whet.contracts.sample import Sample
from whet.data.order.collate import collate
from whet.models.forward import attention
from whet.models.forward.backbone import decoder_of
from whet.models.forward.language import LanguageModel
from whet.models.probing.probe_cases import AGREEMENT
from whet.models.probing.twin import build_twin, twin_config

_LENGTHS = (13, 9, 11)


def check(config: PretrainedConfig, *, allow_code: bool = False) -> None:
    """Compare hidden states of the model's twin, packed by us, with those of its own forward under `is_causal: false`.

    Transformers (5.23) then builds masks that look both ways; a class that does not ask for them stays causal. Raises
    ModelError where the two differ, or where what follows changes nothing.
    """
    name = config.model_type
    try:
        own, ours, alone = _hidden(config, allow_code)
    except Exception as error:  # whatever a class raises under masks that it does not know rules it out
        raise _refused(name, one_line(error)) from error
    scale = own.abs().max()
    if not (own - alone).abs().max() > 1e-2 * scale:
        raise _refused(name, "its tokens do not see what follows them")
    if not (own - ours).abs().max() <= AGREEMENT * scale:
        raise _refused(name, "packed samples come out differently")


def _hidden(config: PretrainedConfig, allow_code: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Hidden states (T, D) of its own forward, of ours, and of its own forward as a decoder."""
    small = deepcopy(twin_config(config))
    small.is_causal = True
    both = deepcopy(small)
    both.is_causal = False
    samples = [
        Sample((np.arange(n) * (7 + n) % 90).astype(np.int32), np.ones(n, np.float32), kind="bidirectional")
        for n in _LENGTHS
    ]
    rows = [torch.tensor(sample.ids[None]).long() for sample in samples]
    build = partial(build_twin, prepare=_as_it_is, allow_code=allow_code)
    found = []
    with torch.no_grad():
        for twin in (both, small):
            module: Any = build(twin, None)
            body = decoder_of(module)
            found.append(torch.cat([body(input_ids=ids).last_hidden_state[0] for ids in rows]))
        ours = LanguageModel(build(both, attention.NAME)).run(collate(samples), frozenset({"hidden"}))["hidden"]
    return found[0], ours, found[1]


def _as_it_is(module: nn.Module) -> nn.Module:
    return module


def _refused(name: str, reason: str) -> ModelError:
    return ModelError(
        f"{name} cannot look both ways: {reason}", at="objective.attention", hint="objective.attention=causal"
    )

"""Modules that predict further tokens than the next one, each from the one before it (DeepSeek-V3, section 2.2)."""

# T tokens  D model

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel, PretrainedConfig

from whet.base.errors import ModelError
from whet.base.seeds import forked
from whet.contracts.feature import ModelFeature, Seen
from whet.kernels.mtp import look_ahead
from whet.models.features.carried import config_for
from whet.models.forward.backbone import decoder_of

NAME = "whet_ahead"


class Ahead(nn.Module):
    """One depth: hidden states joined with the embedding of the token that they predict, through one more block.

    h' = block(join [norm(h); norm(embedding)]) (equations 21 and 22). The block is a decoder of the model's own class
    with one layer, the kind of its last one, and a final norm; embedding and head are the model's.
    """

    def __init__(self, block: Any, width: int, spread: float) -> None:
        super().__init__()
        self.norm_hidden, self.norm_embedding = nn.RMSNorm(width, eps=1e-6), nn.RMSNorm(width, eps=1e-6)
        self.join = nn.Linear(2 * width, width, bias=False)
        nn.init.normal_(self.join.weight, std=spread)
        self.block: Any = block

    def forward(self, hidden_TD: Tensor, embedded_TD: Tensor, inputs: dict[str, Any]) -> Tensor:
        joined_TD = self.join(torch.cat([self.norm_hidden(hidden_TD), self.norm_embedding(embedded_TD)], -1))
        return self.block(inputs_embeds=joined_TD[None], **inputs).last_hidden_state[0]


@dataclass(frozen=True)
class FurtherTokens(ModelFeature):
    """Gives `ahead` (n,): sums of weight x -log p of the tokens 2, 3, ... `depth` + 1 places further than each."""

    depth: int

    parts = (NAME,)
    gives = frozenset({"ahead"})

    def extend(self, module: Any, dtype: torch.dtype, seed: int) -> None:
        """Raises ModelError for a model whose decoder cannot be built with one layer."""
        config = config_for(module, "modules that look further ahead")
        width, found = module.get_input_embeddings().weight.shape[1], {}
        with forked(seed, "ahead"):
            for number in range(1, self.depth + 1):
                block = _block(_one_layer(config), module, dtype, config.model_type)
                further = Ahead(block, width, getattr(config, "initializer_range", 0.02))
                found[str(number)] = further.to(dtype)
        # A dict: a list of like blocks would be taken for the model's own layers.
        module.add_module(NAME, nn.ModuleDict(found))

    def read(self, module: Any, seen: Seen) -> Mapping[str, Tensor]:
        hidden_TD, inputs, sums = seen.states, seen.inputs(), []
        for number, further in enumerate(module.get_submodule(NAME).values(), 1):
            ids_T, targets_T, weights_T = look_ahead(seen.stream, number)
            hidden_TD = further(hidden_TD, module.get_input_embeddings()(ids_T), inputs)
            sums.append(seen.nll(hidden_TD, targets_T, weights_T))
        return {"ahead": torch.stack(sums)}


def _block(config: PretrainedConfig, module: Any, dtype: torch.dtype, name: str) -> Any:
    try:
        own: Any = type(decoder_of(module))
        block: Any = AutoModel.from_config(config, dtype=dtype, attn_implementation=module.config._attn_implementation)
        if type(block) is not own:
            raise TypeError(f"a {type(block).__name__} is not its decoder")
        block.set_input_embeddings(None)
    except Exception as error:  # whatever a class raises at a config that it does not know
        raise ModelError(
            f"`{name}` cannot look further than the next token: {error}", at="objective.mtp", hint="objective.mtp=0"
        ) from error
    return block


def _one_layer(config: PretrainedConfig) -> PretrainedConfig:
    """The config of the last layer alone, with hardly a vocabulary: the embedding is dropped."""
    values = deepcopy(config.to_dict())
    layers = config.attribute_map.get("num_hidden_layers", "num_hidden_layers")
    count = values[layers]
    for key, value in values.items():
        if isinstance(value, list) and len(value) == count:
            values[key] = value[-1:]
    for key in ("first_k_dense_replace", "num_kv_shared_layers"):
        if values.get(key):
            values[key] = 0
    values |= {layers: 1, "vocab_size": 2, "pad_token_id": None}
    return type(config).from_dict(values)

"""A transformers model made ready for training: loaded, probed, tuned, wrapped."""

from __future__ import annotations

from torch import nn
from transformers import PretrainedConfig

from whet.contracts.model import Capabilities, Loaded
from whet.models import attention
from whet.models.context import BuildContext
from whet.models.language import CausalModel
from whet.models.loading import Spec, build_module, read
from whet.models.roles import roles


def load(spec: Spec, context: BuildContext) -> Loaded:
    """Build the model that `spec` names. Probes run on a small twin first, so a model that cannot be packed or
    chunked is known before its weights are read."""
    attention.register()
    config, tokenizer = read(spec)
    capabilities = Capabilities(context=context_length(config))
    module = build_module(
        spec,
        config,
        dtype=context.dtype,
        seed=context.seed,
        attention=attention.NAME if capabilities.packed else None,
        on_meta=not context.is_leader,
    )
    module = _placed(module, context)
    model = CausalModel(module, packed=capabilities.packed, head_mode=capabilities.head)
    return Loaded(module, tokenizer, capabilities, model, roles(module))


def context_length(config: PretrainedConfig) -> int | None:
    """The longest sequence that the model was made for, where its config says so."""
    return getattr(config.get_text_config(), "max_position_embeddings", None)


def _placed(module: nn.Module, context: BuildContext) -> nn.Module:
    if context.tuner is not None:
        module = context.tuner.prepare(module)
    return module.to(context.device) if context.is_leader else module

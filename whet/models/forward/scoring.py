"""A scoring head for language models that transformers has no scoring class of: linear, on the last hidden state.

The class is made of transformers' own parts, registered where transformers looks for one, and written beside the model
as a few lines of code, without which nobody else could load it.
"""

from __future__ import annotations

import inspect
from typing import Any

from transformers import AutoModelForSequenceClassification, PretrainedConfig
from transformers.models.auto.modeling_auto import MODEL_MAPPING

from whet.models.loading.classes import HEADED, LANGUAGE

FILE = "modeling_scoring.py"
_CODE = '''\
"""Scores of sequences from the last hidden state, for `transformers`: load with trust_remote_code=True."""

from transformers.modeling_layers import GenericForSequenceClassification
from {module} import {parent}


class {name}(GenericForSequenceClassification, {parent}):
    base_model_prefix = "{prefix}"
'''


def teach(config: PretrainedConfig) -> bool:
    """Let transformers know a scoring class of this type of model, where it knows none. Whether it knows one now."""
    if type(config) in HEADED["sequence"].configs:
        return True
    parent = _parent(config)
    if parent is None or type(config) not in LANGUAGE["causal"].configs or not _keeps_keys(config):
        return False
    from transformers.modeling_layers import GenericForSequenceClassification

    parts = (GenericForSequenceClassification, parent)
    # The body has the name that it has in the language model, by which its weights are found.
    told = {"config_class": type(config), "base_model_prefix": parent.base_model_prefix or "model"}
    made = type(_name(config), parts, {"__module__": __name__, **told})
    AutoModelForSequenceClassification.register(type(config), made, exist_ok=True)
    return True


def code_of(config: PretrainedConfig, architecture: str) -> str | None:
    """What others need to load the class `architecture`; None for one that transformers has itself."""
    if type(config) not in HEADED["sequence"].configs or not architecture.endswith(HEADED["sequence"].ending):
        return None
    made = HEADED["sequence"].configs[type(config)]
    if made.__module__ != __name__:
        return None
    parent: Any = _parent(config)
    told = {"parent": parent.__name__, "name": made.__name__, "prefix": made.base_model_prefix}
    return _CODE.format(module=parent.__module__, **told)


def _parent(config: PretrainedConfig) -> Any:
    """The class of transformers from which the models of this type inherit; None where there is none of its own."""
    if type(config) not in MODEL_MAPPING:
        return None
    body = MODEL_MAPPING[type(config)]
    body = body[0] if isinstance(body, tuple) else body
    named = [kind for kind in body.__mro__[1:] if kind.__name__.endswith("PreTrainedModel")]
    return next((kind for kind in named if kind.__name__ != "PreTrainedModel"), None)


def _keeps_keys(config: PretrainedConfig) -> bool:
    """Whether its body takes and gives keys and values, as transformers' part asks of it: Mamba's has states."""
    body = MODEL_MAPPING[type(config)]
    body = body[0] if isinstance(body, tuple) else body
    return "past_key_values" in inspect.signature(body.forward).parameters


def _name(config: PretrainedConfig) -> str:
    body = MODEL_MAPPING[type(config)]
    body = body[0] if isinstance(body, tuple) else body
    return body.__name__.removesuffix("Model") + HEADED["sequence"].ending

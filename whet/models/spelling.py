"""Settings of a new model that its architecture does not have, but for a letter: transformers keeps them unread."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable
from contextlib import suppress

from transformers import CONFIG_MAPPING

from whet.base.errors import ModelError

# Of ratios between 0 and 1: `num_hiden_layers` has 0.97 of `num_hidden_layers`. An architecture may also read what it
# does not declare, and such names have less (`head_dim` has 0.89 of `v_head_dim`).
_NEAR = 0.9
# Settings of any config, whether its architecture declares them or not.
_OF_ALL = {"tie_encoder_decoder", "bos_token_id", "eos_token_id", "pad_token_id"}


def check_spelling(kind: str, names: Iterable[str], at: str) -> None:
    """Raise ModelError for a name that a config of the kind does not have and that is nearly one that it does."""
    known = _settings(CONFIG_MAPPING[kind])
    for name in (name for name in names if name not in known | _OF_ALL):
        if near := difflib.get_close_matches(name[:80], sorted(known), n=1, cutoff=_NEAR):
            raise ModelError(f"`{kind}` has no setting `{name[:80]}`", at=at, hint=f"did you mean `{near[0]}`?")


def _settings(cls: type) -> set[str]:
    """What a config declares, renames or computes, and what it holds where nothing is said."""
    names = {field.name for field in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set()
    names |= {name for name in dir(cls) if isinstance(getattr(cls, name, None), property)}
    names |= {*getattr(cls, "attribute_map", {}), *getattr(cls, "sub_configs", {})}
    with suppress(Exception):  # a few cannot be made without sizes: what they declare will do
        names |= set(vars(cls()))
    return names

"""An objective and a model that do not go together are refused at the door, both by name."""

from __future__ import annotations

import pytest

from tests import tiny
from whet.base.config import from_mapping
from whet.base.errors import ConfigError
from whet.train.build import assemble

BERT = {
    "model_type": "bert", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 64,
}  # fmt: skip


def refusal(folder, **sections) -> str:
    with pytest.raises(ConfigError) as caught:
        assemble(from_mapping(tiny.config(folder, **sections)))
    return str(caught.value)


def test_sft_on_an_encoder_is_refused(tmp_path):
    found = refusal(tmp_path, model={"init": BERT})
    assert "`objective: sft` trains a causal language model or an encoder-decoder, and bert is an encoder" in found
    assert not (tmp_path / "runs").exists()

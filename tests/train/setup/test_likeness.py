"""Runs whose ends were rehearsed together have one digest, and no others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from transformers import AutoTokenizer, LlamaConfig

from tests.tiny import CHATML, LLAMA, config
from whet.base.config import from_mapping
from whet.train.setup.likeness import digest

PLUGIN = """\
from whet.base.catalogue import tuner

@tuner("own")
def own(*, how: str = "name"):
    '''A tuner of somebody's own.'''
    return {returned}
"""


@pytest.fixture
def of(tmp_path):
    """The digest of a run with these sections, its model's config changed by `sizes`."""

    def make(sizes: dict[str, Any] | None = None, template: str = CHATML, **sections: Any) -> str:
        loaded = from_mapping(config(tmp_path, **sections))
        tokenizer = AutoTokenizer.from_pretrained(tmp_path / "tokenizer")
        tokenizer.chat_template = template
        module = SimpleNamespace(config=LlamaConfig(**{**LLAMA, **(sizes or {})}))
        return digest(loaded.run, SimpleNamespace(module=module, processor=tokenizer), shrink=True)  # type: ignore[arg-type]

    return make


LORA = {"kind": "lora", "rank": 2, "alpha": 4.0}


@pytest.mark.parametrize(
    "other",
    [
        {"optimizer": {"lr": 3e-4}},
        {"seed": 7},
        {"tuner": {"kind": "lora", "rank": 8, "alpha": 3.0}},
        {"train": {"steps": 99, "batch_tokens": 256}},
        {"sizes": {"hidden_size": 64, "num_hidden_layers": 5, "max_position_embeddings": 64, "eos_token_id": 7}},
    ],
    ids=["rate", "seed", "rank", "steps", "sizes"],
)
def test_numbers_do_not_change_the_digest(of, other):
    assert of(**{"tuner": LORA, **other}) == of(tuner=LORA)


@pytest.mark.parametrize(
    "other",
    [
        {"tuner": "full"},
        {"tuner": {**LORA, "exclude": ".*q_proj"}},
        {"tuner": {**LORA, "dropout": 0.1}},
        {"optimizer": "sgd"},
        {"train": {"ema": 0.9}},
        {"template": CHATML + "\n"},
        {"sizes": {"tie_word_embeddings": False}},
        {"sizes": {"num_key_value_heads": 1}},
    ],
    ids=["tuner", "targets", "dropout", "optimizer", "average", "template", "tied", "heads"],
)
def test_what_decides_how_a_run_ends_does(of, other):
    assert of(**{"tuner": LORA, **other}) != of(tuner=LORA)


def test_a_plugin_that_was_edited_is_another(of, tmp_path):
    digests = []
    for name, returned in (("one", "None"), ("two", "..."), ("three", "None")):
        path = tmp_path / f"{name}.py"
        path.write_text(PLUGIN.format(returned=returned))
        digests.append(of(tuner="own", plugins=[str(path)]))
        from whet.base.catalogue import tuner

        del tuner._kinds["own"]
    assert digests[0] == digests[2] != digests[1]

"""An adapter of one end of tied weights: what it means is said, once and in our words."""

from __future__ import annotations

import json
import warnings

import pytest

from tests.tiny import config
from whet.base.config import from_mapping
from whet.train.api import train


@pytest.mark.case("A2")
@pytest.mark.parametrize(("targets", "is_said"), [(["q_proj", "lm_head"], True), (["q_proj"], False)])
def test_an_adapter_that_unties_says_so_and_no_library_warns(tmp_path, targets, is_said):
    base, _ = train(from_mapping(config(tmp_path, name="base", train={"steps": 1})))
    settings = config(tmp_path, name="run", tuner={"kind": "lora", "targets": targets}, train={"steps": 1})
    settings["model"] = {"path": str(base.model)}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        folder, ended = train(from_mapping(settings))
    told = [json.loads(line).get("text", "") for line in (folder.path / "records.jsonl").read_text().splitlines()]
    assert ended.outcome == "done"
    assert any("one end of tied embeddings" in text for text in told) == is_said
    assert not [str(one.message) for one in caught if "tie_word_embeddings" in str(one.message)]

"""A judge in this process: its verdict is the model's own, and what it read and said is told."""

from __future__ import annotations

import pytest
import torch

from tests.generate import tiny
from whet.base.catalogue import reward
from whet.base.errors import ConfigError
from whet.base.rewards import Rewards
from whet.contracts.rewards import Task
from whet.rewards.build import build_grader

ASKED = [{"role": "user", "content": "Name a colour."}]
VERDICT = "Score: 7"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model that answers anything with the verdict: each token is followed by one, whatever came before."""
    tokenizer = tiny.tokenizer()
    module = tiny.module(hidden_size=512, intermediate_size=64, max_position_embeddings=4096)
    start = tokenizer.apply_chat_template(ASKED, add_generation_prompt=True, return_dict=False)[-1]
    chain = [start, *tokenizer.encode(VERDICT, add_special_tokens=False), tokenizer.eos_token_id]
    assert len(set(chain)) == len(chain)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight", "lm_head.weight")):
                parameter.zero_()
        for token, following in zip(chain, chain[1:], strict=False):
            module.lm_head.weight[following] = module.model.embed_tokens.weight[token]
    place = tmp_path_factory.mktemp("judge") / "model"
    module.save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place


def test_a_model_of_this_process_judges_all_at_once_and_is_ended(folder):
    settings = {"kind": "judge", "path": str(folder), "max_new_tokens": 32, "device": "cpu"}
    grader = build_grader(Rewards.model_validate({"functions": [settings]}))
    [weighted] = grader.rewards
    heard = []
    weighted.reward.hear.append(heard.append)
    try:
        grading = grader.grade([Task(ASKED, [f"blue {n}", "red"], {}) for n in range(4)])
    finally:
        grader.close()
    assert not grading.failures
    assert [grades.scores["judge"] for grades in grading.grades] == [(0.7, 0.7)] * 4
    assert [one.text for one in heard] == [VERDICT] * 8
    assert all(one.num_prompt > 50 and one.num_answer > 2 for one in heard)
    with pytest.raises(Exception, match="end"):
        weighted.reward(ASKED, ["blue"], {})


def test_a_judge_is_either_a_server_or_a_model_here(folder):
    for given in ({}, {"url": "http://127.0.0.1:9/v1", "path": str(folder)}):
        with pytest.raises(ConfigError, match="`url` or loaded from `path`"):
            reward.get("judge").build(**given)

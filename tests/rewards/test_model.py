"""A reward model in the loop: its scores are those of transformers' own classifier on the same text."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from tests.generate import tiny
from whet.base.catalogue import reward
from whet.base.errors import ModelError
from whet.base.rewards import Rewards
from whet.base.seeds import forked
from whet.contracts.rewards import Task
from whet.rewards.build import build_grader

ASKED = [{"role": "user", "content": "hello"}]
SAID = ["The quick brown fox", "world", "", "<think>hm</think>jumps over"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("scorer") / "model"
    tokenizer = tiny.tokenizer()
    config = AutoConfig.for_model("llama", **tiny.CONFIGS["llama"], vocab_size=len(tokenizer), initializer_range=0.3)
    config.num_labels, config.pad_token_id = 1, 2
    with forked("scorer"):
        AutoModelForSequenceClassification.from_config(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def test_scores_are_those_of_the_classifier_of_transformers(folder):
    module, tokenizer = (
        AutoModelForSequenceClassification.from_pretrained(folder),
        AutoTokenizer.from_pretrained(folder),
    )
    expected = []
    for text in ("The quick brown fox", "world", "", "jumps over"):
        chat = tokenizer.apply_chat_template([*ASKED, {"role": "assistant", "content": text}], tokenize=False)
        ids = torch.tensor([tokenizer.encode(chat, add_special_tokens=False)])
        with torch.no_grad():
            expected.append(module(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.item())
    found = reward.get("model").build(path=str(folder), device="cpu")(ASKED, SAID, {})
    assert found == pytest.approx(expected, abs=1e-5) and len(set(found)) == 4


def test_it_grades_beside_the_others_and_a_reply_too_long_fails_by_name(folder):
    grader = build_grader(Rewards.model_validate([{"kind": "model", "path": str(folder), "device": "cpu"}, "exact"]))
    grading = grader.grade([Task(ASKED, SAID[:2], {"answer": "world"}), Task(ASKED, ["x " * 300], {"answer": "a"})])
    grader.close()
    assert grading.grades[0].totals[1] == pytest.approx(grading.grades[0].scores["model"][1] + 1)
    assert grading.failures == {"model": {"ModelError": 1}}


def test_a_language_model_is_no_reward_model(tmp_path):
    tiny.folder(tmp_path / "chat")
    with pytest.raises(ModelError, match="is no reward model: it holds LlamaForCausalLM"):
        reward.get("model").build(path=str(tmp_path / "chat"))


@pytest.mark.slow
def test_an_adapter_scores_if_it_has_a_head(tmp_path):
    from tests.tiny import config, sentence, write_rows
    from whet.base.config import from_mapping
    from whet.train.api import train

    base, _ = train(from_mapping(config(tmp_path, name="base", train={"steps": 1})))
    rows = [{"prompt": sentence(i, 4), "chosen": "owls watch", "rejected": "a dog"} for i in range(12)]
    how = {"model": {"path": str(base.model), "init": None, "tokenizer": None}, "tuner": {"kind": "lora", "rank": 2}}
    pairs = {"train": [str(write_rows(tmp_path / "pairs.jsonl", rows))]}
    judge, _ = train(
        from_mapping(config(tmp_path, name="judge", objective="reward", data=pairs, train={"steps": 6}, **how))
    )
    good, bad = reward.get("model").build(path=str(judge.model), device="cpu")(ASKED, ["owls watch", "a dog"], {})
    assert good > bad
    chat, _ = train(from_mapping(config(tmp_path, name="chat", train={"steps": 1}, **how)))
    with pytest.raises(ModelError, match="an adapter without a head that scores"):
        reward.get("model").build(path=str(chat.model))

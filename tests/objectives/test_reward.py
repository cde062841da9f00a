"""Reward models: Bradley-Terry against plain PyTorch, through the whole path, loaded by transformers."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from tests.objectives.groups import SHAPES, assert_same, built, executor, figures, group, groups, splits
from tests.tiny import config, sentence, write_rows
from whet.base.config import from_mapping
from whet.base.errors import ConfigError, ModelError
from whet.contracts.model import Head, ParamRole
from whet.data.render.branches import separate
from whet.train.api import train


@pytest.fixture(scope="module")
def scorer():
    return built(head=Head("sequence", ("",)))


def with_margins(samples):
    rng = torch.Generator().manual_seed(0)
    margins = torch.rand(len(samples), generator=rng).tolist()
    return [type(s)(s.ids, s.weights, {"margin": [m, m]}, None, s.cuts) for s, m in zip(samples, margins, strict=True)]


def test_scores_and_gradients_equal_the_classifier_of_transformers(scorer):
    samples = with_margins(groups())
    rows = [torch.tensor(row.ids).long()[None] for sample in samples for row in separate(sample)]
    scores = torch.stack([scorer.module(input_ids=ids).logits[0, 0] for ids in rows]).view(-1, 2)
    margins = torch.tensor([s.fields["margin"][0] for s in samples])
    loss = -F.logsigmoid(scores[:, 0] - scores[:, 1] - margins).mean() + 0.3 * (scores.sum(1) ** 2).mean()
    scorer.module.zero_grad()
    loss.backward()
    gradients = {name: p.grad.clone() for name, p in scorer.module.named_parameters()}
    scorer.module.zero_grad()
    found = figures(executor("reward", policy=scorer, center=0.3), [samples[:2], samples[2:]])
    assert_same(found, ({"loss": loss.item()}, gradients))
    assert found[0]["accuracy"] == (scores[:, 0] > scores[:, 1]).double().mean().item()


@settings(max_examples=10)
@given(order=st.permutations(range(len(SHAPES))), cuts=st.sets(st.integers(1, len(SHAPES) - 1)), shared=st.booleans())
def test_any_split_gives_the_same_loss_and_gradients(scorer, order, cuts, shared):
    learner = executor("reward", policy=scorer)
    found = figures(learner, splits(groups(), order, sorted(cuts)), shared)
    assert_same(found, figures(learner, [groups()], shared=False))


def test_equal_replies_score_alike_and_the_head_is_a_head(scorer):
    found, _ = figures(executor("reward", policy=scorer), [[group([1, 2, 3], [[4, 5], [4, 5]])]])
    assert found["margin"] == pytest.approx(0, abs=1e-6)
    assert scorer.roles["score.weight"] == ParamRole.HEAD


def test_a_trained_reward_model_is_one_that_transformers_loads(tmp_path):
    from transformers import AutoModelForSequenceClassification

    rows = [{"prompt": sentence(i, 4), "chosen": "the fox", "rejected": "lazy dog", "margin": 0.5} for i in range(12)]
    data = {"train": [str(write_rows(tmp_path / "pairs.jsonl", rows))]}
    settings = config(tmp_path, name="reward", objective="reward", data=data, train={"steps": 15})
    folder, ended = train(from_mapping(settings))
    assert ended.outcome == "done" and "AutoModelForSequenceClassification" in (folder.model / "README.md").read_text()
    again = AutoModelForSequenceClassification.from_pretrained(folder.model)
    assert again.config.num_labels == 1
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder.model)
    asked = [{"role": "user", "content": sentence(3, 4)}]
    scores = []
    for said in ("the fox", "lazy dog"):
        chat = [*asked, {"role": "assistant", "content": said}]
        ids = tokenizer.apply_chat_template(chat, return_tensors="pt", return_dict=True)["input_ids"]
        scores.append(again(input_ids=ids).logits.item())
    assert scores[0] > scores[1] + 0.5


def test_what_cannot_score_is_refused(tmp_path):
    rows = str(write_rows(tmp_path / "pairs.jsonl", [{"prompt": "a", "chosen": "b", "rejected": "c"}] * 4))
    base = {"name": "wrong", "objective": "reward", "data": {"train": [rows]}}
    with pytest.raises((ConfigError, ModelError)) as error:
        train(from_mapping(config(tmp_path, tuner="lora", **base)))
    assert error.value.hint

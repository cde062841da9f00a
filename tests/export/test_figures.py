"""Figures of two models: what PyTorch and transformers' own generation give for the same prompts."""

import pytest
import torch

from tests.generate import tiny
from whet.export.limits import DENSE
from whet.export.observation import CONVERSATIONS, NUM_GENERATED, TEXTS, observe
from whet.export.report import judge


def test_figures_are_those_of_the_two_models():
    module, other = tiny.module(), tiny.module()
    with torch.no_grad():
        other.lm_head.weight.mul_(1.1)
    report = judge(*(observe(one, tiny.tokenizer()) for one in (module, other)), [], DENSE[torch.float32])
    differences, kls, agreements, tok = [], [], [], tiny.tokenizer()
    prompts = [tok.encode(text) for text in TEXTS]
    prompts += [tok.apply_chat_template(m, add_generation_prompt=True, return_dict=False) for m in CONVERSATIONS]
    for ids in prompts:
        with torch.no_grad():
            p, q = (m(torch.tensor([ids])).logits[0].double() for m in (module, other))
        differences.append((p - q).abs().flatten())
        kls.append((p.softmax(-1) * (p.log_softmax(-1) - q.log_softmax(-1))).sum(-1))
        agreements.append((p.argmax(-1) == q.argmax(-1)).double())
    difference, kl = torch.cat(differences), torch.cat(kls)
    assert report.positions == len(kl) and not report.passed
    assert report.max_difference == pytest.approx(float(difference.max()), rel=1e-4)
    assert report.mean_difference == pytest.approx(float(difference.mean()), rel=1e-4)
    assert report.mean_kl == pytest.approx(float(kl.mean()), rel=1e-3)
    assert report.max_kl == pytest.approx(float(kl.max()), rel=1e-3)
    assert report.agreement == float(torch.cat(agreements).mean()) == 1.0


def test_generation_counts_until_the_first_other_token_of_each_prompt():
    module, other = tiny.module(), tiny.module()
    with torch.no_grad():
        other.lm_head.weight += 0.15 * torch.randn(
            other.lm_head.weight.shape, generator=torch.Generator().manual_seed(1)
        )
    report = judge(*(observe(one, tiny.tokenizer()) for one in (module, other)), [], DENSE[torch.float32])
    alike, total, tok = 0, 0, tiny.tokenizer()
    prompts = [tok.encode(text) for text in TEXTS]
    prompts += [tok.apply_chat_template(m, add_generation_prompt=True, return_dict=False) for m in CONVERSATIONS]
    for ids in prompts:
        if len(ids) + NUM_GENERATED > module.config.max_position_embeddings:
            continue
        ours, theirs = (
            m.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=NUM_GENERATED, eos_token_id=-1)[
                0, len(ids) :
            ]
            for m in (module, other)
        )
        alike += int((ours == theirs).long().cumprod(0).sum())
        total += NUM_GENERATED
    assert report.generation == pytest.approx(alike / total) and 0 < alike < total
    assert any("generated" in failure for failure in report.failures)

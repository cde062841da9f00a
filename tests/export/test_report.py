"""The equivalence report: small rounding passes, and every kind of drift is caught and named."""

import json
import math

import pytest
import torch

from tests.generate import tiny
from whet.export.limits import DENSE
from whet.export.report import CONVERSATIONS, NUM_GENERATED, TEXTS, compare, observe
from whet.export.writing import write_model
from whet.models import attention


def export(folder, module, tokenizer=None, **how):
    write_model(folder, module, module.config, tokenizer or tiny.tokenizer(), **how)
    return folder


@pytest.mark.parametrize("kind", tiny.CONFIGS)
@pytest.mark.parametrize("dtype", list(DENSE))
def test_rounding_to_a_dtype_is_no_drift(tmp_path, kind, dtype):
    attention.register()
    module = tiny.module(kind, initializer_range=0.1)
    module.set_attn_implementation(attention.NAME)
    report = compare(observe(module, tiny.tokenizer()), export(tmp_path / "out", module, dtype=dtype))
    assert report.passed, report.text()
    assert report.positions > 100 and report.deviation > 0
    if dtype != torch.float32:
        assert report.max_difference > 1e-4


def test_figures_are_those_of_the_two_models(tmp_path):
    module, other = tiny.module(), tiny.module()
    with torch.no_grad():
        other.lm_head.weight.mul_(1.1)
    report = compare(observe(module, tiny.tokenizer()), export(tmp_path / "out", other))
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


def test_generation_counts_until_the_first_other_token_of_each_prompt(tmp_path):
    module, other = tiny.module(), tiny.module()
    with torch.no_grad():
        other.lm_head.weight += 0.15 * torch.randn(
            other.lm_head.weight.shape, generator=torch.Generator().manual_seed(1)
        )
    report = compare(observe(module, tiny.tokenizer()), export(tmp_path / "out", other))
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


@pytest.mark.parametrize("scale", [1.02, 0.98])
def test_a_small_change_of_one_matrix_fails_in_fp32(tmp_path, scale):
    module, other = tiny.module(), tiny.module()
    with torch.no_grad():
        other.model.layers[0].self_attn.o_proj.weight.mul_(scale)
    report = compare(observe(module, tiny.tokenizer()), export(tmp_path / "out", other))
    assert any("logits differ" in failure for failure in report.failures)
    assert any("KL" in failure for failure in report.failures)


def test_a_lost_adapter_fails_in_bf16(tmp_path):
    """What merging forgets is larger than what rounding does."""
    module, other = tiny.module(), tiny.module()
    with torch.no_grad():
        for layer in other.model.layers:
            weight = layer.mlp.up_proj.weight
            weight += 0.5 * weight.std() * torch.outer(torch.ones(len(weight)), torch.ones(weight.shape[1])) / 4
    report = compare(observe(other, tiny.tokenizer()), export(tmp_path / "out", module, dtype=torch.bfloat16))
    assert not report.passed


def test_a_missing_end_of_turn_is_caught(tmp_path):
    module = tiny.module()
    trained = observe(module, tiny.tokenizer())
    folder = export(tmp_path / "out", module)
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "eos_token_id": 2}))
    report = compare(trained, folder)
    assert list(report.failures) == ["generation does not stop at the end of turn (1)"]
    assert "FAILED" in report.text()


def test_another_template_and_another_tokenizer_are_caught(tmp_path):
    module = tiny.module()
    trained = observe(module, tiny.tokenizer())
    folder = export(tmp_path / "out", module)
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text().replace("<|turn|>", "<|turn|> "))
    report = compare(trained, folder)
    assert "the chat template renders differently" in report.failures
    tokenizer = folder / "tokenizer.json"
    content = json.loads(tokenizer.read_text())
    content["model"]["merges"] = content["model"]["merges"][:-20]
    tokenizer.write_text(json.dumps(content))
    assert "the tokenizer gives other tokens" in compare(trained, folder).failures


def test_a_model_without_template_is_compared_on_texts_alone(tmp_path):
    module, base = tiny.module(), tiny.tokenizer(chat=False)
    report = compare(observe(module, base), export(tmp_path / "out", module, base))
    assert report.passed and report.end_of_turn is None


def test_the_template_of_training_is_what_counts(tmp_path):
    module, base = tiny.module(), tiny.tokenizer(chat=False)
    template = tiny.tokenizer().chat_template.replace("{% generation %}", "").replace("{% endgeneration %}", "")
    trained = observe(module, base, template.replace("<|turn|>", "#"))
    report = compare(trained, export(tmp_path / "out", module, base, chat_template=template.replace("<|turn|>", "#")))
    assert report.passed and report.end_of_turn == base.eos_token_id
    without = compare(trained, export(tmp_path / "plain", module, base))
    assert not without.passed


def test_weights_that_are_not_numbers_fail(tmp_path):
    module, broken = tiny.module(), tiny.module()
    torch.nn.init.constant_(broken.model.norm.weight, math.nan)
    report = compare(observe(module, tiny.tokenizer()), export(tmp_path / "out", broken))
    assert len(report.failures) == 5

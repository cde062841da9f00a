"""The equivalence report: small rounding passes, and every kind of drift is caught and named."""

import copy
import json
import math
from dataclasses import replace
from itertools import product

import pytest
import torch

from tests.generate import tiny
from tests.sweeps import in_turn
from whet.export.limits import DENSE
from whet.export.observation import Observed, observe
from whet.export.report import compare, judge
from whet.export.writing import write_model
from whet.models.forward import attention
from whet.models.tuning.wrapper import hold


def export(folder, module, tokenizer=None, **how):
    write_model(folder, module, module.config, tokenizer or tiny.tokenizer(), **how)
    return folder


@pytest.mark.parametrize(("dtype", "kind"), in_turn(product(DENSE, tiny.CONFIGS), 5))
def test_rounding_to_a_dtype_is_no_drift(tmp_path, kind, dtype):
    attention.register()
    module = tiny.module(kind, initializer_range=0.1)
    module.set_attn_implementation(attention.NAME)
    report = compare(observe(module, tiny.tokenizer()), export(tmp_path / "out", module, dtype=dtype))
    assert report.passed, report.text()
    assert report.positions > 100 and report.deviation > 0
    if dtype != torch.float32:
        assert report.max_difference > 1e-4


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


def observed(logits, **values):
    """What a model gave at 40 places of one prompt."""
    return Observed(torch.float32, [list(range(40))], [logits], ["x"], None, **values)


@pytest.fixture
def said():
    return torch.randn(40, 300, generator=torch.Generator().manual_seed(0))


@pytest.mark.case("G9")
@pytest.mark.parametrize("share", ["one logit", "one place"])
def test_rounding_at_one_place_is_no_drift_and_one_token_that_is_off_everywhere_is(said, share):
    there = said.clone()
    there[7, 11 if share == "one logit" else slice(None)] += 0.008
    rounded = judge(observed(said), observed(there), [], replace(DENSE[torch.float32], mean=1e-3))
    assert rounded.passed and rounded.max_difference == pytest.approx(0.008, rel=1e-3)
    there = said.clone()
    there[:, 11] += 0.008
    assert "of one token" in judge(observed(said), observed(there), [], DENSE[torch.float32]).failures[0]


@pytest.mark.case("G9")
def test_ties_are_no_drift(said):
    said[:, 5] = said[:, 9] = 6.0
    turned = said.clone()
    turned[:, 5] -= 1e-6
    close = {"continued": [[5] * 12], "leads": [[0.0] * 12]}
    other = {"continued": [[5] * 7 + [9] * 5], "leads": [[1e-6] * 12]}
    report = judge(observed(said, **close), observed(turned, **other), [], DENSE[torch.float32])
    assert report.passed and (report.agreement, report.generation) == (1.0, 1.0)
    far = {**close, "leads": [[0.5] * 12]}
    assert judge(observed(said, **far), observed(turned, **other), [], DENSE[torch.float32]).generation == 7 / 12


@pytest.mark.case("G7")
def test_an_adapter_that_has_moved_little_and_is_lost_fails(said):
    """By less than the limits of a whole model leave open."""
    lost = said + 5e-5 * torch.randn(said.shape, generator=torch.Generator().manual_seed(1))
    assert judge(observed(said), observed(lost), [], DENSE[torch.float32]).passed
    report = judge(observed(said, moved=4e-5), observed(lost), [], DENSE[torch.float32])
    assert any("logits differ" in failure for failure in report.failures)
    kept = said + 1e-7 * torch.randn(said.shape, generator=torch.Generator().manual_seed(1))
    assert judge(observed(said, moved=4e-5), observed(kept), [], DENSE[torch.float32]).passed


@pytest.mark.case("G7")
@pytest.mark.case("G9")
def test_what_rounding_does_to_the_model_itself_is_no_drift_and_what_is_more_is(tmp_path):
    """A model that amplifies every rounding: its limits are four times what it is away from itself in float64."""
    module = tiny.module("gemma2" if "gemma2" in tiny.CONFIGS else next(iter(tiny.CONFIGS)), initializer_range=3.0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(3.0)
    trained = replace(observe(module, tiny.tokenizer(), continues=False), moved=1e-9)
    folder = export(tmp_path / "out", module)
    exact = observe(copy.deepcopy(module).double(), tiny.tokenizer(), continues=False)
    rounded = replace(
        trained, logits=[2 * logits - other for logits, other in zip(trained.logits, exact.logits, strict=True)]
    )
    judged = judge(exact, rounded, [], DENSE[torch.float32])
    report = compare(rounded, folder, continues=False)
    assert report.passed, report.text()
    off = replace(trained, logits=[logits * 1.001 for logits in trained.logits])
    assert not compare(off, folder, continues=False).passed, judged.text()


def test_tensors_that_peft_does_not_load_are_a_failure(tmp_path):
    from safetensors.torch import load_file, save_file

    peft = pytest.importorskip("peft")
    module = tiny.module()
    export(tmp_path / "base", module)
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"], init_lora_weights=False)
    wrapper = peft.get_peft_model(module, config)
    wrapper.peft_config["default"].base_model_name_or_path = str(tmp_path / "base")
    wrapper.save_pretrained(tmp_path / "out")
    for file in (tmp_path / "base").glob("*token*"):
        (tmp_path / "out" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "out" / "chat_template.jinja").write_bytes((tmp_path / "base" / "chat_template.jinja").read_bytes())
    trained = observe(hold(module, wrapper), tiny.tokenizer())
    assert trained.moved > 0.01
    assert not any("lost" in failure for failure in compare(trained, tmp_path / "out").failures)
    file = tmp_path / "out" / "adapter_model.safetensors"
    save_file({name.replace("layers.1", "layers.7"): t for name, t in load_file(file).items()}, file)
    with pytest.warns(UserWarning, match="missing adapter keys"):
        report = compare(trained, tmp_path / "out")
    assert "tensors of the adapter are lost when PEFT loads it" in report.failures[0]


@pytest.mark.case("G1")
def test_a_model_that_cannot_generate_is_compared_all_the_same_and_that_is_said():
    """Its config does not say what an answer begins with, so nothing can be generated; its logits can be compared."""
    from tests.marked import t5_tokenizer
    from tests.models.architectures import tiny_model

    module = tiny_model("t5", None)
    module.config.decoder_start_token_id = module.generation_config.decoder_start_token_id = None
    module.config.pad_token_id = None
    seen = observe(module, t5_tokenizer())
    assert not seen.continued and "does not say what an answer begins with" in seen.cannot
    report = judge(seen, seen, [], DENSE[torch.float32])
    assert report.passed and "not compared: the config does not say" in report.text()

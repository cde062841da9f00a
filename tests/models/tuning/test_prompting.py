"""Virtual tokens against PEFT's own forward: packed, one sample a row, stored, loaded, decoded."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.models.architectures import tiny_model
from tests.models.batches import packed, random_samples
from tests.models.tuning.test_peft_tuner import make, write
from whet.base.seeds import forked
from whet.models.forward import attention
from whet.models.forward.language import LanguageModel
from whet.models.tuning.adapters import with_adapter
from whet.models.tuning.wrapper import wrapper_of

peft = pytest.importorskip("peft")
attention.register()

KINDS = {
    "prompt": {"tokens": 3},
    "p-tuning": {"tokens": 3, "hidden": 16},
    "prefix": {"tokens": 3},
    "prefix-network": {"tokens": 3, "hidden": 16},
}
SAMPLES = random_samples((9, 5, 7), 61)


def prepared(name, architecture="llama", attention_name=None):
    kind = "p-tuning" if name == "p-tuning" else name.split("-")[0]
    from whet.base.catalogue import tuner

    found = tuner.get(kind)
    made = found.build(**found.settings(**KINDS[name]).values())
    with forked("start"):
        return made, made.prepare(tiny_model(architecture, attention_name)).eval()


def pefts_logits(wrapper, ids):
    """What PEFT's wrapper gives for the real tokens of a sample, around a model that nobody changed."""
    return wrapper.eval()(input_ids=torch.tensor([ids])).logits[0, -len(ids) :]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("architecture", ["llama", "gemma2"])
def test_what_is_stored_gives_the_same_logits_in_plain_peft_and_here(name, architecture, tmp_path):
    _, module = prepared(name, architecture)
    write(tmp_path, module)
    with torch.no_grad():
        ours = [module(input_ids=torch.tensor([ids]), use_cache=False).logits[0] for ids in SAMPLES]
        plain = peft.PeftModel.from_pretrained(tiny_model(architecture, None), tmp_path)
        again = with_adapter(tiny_model(architecture, None), str(tmp_path)).eval()
        bare = tiny_model(architecture, None)
        for ids, logits in zip(SAMPLES, ours, strict=True):
            assert torch.allclose(pefts_logits(plain, ids), logits, atol=1e-4)
            assert torch.allclose(again(input_ids=torch.tensor([ids])).logits[0], logits, atol=1e-5)
            assert not torch.allclose(bare(input_ids=torch.tensor([ids])).logits[0], logits, atol=1e-3)


def nll(module, ids):
    logits = module(input_ids=torch.tensor([ids]), use_cache=False).logits[0, :-1]
    return F.cross_entropy(logits, torch.tensor(ids[1:]), reduction="sum")


@pytest.mark.parametrize("packed_rows", [True, False])
@pytest.mark.parametrize("name", KINDS)
def test_packed_and_padded_rows_learn_what_separate_samples_learn(name, packed_rows):
    _, own = prepared(name)
    expected = sum(
        F.cross_entropy(
            own(input_ids=torch.tensor([s]), use_cache=False).logits[0, :-1], torch.tensor(s[1:]), reduction="sum"
        )
        for s in SAMPLES
    )
    expected.backward()
    made, module = prepared(name, attention_name="whet" if packed_rows else None)
    found = LanguageModel(module, packed=packed_rows).run(packed(SAMPLES), frozenset({"nll"}))["nll"]
    found.backward()
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    trained = {n for n, p in module.named_parameters() if p.requires_grad}
    assert trained and trained == set(made.saved_names(module))
    theirs = dict(own.named_parameters())
    for parameter in trained:
        gradient = theirs[parameter].grad
        assert (module.get_parameter(parameter).grad - gradient).norm() <= 1e-4 * gradient.norm().clamp(1e-4), parameter
    assert made.untouched(module) == {n for n, _ in module.named_parameters()} - trained


@pytest.mark.parametrize("name", KINDS)
def test_decoding_with_a_cache_gives_what_whole_forwards_give(name):
    from whet.generate.protocol import GenerateSettings
    from whet.generate.serving.offline import Offline
    from whet.generate.serving.request import Request

    _, module = prepared(name, attention_name="whet")
    prompts = [SAMPLES[0], SAMPLES[1]]
    asked = [Request(ids=prompt, settings=GenerateSettings(max_new_tokens=4)) for prompt in prompts]
    with torch.no_grad():
        for prompt, answer in zip(prompts, Offline(module, 1000).answers(asked, None, frozenset()), strict=True):
            ids = list(prompt)
            for _ in range(4):
                ids.append(int(module(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].argmax()))
            assert answer.ids == ids[len(prompt) :]


def test_the_wrapper_of_peft_is_kept():
    assert wrapper_of(prepared("prompt")[1]).peft_config["default"].num_virtual_tokens == 3


def test_switched_off_the_model_is_its_base():
    _, module = prepared("prompt")
    ids = torch.tensor([SAMPLES[0]])
    with torch.no_grad(), wrapper_of(module).disable_adapter():
        assert torch.equal(module(input_ids=ids).logits, tiny_model("llama", None)(input_ids=ids).logits)


def test_virtual_tokens_cannot_be_merged():
    assert not make("prefix").mergeable

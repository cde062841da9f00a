"""Classes of transformers that do one thing in a way of their own, and are run so that it comes out right."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest
import torch
from torch import nn
from transformers import AutoConfig, RwkvConfig, XLNetConfig
from transformers.modeling_outputs import CausalLMOutput

from tests.architectures.small import small_config, small_model, write
from whet.base.catalogue import tuner
from whet.base.errors import ModelError
from whet.contracts.model import Head
from whet.models.forward import encoder_heads
from whet.models.forward.backbone import Output
from whet.models.forward.heads import is_body
from whet.models.forward.language import LanguageModel
from whet.models.loading.context import BuildContext
from whet.models.loading.families import family_of
from whet.models.loading.pretrained import on_meta, verdict_of
from whet.models.loading.spec import Spec
from whet.models.probing.probe_cases import TRIALS
from whet.models.probing.probes import Verdict, probe
from whet.models.probing.twin import build_twin, twin_config


@pytest.mark.parametrize("name", ["bart", "marian"])
def test_a_decoder_that_numbers_its_tokens_by_itself_packs(name):
    """Marian's positions are sines, which its own forward gives no gradient."""
    config = small_config("causal", name)
    config.is_decoder, config.is_encoder_decoder = True, False
    found = verdict_of(Spec(path="nowhere"), config, BuildContext())
    assert (found.packed, found.head, found.notices) == (True, "chunked", ())


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("masked", "longformer", "its attention is of a kind of its own, which a row of several samples cannot have"),
        ("seq2seq", "fsmt", "its code cannot be told where the samples of a row begin and end"),
    ],
)
def test_what_does_not_pack_says_why_in_words_for_who_trains_it(kind, name, said):
    config = small_config(kind, name)
    found = probe(lambda attention: build_twin(config, attention, lambda module: module), name, TRIALS[kind])
    assert not found.packed
    assert f"one sample a row, padded, because packing changes what it computes: {said}" in found.notices[0]
    assert not any(word in notice for notice in found.notices for word in ("Error", "argument", "forward"))


def test_a_decoder_that_does_not_say_it_is_causal_keeps_its_own_attention():
    config = small_config("causal", "bigbird_pegasus")
    config.is_decoder, config.is_encoder_decoder = True, False
    found = verdict_of(Spec(path="nowhere"), config, BuildContext())
    assert found.attention is None


@pytest.mark.case("G13")
@pytest.mark.parametrize("name", ["switch_transformers", "nllb-moe"])
def test_where_experts_take_only_so_many_tokens_each_sample_has_a_forward_of_its_own(name):
    found = verdict_of(Spec(path="nowhere"), small_config("seq2seq", name), BuildContext())
    assert (found.packed, found.head) == (False, "alone")


@pytest.mark.parametrize(("kind", "name"), [("causal", "gpt2"), ("seq2seq", "bart")])
def test_each_sample_in_a_forward_of_its_own_is_what_the_model_itself_gives(kind, name):
    module, trial = small_model(kind, name), TRIALS[kind]
    samples = trial.samples(module.config)
    model = LanguageModel(module, packed=False, head_mode="alone")
    found = model.run(trial.batch(samples), frozenset({"nll"}))["nll"]
    assert torch.allclose(found, trial.own_loss(module, samples), rtol=1e-6)


@pytest.mark.case("G13")
@pytest.mark.parametrize("name", ["ctrl", "modernbert-decoder"])
def test_a_decoder_scores_sequences_by_a_head_of_any_name(name):
    encoder_heads.check(small_config("sequence", name), Head("sequence", ("a", "b"), "single_label_classification"))


def test_what_an_output_lacks_is_nothing():
    output = Output(last_hidden_state=torch.ones(1, 2, 3))
    assert output.router_logits is None
    assert output[0] is output.last_hidden_state


@pytest.mark.case("G13")
def test_a_translator_is_a_language_model_whatever_its_class_is_called():
    assert not is_body("MarianMTModel")
    assert is_body("MarianModel")


class Counting(nn.Module):
    """Says at every place how many tokens there are."""

    config = AutoConfig.for_model("gpt2", vocab_size=9)

    def forward(self, input_ids, use_cache):
        return CausalLMOutput(logits=torch.ones(*input_ids.shape, 9) * input_ids.shape[1])


def test_a_model_that_counts_what_follows_is_not_causal():
    module = Counting()
    with pytest.raises(ModelError, match="how many tokens follow"):
        TRIALS["causal"].check(module, TRIALS["causal"].samples(module.config), "counting")


def test_a_tuner_prepares_a_model_with_experts_twice():
    pytest.importorskip("peft")
    method = tuner.get("lora").build(rank=2)
    module = small_model("causal", "deepseek_v2")
    counts = [len(method.saved_names(method.prepare(deepcopy(module)))) for _ in range(2)]
    assert counts[0] == counts[1] > 0


def test_two_models_joined_are_no_language_model():
    part = {"model_type": "bert"}
    assert family_of(AutoConfig.for_model("encoder-decoder", encoder=part, decoder=part)) is None


def test_xlnet_is_refused_since_it_sees_what_it_is_to_predict():
    """Its config cannot be given a longest text, which kept its twin from being built, and that from being found."""
    sizes = {"d_model": 32, "d_inner": 32, "n_head": 2, "d_head": 16, "n_layer": 2, "vocab_size": 64}
    with pytest.raises(ModelError, match="xlnet is not causal"):
        on_meta(Spec(init={"model_type": "xlnet", **sizes}), BuildContext())
    twin_config(XLNetConfig())


def test_rwkv_has_the_same_weights_in_training_and_evaluation():
    """Its own code halves those of later layers before it evaluates: whoever reads them then would have halves."""
    module, plain = (small_model("causal", "rwkv") for _ in range(2))
    every = max(1, module.config.num_hidden_layers // 2)
    module.config.rescale_every, plain.config.rescale_every = every, 0
    plain.load_state_dict(module.state_dict())
    before = {name: value.clone() for name, value in module.state_dict().items()}
    LanguageModel(module, packed=False)
    ids = torch.tensor([[9, 11, 10, 30, 12]])
    for mode in (True, False, True):
        found, expected = (m.train(mode)(ids, use_cache=False).logits for m in (module, plain))
        assert torch.equal(found, expected)
        assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_an_adapter_of_what_rwkv_halves_is_refused_before_it_trains(tmp_path):
    write("causal", "rwkv", tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    (tmp_path / "model" / "config.json").write_text(json.dumps(config | {"rescale_every": 6}))
    spec, probed = Spec(path=str(tmp_path / "model")), Verdict(False, "keep")  # a probe takes ten seconds
    with pytest.raises(ModelError, match="halves `.*attention.output") as told:
        on_meta(spec, BuildContext(tuner=tuner.get("lora").build(rank=2), verdict=probed))
    exclude = told.value.hint.split('"')[1]
    found = on_meta(spec, BuildContext(tuner=tuner.get("lora").build(rank=2, exclude=exclude), verdict=probed))
    assert found.module.config.rescale_every == 0
    assert twin_config(RwkvConfig()).rescale_every == twin_config(RwkvConfig(), shrink=False).rescale_every == 0

"""Rewards of models that transformers has no scoring class of: a head of our own that others can load."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

from tests.models.architectures import tiny_config, tiny_model
from whet.base.errors import ModelError
from whet.contracts.model import Head
from whet.export.report import plain
from whet.export.writing import write_model
from whet.models.forward.heads import headed
from whet.models.forward.scoring import FILE, code_of


@pytest.mark.case("H7")
@pytest.mark.parametrize("kind", ["cohere2", "granite"])
def test_any_decoder_gets_a_scoring_head_and_is_written_so_that_others_load_it(kind, tmp_path):
    from tests.generate.tiny import tokenizer

    config = tiny_config(kind)
    config.tie_word_embeddings = False
    made = headed(config, Head("sequence", ("",), "regression"))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = made.from_config(config, dtype=torch.float32).eval()
    assert code_of(config, type(module).__name__)
    module.config.architectures = [type(module).__name__]
    write_model(tmp_path / "out", module, module.config, tokenizer())
    ids = torch.tensor([[5, 9, 7]])
    hidden = module.base_model(input_ids=ids).last_hidden_state[:, -1]
    with torch.no_grad():
        wanted = hidden @ module.score.weight.T
        assert torch.allclose(plain(tmp_path / "out").eval()(input_ids=ids).logits, wanted, atol=1e-6)
    assert (tmp_path / "out" / FILE).is_file()
    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out", trust_remote_code=True)
    assert torch.allclose(theirs.eval()(input_ids=ids).logits, wanted, atol=1e-6)


@pytest.mark.case("H7")
def test_the_body_of_a_scoring_model_is_found_by_the_names_of_the_language_model():
    sizes = {"vocab_size": 61, "n_embd": 32, "n_layer": 1, "n_head": 4, "rotary_dim": 8}
    config = AutoConfig.for_model("codegen", **sizes)
    with torch.device("meta"):
        language = AutoModelForCausalLM.from_config(config)
        scoring = headed(config, Head("sequence", ("",), "regression")).from_config(config)
    body = {name for name, _ in language.named_parameters() if not name.startswith("lm_head")}
    assert body == {name for name, _ in scoring.named_parameters() if not name.startswith("score")}


@pytest.mark.case("H7")
def test_a_body_that_keeps_no_keys_is_refused_at_the_door():
    """Transformers' scoring part asks for them, so that nobody could ask the written model for a score."""
    with pytest.raises(ModelError, match="no scoring head for `mamba2`"):
        headed(tiny_config("mamba2"), Head("sequence", ("",), "regression"))


@pytest.mark.case("H7")
def test_classes_of_transformers_are_left_alone():
    assert code_of(tiny_config("llama"), "LlamaForSequenceClassification") is None
    assert isinstance(tiny_model("cohere2", None), AutoModelForCausalLM.from_config(tiny_config("cohere2")).__class__)

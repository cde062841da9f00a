"""Decoding is proven on the twin: what fails there is not done, and what is done gives the plain forward's answer."""

from __future__ import annotations

import pytest
import torch
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig
from transformers import MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING as SEQ2SEQ

from tests.architectures.decoding import check_decoding, check_rollout
from tests.models.architectures import SIZES, tiny_model
from tests.sweeps import some
from whet.models.decoding.manner import Manner
from whet.models.decoding.proof import _Twin, decoding_of
from whet.models.decoding.states import Unshared, chosen
from whet.models.forward import attention
from whet.models.probing.twin import build_twin, twin_config

attention.register()
MORE = {
    "mamba": {"state_size": 8, "time_step_rank": 4},
    "openai-gpt": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "afn": "gelu"},
    "camembert": {"is_decoder": True},
    "qwen3_5_text": {
        "head_dim": 16, "num_hidden_layers": 4, "linear_num_value_heads": 4, "linear_num_key_heads": 2,
        "linear_key_head_dim": 8, "linear_value_head_dim": 8,
    },
}  # fmt: skip

# Not prophetnet: what its own forward says of a token depends on how many follow it, so it is told by its prefix.
DECODERS = ("pegasus", "mbart", "xlm-roberta-xl", "roberta", "bert")
OTHERS = {
    "mamba2": "padded", "falcon_mamba": "equal", "rwkv": "single", "recurrent_gemma": "padded", "qwen3_next": "padded",
    "kimi_linear": "padded", "nemotron_h": "padded", "minimax": "padded", "jamba": "padded", "olmo_hybrid": "padded",
    "bailing_hybrid": "padded", "deepseek_v4": "equal", "llama4_text": "padded", "gemma3n_text": "padded",
    "pegasus": "equal", "mbart": "equal", "xlm-roberta-xl": "padded", "roberta": "padded",
}  # fmt: skip
PAIRED = ("t5", "bart", "marian", "pegasus-encoder", "prophetnet-encoder", "fsmt", "m2m_100")


def model(name):
    """A small model of another size than its twin."""
    if name not in MORE:
        return tiny_model(name, None)
    return build_twin(AutoConfig.for_model(name, **{**SIZES, **MORE[name]}), None, lambda module: module)


def as_it_is(name):
    """A model of the sizes that a twin of the type's default config has, with buffers as they were built."""
    config = twin_config(AutoConfig.for_model(name, **({"is_decoder": True} if name in DECODERS else {})))
    if name in DECODERS:
        config.is_encoder_decoder = False
    kinds = MODEL_FOR_CAUSAL_LM_MAPPING if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING else SEQ2SEQ
    if config.is_encoder_decoder:
        kinds, config.decoder_start_token_id = SEQ2SEQ, 2
    return _Twin(kinds[type(config)], "", None, config).build()


@pytest.mark.case("G1")
@pytest.mark.case("G3")
@pytest.mark.case("G4")
@pytest.mark.parametrize(
    "name, cached, rows, word",
    [
        ("llama", True, "padded", ""),
        ("camembert", True, "padded", ""),
        ("mamba", True, "equal", "one length at a time, because padding changes what it says: logits are off by"),
        ("openai-gpt", False, "padded", "decodes without a cache, which takes longer with every token"),
    ],
)
def test_a_model_decodes_in_the_fastest_manner_that_is_right(name, cached, rows, word):
    module = model(name)
    found = decoding_of(module)
    assert (found.cached, found.rows) == (cached, rows)
    assert word in " ".join(found.notices) and len(found.notices) == bool(word)
    check_decoding(module)
    check_rollout(module)


@pytest.mark.case("G2")
def test_rows_of_hybrid_models_are_spread_over_answers():
    module = model("qwen3_5_text")
    assert decoding_of(module).rows == "padded"
    check_rollout(module)


@pytest.mark.slow
@pytest.mark.case("G1")
@pytest.mark.case("G2")
@pytest.mark.case("G3")
@pytest.mark.case("G4")
@pytest.mark.parametrize("name", OTHERS)
def test_models_of_every_kind_decode_and_roll_out_as_their_plain_forward(name):
    module = as_it_is(name)
    assert decoding_of(module).rows == OTHERS[name]
    check_decoding(module)
    check_rollout(module)


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIRED)
def test_encoder_decoders_answer_as_their_plain_forward(name):
    config = twin_config(AutoConfig.for_model(name.removesuffix("-encoder")))
    config.decoder_start_token_id = 2
    module = _Twin(SEQ2SEQ[type(config)], "", None, config).build()
    check_decoding(module)


ROPES = {
    "longrope": ("phi3", {"rope_type": "longrope", "short_factor": [1.0] * 8, "long_factor": [4.0, 3.0, 2.0, 1.0] * 2}),
    "dynamic": ("llama", {"rope_type": "dynamic", "factor": 2.0}),
}


@pytest.mark.parametrize("kind", some(ROPES, ["dynamic"]))
def test_where_a_rotary_embedding_turns_what_was_kept_is_computed_anew(kind):
    """Texts that stay short, that become long, and that are long from the start."""
    name, rope = ROPES[kind]
    turn = {"original_max_position_embeddings": 10} if kind == "longrope" else {"max_position_embeddings": 10}
    sizes = {**SIZES, "hidden_size": 64, **turn, "rope_parameters": {**rope, "rope_theta": 1e4}}
    module = build_twin(AutoConfig.for_model(name, **sizes), None, lambda module: module)
    found = decoding_of(module)
    assert (found.cached, found.rows, found.turn, found.turns_always) == (True, "padded", 10, kind == "dynamic")
    if kind == "dynamic":
        module.config.max_position_embeddings = 64  # more than it was made for, as nothing hinders
    for lengths in ((2, 3, 3), (6, 3, 6, 4), (14, 12, 14)):
        check_decoding(module, lengths)
        check_rollout(module, lengths=lengths)


def test_texts_go_together_only_where_that_changes_nothing():
    assert Manner().joins(3, 9, 5) and not Manner(rows="equal").joins(3, 9, 5)
    assert Manner(rows="equal").joins(9, 9, 5) and not Manner(rows="single").joins(9, 9, 5)
    assert Manner(turn=16).joins(3, 9, 7) and not Manner(turn=16).joins(3, 9, 8)
    assert Manner(turn=16).joins(9, 9, 8)


def test_rows_are_chosen_in_every_tensor_of_a_state():
    keys = torch.arange(6.0).view(3, 2)
    state = {"a": [keys, None], "b": (keys, torch.tensor(7), torch.zeros(3, 0))}
    found = chosen(state, 3, torch.tensor([2, 0, 0, 1]))
    assert torch.equal(found["a"][0], keys[[2, 0, 0, 1]]) and found["a"][0] is found["b"][0]
    assert found["b"][1] == 7 and found["b"][2].shape == (4, 0)
    with pytest.raises(Unshared, match="2 parts for 3 rows"):
        chosen([torch.zeros(2, 5)], 3, torch.tensor([0]))

"""Answers of encoder-decoders: many in a batch and one as it streams, with transformers' `generate` as the oracle."""

from __future__ import annotations

import pytest
import torch

from tests.marked import WORDS, t5_tokenizer
from tests.models.architectures import tiny_model
from whet.base.errors import WhetError
from whet.generate.decode import complete, stream
from whet.generate.protocol import GenerateSettings
from whet.models.decoding.pairs import start_of
from whet.models.decoding.proof import decoding_of
from whet.models.forward.encoder_decoder import fed
from whet.models.probing.probe_cases import stream_of

TOKENIZER = t5_tokenizer()
PROMPTS = [" ".join(WORDS[(i * 3 + j) % 20] for j in range(1 + 4 * i)) for i in range(4)]
GREEDY = GenerateSettings(max_new_tokens=9, temperature=0.0)


def model(name: str):
    module = tiny_model(name, None).eval()
    module.generation_config.decoder_start_token_id = 2 if name == "t5gemma" else 0  # it sees no padding
    module.generation_config.eos_token_id = module.config.eos_token_id = 1
    module.generation_config.forced_eos_token_id = None  # bart ends what is cut off
    return module


@pytest.mark.parametrize("name", ["t5", "bart", "t5gemma"])
def test_answers_are_those_of_transformers_also_in_one_batch(name):
    module = model(name)
    found = complete(module, TOKENIZER, PROMPTS, GREEDY)
    for prompt, answer in zip(PROMPTS, found, strict=True):
        own = module.generate(**TOKENIZER(prompt, return_tensors="pt"), max_new_tokens=9, do_sample=False)[0, 1:]
        assert [token.id for token in answer.tokens] == own.tolist()
        assert answer.num_prompt_tokens == len(TOKENIZER(prompt)["input_ids"])


def test_a_start_that_the_models_own_forward_takes_for_padding_is_refused_when_it_is_loaded():
    """T5Gemma alone, without a cache, sees no padding: with a cache it would answer as nothing was trained."""
    module = model("t5gemma")
    module.generation_config.decoder_start_token_id = 0
    [notice] = decoding_of(module).notices
    assert "because it takes that token for padding" in notice
    with pytest.raises(WhetError, match="t5gemma cannot answer: beginning with the token 0") as caught:
        complete(module, TOKENIZER, PROMPTS, GREEDY)
    assert f'"decoder_start_token_id": {module.config.decoder.bos_token_id}' in caught.value.hint


def test_where_no_config_names_a_start_answers_begin_as_in_training():
    module = model("t5gemma")
    module.config.decoder_start_token_id = module.generation_config.decoder_start_token_id = None
    assert start_of(module) == fed(module, stream_of([torch.tensor([7, 9])], *2 * [torch.zeros(2)], "causal"))[0]
    found = complete(module, TOKENIZER, PROMPTS[:1], GREEDY)
    module.generation_config.decoder_start_token_id = module.config.decoder.bos_token_id
    assert found == complete(module, TOKENIZER, PROMPTS[:1], GREEDY)


def test_a_streamed_answer_is_the_whole_one():
    module = model("t5")
    whole = complete(module, TOKENIZER, PROMPTS[2:3], GREEDY)[0]
    pieces = list(stream(module, TOKENIZER, PROMPTS[2], GREEDY))
    assert "".join(piece.text for piece in pieces) == whole.text
    assert [piece.token.id for piece in pieces] == [token.id for token in whole.tokens]


def test_the_first_token_can_be_set_as_for_the_language_of_a_translation():
    module = model("bart")
    module.generation_config.forced_bos_token_id = 7
    own = module.generate(**TOKENIZER(PROMPTS[1], return_tensors="pt"), max_new_tokens=9, do_sample=False)[0, 1:]
    [found] = complete(module, TOKENIZER, PROMPTS[1:2], GREEDY)
    assert [token.id for token in found.tokens] == own.tolist() and own[0] == 7


def test_messages_are_one_question():
    module, question = model("t5"), [{"role": "user", "content": PROMPTS[1]}]
    text, said = (complete(module, TOKENIZER, [prompt], GREEDY)[0] for prompt in (PROMPTS[1], question))
    assert text == said
    turns = [*question, {"role": "assistant", "content": "oak"}, {"role": "user", "content": "tree"}]
    with pytest.raises(WhetError, match="reads one question"):
        complete(module, TOKENIZER, [turns], GREEDY)


def test_drawn_answers_have_the_log_probabilities_of_the_models_own_forward():
    module = model("t5")
    [found] = complete(
        module, TOKENIZER, PROMPTS[1:2], GenerateSettings(max_new_tokens=9, temperature=1.0, seed=4, logprobs=True)
    )
    ids = torch.tensor([[token.id for token in found.tokens]])
    logits = module(**TOKENIZER(PROMPTS[1], return_tensors="pt"), labels=ids).logits.log_softmax(-1)
    own = logits.gather(-1, ids[..., None])[0, :, 0]
    assert [token.logprob for token in found.tokens] == pytest.approx(own.tolist(), abs=1e-5)

"""Decoding: transformers' own `generate` is the oracle, a live module is left as it was."""

import functools
from itertools import product

import pytest
import torch

from tests.generate import tiny
from tests.sweeps import in_turn
from whet.base.errors import ModelError, WhetError
from whet.base.seeds import forked
from whet.generate.decode import complete, stream
from whet.generate.prompts import stop_ids
from whet.generate.protocol import GenerateSettings
from whet.models.forward import attention

PROMPTS = ["The quick", "hello world, how are you today", "x", "Pack my box with five dozen liquor", "你好"]
GREEDY = GenerateSettings(max_new_tokens=16)


def generated(module, prompt_ids, settings, **how):
    """What transformers' `generate` adds to one prompt."""
    ids = torch.tensor([prompt_ids])
    out = module.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=settings.max_new_tokens,
        **how,
    )
    return out[0, len(prompt_ids) :].tolist()


@functools.cache
def generated_by(kind):
    tok, module = tiny.tokenizer(), tiny.module(kind)
    return [generated(module, tok.encode(prompt), GREEDY) for prompt in PROMPTS]


@pytest.mark.parametrize(("implementation", "kind"), in_turn(product(["eager", attention.NAME], tiny.CONFIGS), 5))
def test_greedy_answers_of_a_batch_are_those_of_generate_token_for_token(kind, implementation):
    attention.register()
    tok, module = tiny.tokenizer(), tiny.module(kind)
    module.set_attn_implementation(implementation)
    answers = complete(module, tok, PROMPTS, GREEDY)
    assert [answer.ids for answer in answers] == generated_by(kind)
    assert len({tuple(ids) for ids in generated_by(kind)}) > 2


def test_the_penalised_answer_is_that_of_generate():
    tok, module = tiny.tokenizer(), tiny.module()
    settings = GenerateSettings(max_new_tokens=16, repetition_penalty=1.5)
    expected = generated(module, tok.encode(PROMPTS[0]), settings, repetition_penalty=1.5)
    assert complete(module, tok, PROMPTS[:1], settings)[0].ids == expected


@pytest.mark.parametrize("batch_tokens", [1, 100, 100_000])
def test_sampled_answers_do_not_depend_on_the_batch(batch_tokens):
    tok, module = tiny.tokenizer(), tiny.module()
    settings = GenerateSettings(max_new_tokens=12, temperature=1.0, seed=5)
    whole = complete(module, tok, PROMPTS, settings)
    assert complete(module, tok, PROMPTS, settings, batch_tokens=batch_tokens) == whole
    twice = complete(module, tok, [PROMPTS[0]] * 2, settings)
    assert twice[0].ids != twice[1].ids and twice[0] == whole[0]


def test_pieces_of_a_stream_join_to_the_completion():
    tok, module = tiny.tokenizer(), tiny.module()
    for seed in range(3):
        settings = GenerateSettings(max_new_tokens=16, temperature=1.0, seed=seed)
        pieces = list(stream(module, tok, PROMPTS[0], settings))
        answer = complete(module, tok, PROMPTS[:1], settings)[0]
        assert "".join(piece.text for piece in pieces) == answer.text
        assert tuple(piece.token for piece in pieces) == answer.tokens
        assert [piece.finish for piece in pieces] == [None] * (len(pieces) - 1) + [answer.finish]


def test_an_answer_stops_at_any_end_token_and_its_text_is_without_it():
    tok, module = tiny.tokenizer(), tiny.module()
    free = complete(module, tok, PROMPTS[:1], GREEDY)[0]
    assert free.finish == "length" and len(free.tokens) == 16
    ends = [free.ids[7], free.ids[11]]
    module.generation_config.eos_token_id = ends
    expected = generated(module, tok.encode(PROMPTS[0]), GREEDY)
    answer = complete(module, tok, PROMPTS[:1], GREEDY)[0]
    assert answer.ids == expected and answer.finish == "stop" and answer.ids[-1] in ends
    assert tok.decode(answer.ids[:-1], skip_special_tokens=True) == answer.text


def test_the_templates_end_of_turn_stops_beside_the_end_of_text():
    tok, module = tiny.tokenizer(), tiny.module()
    module.generation_config.eos_token_id = 2
    assert stop_ids(module, tok) == {2, tok.eos_token_id}
    assert stop_ids(module, tiny.tokenizer(chat=False)) == {2}
    module.generation_config.eos_token_id = module.config.eos_token_id = None
    assert stop_ids(module, tiny.tokenizer(chat=False)) == {tok.eos_token_id}


def test_a_stop_string_ends_the_answer_before_it():
    tok, module = tiny.tokenizer(), tiny.module()
    free = complete(module, tok, PROMPTS[:1], GREEDY)[0]
    middle = free.text[len(free.text) // 2 :][:2]
    settings = GenerateSettings(max_new_tokens=16, stop=("no such text", middle))
    answer = complete(module, tok, PROMPTS[:1], settings)[0]
    assert answer.text == free.text[: free.text.index(middle)] and answer.finish == "stop"
    assert "".join(piece.text for piece in stream(module, tok, PROMPTS[0], settings)) == answer.text


def test_logprobs_are_those_of_a_forward_over_the_whole_text():
    tok, module = tiny.tokenizer(), tiny.module()
    settings = GenerateSettings(max_new_tokens=10, temperature=1.0, logprobs=True)
    for prompt, answer in zip(PROMPTS, complete(module, tok, PROMPTS, settings), strict=True):
        start = tok.encode(prompt)
        logits = module(torch.tensor([start + answer.ids])).logits[0].float()
        expected = torch.log_softmax(logits, -1)[torch.arange(len(start) - 1, len(start) + 9), answer.ids]
        torch.testing.assert_close(torch.tensor([t.logprob for t in answer.tokens]), expected, rtol=1e-4, atol=1e-4)


def test_messages_go_through_the_template_and_a_last_reply_is_continued():
    tok, module = tiny.tokenizer(), tiny.module()
    messages = [{"role": "user", "content": "hello"}]
    rendered = tok.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert complete(module, tok, [messages], GREEDY)[0].ids == generated(module, rendered, GREEDY)
    begun = [*messages, {"role": "assistant", "content": "The"}]
    rendered = tok.apply_chat_template(begun, continue_final_message=True, return_dict=False)
    assert complete(module, tok, [begun], GREEDY)[0].ids == generated(module, rendered, GREEDY)


def test_the_begin_token_comes_once():
    tok, module = tiny.tokenizer(), tiny.module()
    plain, begun, ids = complete(module, tok, ["hello", tok.bos_token + "hello", tok.encode("hello")], GREEDY)
    assert plain.ids == begun.ids == ids.ids and plain.num_prompt_tokens == begun.num_prompt_tokens


def test_a_training_module_comes_back_as_it_was():
    tok, module = tiny.tokenizer(), tiny.module(attention_dropout=0.5)
    module.train()
    module.model.layers[0].eval()
    modes = [part.training for part in module.modules()]
    weights = {name: p.detach().clone() for name, p in module.named_parameters()}
    config, state = module.config.to_dict(), torch.get_rng_state()
    settings = GenerateSettings(max_new_tokens=8, temperature=1.0)
    first = complete(module, tok, PROMPTS, settings)
    pieces = stream(module, tok, PROMPTS[0], settings)
    next(pieces)
    assert [part.training for part in module.modules()] == modes and torch.is_grad_enabled()
    pieces.close()
    assert complete(module, tok, PROMPTS, settings) == first
    assert [part.training for part in module.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state) and module.config.to_dict() == config
    assert all(torch.equal(p, weights[name]) and p.grad is None for name, p in module.named_parameters())


def test_an_error_half_way_gives_the_module_back_too():
    tok, module = tiny.tokenizer(), tiny.module()
    module.train()
    torch.nn.init.constant_(module.lm_head.weight, float("nan"))
    with pytest.raises(ModelError, match="NaN"):
        complete(module, tok, PROMPTS, GREEDY)
    assert module.training and module.model.layers[0].training


def test_adapters_answer_as_generate_does_with_them():
    from peft import LoraConfig, get_peft_model

    tok, plain = tiny.tokenizer(), tiny.module()
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    with forked("adapter"):
        adapted = get_peft_model(tiny.module(), config).eval()
    expected = [generated(adapted, tok.encode(prompt), GREEDY) for prompt in PROMPTS[:2]]
    assert [answer.ids for answer in complete(adapted, tok, PROMPTS[:2], GREEDY)] == expected
    assert [answer.ids for answer in complete(plain, tok, PROMPTS[:2], GREEDY)] != expected


def test_an_answer_ends_where_the_context_does_also_beside_shorter_prompts():
    tok, module = tiny.tokenizer(), tiny.module("gpt2", n_positions=32)
    prompts = [list(range(3, 33)), [5, 6]]
    settings = GenerateSettings(max_new_tokens=20)
    long, short = complete(module, tok, prompts, settings)
    assert (len(long.tokens), long.finish) == (2, "length") and len(short.tokens) == 20
    assert long.ids == generated(module, prompts[0], GenerateSettings(max_new_tokens=2))
    assert short.ids == generated(module, prompts[1], settings)


def test_prompts_that_cannot_be_answered_are_refused_with_a_hint():
    tok, module = tiny.tokenizer(), tiny.module("gpt2", n_positions=32)
    with pytest.raises(ModelError, match="32 tokens and the model's context is 32") as error:
        complete(module, tok, [[5] * 32], GREEDY)
    assert error.value.hint
    with pytest.raises(ModelError, match="no chat template"):
        complete(module, tiny.tokenizer(chat=False), [[{"role": "user", "content": "hi"}]], GREEDY)
    with pytest.raises(WhetError, match="empty prompt"):
        complete(module, tok, [[]], GREEDY)
    assert complete(module, tok, [], GREEDY) == []

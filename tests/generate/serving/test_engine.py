"""Many requests at once: each gets what it would get alone, whoever comes, goes or waits beside it."""

from __future__ import annotations

import queue
import threading

import pytest
import torch
from transformers import MambaConfig, MambaForCausalLM

from tests.generate import tiny
from tests.generate.serving.asked import ONE, asked, ids_of
from tests.generate.test_decode import GREEDY, PROMPTS, generated, generated_by
from tests.sweeps import some
from whet.base.errors import ModelError
from whet.generate.decode import complete
from whet.generate.protocol import GenerateSettings
from whet.generate.serving.engine import token_bytes
from whet.generate.serving.logits_processors import biased, penalised
from whet.generate.serving.request import Busy, Request
from whet.models.decoding import blocks, together
from whet.models.decoding.pages import Pages

GEMMA3 = {
    **tiny.SHAPE, "num_hidden_layers": 3, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 128,
    "sliding_window": 6, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def gemma3():
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(tiny.CONFIGS, "gemma3_text", GEMMA3)
        yield


@pytest.mark.parametrize("kind", some([*tiny.CONFIGS, "gemma3_text"], ["llama", "gpt2", "mixtral", "gemma3_text"]))
def test_greedy_answers_are_those_of_generate_alone_and_beside_others(kind, serving):
    engine = serving(tiny.module(kind), sequences=3, step_tokens=5)
    assert engine.is_shared and isinstance(engine._batcher._cache, Pages)
    assert [engine.complete([prompt], GREEDY)[0].ids for prompt in PROMPTS[:2]] == generated_by(kind)[:2]
    assert [answer.ids for answer in engine.complete([*PROMPTS, *PROMPTS], GREEDY)] == generated_by(kind) * 2


def test_half_precision_goes_on_in_rows(serving):
    engine = serving(tiny.module().bfloat16(), sequences=3)
    assert isinstance(engine._batcher._cache, together.Together)
    assert len(engine.complete(PROMPTS, GREEDY)) == len(PROMPTS)


def test_a_model_with_its_own_attention_answers_one_forward_each(serving):
    engine = serving(tiny.module(), attends="eager", sequences=3)
    assert not engine.is_shared
    assert [answer.ids for answer in engine.complete(PROMPTS, GREEDY)] == generated_by("llama")


@pytest.mark.parametrize(
    "settings",
    [
        GenerateSettings(max_new_tokens=12, temperature=1.0, seed=5),
        GenerateSettings(
            max_new_tokens=12, temperature=0.7, top_p=0.9, top_k=20, repetition_penalty=1.3, logprobs=True
        ),
        GenerateSettings(max_new_tokens=9, top_logprobs=3, stop=("zz",)),
    ],
    ids=["drawn", "filtered", "told"],
)
def test_answers_are_those_of_a_batch_that_knows_all_of_them(settings, serving):
    module = tiny.module()
    expected = complete(module, tiny.tokenizer(), PROMPTS, settings)
    found = serving(module, step_tokens=7).complete(PROMPTS, settings)
    assert [(one.text, one.ids, one.finish) for one in found] == [(one.text, one.ids, one.finish) for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert [t.logprob for t in one.tokens] == pytest.approx([t.logprob for t in other.tokens], abs=1e-4)
        assert [[i for i, _ in t.top] for t in one.tokens] == [[i for i, _ in t.top] for t in other.tokens]


def test_requests_with_other_settings_go_together(serving):
    module = tiny.module()
    each = [GREEDY, GenerateSettings(max_new_tokens=5, temperature=1.0), GenerateSettings(max_new_tokens=9, min_p=0.1)]
    engine = serving(module)
    handles = [engine.submit(asked(prompt, settings)) for prompt, settings in zip(PROMPTS, each, strict=False)]
    for handle, prompt, settings in zip(handles, PROMPTS, each, strict=False):
        alone = complete(module, tiny.tokenizer(), [prompt], settings)[0]
        assert "".join(piece.text for piece in handle.pieces()) == alone.text and handle.completion == alone


def test_the_prompts_own_tokens_are_told_as_a_forward_has_them(serving):
    module = tiny.module()
    engine = serving(module, step_tokens=4)
    settings = GenerateSettings(max_new_tokens=1, top_logprobs=2)
    handles = [engine.submit(asked(prompt, settings, tells_prompt=True)) for prompt in PROMPTS]
    for handle, prompt in zip(handles, PROMPTS, strict=True):
        assert len(list(handle.pieces())) == 1
        ids = ids_of(prompt)
        logprobs = torch.log_softmax(module(torch.tensor([ids])).logits[0].float(), -1).detach()
        assert [token.id for token in handle.prompt] == ids and handle.prompt[0].logprob is None
        told = [token.logprob for token in handle.prompt[1:]]
        assert told == pytest.approx([float(logprobs[i, token]) for i, token in enumerate(ids[1:])], abs=1e-4)
        assert [token.top[0][0] for token in handle.prompt[1:]] == logprobs[:-1].argmax(-1).tolist()


def test_where_the_cache_is_small_the_newest_waits_and_gets_the_same_answer(serving):
    engine = serving(tiny.module(), cache_tokens=40)
    assert [answer.ids for answer in engine.complete(PROMPTS, GREEDY)] == generated_by("llama")
    with pytest.raises(ModelError, match="context"):
        engine.submit(Request(ids=[5] * 40, settings=GREEDY))


def test_a_beginning_that_is_known_is_not_read_again(serving):
    module = tiny.module()
    engine = serving(module)
    first = "Pack my box with five dozen liquor jugs, and then walk"
    expected = [generated(module, ids_of(first + end), GREEDY) for end in ("", " away", " home")]
    found = []
    for end in ("", " away", " home"):
        handle = engine.submit(asked(first + end))
        assert list(handle.pieces()) and handle.completion is not None
        found.append((handle.num_cached, handle.completion.ids))
    assert [ids for _, ids in found] == expected
    known = len(ids_of(first)) - 1
    assert found[0][0] == 0 and all(known - 2 <= cached <= known + 1 for cached, _ in found[1:])


def test_what_is_cancelled_ends_and_the_others_go_on(serving):
    engine = serving(tiny.module(), sequences=2)
    endless = GenerateSettings(max_new_tokens=100)
    told = queue.SimpleQueue()
    running, waiting = engine.submit(asked("x", endless), told.put), engine.submit(asked("The", endless))
    assert told.get(timeout=10) is not None
    other = engine.submit(asked(PROMPTS[1]))
    running.cancel()
    waiting.cancel()
    assert [piece.token.id for piece in other.pieces()] == generated_by("llama")[1]
    assert all(piece.finish is None for piece in waiting.pieces())
    while told.get(timeout=10) is not None:
        pass
    assert engine.num_open == 0 and engine.figures.ended["cancelled"] == 2


def test_too_many_are_refused_and_the_others_answered(serving):
    engine = serving(tiny.module(), sequences=2, waiting=3)
    endless = GenerateSettings(max_new_tokens=100)
    handles = [engine.submit(asked("x", endless)) for _ in range(5)]
    with pytest.raises(Busy, match="5 requests"):
        engine.submit(asked("x"))
    for handle in handles:
        handle.cancel()
        assert all(piece.finish is None for piece in handle.pieces())
    assert engine.complete(PROMPTS[:1], GREEDY)[0].ids == generated_by("llama")[0]
    engine.drain()
    with pytest.raises(Busy, match="ending"):
        engine.submit(asked("x"))


def test_whoever_waits_when_it_ends_is_told(serving):
    engine = serving(tiny.module())
    handle = engine.submit(asked("x", GenerateSettings(max_new_tokens=100)))
    next(handle.pieces())
    engine.close()
    with pytest.raises(Busy, match="ended"):
        list(handle.pieces())


def test_a_model_that_diverged_fails_its_requests_and_answers_the_next(serving):
    module = tiny.module()
    engine = serving(module)
    weight = module.get_output_embeddings().weight
    kept = weight.detach().clone()
    with torch.no_grad():
        weight.fill_(torch.nan)
    with pytest.raises(ModelError, match="NaN"):
        engine.complete(PROMPTS[:1], GREEDY)
    with torch.no_grad():
        weight.copy_(kept)
    assert engine.complete(PROMPTS[:1], GREEDY)[0].ids == generated_by("llama")[0]


def test_an_answer_that_ended_before_its_step_failed_is_counted_once(serving):
    begun, come = threading.Event(), threading.Event()

    class Broken:
        is_shared = False

        def use(self, name):
            begun.set()
            come.wait(10)
            if name is not None:
                raise RuntimeError("this adapter is broken")

    engine = serving(tiny.module(), Broken())
    first = engine.submit(asked(PROMPTS[0], GenerateSettings(max_new_tokens=2)))  # its second token is of that step
    assert begun.wait(10)
    other = engine.submit(asked(PROMPTS[1], adapter="broken"))
    come.set()
    assert len(list(first.pieces())) == 2
    with pytest.raises(RuntimeError, match="broken"):
        list(other.pieces())
    assert engine.num_open == 0 and engine.figures.ended == {"length": 1, "error": 1}


def test_whoever_comes_when_memory_is_out_is_told_and_the_next_is_answered(serving, monkeypatch):
    monkeypatch.setattr(blocks, "_LEAST", 4)
    engine = serving(tiny.module())
    assert engine.complete(PROMPTS[:1], GREEDY)[0].ids == generated_by("llama")[0]
    grown, whole = [], blocks._grown

    def scarce(*given):
        grown.append(given)
        if len(grown) == 3:  # of the second layer: the first one has grown
            raise torch.OutOfMemoryError("out of memory")
        return whole(*given)

    monkeypatch.setattr(blocks, "_grown", scarce)
    with pytest.raises(torch.OutOfMemoryError):
        engine.complete(["x" * 100], ONE)
    assert len(grown) == 3
    assert [answer.ids for answer in engine.complete(PROMPTS, GREEDY)] == generated_by("llama")
    assert engine.num_open == 0


def test_a_model_without_attention_has_room_too():
    config = MambaConfig(hidden_size=32, num_hidden_layers=2, vocab_size=64, state_size=4)
    with torch.device("meta"):
        assert token_bytes(MambaForCausalLM(config)) > 0


def test_logits_are_shaped_as_asked(serving):
    engine = serving(tiny.module())
    free = engine.complete(PROMPTS[:1], GREEDY)[0].ids
    handle = engine.submit(asked(PROMPTS[0], processors=(biased({free[0]: -100.0, 7: 1000.0}),)))
    assert {piece.token.id for piece in handle.pieces()} == {7}
    handle = engine.submit(asked(PROMPTS[0], GenerateSettings(max_new_tokens=4), processors=(penalised(0.0, 1000.0),)))
    ids = [piece.token.id for piece in handle.pieces()]
    assert ids[0] == free[0] and len(set(ids)) == 4

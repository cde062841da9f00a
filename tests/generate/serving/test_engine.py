"""Many requests at once: each gets what it would get alone, whoever comes, goes or waits beside it."""

from __future__ import annotations

import queue
import threading
from dataclasses import replace
from functools import partial

import pytest
import torch
from transformers import MambaConfig, MambaForCausalLM

from tests.generate import tiny
from tests.generate.test_decode import GREEDY, PROMPTS, generated, generated_by
from tests.sweeps import some
from whet.base.errors import ModelError
from whet.generate.decode import complete
from whet.generate.prompts import stop_ids
from whet.generate.protocol import GenerateSettings
from whet.generate.serving.batcher import Batcher
from whet.generate.serving.choosing import Draws
from whet.generate.serving.engine import token_bytes
from whet.generate.serving.going import Going
from whet.generate.serving.logits_processors import biased, penalised
from whet.generate.serving.request import Busy, Handle, Limits, Request
from whet.models.decoding import blocks, together
from whet.models.decoding.apart import Apart
from whet.models.decoding.pages import Pages
from whet.models.decoding.proof import decoding_of
from whet.models.forward import attention
from whet.models.tuning.several import Several

ONE = GenerateSettings(max_new_tokens=1)
GEMMA3 = {
    **tiny.SHAPE, "num_hidden_layers": 3, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 128,
    "sliding_window": 6, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
}  # fmt: skip


def ids_of(text: str) -> list[int]:
    return tiny.tokenizer().encode(text)


def asked(text: str, settings: GenerateSettings = GREEDY, **more) -> Request:
    return Request(ids=ids_of(text), settings=settings, **more)


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


def test_whoever_has_not_begun_takes_the_place_of_one_that_has_ended():
    module = tiny.module()
    module.set_attn_implementation("eager")
    batcher = Batcher(Apart(module, decoding_of(module), 128), Limits(step_tokens=1, cache_tokens=4096))
    handles = [Handle(asked(text, one)) for text, one in zip(PROMPTS, [ONE, GREEDY, GREEDY], strict=False)]
    for handle in handles:
        batcher.add(Going(handle, tiny.tokenizer(), stop_ids(module, tiny.tokenizer()), 128))
    while batcher.is_busy:
        batcher.step()
    first, *others = generated_by("llama")[:3]
    assert [handle.completion.ids for handle in handles] == [first[:1], *others]


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


def batcher_of(module, texts, settings=GREEDY, processors=None, kind=together.Together, **limits):
    """A batcher where all of these wait, and their handles."""
    attention.register()
    module.set_attn_implementation(attention.NAME)
    limits = {"cache_tokens": 4096, **limits}
    batcher = Batcher(kind(module, 0, limits["cache_tokens"]), Limits(**limits))
    handles = [Handle(asked(text, settings, processors=(processors or {}).get(i, ()))) for i, text in enumerate(texts)]
    for handle in handles:
        batcher.add(Going(handle, tiny.tokenizer(), stop_ids(module, tiny.tokenizer()), 128))
    return batcher, handles


def stepped(batcher):
    """Step to the end, as the engine does. Gives how many steps failed."""
    failed = 0
    for _ in range(400):
        if not batcher.is_busy:
            return failed
        try:
            batcher.step()
        except Exception as error:
            failed += 1
            batcher.fail(error)
    raise AssertionError("it does not end")


def told_of(handle):
    """The ids that an answer has come to, or what it failed with."""
    try:
        return [piece.token.id for piece in handle.pieces()]
    except RuntimeError as error:
        return str(error)


CACHES = [together.Together, partial(Pages, block=4)]


@pytest.mark.parametrize("kind", CACHES, ids=["rows", "blocks"])
@pytest.mark.parametrize("cache_tokens", [40, 60, 4096])
def test_whoever_had_to_wait_gets_the_answer_that_it_gets_with_room(kind, cache_tokens):
    batcher, handles = batcher_of(tiny.module(), PROMPTS, kind=kind, cache_tokens=cache_tokens, step_tokens=6)
    waited = 0
    while batcher.is_busy:
        batcher.step()
        waited += bool(batcher.waiting)
    assert [told_of(handle) for handle in handles] == generated_by("llama") and bool(waited) == (cache_tokens < 4096)


@pytest.mark.parametrize("kind", CACHES, ids=["rows", "blocks"])
def test_several_answers_to_one_prompt_read_it_once(kind):
    """Who begins alike waits for who reads it; whoever is told of the prompt's own tokens reads it all."""
    settings = GenerateSettings(max_new_tokens=8, temperature=1.0)
    batcher, handles = batcher_of(tiny.module(), ["Pack my box with five dozen liquor jugs"] * 4, settings, kind=kind)
    for number, going in enumerate(batcher.waiting):
        going.draws = Draws(replace(going.handle.request, number=number))
    assert stepped(batcher) == 0
    [length] = {len(handle.request.ids) for handle in handles}
    assert [handle.num_cached for handle in handles] == [0, *[length - 1] * 3]
    assert len({tuple(told_of(handle)) for handle in handles}) == 4


@pytest.mark.parametrize("place", [0, 1, 3])
def test_whose_shape_fails_is_told_and_the_others_get_their_answers(place):
    def broken(logits_V, ids):
        if len(ids) == 3:
            raise RuntimeError("this shape is broken")
        return logits_V

    batcher, handles = batcher_of(tiny.module(), PROMPTS, processors={place: (broken,)})
    assert stepped(batcher) == 2
    expected: list = list(generated_by("llama"))
    expected[place] = "this shape is broken"
    assert [told_of(handle) for handle in handles] == expected


@pytest.mark.parametrize("most", [1, 2, 3])
def test_where_memory_is_out_for_all_together_they_wait_for_each_other(most, monkeypatch):
    batcher, handles = batcher_of(tiny.module(), PROMPTS)
    whole = together.Together.run

    def scarce(cache, parts):
        if len(parts) > most:
            raise torch.OutOfMemoryError("out of memory")
        return whole(cache, parts)

    monkeypatch.setattr(together.Together, "run", scarce)
    assert stepped(batcher) >= 2
    assert [told_of(handle) for handle in handles] == generated_by("llama")


def test_one_for_whom_memory_is_out_by_itself_is_told_and_nobody_else(monkeypatch):
    settings = GenerateSettings(max_new_tokens=12, temperature=0.8, repetition_penalty=1.2, seed=3)
    texts = [*PROMPTS[:2], "x" * 90, PROMPTS[2]]
    module = tiny.module()
    alone = complete(module, tiny.tokenizer(), [PROMPTS[0]], settings)[0].ids
    batcher, handles = batcher_of(module, texts, settings, step_tokens=16)
    whole = together.Together.run

    def scarce(cache, parts):
        if any(part.end > 60 for part in parts):
            raise torch.OutOfMemoryError("out of memory")
        return whole(cache, parts)

    monkeypatch.setattr(together.Together, "run", scarce)
    stepped(batcher)
    found = [told_of(handle) for handle in handles]
    assert found[2] == "out of memory" and found[0] == alone and all(len(one) == 12 for one in found[:2])


def test_what_was_noted_in_a_step_that_failed_is_taken_back():
    draws, logits_V = (
        Draws(asked("x", GenerateSettings(max_new_tokens=4, repetition_penalty=2.0))),
        torch.arange(1.0, 99),
    )
    draws.processed(logits_V)
    draws.take(5)
    scores_V = draws.processed(logits_V)
    draws.take(7)
    assert not torch.equal(draws.processed(logits_V), scores_V)
    draws.back_to([5])
    assert torch.equal(draws.processed(logits_V), scores_V)


def test_a_device_that_is_lost_ends_all_and_is_not_tried_for_ever(monkeypatch):
    def lost(cache, parts):
        raise RuntimeError("lost")

    batcher, handles = batcher_of(tiny.module(), PROMPTS)
    monkeypatch.setattr(together.Together, "run", lost)
    assert stepped(batcher) == 1 + len(PROMPTS)
    assert {told_of(handle) for handle in handles} == {"lost"}


def test_rows_apart_are_given_back_when_their_answers_end():
    module = tiny.module()
    module.set_attn_implementation("eager")
    cache = Apart(module, decoding_of(module), 128)
    batcher = Batcher(cache, Limits(cache_tokens=4096))
    for text, settings in zip(PROMPTS, [GREEDY, ONE, GREEDY, ONE], strict=False):
        batcher.add(Going(Handle(asked(text, settings)), tiny.tokenizer(), frozenset(), 128))
    while batcher.is_busy:
        batcher.step()
        assert set(cache._rows) == {going.serial for going in batcher.running}


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


def test_adapters_by_name_answer_side_by_side(tmp_path, serving):
    from peft import LoraConfig, get_peft_model

    from whet.base.seeds import forked

    expected = {None: generated_by("llama")[0]}
    for name in ("one", "two"):
        with forked(name, "adapter"):
            tuned = get_peft_model(tiny.module(), LoraConfig(r=4, init_lora_weights=False, target_modules=["q_proj"]))
        tuned.save_pretrained(tmp_path / name)
        expected[name] = generated(tuned.eval(), ids_of(PROMPTS[0]), GREEDY)
    assert len({tuple(ids) for ids in expected.values()}) == 3
    names = [None, "one", "two", "one", None]
    for is_shared in (True, False):  # in one forward, and one after the other
        module = tiny.module()
        adapters = Several(module, {name: str(tmp_path / name) for name in ("one", "two")})
        assert adapters.is_shared
        adapters.is_shared = is_shared
        engine = serving(module, adapters)
        handles = [engine.submit(asked(PROMPTS[0], adapter=name)) for name in names]
        found = [[piece.token.id for piece in handle.pieces()] for handle in handles]
        assert found == [expected[name] for name in names]
    tuned = get_peft_model(tiny.module(), LoraConfig(target_modules=["q_proj"], bias="all"))
    tuned.save_pretrained(tmp_path / "biased")
    with pytest.raises(ModelError, match="biases of its own"):
        Several(tiny.module(), {"biased": str(tmp_path / "biased")})
    with pytest.raises(ModelError, match="does not fit|another model"):
        Several(tiny.module(hidden_size=64), {"one": str(tmp_path / "one")})


@pytest.mark.parametrize(
    ("kind", "changes"),
    [("llama", {"use_dora": True}), ("gpt2", {}), ("llama", {"target_modules": ["embed_tokens"]})],
    ids=["dora", "fan-in", "embeddings"],
)
def test_adapters_that_do_more_than_add_a_product_go_one_after_the_other(tmp_path, serving, kind, changes):
    from peft import LoraConfig, get_peft_model

    from whet.base.seeds import forked

    targets = {"target_modules": ["c_attn"] if kind == "gpt2" else ["q_proj"]}
    with forked("more", "adapter"):
        tuned = get_peft_model(tiny.module(kind), LoraConfig(r=4, init_lora_weights=False, **targets | changes))
    tuned.save_pretrained(tmp_path)
    expected = generated(tuned.eval(), ids_of(PROMPTS[0]), GREEDY)
    adapters = Several(module := tiny.module(kind), {"one": str(tmp_path)})
    assert not adapters.is_shared
    handle = serving(module, adapters).submit(asked(PROMPTS[0], adapter="one"))
    assert [piece.token.id for piece in handle.pieces()] == expected

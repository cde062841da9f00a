"""Conversations that go on turn by turn: the tokens and log p of whole prompts, each token read once."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from tests.generate import tiny
from tests.ranks import on_ranks
from tests.sweeps import some
from whet.base.errors import ModelError
from whet.generate.decode import complete
from whet.generate.kv_sessions import LiveTalk
from whet.generate.protocol import Asked, GenerateSettings
from whet.models.forward import attention

DRAWN = GenerateSettings(max_new_tokens=14, temperature=1.3)
PROMPTS = ["The quick brown fox", "hello world", "x"]
FED = [[5, 6, 7], [8], [9, 10, 11, 12, 13, 14]]


def ending(kind="llama", **changes):
    """A model of which a quarter of the vocabulary ends a turn, so that turns have all lengths."""
    attention.register()
    module = tiny.module(kind, **changes)
    module.set_attn_implementation(attention.NAME)
    module.generation_config.eos_token_id = list(range(0, len(tiny.tokenizer()), 4))
    return module


def played(turn, turns=4, prompts=PROMPTS, num=3, first=0):
    """All turns of `num` conversations a prompt; after each one something is fed, and some conversations end."""
    tokenizer = tiny.tokenizer()
    ids = {i: tokenizer.encode(prompts[i // num]) for i in range(len(prompts) * num)}
    found = []
    for number in range(turns):
        asked = [Asked(i, list(own), DRAWN.max_new_tokens - i, 100 * number + first + i) for i, own in ids.items()]
        said = turn(asked)
        found.append([(one.ids, one.logprobs, one.finish) for one in said])
        for one, answer in zip(asked, said, strict=True):
            if answer.finish == "length":
                del ids[one.talk]
            else:
                ids[one.talk] = [*one.context, *answer.ids, *FED[(one.talk + number) % 3]]
    assert len(found[-1]) > 1 and len({len(ids) for ids, _, _ in found[1]}) > 2
    return found


def whole(module):
    """The same of the decoder, which is asked with the whole context; log p by a forward of the module."""

    def turn(asked):
        from whet.generate.protocol import Turn

        found = []
        for one in asked:
            settings = GenerateSettings(max_new_tokens=one.room, temperature=1.3)
            answer = complete(module, tiny.tokenizer(), [one.context], settings, numbers=[one.number])[0]
            ids = torch.tensor([[*one.context, *answer.ids]])
            with torch.no_grad():
                logp = torch.log_softmax(module(ids).logits[0, :-1].double() / 1.3, -1)
            wanted = logp.gather(1, ids[0, 1:, None])[len(one.context) - 1 :, 0]
            found.append(Turn(tuple(answer.ids), tuple(wanted.tolist()), answer.finish))
        return found

    return turn


@functools.cache
def whole_of_llama():
    return played(whole(ending(max_position_embeddings=256)))


def assert_equal(found, wanted):
    for ours, theirs in zip(found, wanted, strict=True):
        assert [(ids, finish) for ids, _, finish in ours] == [(ids, finish) for ids, _, finish in theirs]
        for (_, told, _), (_, logp, _) in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(told, logp, atol=5e-5)  # logits of some tens in float32


@pytest.mark.parametrize("kind", some(["llama", "gpt2", "mixtral", "gemma2"], ["llama", "gemma2"]))
def test_turns_are_those_of_whole_prompts_with_the_log_p_of_their_temperature(kind):
    module = ending(kind, max_position_embeddings=256) if kind != "gpt2" else ending(kind)
    talk = LiveTalk(module, tiny.tokenizer())
    assert_equal(
        played(lambda asked: talk.turn(asked, DRAWN)), whole_of_llama() if kind == "llama" else played(whole(module))
    )


def test_a_model_as_training_builds_it_goes_on_too(tmp_path):
    """Its attention is ours, which takes a mask where new tokens follow those of a cache."""
    loaded = tiny.loaded(tiny.folder(tmp_path / "model", max_position_embeddings=256))
    loaded.module.generation_config.eos_token_id = list(range(0, len(tiny.tokenizer()), 4))
    assert loaded.module.config._attn_implementation == "whet"
    talk = LiveTalk(loaded.module, tiny.tokenizer())
    assert_equal(played(lambda asked: talk.turn(asked, DRAWN)), played(whole(loaded.module)))


@pytest.mark.parametrize("room", [1, 60])
def test_what_does_not_fit_is_read_again_and_says_the_same(room):
    """A token of room keeps nothing and asks one at a time; others keep some conversations."""
    talk = LiveTalk(ending(max_position_embeddings=256), tiny.tokenizer(), batch_tokens=room)
    assert_equal(played(lambda asked: talk.turn(asked, DRAWN)), whole_of_llama())


def test_conversations_of_a_model_whose_attention_is_not_ours_are_read_again_and_say_the_same():
    module = ending(max_position_embeddings=256)
    module.set_attn_implementation("eager")
    talk = LiveTalk(module, tiny.tokenizer())
    assert_equal(played(lambda asked: talk.turn(asked, DRAWN)), whole_of_llama())


@pytest.mark.parametrize("kind", ["llama", "gemma2"])  # the latter's layers see a window of 6 tokens by turns
def test_each_token_is_read_once(kind):
    """The prompt that all begin with, of each turn all but its last token, then that one with what was fed."""
    module, num_read, ends = ending(kind), [], {}
    talk, prompt = LiveTalk(module, tiny.tokenizer()), ["Pack my box with five dozen liquor jugs"]
    handle = talk._module.get_input_embeddings().register_forward_pre_hook(
        lambda _, args: num_read.append(args[0].numel())
    )

    def turn(asked):
        said = talk.turn(asked, DRAWN)
        ends.update({one.talk: len(one.context) + len(new.ids) - 1 for one, new in zip(asked, said, strict=True)})
        return said

    played(turn, prompts=prompt, num=9)
    handle.remove()
    others = (len(ends) - 1) * (len(tiny.tokenizer().encode(prompt[0])) - 1)
    assert sum(num_read) == sum(ends.values()) - others


def test_flags_and_modes_of_the_module_stay_as_they_are():
    module = ending("gpt2").train()
    talk, seen = LiveTalk(module, tiny.tokenizer()), []
    handle = module.transformer.h[0].register_forward_pre_hook(lambda *_: seen.append(module.training))
    assert_equal(played(lambda asked: talk.turn(asked, DRAWN)), played(whole(ending("gpt2"))))
    handle.remove()
    assert all(seen) and all(part.training for part in module.modules())


def test_a_conversation_beyond_the_context_is_refused():
    talk = LiveTalk(tiny.module(max_position_embeddings=16), tiny.tokenizer())
    with pytest.raises(ModelError, match="context is 16"):
        talk.turn([Asked(0, [5] * 16, 4, 0)], DRAWN)


def on_one_rank():
    from whet.parallel.world import World

    world = World.start("cpu", 60)
    module = tiny.sharded(ending(), world)
    talk = LiveTalk(module, tiny.tokenizer())
    prompts = PROMPTS[:2] if world.index("data") == 0 else PROMPTS[2:]
    found = played(lambda asked: talk.turn(asked, DRAWN), prompts=prompts, num=3, first=10 * world.index("data"))
    world.close()
    return found, module.training


@pytest.mark.ranks
def test_ranks_go_on_with_their_own_conversations():
    for rank, (found, is_training) in enumerate(on_ranks(2, on_one_rank)):
        prompts = PROMPTS[2:] if rank else PROMPTS[:2]
        assert_equal(found, played(whole(ending()), prompts=prompts, num=3, first=10 * rank))
        assert is_training

"""Several answers to each prompt at once: those of one at a time, with the log p that they were drawn with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.generate import tiny
from tests.generate.serving.conftest import serving
from tests.ranks import on_ranks
from whet.base.errors import ModelError
from whet.base.seeds import derive
from whet.contracts.rewards import questions
from whet.generate.decode import complete
from whet.generate.groups import Groups
from whet.generate.prompts import stop_ids
from whet.generate.protocol import GenerateSettings
from whet.generate.serving.request import Request
from whet.models.forward import attention

__all__ = ["serving"]
PROMPTS = ["The quick brown fox", "hello world", "x", "Pack my box with five dozen"]
DRAWN = GenerateSettings(max_new_tokens=12, temperature=1.3)


def play(module, settings=DRAWN, prompts=PROMPTS, num=3, numbers=None, **given):
    player = Groups(module, tiny.tokenizer(), settings, **given)
    return player(questions(prompts, numbers), num, seed=5)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gemma2"])
def test_greedy_answers_are_those_of_the_decoder(kind):
    module, settings = tiny.module(kind), GenerateSettings(max_new_tokens=12)
    wanted = complete(module, tiny.tokenizer(), PROMPTS, settings)
    for answer, group in zip(wanted, play(module, settings), strict=True):
        assert [list(t.ids) for t in group] == [answer.ids] * 3
        assert {(t.finish, len(t.prompt_ids)) for t in group} == {(answer.finish, answer.num_prompt_tokens)}
        assert {t.text for t in group} == {answer.text}


def test_draws_depend_on_the_prompts_number_and_not_on_what_else_is_in_the_batch():
    module = tiny.module()
    together = play(module)
    assert len({t.ids for t in together[0]}) == 3  # the answers to one prompt differ
    alone = [play(module, prompts=[p], numbers=[i])[0] for i, p in enumerate(PROMPTS)]
    assert [[t.ids for t in group] for group in together] == [[t.ids for t in group] for group in alone]
    in_turn = play(module, batch_tokens=1)
    assert [[t.ids for t in group] for group in in_turn] == [[t.ids for t in group] for group in alone]
    more = play(module, num=5)
    assert [[t.ids for t in group[:3]] for group in more] == [[t.ids for t in group] for group in alone]


def test_answers_end_where_they_should_and_others_go_on():
    """Half the vocabulary ends an answer, so rows leave the batch at all times."""
    module = tiny.module()
    module.generation_config.eos_token_id = list(range(0, len(tiny.tokenizer()), 2))
    ends = stop_ids(module, tiny.tokenizer())
    found = [t for group in play(module, num=8) for t in group]
    assert len({len(t.ids) for t in found}) > 3
    for t in found:
        assert all(i not in ends for i in t.ids[:-1])
        assert (t.finish == "stop") == (t.ids[-1] in ends)
        assert t.finish == "stop" or len(t.ids) == DRAWN.max_new_tokens


@pytest.mark.parametrize("filters", [{}, {"top_k": 5, "top_p": 0.9}])
def test_log_probabilities_are_of_the_unfiltered_distribution_at_the_temperature(filters):
    module = tiny.module()
    settings = GenerateSettings(max_new_tokens=12, temperature=1.3, **filters)
    for group in play(module, settings):
        for t in group:
            ids = torch.tensor([[*t.prompt_ids, *t.ids]])
            with torch.no_grad():
                logp = torch.log_softmax(module(ids).logits[0, :-1].double() / 1.3, -1)
            wanted = logp.gather(1, ids[0, 1:, None])[len(t.prompt_ids) - 1 :, 0]
            np.testing.assert_allclose(t.logprobs, wanted, atol=1e-5)
            assert len(t.logprobs) == len(t.ids) == len(t.is_chosen) and all(t.is_chosen)


def test_no_answer_goes_past_the_models_context():
    module = tiny.module(max_position_embeddings=16)
    found = play(module, GenerateSettings(max_new_tokens=500, temperature=1.0), PROMPTS[:3])
    assert all(len(t.prompt_ids) + len(t.ids) <= 16 for group in found for t in group)
    with pytest.raises(ModelError, match="context is 16"):
        play(module, prompts=["fox " * 16])


def test_what_was_read_with_other_weights_is_not_gone_on_from():
    """As GRPO does: answers, a step of learning, answers to the same prompts."""
    player = Groups(ours(tiny.module()), tiny.tokenizer(), DRAWN)
    prompt = questions(["Pack my box with five dozen liquor jugs"])
    before = player(prompt, 4, seed=5)
    changed = ours(tiny.module())
    with torch.no_grad():
        for module in (player.module, changed):
            for parameter in module.parameters():
                parameter.mul_(-1.0)
    after = player(prompt, 4, seed=5)
    assert after != before and after == Groups(changed, tiny.tokenizer(), DRAWN)(prompt, 4, seed=5)


def test_a_prompt_is_read_once_for_all_its_answers():
    module, read = ours(tiny.module()), []
    handle = module.get_input_embeddings().register_forward_pre_hook(lambda _, args: read.append(args[0].numel()))
    [group] = play(module, prompts=["Pack my box with five dozen liquor jugs"], num=6)
    handle.remove()
    # Of the others' prompts the last token is read, and of each answer all but the last.
    assert sum(read) == len(group[0].prompt_ids) + 5 + sum(len(one.ids) - 1 for one in group)


def test_answers_are_those_that_are_served_by_the_same_number(serving):
    """One rule of draws for both."""
    module = tiny.module()
    engine = serving(module)
    for number, (prompt, group) in enumerate(zip(PROMPTS, play(module), strict=True)):
        for place, one in enumerate(group):
            asked = Request(ids=tiny.tokenizer().encode(prompt), settings=replace(DRAWN, seed=5),
                            number=derive("sample", number, place))  # fmt: skip
            assert [piece.token.id for piece in engine.submit(asked).pieces()] == list(one.ids)


def ours(module):
    """With the attention that a run has."""
    attention.register()
    module.set_attn_implementation(attention.NAME)
    return module


def on_one_rank():
    from whet.parallel.world import World

    world = World.start("cpu", 60)
    module = tiny.sharded(tiny.module(), world)
    mine = [0, 1, 3] if world.index("data") == 0 else [2]
    found = play(module, prompts=[PROMPTS[i] for i in mine], numbers=mine, batch_tokens=100)
    nothing = play(module, prompts=PROMPTS[:1] if world.index("data") else [])
    everyone = world.gathered(dict(zip(mine, [[t.ids for t in group] for group in found], strict=True)))
    world.close()
    return {k: v for part in everyone for k, v in part.items()}, len(nothing), module.training


@pytest.mark.ranks
def test_ranks_that_share_the_prompts_draw_what_one_process_draws():
    wanted = {i: [t.ids for t in group] for i, group in enumerate(play(tiny.module()))}
    found = on_ranks(2, on_one_rank)
    assert [f[0] for f in found] == [wanted, wanted]
    assert [f[1] for f in found] == [0, 1] and all(f[2] for f in found)

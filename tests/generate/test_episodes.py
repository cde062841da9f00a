"""Conversations with tools: exactly which tokens are whose, and what bounds them."""

from __future__ import annotations

import pytest

from tests.generate import tiny
from tests.generate.played import FORMS, WRITTEN, Scripted, play, tokenizer
from whet.base.errors import ModelError
from whet.contracts.rewards import questions
from whet.generate.episodes import Episodes
from whet.generate.protocol import Completion, GenerateSettings


@pytest.mark.parametrize("form", FORMS)
def test_tokens_are_those_the_model_wrote_and_those_the_template_writes(tools, toolbox, form):
    call = WRITTEN["hermes" if form == "ours" else form]
    made, engine, played = play(form, tools, toolbox, [call, "It is 3."])
    one = played[0][0]
    chosen = [i for i, mine in zip(one.ids, one.is_chosen, strict=True) if mine]
    assert chosen == [*engine.ids_of(call), engine.stop, *engine.ids_of("It is 3."), engine.stop]
    assert engine.asked[1][: len(engine.asked[0])] == engine.asked[0]
    # Read as text, it is the conversation as the template writes it.
    function = {"name": "add", "arguments": {"a": 1}}
    messages = [
        {"role": "user", "content": "2 plus 1?"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "call00000", "type": "function", "function": function}],
        },
        {"role": "tool", "name": "add", "tool_call_id": "call00000", "content": "3"},
    ]
    rendered = made.apply_chat_template(
        messages, tools=[t.schema for t in tools], tokenize=False, add_generation_prompt=True
    )
    assert _dense(made.decode(engine.asked[1])) == _dense(rendered)
    assert one.text == "It is 3." and one.finish == "stop" and one.figures == {
        "turns": 2, "tool_calls": 1, "tool_errors": 0,
    }  # fmt: skip
    assert one.logprobs == tuple(-0.25 if mine else 0.0 for mine in one.is_chosen)
    assert [message["role"] for message in one.messages] == ["assistant", "tool", "assistant"]


def _dense(text):
    return "".join(text.split())


def test_errors_come_back_and_the_model_may_go_on(tools, toolbox):
    broken, wrong = "<tool_call>{no</tool_call>", '<tool_call>{"name": "sub", "arguments": {}}</tool_call>'
    _, engine, played = play("hermes", tools, toolbox, [broken, wrong, "I give up."])
    one = played[0][0]
    assert one.figures == {"turns": 3, "tool_calls": 2, "tool_errors": 2} and one.text == "I give up."
    assert "is not JSON" in one.messages[1]["content"] and "there is no tool `sub`" in one.messages[3]["content"]


def test_turns_are_bounded_and_nothing_is_fed_behind_the_last(tools, toolbox):
    _, engine, played = play("hermes", tools, toolbox, [WRITTEN["hermes"]] * 3, max_turns=3)
    one = played[0][0]
    assert one.finish == "length" and one.figures["turns"] == 3 and one.is_chosen[-1]


def test_time_is_bounded(tools, toolbox):
    _, _, played = play("hermes", tools, toolbox, [WRITTEN["hermes"]] * 3, timeout_s=0.0)
    assert played[0][0].figures["turns"] == 1 and played[0][0].finish == "length"


def test_tokens_are_bounded_over_all_turns(tools, toolbox):
    call = WRITTEN["hermes"]
    for room in (20, 70, 250):
        _, engine, played = play("hermes", tools, toolbox, [call, "word " * 100], max_new_tokens=room)
        one = played[0][0]
        assert len(one.ids) <= room and one.finish == "length"
    assert len(one.ids) == 250 and one.figures["turns"] == 2


def test_conversations_of_different_room_are_asked_together_and_each_is_bounded(tools, toolbox):
    call, long = WRITTEN["hermes"], "word " * 200
    _, engine, played = play("hermes", tools, toolbox, [call, "x " * 40 + call, long, long], prompts=("a", "b"),
                             max_new_tokens=300)  # fmt: skip
    for one in (played[0][0], played[1][0]):
        assert len(one.ids) == len(one.is_chosen) == len(one.logprobs) == 300 and one.finish == "length"
        assert one.figures["turns"] == 2 and one.is_chosen[-1]


def test_many_conversations_go_on_together_and_draw_by_their_own_numbers(tools, toolbox):
    call = WRITTEN["hermes"]
    said = [call, "no call", "none", call, "fine", "done"]
    _, engine, played = play("hermes", tools, toolbox, said, prompts=("a", "b"), num=2)
    texts = [[one.text for one in group] for group in played]
    assert texts == [["fine", "no call"], ["none", "done"]]
    assert len(set(engine.numbers)) == 6
    _, again, _ = play("hermes", tools, toolbox, list(said), prompts=("a", "b"), num=2)
    assert again.numbers == engine.numbers


def test_log_probabilities_of_another_temperature_are_not_passed_off_as_those_of_the_draw(tools, toolbox):
    _, _, played = play("hermes", tools, toolbox, ["hi"], temperature=0.7)
    assert played[0][0].logprobs is None


def test_a_real_model_plays_and_its_log_probabilities_are_its_own(tools, toolbox, tmp_path):
    from whet.base.catalogue import engine as slot
    from whet.generate.prompts import stop_ids

    loaded = tiny.loaded(tiny.folder(tmp_path / "model", max_position_embeddings=4096))
    local = slot.get("local").build(loaded)
    stops = stop_ids(loaded.module, loaded.processor)
    settings = GenerateSettings(max_new_tokens=12, temperature=1.0)
    player = Episodes(local, loaded.processor, toolbox, settings, stops)
    asked = questions([[{"role": "user", "content": said}] for said in ("hello", "fox")])
    both = player(asked, 2, seed=1)
    alone = player(asked[1:], 2, seed=1)
    assert [one.ids for one in both[1]] == [one.ids for one in alone[0]] and both[0][0].ids != both[0][1].ids
    import torch

    one = both[0][0]
    with torch.no_grad():
        logits = loaded.module(input_ids=torch.tensor([[*one.prompt_ids, *one.ids]])).logits[0].float()
    expected = logits.log_softmax(-1)[len(one.prompt_ids) - 1 : -1].gather(1, torch.tensor(one.ids)[:, None])[:, 0]
    assert one.logprobs == pytest.approx(expected.tolist(), abs=1e-4)


def test_an_engine_without_ids_cannot_play(tools, toolbox):
    made = tokenizer("hermes")
    stop = made.convert_tokens_to_ids("<|end|>")

    class Wordy(Scripted):
        def _one(self, prompt, settings):
            return Completion("hi", (), "stop", 1)

    player = Episodes(Wordy(made, [], stop), made, toolbox, GenerateSettings(), frozenset({stop}))
    with pytest.raises(ModelError, match="tells no token ids"):
        player(questions(["hello"]), 1, seed=0)

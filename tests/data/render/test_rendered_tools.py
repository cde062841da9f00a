"""Calls of tools are trained, their answers are not."""

import pytest

from tests.data.conversations import (
    CHATML,
    HERMES,
    QWEN3,
    make_tokenizer,
    trained_texts,
)
from tests.data.render.rendered import TOOL_ROW, conversation, only
from whet.data.render.renderer import Renderer


@pytest.mark.parametrize("template", [HERMES, QWEN3])
def test_tool_calls_are_trained_and_their_answers_are_not(template):
    tokenizer = make_tokenizer(template)
    call, reply = trained_texts(tokenizer, only(Renderer(tokenizer, allow={"unseen_tools"}), TOOL_ROW))
    assert call.endswith('<tool_call>\n{"name": "get_time", "arguments": {"zone": "UTC"}}\n</tool_call><|im_end|>')
    assert reply.endswith("Noon.<|im_end|>") and "12:00" not in call + reply


def test_an_answer_that_a_template_writes_into_the_turn_of_the_call_is_not_trained():
    """As Gemma 4 does: with a plain reply in its place the answer would vanish, and a suffix proof alone would hold."""
    template = (
        "{% for m in messages %}{% if m.role == 'tool' %}{% elif m.tool_calls %}<|im_start|>assistant\n"
        "<call>{{ m.tool_calls[0].function | tojson }}</call>{% if not loop.last %}"
        "<answer>{{ messages[loop.index].content }}</answer>{% endif %}"
        "{% elif loop.index0 and messages[loop.index0 - 1].role == 'tool' %}{{ m.content }}<|im_end|>\n"
        "{% else %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
        "{% if add_generation_prompt and messages[-1].role != 'tool' %}<|im_start|>assistant\n{% endif %}"
    )
    tokenizer = make_tokenizer(template)
    renderer = Renderer(tokenizer, allow={"untrained_end", "unseen_tools"})
    assert all("12:00" not in said for said in trained_texts(tokenizer, only(renderer, TOOL_ROW)))


def test_calls_that_end_on_a_token_of_their_own_are_closed_by_it():
    template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.tool_calls %}"
        "{{ m.tool_calls[0].function | tojson }}<|call|>{% else %}{{ m.content }}<|im_end|>{% endif %}\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    tokenizer = make_tokenizer(template, ("<|im_start|>", "<|call|>", "<|im_end|>"))
    call, reply = trained_texts(tokenizer, only(Renderer(tokenizer, allow={"unseen_tools"}), TOOL_ROW))
    assert call == '{"name": "get_time", "arguments": {"zone": "UTC"}}<|call|>' and reply == "Noon.<|im_end|>"


def test_a_second_template_for_tools_is_used_for_rows_with_tools():
    tokenizer = make_tokenizer(None)
    tokenizer.chat_template = {"default": CHATML, "tool_use": HERMES}
    renderer = Renderer(tokenizer)
    assert "Tools:" in tokenizer.decode(only(renderer, TOOL_ROW).ids)
    only(renderer, conversation([("a", "one")]))

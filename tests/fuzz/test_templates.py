"""Odd templates on odd conversations: each is rendered, or refused in a sentence, and soon."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.data.conversations import make_tokenizer
from tests.fuzz.tried import fault_of
from whet.base.catalogue import template
from whet.base.errors import WhetError
from whet.contracts.rows import Conversation
from whet.data.chat.speech import speech_of
from whet.data.chat.template_wording import SYSTEM, THINKING, TOOLS, Wording
from whet.data.refusal import Refused
from whet.data.render.renderer import Renderer
from whet.generate.prompts import end_of_turn
from whet.generate.tool_calls import Exchange

MARKS = ("<|im_start|>", "<|im_end|>", "<s>", "</s>")
TOKENIZER = make_tokenizer(None, MARKS, eos="</s>", bos="<s>")
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
PIECES = (
    "{% for m in messages %}", "{% endfor %}", "{% if m.role == 'assistant' %}", "{% else %}", "{% endif %}",
    "{{ m.content }}", "{{ m['content'] | trim }}", "<|im_start|>{{ m.role }}\n", "<|im_end|>\n", "{{ bos_token }}",
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}", "{{ tools | tojson }}", "{{ m.tool_calls }}",
    "{% for c in m.tool_calls or [] %}", "{{ c.function | tojson }}", "{{ c.function.arguments + '' }}",
    "{% generation %}", "{% endgeneration %}", "{{ raise_exception('no') }}", "{% set x = namespace(y='a') %}",
    "{{ x.y.z }}", "{{ 1 / 0 }}", "{{ messages[99].role }}", "{{ messages[::-1] | first }}",
    "{{ m.content.split('a')[1] }}",
    "{{ 'a' * 10 ** 12 }}", "{{ '%999999999d' % 1 }}", "{% macro f(a) %}{{ f(a) }}{% endmacro %}", "{{ f(1) }}",
    "{{ strftime_now('%Y') }}", "{{ m.items() | list }}", "{% break %}", "{{", "%}", "\0", "{{ m.__class__ }}",
    "<think>\n{{ m.reasoning_content }}\n</think>\n\n", "{% if enable_thinking %}<think>{% endif %}", "ü🥐", "\n\n",
)  # fmt: skip
TEXTS = (
    "",
    " ",
    "a",
    "<think>\n\n</think>\n\nb",
    "<think>x",
    "<|im_end|>",
    "{{ 1 }}",
    "\n a \n",
    "你好",
    "\ud800",
    "x" * 500,
)


@pytest.mark.case("B4")
def test_any_template_on_any_conversation_ends_in_text_or_a_sentence(tries: Callable[[int, int], int]) -> None:
    source = random.Random(20)
    for number in range(tries(50, 5000)):
        text, row = odd_template(source), odd_conversation(source)
        wording = Wording(source.choice(TOOLS), source.choice(THINKING), source.choice(SYSTEM))
        TOKENIZER.chat_template = text
        fault = fault_of(partial(look, row, wording))
        assert fault is None, f"try {number}: {text!r} on {row}:\n{fault}"


def look(row: Conversation, wording: Wording) -> None:
    """Everything that renders a conversation."""
    [found] = Renderer(TOKENIZER, wording=wording, allow={"missing_tokens"}).render([row], roles=True)
    if isinstance(found, Refused):
        assert found.detail
    speech = speech_of(TOKENIZER, None, wording)
    end_of_turn(TOKENIZER)
    for step in (lambda: speech.prompt(row.messages, row.tools), lambda: Exchange(TOKENIZER, [TOOL])):
        try:
            step()
        except WhetError as error:
            assert error.hint


def odd_template(source: random.Random) -> str:
    """Pieces in any order, or a known template with some taken out, doubled or put in."""
    if source.random() < 0.4:
        return "".join(source.choices(PIECES, k=source.randint(1, 12)))
    lines = template.get(source.choice(template.names())).build().splitlines(keepends=True)
    for _ in range(source.randint(0, 3)):
        at = source.randrange(len(lines))
        lines[at : at + source.randint(0, 1)] = source.choices([*PIECES, lines[at]], k=source.randint(0, 1))
        lines = lines or [source.choice(PIECES)]
    return "".join(lines)


def odd_conversation(source: random.Random) -> Conversation:
    """Messages of any roles, some with calls, thoughts, or no content."""
    messages: list[dict[str, Any]] = []
    for _ in range(source.randint(1, 6)):
        message: dict[str, Any] = {"role": source.choice(("user", "assistant", "assistant", "system", "tool"))}
        message["content"] = source.choice(TEXTS)
        if message["role"] == "assistant" and source.random() < 0.4:
            arguments = source.choice(({}, {"a": 1}, {"a-b": [None, True]}, {"ü": {"x": "y"}}))
            function = {"name": source.choice(("f", "a.b", "get-it", "ü")), "arguments": arguments}
            message["tool_calls"] = [
                {"id": source.choice(("1", "call00000")), "type": "function", "function": function}
            ]
        if source.random() < 0.2:
            message["reasoning_content"] = source.choice(TEXTS)
        messages.append(message)
    return Conversation(messages, source.choice(((), (TOOL,))))

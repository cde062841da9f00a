"""Modelfiles: turns written in Go's templates say what the chat template says; Jinja reads them here, word for word."""

import jinja2
import pytest

from tests.data import conversations
from tests.generate import tiny
from whet.export.modelfile import modelfile, turns_of

TALK = [conversations.user("hello there"), conversations.assistant("hi"), conversations.user("tell me")]
GO = {
    "{{ range $i, $message := .Messages }}": "{% for message in messages %}",
    "{{ $last := eq (len (slice $.Messages $i)) 1 }}": "{% set last = loop.last %}",
    '{{ if and (eq $i 0) (ne $message.Role "system") }}': '{% if loop.first and message.role != "system" %}',
    "{{ if eq $i 0 }}": "{% if loop.first %}",
    '{{ if and $last (ne $message.Role "assistant") }}': '{% if last and message.role != "assistant" %}',
    "{{ if not $last }}": "{% if not last %}",
    "{{ $message.Content }}": "{{ message.content }}",
    **{
        f'{{{{ {word}if eq $message.Role "{role}" }}}}': f'{{% {jinja} message.role == "{role}" %}}'
        for role in ("system", "user", "assistant")
        for word, jinja in (("", "if"), ("else ", "elif"))
    },
}


def rendered(go, messages):
    """The template of a Modelfile, carried over into Jinja statement by statement."""
    for there, here in GO.items():
        go = go.replace(there, here)
    head, end, tail = go.rpartition("{{ end }}")
    text = head.replace("{{ end }}", "{% endif %}") + "{% endfor %}" + tail
    return jinja2.Environment(keep_trailing_newline=True).from_string(text).render(messages=messages)


@pytest.mark.parametrize("style", ["chatml", "chatml_tagged", "llama3", "gemma", "mistral"])
@pytest.mark.parametrize("adds_bos", [True, False])
def test_turns_say_what_the_template_says(style, adds_bos):
    one = conversations.STYLES[style]
    bos = one.bos if one.bos and adds_bos else None
    tokenizer = conversations.make_tokenizer(
        one.template, one.special, eos=one.end.strip(), bos=one.bos, adds_bos=bos is not None
    )
    turns = turns_of(tokenizer)
    talks = [TALK[:1], TALK] + ([[conversations.system("be kind"), *TALK]] if one.takes_system else [])
    for talk in talks:
        expected = tokenizer.apply_chat_template(talk, tokenize=False, add_generation_prompt=True)
        expected = expected.removeprefix(bos) if bos else expected
        assert turns.render(talk) == expected == rendered(turns.go(), talk)


def test_an_answer_that_is_begun_is_continued():
    tokenizer = conversations.style_tokenizer(conversations.STYLES["chatml"])
    begun = [*TALK[:1], conversations.assistant("I think")]
    expected = tokenizer.apply_chat_template(begun, tokenize=False, continue_final_message=True)
    assert rendered(turns_of(tokenizer).go(), begun) == expected


@pytest.mark.parametrize("template", [conversations.LLAMA2, conversations.QWEN3, None])
def test_what_is_more_than_turns_is_left_to_ollama(template):
    tokenizer = conversations.make_tokenizer(
        template, ("<s>", "</s>", "<|im_start|>", "<|im_end|>"), bos="<s>", eos="</s>"
    )
    assert turns_of(tokenizer) is None
    text = modelfile(tiny.module(vocab=len(tokenizer)), tokenizer, "m.gguf")
    assert "TEMPLATE" not in text and ("more than turns" in text) == (template is not None)


def test_a_modelfile_names_the_file_the_stops_and_what_authors_recommend():
    module, tokenizer = tiny.module(), tiny.tokenizer()
    module.generation_config.do_sample, module.generation_config.temperature = True, 0.6
    module.generation_config.repetition_penalty = 1.1
    lines = modelfile(module, tokenizer, "m.gguf", "Be kind.").splitlines()
    assert lines[0] == "FROM ./m.gguf" and 'SYSTEM """Be kind."""' in lines
    for line in ('PARAMETER stop "<|end|>"', "PARAMETER num_ctx 128", "PARAMETER temperature 0.6"):
        assert line in lines
    assert "PARAMETER repeat_penalty 1.1" in lines

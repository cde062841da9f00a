"""Rows and templates that cannot be rendered as they will be served are refused by name."""

import pytest

from tests.data.conversations import (
    CHATML,
    CHATML_TAGGED,
    LLAMA3,
    QWEN3,
    STYLES,
    assistant,
    make_tokenizer,
    system,
    trained_texts,
    user,
)
from tests.data.render.rendered import RENDERERS, TOKENIZERS, TOOL_ROW, conversation, only, refused
from whet.base.errors import ConfigError, ModelError
from whet.contracts.rows import Conversation, Preference, Values
from whet.data.chat.template_wording import Wording
from whet.data.render.renderer import Renderer


def test_thoughts_that_the_template_drops_are_refused_until_that_turn_is_context():
    tokenizer = make_tokenizer(QWEN3)
    row = Conversation([user("a"), assistant("<think>hm</think>yes"), user("b"), assistant("no")])
    refusal = refused(Renderer(tokenizer), row)
    assert refusal.reason == "template_mask" and "hm" in refusal.detail and "train_on=last" in refusal.hint
    only(Renderer(tokenizer, train_on="last"), row)


def test_a_template_that_drops_tools_or_calls_is_refused_with_a_way_to_write_them():
    for row in (TOOL_ROW, Conversation(TOOL_ROW.messages)):
        refusal = refused(RENDERERS["chatml"], row)
        assert refusal.reason == "template_tools" and "data.tools=hermes" in refusal.hint
    only(Renderer(TOKENIZERS["chatml"], wording=Wording(tools="hermes")), TOOL_ROW)


NO_END = "{% for m in messages %}{{ m.role }}: {{ m.content }}{{ '\n' }}{% endfor %}"


NO_END += "{% if add_generation_prompt %}assistant:{% endif %}"


@pytest.mark.parametrize(
    ("template", "trained"),
    [
        (CHATML_TAGGED.replace("<|im_end|>{% endgeneration %}", "{% endgeneration %}<|im_end|>"), "one"),
        (NO_END, " one"),
    ],
)
def test_an_end_of_turn_that_is_never_trained_is_refused(template, trained):
    tokenizer, row = make_tokenizer(template), conversation([("a", "one")])
    assert refused(Renderer(tokenizer), row).reason == "untrained_end"
    assert trained_texts(tokenizer, only(Renderer(tokenizer, allow={"untrained_end"}), row)) == [trained]


def test_a_doubled_begin_token_is_refused():
    tokenizer = make_tokenizer("{{ bos_token }}" + LLAMA3, STYLES["llama3"].special, bos="<|begin_of_text|>")
    row = conversation([("a", "one")])
    assert refused(Renderer(tokenizer), row).reason == "doubled_bos"
    only(Renderer(tokenizer, allow={"doubled_bos"}), row)


def test_a_render_that_serving_would_do_differently_is_refused():
    """As R1 distillations do: serving opens a thought that the training render does not have."""
    template = CHATML.replace("assistant\n{% endif %}", "assistant\n<think>\n{% endif %}")
    tokenizer, row = make_tokenizer(template), conversation([("a", "one")])
    refusal = refused(Renderer(tokenizer), row)
    assert refusal.reason == "render_mismatch" and "<think>" in refusal.detail
    rendered = only(Renderer(tokenizer, allow={"render_mismatch"}), row)
    assert trained_texts(tokenizer, rendered) == ["one<|im_end|>"]


def test_a_system_message_that_moves_is_refused_for_the_turns_it_changes():
    """As Mistral does: the system message stands before the last question, so earlier replies were given without it."""
    template = (
        "{% set sys = messages[0].content if messages[0].role == 'system' else '' %}"
        "{% set asked = messages | selectattr('role', 'equalto', 'user') | list %}{{ bos_token }}"
        "{% for m in messages %}"
        "{% if m.role == 'user' %}[INST] {{ sys + '\n\n' if sys and m == asked[-1] else '' }}{{ m.content }}[/INST]"
        "{% elif m.role == 'assistant' %} {{ m.content }}</s>{% endif %}{% endfor %}"
    )
    tokenizer = make_tokenizer(template, ("<s>", "</s>"), bos="<s>")
    row = conversation([("a", "one"), ("b", "two")], [system("Be brief.")])
    assert refused(Renderer(tokenizer), row).reason == "render_mismatch"
    assert trained_texts(tokenizer, only(Renderer(tokenizer, train_on="last"), row)) == [" two</s>"]


def test_a_given_template_needs_all_its_marks_as_tokens():
    tokenizer = make_tokenizer(None, ("</s>",))
    with pytest.raises(ModelError, match=r"<\|im_start\|>.*pieces"):
        Renderer(tokenizer, template=CHATML)
    Renderer(tokenizer, template=CHATML, allow={"missing_tokens"})


def test_a_tokenizers_own_template_may_write_marks_as_text_but_not_the_end_of_turn():
    zephyr = "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{{ eos_token }}\n{% endfor %}"
    zephyr += "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
    tokenizer = make_tokenizer(zephyr, ("</s>",))
    assert trained_texts(tokenizer, only(Renderer(tokenizer), conversation([("a", "one")]))) == ["one</s>"]
    with pytest.raises(ModelError, match=r"<\|im_end\|>"):
        Renderer(make_tokenizer(CHATML, ("</s>",)))


@pytest.mark.parametrize("message", [{"content": None}, {"content": [{"type": "text", "text": "x"}]}])
def test_contents_that_are_no_text_are_refused_or_empty(message):
    [result] = RENDERERS["chatml"].render([Conversation([user("a"), {"role": "assistant", **message}])])
    if message["content"] is None:
        assert trained_texts(TOKENIZERS["chatml"], result) == ["<|im_end|>"]
    else:
        assert result.reason == "bad_row"


def test_a_template_that_raises_is_a_refusal_with_its_words():
    row = Conversation([user("a"), user("b"), assistant("c")])
    refusal = refused(RENDERERS["llama2"], row)
    assert refusal.reason == "template_error" and "roles must alternate" in refusal.detail


def test_rows_of_other_kinds_are_refused_by_what_they_are_for():
    pair = Preference([user("a")], [assistant("b")], [assistant("c")])
    refusal = refused(RENDERERS["chatml"], pair)
    assert refusal.reason == "kind" and "preference pairs" in refusal.detail and "dpo" in refusal.detail
    assert refused(RENDERERS["chatml"], Values({"label": 1})).reason == "kind"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"template": "nowhere.jinja"}, "nowhere.jinja"),
        ({"train_on": "user"}, "train_on"),
        ({"allow": {"everything"}}, "everything"),
    ],
)
def test_settings_that_cannot_be_meant_are_config_errors(wrong, message):
    with pytest.raises(ConfigError, match=message):
        Renderer(TOKENIZERS["chatml"], **wrong)


def test_a_template_that_is_not_jinja_is_an_error_with_its_line():
    with pytest.raises(ModelError, match="not valid Jinja") as caught:
        Renderer(TOKENIZERS["chatml"], template="{% for m in messages %}\n{{ m. }}{% endfor %}")
    assert caught.value.at == "line 2"

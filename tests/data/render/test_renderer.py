"""Rendering: trained tokens are exactly what the model must say, and other rows are refused by name."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.conversations import (
    CHATML,
    CHATML_TAGGED,
    GEMMA,
    HERMES,
    LLAMA2,
    LLAMA3,
    MISTRAL,
    QWEN3,
    STYLES,
    assistant,
    make_tokenizer,
    style_tokenizer,
    system,
    trained_texts,
    user,
)
from whet.base.errors import ConfigError, ModelError
from whet.contracts.rows import Completion, Conversation, Preference, Text, Values
from whet.data.chat.template_wording import Wording
from whet.data.refusal import Refused
from whet.data.render.renderer import Rendered, Renderer

TOKENIZERS = {name: style_tokenizer(style) for name, style in STYLES.items()}
TOKENIZERS |= {f"{name} words": style_tokenizer(STYLES[name], words=True) for name in ("llama2", "mistral", "llama3")}
RENDERERS = {name: Renderer(tokenizer) for name, tokenizer in TOKENIZERS.items()}

# Anything but surrogates, control characters that tokenizers drop, and the marks that are special tokens here.
letters = st.characters(
    exclude_categories=("Cs", "Cc", "Cn", "Co"), include_characters="\n\t", exclude_characters="<[\u2581"
)
texts = st.text(letters, min_size=1, max_size=40).filter(lambda text: text.strip())
unindented = texts.filter(lambda text: not text[0].isspace())
exchanges = st.lists(st.tuples(texts, unindented), min_size=1, max_size=3)


def conversation(pairs, first=()):
    return Conversation([*first, *(message for asked, said in pairs for message in (user(asked), assistant(said)))])


def only(renderer, row, **options):
    [result] = renderer.render([row], **options)
    assert isinstance(result, Rendered), result
    return result


def refused(renderer, row):
    [result] = renderer.render([row])
    assert isinstance(result, Refused), result
    return result


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=20)
@given(pairs=exchanges)
def test_the_trained_text_of_every_turn_is_its_content_and_the_end_of_turn(name, pairs):
    style = STYLES[name.split()[0]]
    rendered = only(RENDERERS[name], conversation(pairs))
    assert trained_texts(TOKENIZERS[name], rendered) == [style.trained(said) for _, said in pairs]


@pytest.mark.parametrize("name", ["chatml", "gemma", "mistral words"])
@settings(max_examples=20)
@given(pairs=st.lists(st.tuples(texts, texts), min_size=1, max_size=2))
def test_a_token_that_begins_in_the_prompt_is_not_trained(name, pairs):
    style = STYLES[name.split()[0]]
    trained = trained_texts(TOKENIZERS[name], only(RENDERERS[name], conversation(pairs)))
    for found, (_, said) in zip(trained, pairs, strict=True):
        lost = style.trained(said).removesuffix(found)
        assert style.trained(said).endswith(found) and not lost.strip()


@pytest.mark.parametrize("name", STYLES)
def test_ids_are_those_that_transformers_serves(name):
    messages = [user("What is the capital of France?"), assistant(" Paris,\n I think. 你好 🥐")]
    expected = TOKENIZERS[name].apply_chat_template(messages, tokenize=True)["input_ids"]
    assert only(RENDERERS[name], Conversation(messages)).ids.tolist() == expected


@given(pairs=exchanges)
def test_tags_give_the_weights_of_transformers_own_mask(pairs):
    row, tokenizer = conversation(pairs), TOKENIZERS["chatml_tagged"]
    theirs = tokenizer.apply_chat_template(
        [dict(m) for m in row.messages], tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    assert only(RENDERERS["chatml_tagged"], row).weights.tolist() == theirs["assistant_masks"]


@given(pairs=exchanges)
def test_sentinels_give_the_weights_that_tags_give(pairs):
    tagged, bare = (only(RENDERERS[name], conversation(pairs)) for name in ("chatml_tagged", "chatml"))
    assert np.array_equal(tagged.ids, bare.ids) and np.array_equal(tagged.weights, bare.weights)


@pytest.mark.parametrize("name", STYLES)
def test_system_messages_are_context(name):
    row = conversation(
        [("Hello?", "Yes?"), ("Who?", "Me.")], [system("Be brief.")] if STYLES[name].takes_system else []
    )
    rendered = only(RENDERERS[name], row)
    assert trained_texts(TOKENIZERS[name], rendered) == [STYLES[name].trained(said) for said in ("Yes?", "Me.")]


def test_a_message_of_weight_0_is_context():
    row = Conversation([user("a"), assistant("one", weight=0), user("b"), assistant("two", weight=1)])
    for name in ("chatml", "chatml_tagged"):
        assert trained_texts(TOKENIZERS[name], only(RENDERERS[name], row)) == ["two<|im_end|>"]


@pytest.mark.parametrize("name", ["chatml", "chatml_tagged"])
def test_a_messages_weight_is_that_of_its_tokens(name):
    rendered = only(RENDERERS[name], Conversation([user("a"), assistant("one", weight=0.25), assistant("two")]))
    by_weight = {w: TOKENIZERS[name].decode(rendered.ids[rendered.weights == w]) for w in (0.25, 1)}
    assert by_weight == {0.25: "one<|im_end|>", 1: "two<|im_end|>"}


def test_text_that_a_pattern_finds_is_scaled_token_by_token_where_it_is_trained():
    scaled = Renderer(TOKENIZERS["chatml"], scale={" lazy dog": 3.0, r"<\|im_end.*?>|owl": 0.5})
    row = conversation([("lazy dog", "the lazy dog jumps"), ("owl", "fox")])
    plain, found = only(RENDERERS["chatml"], row), only(scaled, row)
    trained = plain.weights > 0
    assert np.array_equal(found.weights > 0, trained) and scaled.fingerprint != RENDERERS["chatml"].fingerprint
    text = "".join(TOKENIZERS["chatml"].decode([i]) for i in found.ids[found.weights == 3])
    assert text.strip() == "lazy dog"
    assert TOKENIZERS["chatml"].decode(found.ids[found.weights == 0.5]) == "<|im_end|><|im_end|>"
    assert scaled.unmatched([row]) == []
    assert scaled.unmatched([conversation([("owl", "fox")])]) == [" lazy dog"]
    with pytest.raises(ConfigError, match="no regular expression"):
        Renderer(TOKENIZERS["chatml"], scale={"(": 2.0})


def test_train_on_last_trains_the_last_reply_alone():
    renderer = Renderer(TOKENIZERS["chatml"], train_on="last")
    rendered = only(renderer, conversation([("a", "one"), ("b", "two")]))
    assert trained_texts(TOKENIZERS["chatml"], rendered) == ["two<|im_end|>"]


def test_train_on_all_trains_everything_but_messages_of_weight_0():
    renderer = Renderer(TOKENIZERS["chatml"], train_on="all")
    assert only(renderer, conversation([("a", "one")])).weights.all()
    part = only(renderer, Conversation([user("a"), assistant("one", weight=0), user("b"), assistant("two")]))
    untrained = TOKENIZERS["chatml"].decode(part.ids[part.weights == 0])
    assert untrained == "one<|im_end|>"


def test_what_the_template_makes_the_model_say_first_is_trained():
    tokenizer = make_tokenizer(QWEN3)
    renderer = Renderer(tokenizer)
    rendered = only(renderer, conversation([("a", "one"), ("b", "two")]))
    assert trained_texts(tokenizer, rendered) == ["one<|im_end|>", "<think>\n\n</think>\n\ntwo<|im_end|>"]


def test_thoughts_that_the_template_rewrites_are_trained_where_it_keeps_them():
    tokenizer = make_tokenizer(QWEN3)
    row = Conversation([user("a"), assistant("<think>hm, so</think>yes")])
    trained = trained_texts(tokenizer, only(Renderer(tokenizer), row))
    assert trained == ["<think>\nhm, so\n</think>\n\nyes<|im_end|>"]


def test_thoughts_that_the_template_drops_are_refused_until_that_turn_is_context():
    tokenizer = make_tokenizer(QWEN3)
    row = Conversation([user("a"), assistant("<think>hm</think>yes"), user("b"), assistant("no")])
    refusal = refused(Renderer(tokenizer), row)
    assert refusal.reason == "template_mask" and "hm" in refusal.detail and "train_on=last" in refusal.hint
    only(Renderer(tokenizer, train_on="last"), row)


CALL = {"id": "call00000", "type": "function", "function": {"name": "get_time", "arguments": {"zone": "UTC"}}}
TOOLS = [{"type": "function", "function": {"name": "get_time", "description": "the time", "parameters": {}}}]
TOOL_ROW = Conversation(
    [
        user("What time is it?"),
        assistant("", tool_calls=[CALL]),
        {"role": "tool", "content": "12:00", "tool_call_id": "call00000"},
        assistant("Noon."),
    ],
    TOOLS,
)


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


def test_a_template_that_drops_tools_or_calls_is_refused_with_a_way_to_write_them():
    for row in (TOOL_ROW, Conversation(TOOL_ROW.messages)):
        refusal = refused(RENDERERS["chatml"], row)
        assert refusal.reason == "template_tools" and "data.tools=hermes" in refusal.hint
    only(Renderer(TOKENIZERS["chatml"], wording=Wording(tools="hermes")), TOOL_ROW)


def test_calls_that_end_on_a_token_of_their_own_are_closed_by_it():
    template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.tool_calls %}"
        "{{ m.tool_calls[0].function | tojson }}<|call|>{% else %}{{ m.content }}<|im_end|>{% endif %}\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    tokenizer = make_tokenizer(template, ("<|im_start|>", "<|call|>", "<|im_end|>"))
    call, reply = trained_texts(tokenizer, only(Renderer(tokenizer, allow={"unseen_tools"}), TOOL_ROW))
    assert call == '{"name": "get_time", "arguments": {"zone": "UTC"}}<|call|>' and reply == "Noon.<|im_end|>"


def test_several_generation_tags_in_one_reply_belong_to_it():
    template = CHATML_TAGGED.replace(
        "<|im_end|>{% endgeneration %}", "{% endgeneration %}!{% generation %}<|im_end|>{% endgeneration %}"
    )
    tokenizer = make_tokenizer(template)
    row = Conversation([user("a"), assistant("one", weight=0), user("b"), assistant("two")])
    assert trained_texts(tokenizer, only(Renderer(tokenizer), row)) == ["two", "<|im_end|>"]


def test_a_row_without_replies_has_nothing_to_train():
    row = Conversation([user("Hello?")])
    assert refused(RENDERERS["chatml"], row).reason == "nothing_to_train"
    assert not only(Renderer(TOKENIZERS["chatml"], allow={"nothing_to_train"}), row).weights.any()


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


def test_a_header_that_no_generation_prompt_writes_is_trained_since_the_model_must_write_it():
    template = CHATML.replace("{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}", "")
    tokenizer = make_tokenizer(template)
    [said] = trained_texts(tokenizer, only(Renderer(tokenizer), conversation([("a", "one")])))
    assert said == "<|im_start|>assistant\none<|im_end|>"


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


def test_marks_that_take_the_line_break_after_them_are_trained():
    tokenizer = make_tokenizer(CHATML, rstrip=True)
    rendered = only(Renderer(tokenizer), conversation([("a", "one"), ("b", "two")]))
    ends = rendered.weights[rendered.ids == tokenizer.convert_tokens_to_ids("<|im_end|>")]
    assert ends.tolist() == [0, 1, 0, 1]


def test_marks_that_take_the_line_break_after_their_tag_are_trained():
    tokenizer = make_tokenizer(CHATML_TAGGED, rstrip=True)
    rendered = only(Renderer(tokenizer), conversation([("a", "one")]))
    assert rendered.weights.tolist()[-1] == 1 and rendered.ids[-1] == tokenizer.convert_tokens_to_ids("<|im_end|>")


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


class TestBaseModels:
    """Rows without a template, and the template that needs nothing."""

    tokenizer = make_tokenizer(None, ("<s>", "</s>"), bos="<s>", adds_bos=True)
    renderer = Renderer(tokenizer, template="plain")

    @pytest.mark.case("A12")
    def test_conversations_without_a_template_are_an_error_with_names_to_choose_from(self):
        row = conversation([("Hi there", "Hello!")])
        with pytest.raises(ModelError, match="no chat template") as error:
            Renderer(self.tokenizer).render([row])
        assert "data.template=plain" in error.value.hint
        with pytest.raises(ModelError) as error:
            Renderer(make_tokenizer(None, ("<|im_start|>", "<|im_end|>"))).render([row])
        assert error.value.hint.startswith("data.template=chatml")
        only(Renderer(self.tokenizer), Text("Hello there"))

    def test_the_plain_template_needs_no_new_tokens_and_trains_reply_and_end(self):
        rendered = only(self.renderer, conversation([("Hi there", "Hello!"), ("More", "Yes.")], [system("Be nice.")]))
        assert trained_texts(self.tokenizer, rendered) == ["Hello!</s>", "Yes.</s>"]
        begin = self.tokenizer.bos_token_id
        assert rendered.ids[0] == begin and np.count_nonzero(rendered.ids == begin) == 1

    def test_the_plain_template_writes_tools_and_calls(self):
        rendered = only(self.renderer, TOOL_ROW)
        call, reply = trained_texts(self.tokenizer, rendered)
        assert call == '{"name": "get_time", "arguments": {"zone": "UTC"}}</s>' and reply == "Noon.</s>"
        assert "the time" in self.tokenizer.decode(rendered.ids)

    def test_a_template_that_ends_turns_with_the_end_token_needs_one(self):
        with pytest.raises(ModelError, match="end-of-text"):
            Renderer(make_tokenizer(None, (), eos=None), template="plain")

    def test_text_is_begin_text_end_and_all_trained(self):
        rendered = only(self.renderer, Text("Hello there"))
        assert rendered.ids.tolist() == [*self.tokenizer("Hello there")["input_ids"], self.tokenizer.eos_token_id]
        assert rendered.weights.all()

    @pytest.mark.parametrize("text", ["<s>Hello</s>", "<s>Hello", "Hello</s>", "Hello"])
    def test_begin_and_end_are_never_doubled(self, text):
        ids = only(self.renderer, Text(text)).ids.tolist()
        assert ids.count(self.tokenizer.bos_token_id) == ids.count(self.tokenizer.eos_token_id) == 1

    def test_a_completion_is_trained_with_its_end(self):
        rendered = only(self.renderer, Completion("What is 2 + 2?\n", "It is 4."))
        assert trained_texts(self.tokenizer, rendered) == ["It is 4.</s>"]
        assert rendered.ids[0] == self.tokenizer.bos_token_id and not rendered.weights[0]

    def test_a_token_that_holds_the_prompts_last_space_is_not_trained(self):
        space = self.tokenizer.convert_tokens_to_ids("Ġthe")
        rendered = only(self.renderer, Completion("This is ", "the capital"))
        assert space in rendered.ids and not rendered.weights[rendered.ids == space].any()

    def test_a_completion_that_cannot_end_is_refused(self):
        renderer = Renderer(make_tokenizer(CHATML, ()), allow={"missing_tokens"})
        assert refused(renderer, Completion("a", "b")).reason == "untrained_end"


def test_rows_of_other_kinds_are_refused_by_what_they_are_for():
    pair = Preference([user("a")], [assistant("b")], [assistant("c")])
    refusal = refused(RENDERERS["chatml"], pair)
    assert refusal.reason == "kind" and "preference pairs" in refusal.detail and "dpo" in refusal.detail
    assert refused(RENDERERS["chatml"], Values({"label": 1})).reason == "kind"


def test_results_keep_the_order_of_the_rows_and_do_not_depend_on_their_company():
    rows = [conversation([("a", "one")]), Text("plain text"), Conversation([user("b")]), Completion("c", "d")]
    together = RENDERERS["chatml"].render(rows)
    for row, result in zip(rows, together, strict=True):
        [alone] = RENDERERS["chatml"].render([row])
        if isinstance(alone, Refused):
            assert result == alone
        else:
            assert np.array_equal(alone.ids, result.ids) and np.array_equal(alone.weights, result.weights)


def test_arrays_have_the_dtypes_of_the_token_store():
    rendered = only(RENDERERS["chatml"], conversation([("a", "b")]))
    assert rendered.ids.dtype == np.int32 and rendered.weights.dtype == np.float32
    assert rendered.ids.shape == rendered.weights.shape


def test_roles_name_what_each_token_belongs_to():
    row = conversation([("Hello there", "Yes?")], [system("Be brief.")])
    rendered = only(RENDERERS["chatml"], row, roles=True)
    texts = {}
    for token, role in zip(rendered.ids.tolist(), rendered.roles, strict=True):
        texts[role] = texts.get(role, "") + TOKENIZERS["chatml"].decode([token])
    assert (texts["system"], texts["user"], texts["assistant"], texts["end"]) == (
        "Be brief.",
        "Hello there",
        "Yes?",
        "<|im_end|>",
    )
    runs = [role for role, following in pairwise([*rendered.roles, None]) if role != following]
    assert runs == ["template", "system", "template", "user", "template", "assistant", "end", "template"]


def test_a_renderer_comes_through_pickling_the_same():
    renderer = RENDERERS["llama3"]
    copy, row = pickle.loads(pickle.dumps(renderer)), conversation([("a", "one")])
    assert copy.fingerprint == renderer.fingerprint
    assert np.array_equal(only(copy, row).ids, only(renderer, row).ids)


def test_the_fingerprint_follows_whatever_changes_ids_or_weights():
    tokenizer = make_tokenizer(CHATML)
    same, *others = [
        Renderer(make_tokenizer(CHATML)),
        Renderer(tokenizer, train_on="last"),
        Renderer(tokenizer, template=HERMES),
        Renderer(tokenizer, allow={"untrained_end"}),
        Renderer(make_tokenizer(CHATML, ("<|im_start|>", "<|im_end|>", "<|x|>"))),
    ]
    prints = [Renderer(tokenizer).fingerprint, *(other.fingerprint for other in others)]
    assert same.fingerprint == prints[0] and len(set(prints)) == len(prints)


def test_a_template_file_replaces_the_tokenizers(tmp_path):
    file = tmp_path / "gemma.jinja"
    file.write_text(GEMMA)
    tokenizer = make_tokenizer(CHATML, STYLES["gemma"].special, bos="<bos>")
    rendered = only(Renderer(tokenizer, template=str(file)), conversation([("a", " one ")]))
    assert trained_texts(tokenizer, rendered) == ["one<end_of_turn>"]


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


def test_a_second_template_for_tools_is_used_for_rows_with_tools():
    tokenizer = make_tokenizer(None)
    tokenizer.chat_template = {"default": CHATML, "tool_use": HERMES}
    renderer = Renderer(tokenizer)
    assert "Tools:" in tokenizer.decode(only(renderer, TOOL_ROW).ids)
    only(renderer, conversation([("a", "one")]))


@pytest.mark.parametrize("template", [LLAMA2, MISTRAL])
def test_the_space_that_a_reply_begins_with_is_trained(template):
    tokenizer = make_tokenizer(template, ("<s>", "</s>"), bos="<s>")
    [said] = trained_texts(tokenizer, only(Renderer(tokenizer), conversation([("Hello", "Yes")])))
    assert said.startswith(" Yes")

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
    MISTRAL,
    QWEN3,
    STYLES,
    assistant,
    make_tokenizer,
    system,
    trained_texts,
    user,
)
from tests.data.render.rendered import RENDERERS, TOKENIZERS, conversation, only, refused
from whet.base.errors import ConfigError
from whet.contracts.rows import Completion, Conversation, Text
from whet.data.refusal import Refused
from whet.data.render.renderer import Renderer

# Anything but surrogates, control characters that tokenizers drop, and the marks that are special tokens here.
letters = st.characters(
    exclude_categories=("Cs", "Cc", "Cn", "Co"), include_characters="\n\t", exclude_characters="<[\u2581"
)
texts = st.text(letters, min_size=1, max_size=40).filter(lambda text: text.strip())
unindented = texts.filter(lambda text: not text[0].isspace())
exchanges = st.lists(st.tuples(texts, unindented), min_size=1, max_size=3)


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


def test_a_header_that_no_generation_prompt_writes_is_trained_since_the_model_must_write_it():
    template = CHATML.replace("{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}", "")
    tokenizer = make_tokenizer(template)
    [said] = trained_texts(tokenizer, only(Renderer(tokenizer), conversation([("a", "one")])))
    assert said == "<|im_start|>assistant\none<|im_end|>"


def test_marks_that_take_the_line_break_after_them_are_trained():
    tokenizer = make_tokenizer(CHATML, rstrip=True)
    rendered = only(Renderer(tokenizer), conversation([("a", "one"), ("b", "two")]))
    ends = rendered.weights[rendered.ids == tokenizer.convert_tokens_to_ids("<|im_end|>")]
    assert ends.tolist() == [0, 1, 0, 1]


def test_marks_that_take_the_line_break_after_their_tag_are_trained():
    tokenizer = make_tokenizer(CHATML_TAGGED, rstrip=True)
    rendered = only(Renderer(tokenizer), conversation([("a", "one")]))
    assert rendered.weights.tolist()[-1] == 1 and rendered.ids[-1] == tokenizer.convert_tokens_to_ids("<|im_end|>")


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


@pytest.mark.parametrize("template", [LLAMA2, MISTRAL])
def test_the_space_that_a_reply_begins_with_is_trained(template):
    tokenizer = make_tokenizer(template, ("<s>", "</s>"), bos="<s>")
    [said] = trained_texts(tokenizer, only(Renderer(tokenizer), conversation([("Hello", "Yes")])))
    assert said.startswith(" Yes")

"""Templates by name: each family's text is as published, worked out by hand, and its mask is proven."""

import json
import os
from pathlib import Path

import pytest

from tests.data.conversations import assistant, make_tokenizer, system, trained_texts, user
from whet.base.catalogue import template
from whet.base.errors import ConfigError, ModelError
from whet.contracts.rows import Conversation
from whet.data.chat.speech import speech_of
from whet.data.chat.template_wording import Wording
from whet.data.render.renderer import Rendered, Renderer
from whet.generate.tool_calls import Exchange
from whet.models.tuning import new_tokens

TURNS = [user("Hi"), assistant("Hello!"), user("More"), assistant("Yes.")]
# What stands around Hi, Hello!, More and Yes. -> the text of the conversation; `<s>` and `</s>` begin and end texts.
CHATML = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n{}<|im_end|>\n" * 2
ROLES = "<|user|>\n{}\n<|assistant|>\n{}</s>\n<|user|>\n{}\n<|assistant|>\n{}</s>"
HEADED = "### User:\n{}\n\n### Assistant:\n{}</s>\n\n" * 2
FAMILIES = {
    "alpaca": "<s>Below is an instruction that describes a task. Write a response that appropriately completes the "
    "request.\n\n" + "### Instruction:\n{}\n\n### Response:\n{}</s>\n\n" * 2,
    "baichuan2": "<reserved_106>{}<reserved_107>{}</s>" * 2,
    "bailing": "<role>HUMAN</role>{}<role>ASSISTANT</role>{}</s>" * 2,
    "chatglm3": "[gMASK]sop" + "<|user|>\n {}<|assistant|>\n {}" * 2 + "<|user|>",
    "chatml": CHATML,
    "command-r": "<s>" + "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>{}<|END_OF_TURN_TOKEN|>"
    "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>{}<|END_OF_TURN_TOKEN|>" * 2,
    "deepseek2": "<s>" + "User: {}\n\nAssistant: {}<｜end▁of▁sentence｜>" * 2,
    "deepseek3": "<s>" + "<｜User｜>{}<｜Assistant｜>{}<｜end▁of▁sentence｜>" * 2,
    "exaone3": "[|system|][|endofturn|]\n" + "[|user|]{}\n[|assistant|]{}[|endofturn|]\n" * 2,
    "falcon": "User: {}\n\nAssistant: {}</s>\n\n" * 2,
    "falcon3": ROLES,
    "gemma": "<s>" + "<start_of_turn>user\n{}<end_of_turn>\n<start_of_turn>model\n{}<end_of_turn>\n" * 2,
    "gemma3": "<s>" + "<start_of_turn>user\n{}<end_of_turn>\n<start_of_turn>model\n{}<end_of_turn>\n" * 2,
    "glm4": "[gMASK]<sop>" + "<|user|>\n{}<|assistant|>\n{}" * 2 + "<|user|>",
    "granite": "<|start_of_role|>user<|end_of_role|>{}<|end_of_text|>\n"
    "<|start_of_role|>assistant<|end_of_role|>{}<|end_of_text|>\n" * 2,
    "hermes": "<s>" + CHATML,
    "internlm2": "<s>" + CHATML,
    "kimi-k2": "<|im_system|>system<|im_middle|>You are Kimi, an AI assistant created by Moonshot AI.<|im_end|>"
    + "<|im_user|>user<|im_middle|>{}<|im_end|><|im_assistant|>assistant<|im_middle|>{}<|im_end|>" * 2,
    "llama2": "<s>[INST] {} [/INST] {} </s>" * 2,
    "llama3": "<s>" + "<|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n{}<|eot_id|>" * 2,
    "llama4": "<s>" + "<|header_start|>user<|header_end|>\n\n{}<|eot|>"
    "<|header_start|>assistant<|header_end|>\n\n{}<|eot|>" * 2,
    "megrez": "<|role_start|>system<|role_end|>你是Megrez-3B-Instruct，将针对用户的问题给出详细的、积极的回答。"
    "<|turn_end|>"
    + "<|role_start|>user<|role_end|>{}<|turn_end|><|role_start|>assistant<|role_end|>{}<|turn_end|>"
    * 2,
    "minicpm": "<s>" + "<用户>{}<AI>{}</s>" * 2,
    "mistral": "<s>" + "[INST] {}[/INST] {}</s>" * 2,
    "mistral-tekken": "<s>" + "[INST]{}[/INST]{}</s>" * 2,
    "mistral-v1": "<s>" + " [INST] {} [/INST] {}</s>" * 2,
    "mistral-v7": "<s>" + "[INST] {}[/INST] {}</s>" * 2,
    "mistral-v7-tekken": "<s>" + "[INST]{}[/INST]{}</s>" * 2,
    "olmo2": "<s>" + ROLES,
    "openchat": "<s>" + "GPT4 Correct User: {}<|end_of_turn|>GPT4 Correct Assistant: {}<|end_of_turn|>" * 2,
    "orion": "<s>" + "Human: {}\n\nAssistant: </s>{}</s>" * 2,
    "phi3": "<|user|>\n{}<|end|>\n<|assistant|>\n{}<|end|>\n" * 2 + "</s>",
    "phi4": "<|im_start|>user<|im_sep|>{}<|im_end|><|im_start|>assistant<|im_sep|>{}<|im_end|>" * 2,
    "phi4-mini": "<|user|>{}<|end|><|assistant|>{}<|end|>" * 2 + "</s>",
    "plain": "<s>" + HEADED,
    "qwen25": "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n"
    + CHATML,
    "qwen3": "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n{}<|im_end|>\n"
    "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n{}<|im_end|>\n",
    "seed-oss": "<s>user\n{}</s><s>assistant\n{}</s>" * 2,
    "smollm2": "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
    + CHATML,
    "solar": "<s>" + HEADED,
    "starchat": "<|system|>\n<|end|>\n" + "<|user|>\n{}<|end|>\n<|assistant|>\n{}<|end|>\n" * 2,
    "tulu": ROLES,
    "vicuna": "<s>A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, "
    "detailed, and polite answers to the user's questions. USER: {} ASSISTANT: {}</s>USER: {} ASSISTANT: {}</s>",
    "yi": CHATML,
    "zephyr": "<|user|>\n{}</s>\n<|assistant|>\n{}</s>\n" * 2,
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_time", "arguments": {"zone": "UTC"}}}
TOOL = {"type": "function", "function": {"name": "get_time", "description": "the time", "parameters": {}}}
CALLING = Conversation(
    [user("Time?"), assistant("", tool_calls=[CALL]), {"role": "tool", "content": "12:00", "tool_call_id": "call_1"},
     assistant("Noon.")], [TOOL],
)  # fmt: skip


def fitting(name):
    """A tokenizer that has what the family needs."""
    marks = template.get(name).facts.marks
    return make_tokenizer(None, tuple(dict.fromkeys([*marks, "<s>", "</s>"])), eos="</s>", bos="<s>")


def rendered(tokenizer, row, **options):
    [found] = Renderer(tokenizer, **options).render([row])
    assert isinstance(found, Rendered), found
    return found


def test_every_family_has_its_text_here():
    assert sorted(FAMILIES) == template.names()


@pytest.mark.case("C1")
@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_written_as_published_and_replies_are_trained_with_their_end(name):
    tokenizer, expected = fitting(name), FAMILIES[name].format("Hi", "Hello!", "More", "Yes.")
    found = rendered(tokenizer, Conversation(TURNS), template=name)
    assert tokenizer.decode(found.ids) == expected
    first, last = (text.strip() for text in trained_texts(tokenizer, found))
    assert first.startswith("Hello!") and first.endswith((">", "]")) and "Yes." in last and last.endswith((">", "]"))
    assert "Hi" not in first and "More" not in first + last


def test_a_template_of_another_name_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="neither a file nor the name") as error:
        Renderer(fitting("chatml"), template="chatlm")
    assert "did you mean" in error.value.hint and "data.template=chatml" in error.value.hint


def test_a_template_whose_marks_are_missing_says_how_to_add_them():
    tokenizer = make_tokenizer(None, ("</s>",))
    with pytest.raises(ModelError) as error:
        Renderer(tokenizer, template="chatml")
    assert """model.new_tokens='["<|im_start|>", "<|im_end|>"]'""" in error.value.hint
    new_tokens.add(tokenizer, ["<|im_start|>", "<|im_end|>"])
    found = rendered(tokenizer, Conversation(TURNS), template="chatml")
    assert trained_texts(tokenizer, found) == ["Hello!<|im_end|>", "Yes.<|im_end|>"]


@pytest.mark.case("C1")
@pytest.mark.parametrize("tools", ["hermes", "json", "pythonic"])
@pytest.mark.parametrize("name", ["gemma", "gemma3", "llama3", "mistral-v1", "chatml", "deepseek3"])
def test_tools_as_text_are_trained_asked_for_and_read_back_alike(name, tools):
    """What training writes is what rollouts ask with, read, and go on from: one template does all of it."""
    tokenizer, wording = fitting(name), Wording(tools=tools)
    found = rendered(tokenizer, CALLING, template=name, wording=wording)
    text = tokenizer.decode(found.ids)
    call, answer = trained_texts(tokenizer, found)
    assert "the time" in text and "12:00" not in call + answer and answer.strip().startswith("Noon.")
    tokenizer.chat_template = speech_of(tokenizer, name, wording).template.text
    exchange = Exchange(tokenizer, [TOOL])
    assert text.startswith(tokenizer.decode(exchange.prompt([user("Time?")])))
    end = "</s>" if template.get(name).facts.needs_end else template.get(name).facts.marks[-1]
    [said] = exchange.read(call.removesuffix(end).strip()).calls
    assert (said.name, said.arguments, said.error) == ("get_time", {"zone": "UTC"}, None)


def test_a_call_that_python_has_no_syntax_for_is_refused_in_that_form():
    odd = {**CALL, "function": {"name": "get_time", "arguments": {"time-zone": "UTC"}}}
    row = Conversation([user("Time?"), assistant("", tool_calls=[odd])], [TOOL])
    [found] = Renderer(fitting("chatml"), template="chatml", wording=Wording(tools="pythonic")).render([row])
    assert "time-zone" in found.detail and found.hint == "data.tools=hermes"


# Templates that take calls in one way alone: (arguments, content beside them, what must be said of it).
ONLY = {
    "text and none": ("m.tool_calls[0].function.arguments", "m.content is none", "arguments as JSON text"),
    "object and none": ("m.tool_calls[0].function.arguments | tojson", "m.content is none", "beside calls is none"),
    "text and empty": ("m.tool_calls[0].function.arguments", "m.content == ''", "arguments as JSON text"),
    "absent": ("m.tool_calls[0].function.arguments | tojson", "m.content is undefined", "absent"),
}


@pytest.mark.case("C2")
@pytest.mark.parametrize("way", ONLY)
def test_messages_are_handed_over_as_the_template_takes_them(way):
    arguments, content, said = ONLY[way]
    text = (
        "{% for t in tools or [] %}{{ t | tojson }}\n{% endfor %}{% for m in messages %}<|im_start|>{{ m.role }}\n"
        "{% if m.tool_calls and CONTENT %}<call>{{ m.tool_calls[0].function.name + ' ' + ARGUMENTS }}"
        "{% elif m.tool_calls %}{{ raise_exception('not so') }}{% else %}{{ m.content }}{% endif %}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    tokenizer = make_tokenizer(text.replace("CONTENT", content).replace("ARGUMENTS", arguments))
    call, answer = trained_texts(tokenizer, rendered(tokenizer, CALLING))
    assert call == '<call>get_time {"zone": "UTC"}<|im_end|>' and answer == "Noon.<|im_end|>"
    assert said in str(speech_of(tokenizer).dialects(calls=True)[0])


@pytest.mark.case("C2")
def test_contents_and_ids_are_handed_over_as_the_template_takes_them():
    text = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.content is string %}{{ raise_exception('parts') }}"
        "{% endif %}{% for part in m.content %}{{ part.text }}{% endfor %}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    tokenizer = make_tokenizer(text)
    found = rendered(tokenizer, Conversation([system("Be brief."), *TURNS]))
    assert trained_texts(tokenizer, found) == ["Hello!<|im_end|>", "Yes.<|im_end|>"]
    mistral = fitting("mistral")
    mistral.chat_template = (
        template.get("mistral")
        .build()
        .replace(
            "{{- {'name': call",
            "{% if call.id | length != 9 %}{{ raise_exception('nine') }}{% endif %}{{- {'name': call",
        )
    )
    call, _ = trained_texts(mistral, rendered(mistral, CALLING))
    assert "get_time" in call and "call_1" not in call


@pytest.mark.case("C4")
@pytest.mark.parametrize(
    ("thinking", "empty", "thought"),
    [
        ("keep", "<think>\n\n</think>\n\nYes.<|im_end|>", "<think>\nHm.\n</think>\n\nYes.<|im_end|>"),
        ("ignore_empty", "Yes.<|im_end|>", "<think>\nHm.\n</think>\n\nYes.<|im_end|>"),
        ("ignore", "Yes.<|im_end|>", "Yes.<|im_end|>"),
        ("strip", "Yes.<|im_end|>", "Yes.<|im_end|>"),
    ],
)
def test_each_choice_for_thoughts_has_its_mask(thinking, empty, thought):
    tokenizer, wording = fitting("qwen3"), Wording(thinking=thinking)
    for beside in ({}, {"reasoning_content": "Hm."}):
        found = rendered(tokenizer, Conversation([*TURNS[:3], assistant("Yes.", **beside)]), template="qwen3",
                         wording=wording)  # fmt: skip
        assert trained_texts(tokenizer, found) == ["Hello!<|im_end|>", thought if beside else empty]
        block = tokenizer.decode(found.ids).split("<think>\n")[1].split("</think>")[0].strip()
        assert block == ("Hm." if beside and thinking != "strip" else "")


@pytest.mark.case("C4")
def test_a_model_trained_without_thoughts_is_asked_without():
    tokenizer = fitting("qwen3")
    asked = speech_of(tokenizer, "qwen3", Wording(thinking="strip")).prompt([user("Hi")])
    assert asked.endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert speech_of(tokenizer, "qwen3").prompt([user("Hi")]).endswith("<|im_start|>assistant\n")


def test_a_system_message_is_folded_where_that_is_asked():
    tokenizer, row = fitting("gemma"), Conversation([system("Be brief."), *TURNS])
    [refused] = Renderer(tokenizer, template="gemma").render([row])
    assert "data.system=fold" in refused.hint
    found = rendered(tokenizer, row, template="gemma", wording=Wording(system="fold"))
    assert tokenizer.decode(found.ids).startswith("<s><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n")


# A folder for each family of what its tokenizer was published as: tokenizer.json and tokenizer_config.json.
PUBLISHED = Path(os.environ.get("WHET_TEST_TOKENIZERS", "nowhere"))
PUBLISHED_AS = {"qwen3": "qwen3", "llama3_1": "llama3", "gemma3": "gemma3", "deepseek_v3": "deepseek3"}


@pytest.mark.case("C5")
@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="WHET_TEST_TOKENIZERS names no folder of published tokenizers")
@pytest.mark.parametrize("folder", PUBLISHED_AS)
def test_a_family_is_that_of_the_published_tokenizer(folder):
    transformers = pytest.importorskip("transformers")
    path = next((PUBLISHED / folder).rglob("tokenizer_config.json"), None)
    if path is None or "chat_template" not in json.loads(path.read_text()):
        pytest.skip(f"{folder} is not there, or has no template")
    tokenizer = transformers.AutoTokenizer.from_pretrained(path.parent)
    conversations = [TURNS, [system("Be brief."), *TURNS], [user(" a\n"), assistant(" b\n 你好 🥐")]]
    rows = [Conversation(messages) for messages in conversations]
    if folder == "qwen3":
        rows.append(CALLING)
    ours, own = Renderer(tokenizer, template=PUBLISHED_AS[folder]), Renderer(tokenizer)
    for row in rows:
        [one], [other] = ours.render([row]), own.render([row])
        published = tokenizer.apply_chat_template(
            list(row.messages), tools=list(row.tools) or None, tokenize=True, return_dict=True
        )["input_ids"]
        assert one.ids.tolist() == other.ids.tolist() == published
        assert one.weights.tolist() == other.weights.tolist()


@pytest.mark.case("D")
def test_a_call_that_pythonic_has_no_words_for_is_a_sentence_where_the_model_is_to_go_on():
    call = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "a-b", "arguments": {}}}]}
    speech = speech_of(fitting("chatml"), "chatml", Wording(tools="pythonic"))
    with pytest.raises(ModelError, match="`a-b`, which Python's syntax cannot hold") as caught:
        speech.prompt([{"role": "user", "content": "x"}, call])
    assert caught.value.hint == "data.tools=hermes"
    assert speech.whole([{"role": "user", "content": "x"}, call]) is None

"""OpenAI's own client, unmodified, with another address and key: what it shows is what the engine says."""

from __future__ import annotations

import asyncio
import json
import math

import pytest
import torch

from tests.lazily import Lazily
from tests.server.openai.conftest import KEY, running
from tests.server.openai.tools import WEATHER, Scripted
from whet.generate.decode import complete
from whet.generate.protocol import GenerateSettings
from whet.server.openai.service import Service

openai = Lazily("openai")

HELLO = [{"role": "user", "content": "hello world, how are you today"}]


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=server.url, api_key=KEY, max_retries=0) as found:
        yield found


def expected(module, tokenizer, prompt, **settings):
    return complete(module, tokenizer, [prompt], GenerateSettings(**settings))[0]


def test_a_chat_says_what_the_model_says(client, module, tokenizer):
    answer = client.chat.completions.create(model="tiny", messages=HELLO, temperature=0, max_tokens=12)
    said = expected(module, tokenizer, HELLO, max_new_tokens=12)
    assert answer.object == "chat.completion" and answer.model == "tiny" and answer._request_id.startswith("req_")
    assert answer.choices[0].message.content == said.text and answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == said.finish
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (said.num_prompt_tokens, len(said.tokens))


def test_a_stream_joins_to_the_answer_and_ends_with_its_usage(client, module, tokenizer):
    chunks = list(
        client.chat.completions.create(
            model="tiny", messages=HELLO, temperature=0, max_completion_tokens=12, stream=True,
            stream_options={"include_usage": True},
        )
    )  # fmt: skip
    said = expected(module, tokenizer, HELLO, max_new_tokens=12)
    assert chunks[0].choices[0].delta.role == "assistant" and len({chunk.id for chunk in chunks}) == 1
    assert "".join(c.choices[0].delta.content or "" for c in chunks[:-1]) == said.text
    assert [c.choices[0].finish_reason for c in chunks[:-1]] == [None] * (len(chunks) - 2) + [said.finish]
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == len(said.tokens)


def test_choices_differ_and_a_seed_repeats_them(client):
    def texts(**more):
        answer = client.chat.completions.create(
            model="tiny", messages=HELLO, temperature=1.5, n=3, seed=7, max_tokens=8, **more
        )
        return [choice.message.content for choice in answer.choices]

    first = texts()
    assert len(set(first)) == 3 and texts() == first and texts(top_p=0.01) != first
    chunks = client.chat.completions.create(
        model="tiny", messages=HELLO, temperature=1.5, n=3, seed=7, max_tokens=8, stream=True
    )
    joined = ["", "", ""]
    for chunk in chunks:
        joined[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert joined == first


def test_a_stop_sequence_ends_before_it(client, module, tokenizer):
    free = expected(module, tokenizer, HELLO, max_new_tokens=12).text
    middle = free[len(free) // 2 :][:2]
    answer = client.chat.completions.create(
        model="tiny", messages=HELLO, temperature=0, max_tokens=12, stop=["never", middle]
    )
    assert answer.choices[0].message.content == free[: free.index(middle)]
    assert answer.choices[0].finish_reason == "stop"


def test_logprobs_of_a_chat_are_the_models(client, module, tokenizer):
    answer = client.chat.completions.create(
        model="tiny", messages=HELLO, temperature=0, max_tokens=6, logprobs=True, top_logprobs=2
    )
    said = expected(module, tokenizer, HELLO, max_new_tokens=6, top_logprobs=2)
    content = answer.choices[0].logprobs.content
    assert [one.logprob for one in content] == pytest.approx([token.logprob for token in said.tokens], abs=1e-4)
    assert b"".join(bytes(one.bytes) for one in content).decode(errors="replace") == said.text
    assert all(one.top_logprobs[0].token == one.token and len(one.top_logprobs) == 2 for one in content)


def test_completions_of_texts_and_of_token_ids(client, module, tokenizer):
    texts = ["The quick", "Pack my box with five"]
    answer = client.completions.create(model="tiny", prompt=texts, temperature=0, max_tokens=6, echo=True)
    said = [expected(module, tokenizer, text, max_new_tokens=6) for text in texts]
    assert [c.text for c in answer.choices] == [a + b.text for a, b in zip(texts, said, strict=True)]
    ids = [tokenizer.encode(text) for text in texts]
    told = client.completions.create(model="tiny", prompt=ids, temperature=0, max_tokens=6)
    assert [c.text for c in told.choices] == [one.text for one in said]
    chunks = client.completions.create(model="tiny", prompt=ids[0], temperature=0, max_tokens=6, stream=True)
    assert "".join(chunk.choices[0].text for chunk in chunks) == said[0].text


def test_echo_tells_the_likelihood_of_a_prompt_as_lm_eval_reads_it(client, module, tokenizer):
    """Its `local-completions`: token ids, `max_tokens` 1, `echo`, `logprobs` 1; the last token is cut off."""
    context, ending = tokenizer.encode("The quick brown fox"), tokenizer.encode(" jumps over")
    ids = [*context, *ending]
    answer = client.completions.create(
        model="tiny", prompt=[ids], max_tokens=1, temperature=0, logprobs=1, echo=True, seed=1234
    )
    told = answer.choices[0].logprobs
    logits = torch.log_softmax(module(torch.tensor([ids])).logits[0].float(), -1).detach()
    own = [float(logits[i - 1, ids[i]]) for i in range(len(context), len(ids))]
    assert told.token_logprobs[0] is None and len(told.token_logprobs) == len(ids) + 1
    assert told.token_logprobs[len(context) : -1] == pytest.approx(own, abs=1e-4)
    greedy = [float(logits[i - 1].max()) for i in range(len(context), len(ids))]
    assert [max(top.values()) for top in told.top_logprobs[len(context) : -1]] == pytest.approx(greedy, abs=1e-4)
    alone = client.completions.create(model="tiny", prompt=[ids], max_tokens=0, logprobs=1, echo=True)
    assert alone.choices[0].logprobs.token_logprobs == told.token_logprobs[:-1]
    assert alone.usage.completion_tokens == 0


def test_offsets_of_a_stream_are_those_of_the_whole(client, tokenizer):
    asked = {"model": "tiny", "prompt": "The quick brown", "temperature": 0, "max_tokens": 6, "logprobs": 0, "n": 2}
    for echo in (False, True):
        whole = client.completions.create(**asked, echo=echo).choices
        offsets, words = {0: [], 1: []}, {0: [], 1: []}
        for chunk in client.completions.create(**asked, echo=echo, stream=True):
            choice = chunk.choices[0]
            if choice.logprobs is not None:
                offsets[choice.index] += choice.logprobs.text_offset
                words[choice.index] += choice.logprobs.tokens
        for choice in whole:
            assert offsets[choice.index] == choice.logprobs.text_offset
            assert words[choice.index] == choice.logprobs.tokens
        assert offsets[0] == [sum(map(len, words[0][:i])) for i in range(len(words[0]))]


def test_many_ask_at_once_and_each_gets_its_own(server, module, tokenizer):
    prompts = [f"hello {'world ' * (i % 7)}{i}" for i in range(24)]
    said = complete(module, tokenizer, [tokenizer.encode(p) for p in prompts], GenerateSettings(max_new_tokens=10))

    async def ask_all():
        async with openai.AsyncOpenAI(base_url=server.url, api_key=KEY, max_retries=0) as client:

            async def ask(number, prompt):
                if number % 2:
                    answer = await client.completions.create(model="tiny", prompt=prompt, temperature=0, max_tokens=10)
                    return answer.choices[0].text
                chunks = await client.completions.create(
                    model="tiny", prompt=prompt, temperature=0, max_tokens=10, stream=True
                )
                return "".join([chunk.choices[0].text async for chunk in chunks])

            return await asyncio.gather(*(ask(*pair) for pair in enumerate(prompts)))

    assert asyncio.run(ask_all()) == [one.text for one in said]


def test_the_models_are_listed(client):
    assert [model.id for model in client.models.list()] == ["tiny"]
    assert client.models.retrieve("tiny").owned_by == "whet"
    with pytest.raises(openai.NotFoundError) as told:
        client.models.retrieve("owner/other")
    assert told.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"temperature": 3}, "temperature", "invalid_value"),
        ({"temperature": "hot"}, "temperature", "invalid_type"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role", "invalid_value"),
        ({"max_tokens": 100_000}, "messages", "context_length_exceeded"),
        ({"messages": [{"role": "user", "content": "word " * 2000}]}, "messages", "context_length_exceeded"),
        ({"top_logprobs": 2}, "top_logprobs", "invalid_value"),
        ({"stop": ["a"] * 5}, "stop", "invalid_value"),
        ({"logit_bias": {"99999": 1}}, "logit_bias", "invalid_value"),
        ({"response_format": {"type": "xml"}}, "response_format", "invalid_value"),
        (
            {"response_format": {"type": "json_schema"}},
            "response_format.json_schema.schema",
            "missing_required_parameter",
        ),
        ({"tool_choice": "required"}, "tool_choice", "invalid_value"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice", None),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0]", None),
    ],
)
def test_what_cannot_be_done_is_refused_in_openais_words(client, changes, param, code):
    asked = {"model": "tiny", "messages": HELLO, **changes}
    with pytest.raises(openai.BadRequestError) as told:
        client.chat.completions.create(**asked)
    assert told.value.param == param and (code is None or told.value.code == code)
    assert told.value.type == "invalid_request_error" and told.value.body["message"]


def test_a_key_is_needed(server):
    for key in ("wrong", "whet-test-keyy"):
        with openai.OpenAI(base_url=server.url, api_key=key, max_retries=0) as client:
            with pytest.raises(openai.AuthenticationError) as told:
                client.models.list()
            assert told.value.code == "invalid_api_key"


CALL = '<tool_call>\n{"name": "weather", "arguments": {"town": "Köln"}}\n</tool_call>'


@pytest.mark.parametrize(
    ("text", "content", "calls"),
    [
        (f"I look it up. {CALL}", "I look it up.", [("weather", {"town": "Köln"})]),
        (f"{CALL}\n{CALL}", None, [("weather", {"town": "Köln"})] * 2),
        ("It is warm, <b>really", "It is warm, <b>really", []),
        ("<tool_call>\nnone of it", "<tool_call>\nnone of it", []),
    ],
    ids=["after text", "two", "text", "broken"],
)
def test_calls_of_tools_come_whole_and_in_a_stream(text, content, calls, module, tokenizer):
    from tests.server.openai.conftest import own

    engine = Scripted(tokenizer, [text, text])
    service = Service(own(module, tokenizer), ("tiny",), engine=engine)
    with running(service) as server, openai.OpenAI(base_url=server.url, api_key=KEY, max_retries=0) as client:
        asked = {"model": "tiny", "messages": HELLO, "tools": [WEATHER]}
        choice = client.chat.completions.create(**asked).choices[0]
        chunks = [chunk.choices[0] for chunk in client.chat.completions.create(**asked, stream=True)]
    assert "weather" in tokenizer.decode(engine.asked[0].ids)
    made = [(c.function.name, json.loads(c.function.arguments)) for c in choice.message.tool_calls or []]
    assert (choice.message.content, made) == (content, calls)
    assert choice.finish_reason == chunks[-1].finish_reason == ("tool_calls" if calls else "stop")
    streamed: dict[int, list[str]] = {}
    for delta in (chunk.delta for chunk in chunks):
        for call in delta.tool_calls or []:
            streamed.setdefault(call.index, ["", ""])
            streamed[call.index][0] += call.function.name or ""
            streamed[call.index][1] += call.function.arguments or ""
    assert [(name, json.loads(given)) for name, given in streamed.values()] == calls
    assert "".join(chunk.delta.content or "" for chunk in chunks).strip() == (content or "")


def test_a_conversation_with_a_tools_answer_goes_on(client):
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"town": "Köln"}'}}
    messages = [
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]}, *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "warm"},
    ]  # fmt: skip
    answer = client.chat.completions.create(model="tiny", messages=messages, tools=[WEATHER], max_tokens=4)
    assert answer.usage.completion_tokens <= 4 and math.isfinite(answer.created)

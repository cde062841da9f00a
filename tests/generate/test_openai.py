"""The engine behind OpenAI's API, against a real server around our own decoder: the same tokens, and every failure."""

from __future__ import annotations

import threading
import time

import pytest

from tests.generate import tiny
from tests.generate.server import cut, engine_answer, hang, serving
from whet.base.catalogue import engine
from whet.base.errors import ConfigError, RunError
from whet.contracts.model import Loaded
from whet.generate.openai_api import Remote
from whet.generate.protocol import GenerateSettings

MESSAGES = [{"role": "user", "content": "hello world"}]
GREEDY = GenerateSettings(max_new_tokens=10)


@pytest.fixture(scope="module")
def local(tmp_path_factory) -> Loaded:
    return tiny.loaded(tiny.folder(tmp_path_factory.mktemp("served") / "model"))


@pytest.fixture
def served(local):
    ours = engine.get("local").build(local)
    with serving(engine_answer(ours, local.processor)) as server:
        server.ours = ours
        yield server


def remote(served, loaded=None, **settings) -> Remote:
    built = engine.get("openai").build(loaded, url=served.url, **settings)
    built.endpoint.pause = lambda seconds: paused.append(seconds)
    paused.clear()
    return built


paused: list[float] = []


@pytest.mark.parametrize("prompt", ["The quick", MESSAGES, [5, 6, 7, 8]], ids=["text", "messages", "ids"])
def test_answers_are_those_of_the_engine_behind_the_server(served, prompt):
    expected = served.ours.complete([prompt], GREEDY)[0]
    found = remote(served).complete([prompt], GREEDY)[0]
    assert (found.text, found.finish, found.num_prompt_tokens) == (
        expected.text, expected.finish, expected.num_prompt_tokens,
    )  # fmt: skip
    assert found.tokens == ()


@pytest.mark.parametrize("prompt", ["The quick", MESSAGES, [5, 6, 7, 8]], ids=["text", "messages", "ids"])
def test_the_dialect_of_vllm_tells_ids_and_log_probabilities_exactly(served, local, prompt):
    settings = GenerateSettings(max_new_tokens=10, logprobs=True, top_logprobs=3)
    expected = served.ours.complete([prompt], settings)[0]
    assert remote(served, local, dialect="vllm").complete([prompt], settings)[0] == expected
    assert served.asked[-1][0] == "/v1/completions" and isinstance(served.asked[-1][1]["prompt"], list)
    assert expected.tokens[0].logprob is not None and len(expected.tokens[0].top) == 3


def test_ids_and_log_probabilities_of_the_chat_endpoint(served):
    settings = GenerateSettings(max_new_tokens=6, logprobs=True, top_logprobs=2)
    expected = served.ours.complete([MESSAGES], settings)[0]
    assert remote(served, dialect="vllm").complete([MESSAGES], settings)[0] == expected
    assert served.asked[-1][0] == "/v1/chat/completions"


def test_settings_arrive_as_they_were_given(served):
    settings = GenerateSettings(max_new_tokens=7, temperature=0.5, top_p=0.9, stop=("\n",), seed=3)
    remote(served, extra={"user": "me"}).complete(["a", "b"], settings)
    bodies = [body for _, body, _ in served.asked]
    for body in bodies:
        known = {"model": "tiny", "max_tokens": 7, "temperature": 0.5, "top_p": 0.9, "stop": ["\n"], "user": "me"}
        assert {name: body[name] for name in known} == known
        assert "top_k" not in body and "return_token_ids" not in body
    assert bodies[0]["seed"] != bodies[1]["seed"]
    served.asked.clear()
    remote(served).complete([MESSAGES], settings)
    assert served.asked[0][1]["max_completion_tokens"] == 7 and "max_tokens" not in served.asked[0][1]
    served.asked.clear()
    remote(served, dialect="vllm").complete(["a"], GenerateSettings(temperature=1.0, top_k=5, max_new_tokens=2))
    assert served.asked[0][1]["top_k"] == 5


def test_what_openai_does_not_know_is_refused_before_it_is_asked(served):
    with pytest.raises(ConfigError, match="knows no `top_k`"):
        remote(served).complete(["a"], GenerateSettings(temperature=1.0, top_k=5))
    assert not served.asked


@pytest.mark.parametrize("prompt", ["The quick", MESSAGES], ids=["text", "messages"])
def test_streams_add_up_to_the_whole_answer(served, prompt):
    pieces = list(remote(served).stream(prompt, GREEDY))
    expected = served.ours.complete([prompt], GREEDY)[0]
    assert "".join(piece.text for piece in pieces) == expected.text and len(pieces) > 2
    assert pieces[-1].finish == expected.finish and all(piece.finish is None for piece in pieces[:-1])


@pytest.mark.parametrize("failure", [429, 503, 500, 408], ids=str)
def test_failures_that_may_pass_are_tried_again_with_growing_pauses(served, failure):
    served.fails = [failure] * 3
    assert remote(served).complete(["a"], GREEDY)[0].text == served.ours.complete(["a"], GREEDY)[0].text
    assert len(served.asked) == 4 and len(paused) == 3
    assert 0.3 < paused[0] <= 0.5 < paused[1] <= 1.0 < paused[2] <= 2.0


def test_a_server_that_asks_for_a_pause_gets_it(served):
    served.fails = [lambda handler: handler.reply(429, {"error": "slow down"}, Retry_After="7")]
    remote(served).complete(["a"], GREEDY)
    assert paused == [7.0]


def test_a_server_that_keeps_failing_ends_with_what_it_said(served):
    served.fails = [503] * 9
    with pytest.raises(RunError, match=r"/v1/completions answered 503: made to fail with 503 \(after 3 tries\)"):
        remote(served, retries=2).complete(["a"], GREEDY)


@pytest.mark.parametrize(("status", "hint"), [(400, "curl"), (401, "export MY_KEY"), (404, "curl")])
def test_mistakes_are_not_tried_again(served, status, hint):
    served.fails = [status]
    with pytest.raises(RunError, match=f"answered {status}: made to fail") as error:
        remote(served, key_env="MY_KEY").complete(["a"], GREEDY)
    assert hint in error.value.hint and len(served.asked) == 1


def test_an_answer_that_breaks_off_and_one_that_never_comes(served):
    served.fails = [cut]
    with pytest.raises(RunError, match="broke off its answer"):
        remote(served).complete(["a"], GREEDY)
    served.fails = [hang(1.0)]
    with pytest.raises(RunError, match="cannot be reached: no answer in time"):
        remote(served, timeout_s=0.2, retries=0).complete(["a"], GREEDY)


def test_no_server_and_no_address():
    with pytest.raises(RunError, match="cannot be reached"):
        engine.get("openai").build(None, url="http://127.0.0.1:9/v1", retries=0)
    with pytest.raises(ConfigError, match="not the address of a server"):
        engine.get("openai").build(None, url="localhost:8000", retries=0)


def test_an_answer_that_is_not_openai_s(served):
    served.fails = [lambda handler: handler.reply(200, {"text": "hi"})]
    with pytest.raises(RunError, match="answered without 'choices'"):
        remote(served).complete(["a"], GREEDY)


def test_the_key_comes_from_the_environment_and_only_there(served, monkeypatch):
    monkeypatch.setenv("MY_KEY", "secret")
    built = remote(served, key_env="MY_KEY")
    built.complete(["a"], GREEDY)
    assert served.asked[-1][2]["Authorization"] == "Bearer secret"
    assert "secret" not in repr(built)
    monkeypatch.delenv("MY_KEY")
    built.complete(["a"], GREEDY)
    assert "Authorization" not in served.asked[-1][2]


def test_the_only_model_is_taken_and_several_must_be_named(served):
    assert remote(served).model == "tiny"
    served.models = ["one", "two"]
    with pytest.raises(ConfigError, match=r"serves 2 models \(one, two\)"):
        remote(served)
    assert remote(served, model="two").model == "two"


def test_requests_go_side_by_side_up_to_the_limit(served):
    gate = threading.Barrier(3, timeout=20)

    def slow(path, body):
        gate.wait()
        return body["prompt"], [], "stop", 1

    served.answer = slow
    prompts = [f"p{i}" for i in range(6)]
    found = remote(served, concurrency=3).complete(prompts, GREEDY)
    assert [done.text for done in found] == prompts
    assert served.most_busy == 3


def test_what_is_being_waited_for_can_be_asked(served):
    begun, go = threading.Event(), threading.Event()

    def slow(path, body):
        begun.set()
        go.wait(20)
        return "", [], "stop", 1

    served.answer = slow
    built = remote(served)
    thread = threading.Thread(target=built.complete, args=(["a"], GREEDY))
    thread.start()
    begun.wait(20)
    time.sleep(0.05)
    waiting = built.endpoint.waiting()
    go.set()
    thread.join(20)
    assert len(waiting) == 1 and waiting[0].startswith(f"POST {served.url}/completions") and "for 0 s" in waiting[0]
    assert built.endpoint.waiting() == []

"""Engines themselves, as `whet serve --engine` starts them, behind our front: llama.cpp of the package `xllamacpp`, and
vLLM where VLLM_PYTHON names the python of an environment that has it (`make test-vllm`)."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.generate import tiny
from tests.server.openai.conftest import KEY, served
from tests.server.openai.test_server import until
from whet.cli.commands import serve as command
from whet.cli.engine_arguments import check_engine_arguments, passing
from whet.generate.decode import complete
from whet.generate.protocol import GenerateSettings
from whet.server.openai.callers import OneKey
from whet.server.openai.passing.app import Passed

pytestmark = pytest.mark.slow
MESSAGES = [{"role": "user", "content": "hello world"}]


@contextmanager
def front(*words: str):
    """What `whet serve` with these words serves."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    args = parser.parse_args([*words, "--called", "tiny"])
    check_engine_arguments(args)
    service = passing(args, command.adapters_of(args.adapter))()
    with served(service, Passed(service, OneKey(KEY))) as found:
        yield found


def asked(client, **more):
    return client.chat.completions.create(model="tiny", messages=MESSAGES, max_tokens=12, temperature=0, **more)


def our_answer(folder) -> str:
    model = tiny.loaded(folder)
    settings = GenerateSettings(max_new_tokens=12, temperature=0.0)
    return complete(model.module, model.processor, [MESSAGES], settings)[0].text


def check(found, ours: str) -> None:
    from openai import OpenAI

    client = OpenAI(base_url=found.url, api_key=KEY, max_retries=0)
    answer = asked(client, logprobs=True, top_logprobs=2)
    assert answer.choices[0].message.content == ours and answer.usage.completion_tokens in (12, 13)
    told = answer.choices[0].logprobs.content
    assert 0 < len(told) <= 13 and all(one.logprob <= 0 and len(one.top_logprobs) == 2 for one in told)
    chunks = list(asked(client, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == ours
    long = {"messages": [{"role": "user", "content": "hello " * 3000}], "max_tokens": 1}
    status, _, told = found.ask("POST", "/v1/chat/completions", long)
    assert status == 400 and told["error"]["message"]
    odd = [
        {"messages": []},
        {"messages": 3},
        {"messages": MESSAGES, "temperature": "hot"},
        {"messages": MESSAGES, "n": -1},
    ]
    for body in odd:
        status, _, told = found.ask("POST", "/v1/chat/completions", {"max_tokens": 2, **body})
        assert status in (200, 400), (body, told)
    assert found.ask("GET", "/health")[0] == 200
    assert "whet_first_token_seconds_count" in found.ask("GET", "/metrics")[2]


def check_comes_and_goes(found, ours: str, victim: str, seconds: float) -> None:
    """Streams that are left are not gone on with; an engine that is killed, of which the process whose command line
    holds `victim`, is started again within so many seconds; and a stream is whole though the server ends."""
    from openai import APIError, OpenAI

    client = OpenAI(base_url=found.url, api_key=KEY, max_retries=0)
    service = found.service

    def begun(tokens=400):
        stream = client.chat.completions.create(
            model="tiny",
            messages=MESSAGES,
            max_tokens=tokens,
            temperature=0,
            stream=True,
            extra_body={"ignore_eos": True},
        )
        next(stream)
        return stream

    before = service.figures.ended.total()
    for _ in range(4):
        begun().close()
    until(lambda: service.figures.ended.total() == before + 4 and service._num_open == 0, 60)
    stream = begun()
    os.kill(process_of(victim), signal.SIGKILL)
    with pytest.raises(APIError):
        list(stream)
    until(lambda: service.supervisor.num_restarts == 1 and service.supervisor.is_ready, seconds)
    assert asked(client).choices[0].message.content == ours
    stream = begun(60)
    found.server.should_exit = True
    assert [chunk.choices[0].finish_reason for chunk in stream if chunk.choices][-1] == "length"


def process_of(victim: str) -> int:
    """The process, begun by this one or by those, whose command line holds a word."""
    waiting = [os.getpid()]
    while waiting:
        for begun in Path(f"/proc/{waiting.pop()}").glob("task/*/children"):
            for pid in begun.read_text().split():
                if victim in Path(f"/proc/{pid}/cmdline").read_text():
                    return int(pid)
                waiting.append(int(pid))
    raise LookupError(victim)


def test_llama_cpp_answers_as_we_do(tmp_path):
    pytest.importorskip("xllamacpp")
    from whet.export.gguf.folder import write_gguf_folder
    from whet.export.source import read_source

    folder = tiny.folder(tmp_path / "model", max_position_embeddings=512)
    write_gguf_folder(read_source(str(folder)), tmp_path / "gguf", "F32")
    with front(str(tmp_path / "gguf"), "--engine", "llama.cpp", "--context", "512", "--sequences", "2") as found:
        check(found, our_answer(folder))
        check_comes_and_goes(found, our_answer(folder), "xllamacpp", 60)


def test_vllm_answers_as_we_do(tmp_path, monkeypatch):
    program = shutil.which(os.environ.get("VLLM_PYTHON", ""))
    if program is None or not Path(program).with_name("vllm").exists():
        pytest.skip("vLLM is not there: VLLM_PYTHON=PLACE/bin/python names an environment that has it")
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    # Heads as wide as its attention on a CPU asks for; and compiled, it takes minutes to start.
    folder = tiny.folder(tmp_path / "model", hidden_size=128, head_dim=32, max_position_embeddings=512)
    words = ("--engine-python", program, "--engine-arg=--enforce-eager", "--dtype", "fp32", "--context", "512")
    with front(str(folder), "--engine", "vllm", *words, "--engine-log", str(tmp_path / "log")) as found:
        check(found, our_answer(folder))
        check_comes_and_goes(found, our_answer(folder), "VLLM::EngineCore", 300)

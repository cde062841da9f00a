"""llama.cpp itself (of the package `xllamacpp`), as `whet serve --engine` starts it, behind our front."""

from __future__ import annotations

import argparse
from contextlib import contextmanager

import pytest

from tests.generate import tiny
from tests.server.openai.conftest import KEY, served
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
    answer = asked(client)
    assert answer.choices[0].message.content == ours and answer.usage.completion_tokens in (12, 13)
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


def test_llama_cpp_answers_as_we_do(tmp_path):
    pytest.importorskip("xllamacpp")
    from whet.export.gguf.folder import write_gguf_folder
    from whet.export.source import read_source

    folder = tiny.folder(tmp_path / "model", max_position_embeddings=512)
    write_gguf_folder(read_source(str(folder)), tmp_path / "gguf", "F32")
    with front(str(tmp_path / "gguf"), "--engine", "llama.cpp", "--context", "512", "--sequences", "2") as found:
        check(found, our_answer(folder))

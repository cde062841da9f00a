"""Command lines of other engines, word by word, for each kind of model; and what an engine does not do."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from whet.base.errors import WhetError
from whet.generate.servers.commands import ENGINES, command
from whet.generate.servers.wanted import Wanted

PLAIN = Wanted(model="/m/chat", name="chat", port=9001, key="k3y")
FULL = replace(PLAIN, dtype="bf16", context=4096, gpus=2, sequences=32, template="/t.jinja", tool_form="hermes")
ADAPTERS = replace(PLAIN, adapters={"polite": "/a/polite", "short": "/a/short"}, adapter_rank=24)
GGUF = replace(PLAIN, model="/m/chat.gguf")
SGLANG = (
    "-m sglang.launch_server --model-path /m/chat --host 127.0.0.1 --port 9001 --served-model-name chat --api-key k3y"
)
LMDEPLOY = "serve api_server /m/chat --server-name 127.0.0.1 --server-port 9001 --model-name chat --api-keys k3y"
VLLM = "serve /m/chat --host 127.0.0.1 --port 9001 --served-model-name chat"
LLAMA = "--model /m/chat.gguf --host 127.0.0.1 --port 9001 --alias chat"

GOLDEN = [
    ("vllm", PLAIN, VLLM),
    ("vllm", FULL, f"{VLLM} --dtype bfloat16 --max-model-len 4096 --tensor-parallel-size 2 --max-num-seqs 32 "
     "--chat-template /t.jinja --enable-auto-tool-choice --tool-call-parser hermes"),
    ("vllm", ADAPTERS, f"{VLLM} --enable-lora --max-lora-rank 32 --max-loras 2 --lora-modules polite=/a/polite "
     "short=/a/short"),
    ("vllm", replace(PLAIN, kind="embed"), f"{VLLM} --runner pooling --convert embed"),
    ("vllm", replace(PLAIN, kind="score"), f"{VLLM} --runner pooling --convert classify"),
    ("vllm", replace(PLAIN, quantized="compressed-tensors", more=("--enforce-eager",)), f"{VLLM} --enforce-eager"),
    ("vllm", replace(PLAIN, tool_form="json"), f"{VLLM} --enable-auto-tool-choice --tool-call-parser llama3_json"),
    ("vllm", replace(FULL, tool_parser="none", dtype="auto", context=0, gpus=1, sequences=0, template=""), VLLM),
    ("sglang", PLAIN, SGLANG),
    ("sglang", FULL, f"{SGLANG} --dtype bfloat16 --context-length 4096 --tp-size 2 --max-running-requests 32 "
     "--chat-template /t.jinja --tool-call-parser qwen"),
    ("sglang", ADAPTERS, f"{SGLANG} --enable-lora --max-lora-rank 24 --max-loras-per-batch 3 --lora-paths "
     "polite=/a/polite short=/a/short"),
    ("sglang", replace(PLAIN, kind="embed"), f"{SGLANG} --is-embedding"),
    ("sglang", replace(PLAIN, kind="score", quantized="gptq"), f"{SGLANG} --is-embedding"),
    ("lmdeploy", PLAIN, LMDEPLOY),
    ("lmdeploy", replace(FULL, template=""), f"{LMDEPLOY} --dtype bfloat16 --session-len 4096 --tp 2 "
     "--max-batch-size 32 --tool-call-parser qwen"),
    ("lmdeploy", replace(PLAIN, quantized="awq"), f"{LMDEPLOY} --model-format awq"),
    ("lmdeploy", ADAPTERS, f"{LMDEPLOY} --backend pytorch --adapters polite=/a/polite short=/a/short"),
    ("llama.cpp", GGUF, f"{LLAMA} --jinja"),
    ("llama.cpp", replace(GGUF, context=4096, sequences=8, template="/t.jinja"),
     f"{LLAMA} --parallel 8 --ctx-size 32768 --jinja --chat-template-file /t.jinja"),
    ("llama.cpp", replace(GGUF, kind="embed", pooling="mean"), f"{LLAMA} --embedding --pooling mean --jinja"),
]  # fmt: skip


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> str:
    """An environment that has all engines, as far as their programs can be found in it."""
    place = tmp_path_factory.mktemp("bin")
    for name in ("python", "vllm", "lmdeploy", "llama-server"):
        (place / name).write_text("#!/bin/sh\n")
        (place / name).chmod(0o755)
    return str(place / "python")


@pytest.mark.parametrize(("engine", "wanted", "words"), GOLDEN)
def test_each_engine_is_started_by_its_own_flags(python, engine, wanted, words):
    found = command(engine, wanted, python)
    program = {"vllm": "vllm", "lmdeploy": "lmdeploy", "llama.cpp": "llama-server", "sglang": "python"}[engine]
    assert found.words[0] == str(Path(python).parent / program)
    assert shlex.join(found.words[1:]) == words


@pytest.mark.parametrize("engine", ENGINES)
def test_the_inner_key_is_told_to_the_engine_and_to_nobody_else(python, engine):
    found = command(engine, GGUF if engine == "llama.cpp" else PLAIN, python)
    told = "k3y" in found.words
    assert told or "k3y" in found.environment.values()
    assert "k3y" not in found.shown() and "k3y" not in repr(found)[len("Command(words=") + len(repr(found.words)) :]
    assert any("`ps`" in note for note in found.notes) == told


def test_vllm_reports_its_use_to_nobody(python):
    told = command("vllm", PLAIN, python).environment
    assert told["VLLM_NO_USAGE_STATS"] == told["DO_NOT_TRACK"] == "1"


@pytest.mark.parametrize(
    ("engine", "wanted", "said"),
    [
        ("vllm", replace(ADAPTERS, adapter_rank=1000), "rank 1000, and vLLM takes 512"),
        ("lmdeploy", replace(PLAIN, kind="embed"), "continues texts alone"),
        ("lmdeploy", replace(PLAIN, dtype="fp32"), "fp16 or bf16"),
        ("lmdeploy", FULL, "no Jinja template"),
        ("lmdeploy", replace(PLAIN, quantized="compressed-tensors"), "does not read `compressed-tensors`"),
        ("llama.cpp", PLAIN, "reads GGUF"),
        ("llama.cpp", replace(GGUF, adapters={"a": "/a"}), "no adapters by name"),
        ("llama.cpp", replace(GGUF, kind="score"), "heads that score"),
        ("llama.cpp", replace(GGUF, dtype="bf16"), "as the file is written"),
        ("llama.cpp", replace(GGUF, gpus=2), "spreads over all GPUs"),
        ("llama.cpp", replace(GGUF, tool_parser="hermes"), "by the template"),
    ],
)
def test_what_an_engine_does_not_do_is_refused_before_it_starts(python, engine, wanted, said):
    with pytest.raises(WhetError, match=said) as refused:
        command(engine, wanted, python)
    assert refused.value.hint and refused.value.at in ("--engine", "--adapter")


def test_tool_calls_that_nothing_reads_are_told(python):
    found = command("vllm", replace(PLAIN, tool_form="marked"), python)
    assert "--tool-call-parser" not in found.words and "--tool-parser" in found.notes[0]


def test_an_engine_that_is_not_there_says_how_it_is_installed(tmp_path):
    with pytest.raises(WhetError, match="`vllm` is not installed beside") as refused:
        command("vllm", PLAIN, str(tmp_path / "python"))
    assert "pip install vllm" in refused.value.hint


def test_llama_cpp_is_found_in_its_python_package_too(monkeypatch):
    pytest.importorskip("xllamacpp")
    monkeypatch.setenv("PATH", "")
    assert command("llama.cpp", GGUF).words[:3] == (sys.executable, "-m", "whet.generate.servers.xllamacpp")

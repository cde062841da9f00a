"""The command line of each engine's server, by the flags that its documentation names."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from whet.base.errors import ConfigError, WhetError
from whet.generate.servers.wanted import Command, Wanted

LOOPBACK = "127.0.0.1"
_DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
# What reads calls of each form, by its name in each engine. llama.cpp reads the template itself.
_PARSERS: Mapping[str, Mapping[str, str]] = {
    "vllm": {
        "hermes": "hermes", "mistral": "mistral", "json": "llama3_json", "pythonic": "pythonic",
        "tags": "qwen3_coder", "glm": "glm45",
    },
    "sglang": {
        "hermes": "qwen", "mistral": "mistral", "json": "llama3", "pythonic": "pythonic",
        "tags": "qwen3_coder", "glm": "glm45",
    },
    "lmdeploy": {"hermes": "qwen", "json": "llama3"},
}  # fmt: skip
# Ranks that vLLM has room for: it takes these numbers and no other.
_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)


def command(engine: str, wanted: Wanted, python: str = "") -> Command:
    """What starts `engine` (one of ENGINES). `python` is that of the environment which has it; none: this one, and what
    the PATH names. Raises WhetError for what the engine does not do, and where it is not installed."""
    return ENGINES[engine](wanted, python)


def _vllm(wanted: Wanted, python: str) -> Command:
    words = [*_program("vllm", python), "serve", wanted.model, *_at(wanted), "--served-model-name", wanted.name]
    words += _given("--dtype", _DTYPES.get(wanted.dtype, ""))
    words += _given("--max-model-len", wanted.context)
    words += _given("--tensor-parallel-size", wanted.gpus if wanted.gpus > 1 else 0)
    words += _given("--max-num-seqs", wanted.sequences)
    words += _given("--chat-template", wanted.template)
    if wanted.kind != "generate":
        words += ["--runner", "pooling", "--convert", "embed" if wanted.kind == "embed" else "classify"]
    parser, notes = _parser("vllm", wanted)
    if parser:
        words += ["--enable-auto-tool-choice", "--tool-call-parser", parser]
    if wanted.adapters:
        rank = next((rank for rank in _RANKS if rank >= wanted.adapter_rank), 0)
        if not rank:
            raise ConfigError(
                f"an adapter has rank {wanted.adapter_rank}, and vLLM takes {_RANKS[-1]} at most", at="--adapter",
                hint="whet serve without --engine, or `whet merge` it",
            )  # fmt: skip
        words += ["--enable-lora", "--max-lora-rank", str(rank), "--max-loras", str(len(wanted.adapters))]
        words += ["--lora-modules", *_pairs(wanted.adapters)]
    # It reports its use to its makers where nothing is said.
    environment = {"VLLM_API_KEY": wanted.key, "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    return Command((*words, *wanted.more), environment, notes, wanted.key)


def _sglang(wanted: Wanted, python: str) -> Command:
    words = [*_module("sglang", "sglang.launch_server", python), "--model-path", wanted.model, *_at(wanted)]
    words += ["--served-model-name", wanted.name, "--api-key", wanted.key]
    words += _given("--dtype", _DTYPES.get(wanted.dtype, ""))
    words += _given("--context-length", wanted.context)
    words += _given("--tp-size", wanted.gpus if wanted.gpus > 1 else 0)
    words += _given("--max-running-requests", wanted.sequences)
    words += _given("--chat-template", wanted.template)
    words += ["--is-embedding"] if wanted.kind != "generate" else []
    parser, notes = _parser("sglang", wanted)
    words += _given("--tool-call-parser", parser)
    if wanted.adapters:  # the base model counts as one of a batch
        words += ["--enable-lora", "--max-lora-rank", str(wanted.adapter_rank)]
        words += ["--max-loras-per-batch", str(len(wanted.adapters) + 1), "--lora-paths", *_pairs(wanted.adapters)]
    return Command((*words, *wanted.more), {}, (*notes, _SEEN), wanted.key)


def _lmdeploy(wanted: Wanted, python: str) -> Command:
    if wanted.kind != "generate":
        raise _cannot("LMDeploy", "continues texts alone", "--engine vllm")
    if wanted.dtype == "fp32":
        raise _cannot("LMDeploy", "computes in fp16 or bf16", "--dtype bf16")
    if wanted.template:
        raise _cannot("LMDeploy", "takes no Jinja template but the model's own", "--engine vllm")
    if wanted.quantized not in ("", "awq", "gptq", "fp8"):
        raise _cannot("LMDeploy", f"does not read `{wanted.quantized}`", "--engine vllm")
    words = [*_program("lmdeploy", python), "serve", "api_server", wanted.model]
    words += ["--server-name", LOOPBACK, "--server-port", str(wanted.port), "--model-name", wanted.name]
    words += ["--api-keys", wanted.key]
    words += _given("--dtype", _DTYPES.get(wanted.dtype, ""))
    words += _given("--session-len", wanted.context)
    words += _given("--tp", wanted.gpus if wanted.gpus > 1 else 0)
    words += _given("--max-batch-size", wanted.sequences)
    words += _given("--model-format", wanted.quantized)
    parser, notes = _parser("lmdeploy", wanted)
    words += _given("--tool-call-parser", parser)
    if wanted.adapters:  # TurboMind has no adapters
        words += ["--backend", "pytorch", "--adapters", *_pairs(wanted.adapters)]
    return Command((*words, *wanted.more), {}, (*notes, _SEEN), wanted.key)


def _llama_cpp(wanted: Wanted, python: str) -> Command:
    if not wanted.model.endswith(".gguf"):
        raise _cannot("llama.cpp", "reads GGUF files", f"whet export {wanted.model} --to gguf")
    if wanted.adapters:
        raise _cannot("llama.cpp", "has no adapters by name", "whet merge one into its model, and export that")
    if wanted.kind == "score":
        raise _cannot("llama.cpp", "does not serve heads that score", "--engine vllm")
    if wanted.dtype != "auto":
        raise _cannot("llama.cpp", "computes as the file is written", "whet export --to gguf type=F16")
    if wanted.gpus > 1:
        raise _cannot("llama.cpp", "spreads over all GPUs by itself", "CUDA_VISIBLE_DEVICES=0,1 whet serve")
    if wanted.tool_parser:
        raise _cannot("llama.cpp", "reads tool calls by the template", "leave out --tool-parser")
    words = [*_llama_program(python), "--model", wanted.model, *_at(wanted), "--alias", wanted.name]
    if wanted.sequences:
        words += ["--parallel", str(wanted.sequences)]
    if wanted.context:  # it is shared among all that are answered at once
        words += ["--ctx-size", str(wanted.context * max(1, wanted.sequences))]
    if wanted.kind == "embed":
        words += ["--embedding", *_given("--pooling", wanted.pooling)]
    words += ["--jinja", *_given("--chat-template-file", wanted.template)]
    return Command((*words, *wanted.more), {"LLAMA_API_KEY": wanted.key}, (), wanted.key)


ENGINES: Mapping[str, Callable[[Wanted, str], Command]] = {
    "vllm": _vllm, "sglang": _sglang, "lmdeploy": _lmdeploy, "llama.cpp": _llama_cpp,
}  # fmt: skip

_SEEN = "the engine takes its inner key as a word: other users of this machine see it in `ps`, and could ask past us"


def _at(wanted: Wanted) -> list[str]:
    return ["--host", LOOPBACK, "--port", str(wanted.port)]


def _given(flag: str, value: str | int) -> list[str]:
    return [flag, str(value)] if value else []


def _pairs(adapters: Mapping[str, str]) -> list[str]:
    return [f"{name}={place}" for name, place in adapters.items()]


def _parser(engine: str, wanted: Wanted) -> tuple[str, tuple[str, ...]]:
    """What reads tool calls, and what is to be said where nothing does."""
    if wanted.kind != "generate" or wanted.tool_parser == "none":
        return "", ()
    parser = wanted.tool_parser or _PARSERS[engine].get(wanted.tool_form, "")
    if parser or not wanted.tool_form:
        return parser, ()
    said = f"{engine} has nothing that is known here to read this template's tool calls (`{wanted.tool_form}`)"
    return "", (f"{said}: they come as text, unless --tool-parser names one",)


def _cannot(engine: str, what: str, hint: str) -> ConfigError:
    return ConfigError(f"{engine} {what}", at="--engine", hint=hint)


def _program(name: str, python: str) -> list[str]:
    """The engine's own program, beside `python` or on the PATH. Raises WhetError where it is not installed."""
    places = [str(Path(python or sys.executable).parent), *([] if python else [os.environ.get("PATH", "")])]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        raise _missing(name, python)
    return [found]


def _module(package: str, module: str, python: str) -> list[str]:
    if not python and find_spec(package) is None:
        raise _missing(package, python)
    return [python or sys.executable, "-m", module]


def _llama_program(python: str) -> Sequence[str]:
    """llama.cpp's own server, else that of the package `xllamacpp`, which is the same one."""
    try:
        return _program("llama-server", python)
    except WhetError:
        if python or find_spec("xllamacpp") is None:
            raise
    return [sys.executable, "-m", "whet.generate.servers.xllamacpp"]


_INSTALLED_BY = {
    "vllm": "pip install vllm", "sglang": "pip install sglang", "lmdeploy": "pip install lmdeploy",
    "llama-server": 'pip install "whet[gguf]"',
}  # fmt: skip


def _missing(name: str, python: str) -> WhetError:
    where = f"beside {python}" if python else "here"
    hint = f"{_INSTALLED_BY[name]}; where it has an environment of its own: --engine-python .venv-vllm/bin/python"
    return WhetError(f"`{name}` is not installed {where}", at="--engine", hint=hint)

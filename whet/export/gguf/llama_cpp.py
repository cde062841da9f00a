"""A GGUF file run by llama.cpp, in a process of its own: what it cannot read ends that process, not this one.

`python -m whet.export.gguf.llama_cpp FILE REQUEST ANSWER` reads a JSON object (`texts`, `rendered`, `num_generated`)
and writes tokens, logits and greedy tokens as .npz. It uses the C interface of llama.cpp as `xllamacpp` or
`llama-cpp-python` ships it, and of that only what has been the same for years.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from whet.base.errors import ModelError, missing_package

# Parameters go by value in structures that grow with every version. One that is larger than any of them is filled by
# the library and handed back: what it does not know of is never read.
_ROOM = 4096


@dataclass(frozen=True, slots=True)
class Ran:
    """What llama.cpp did: tokens and logits (P, V) of each prompt, what it generated, where it ends an answer."""

    ids: list[list[int]]
    logits: list[np.ndarray]
    continued: list[list[int]]
    stops: list[int]


def run_gguf(path: Path, texts: Sequence[str], rendered: Sequence[str], num_generated: int) -> Ran:
    """Run prompts through a GGUF file: plain texts, with the begin token if the file asks for one, and rendered chats.

    Raises WhetError without llama.cpp, and ModelError with its last words when it refuses the file.
    """
    library()
    with tempfile.TemporaryDirectory() as folder:
        request, answer = Path(folder) / "request.json", Path(folder) / "answer.npz"
        request.write_text(json.dumps({"texts": texts, "rendered": rendered, "num_generated": num_generated}))
        command = [sys.executable, "-m", "whet.export.gguf.llama_cpp", str(path), str(request), str(answer)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if done.returncode or not answer.exists():
            words = [line for line in done.stderr.splitlines() if "error" in line.lower()] or done.stderr.splitlines()
            said = words[-1].strip() if words else f"exit code {done.returncode}"
            raise ModelError(f"llama.cpp does not run the file: {said}", at=str(path), hint="--to hf")
        found = np.load(answer)
        count = len(texts) + len(rendered)
        return Ran(
            [found[f"ids{i}"].tolist() for i in range(count)],
            [found[f"logits{i}"] for i in range(count)],
            [found[f"continued{i}"].tolist() for i in range(count)],
            found["stops"].tolist(),
        )


def library() -> Path:
    """The shared library of llama.cpp. Raises WhetError with what installs it."""
    for package, pattern in (("xllamacpp", "xllamacpp*.so"), ("llama_cpp", "lib/libllama.*")):
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            found = sorted(Path(folder).glob(pattern))
            if found:
                return found[0]
    raise missing_package("xllamacpp", "gguf", "the check of a GGUF file")


class _Opaque(ctypes.Structure):
    _fields_ = [("content", ctypes.c_uint32 * (_ROOM // 4))]


class _Batch(ctypes.Structure):
    _fields_ = [
        ("n_tokens", ctypes.c_int32),
        ("token", ctypes.POINTER(ctypes.c_int32)),
        ("embd", ctypes.POINTER(ctypes.c_float)),
        ("pos", ctypes.POINTER(ctypes.c_int32)),
        ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    ]


class _Model:
    """A file that llama.cpp has loaded, with room for `context` tokens."""

    def __init__(self, path: str, context: int) -> None:
        self._c = ctypes.CDLL(str(library()))
        self._declare()
        if hasattr(self._c, "ggml_backend_load_all"):
            self._c.ggml_backend_load_all()
        self._c.llama_backend_init()
        self._model = self._c.llama_model_load_from_file(path.encode(), self._c.llama_model_default_params())
        if not self._model:
            raise SystemExit(1)
        self._vocab = self._c.llama_model_get_vocab(self._model)
        self.size = self._c.llama_vocab_n_tokens(self._vocab)
        settings = self._c.llama_context_default_params()
        for place in range(3):  # n_ctx, n_batch, n_ubatch
            settings.content[place] = max(512, context)
        self._context = self._c.llama_init_from_model(self._model, settings)
        if not self._context or self._c.llama_n_ctx(self._context) < context:
            raise SystemExit(1)

    def tokens(self, text: str, *, opens: bool) -> list[int]:
        """Special tokens in the text are read as such; `opens` lets the file decide on a begin token."""
        raw = text.encode()
        room = (ctypes.c_int32 * (len(raw) + 16))()
        count = self._c.llama_tokenize(self._vocab, raw, len(raw), room, len(room), opens, True)
        return list(room[:count])

    def logits(self, ids: Sequence[int], start: int = 0) -> np.ndarray:
        """Logits (P, V) of tokens that follow the `start` ones seen before; from 0 on nothing is remembered."""
        if start == 0:
            self._c.llama_memory_clear(self._c.llama_get_memory(self._context), True)
        batch = self._c.llama_batch_init(len(ids), 0, 1)
        batch.n_tokens = len(ids)
        for place, token in enumerate(ids):
            batch.token[place], batch.pos[place] = token, start + place
            batch.n_seq_id[place], batch.seq_id[place][0], batch.logits[place] = 1, 0, 1
        failed = self._c.llama_decode(self._context, batch)
        self._c.llama_batch_free(batch)
        if failed:
            raise SystemExit(1)
        rows = [
            np.ctypeslib.as_array(self._c.llama_get_logits_ith(self._context, i), (self.size,)) for i in range(len(ids))
        ]
        return np.stack(rows).copy()

    def stops(self) -> list[int]:
        return [token for token in range(self.size) if self._c.llama_vocab_is_eog(self._vocab, token)]

    def _declare(self) -> None:
        pointer, integer, truth = ctypes.c_void_p, ctypes.c_int32, ctypes.c_bool
        numbers = ctypes.POINTER(ctypes.c_int32)
        kinds: dict[str, tuple[Any, list[Any]]] = {
            "llama_backend_init": (None, []),
            "llama_model_default_params": (_Opaque, []),
            "llama_context_default_params": (_Opaque, []),
            "llama_model_load_from_file": (pointer, [ctypes.c_char_p, _Opaque]),
            "llama_init_from_model": (pointer, [pointer, _Opaque]),
            "llama_model_get_vocab": (pointer, [pointer]),
            "llama_vocab_n_tokens": (integer, [pointer]),
            "llama_vocab_is_eog": (truth, [pointer, integer]),
            "llama_n_ctx": (ctypes.c_uint32, [pointer]),
            "llama_get_memory": (pointer, [pointer]),
            "llama_memory_clear": (None, [pointer, truth]),
            "llama_tokenize": (integer, [pointer, ctypes.c_char_p, integer, numbers, integer, truth, truth]),
            "llama_batch_init": (_Batch, [integer, integer, integer]),
            "llama_batch_free": (None, [_Batch]),
            "llama_decode": (integer, [pointer, _Batch]),
            "llama_get_logits_ith": (ctypes.POINTER(ctypes.c_float), [pointer, integer]),
        }
        for name, (result, arguments) in kinds.items():
            function = getattr(self._c, name)
            function.restype, function.argtypes = result, arguments


def _answer(path: str, request: dict[str, Any]) -> dict[str, np.ndarray]:
    count = request["num_generated"]
    longest = max(len(text.encode()) for text in [*request["texts"], *request["rendered"]])
    model = _Model(path, longest + count + 16)
    prompts = [model.tokens(text, opens=True) for text in request["texts"]]
    prompts += [model.tokens(text, opens=False) for text in request["rendered"]]
    found: dict[str, np.ndarray] = {"stops": np.array(model.stops(), np.int64)}
    for number, ids in enumerate(prompts):
        logits = model.logits(ids)
        found[f"ids{number}"], found[f"logits{number}"] = np.array(ids), logits
        seen, said = len(ids), [int(logits[-1].argmax())]
        while len(said) < count:
            said.append(int(model.logits(said[-1:], seen)[0].argmax()))
            seen += 1
        found[f"continued{number}"] = np.array(said)
    return found


if __name__ == "__main__":
    file, request_file, answer_file = sys.argv[1:]
    np.savez(answer_file, **_answer(file, json.loads(Path(request_file).read_text())))  # type: ignore[arg-type]

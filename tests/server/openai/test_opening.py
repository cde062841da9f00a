"""What is named is what is served: a run's adapter, adapters beside a base, an embedding model; the rest is refused."""

from __future__ import annotations

import base64
import json
import random
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.generate import tiny
from tests.server.openai.conftest import running
from whet.base.errors import ConfigError, ModelError
from whet.base.seeds import forked
from whet.cli.main import main
from whet.contracts.model import Embedder, ParamRole
from whet.generate.models import load_model
from whet.generate.prompts import prompt_ids
from whet.generate.protocol import GenerateSettings
from whet.generate.serving.request import Limits
from whet.kernels.quantized import Quantized
from whet.models.sentence_transformers import write_sentence
from whet.server.openai import opening


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Path:
    """A model, two adapters of it, an embedding model and a classifier."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForSequenceClassification

    root = tmp_path_factory.mktemp("served")
    tiny.folder(root / "base")
    for name in ("one", "two"):
        with forked(name, "served"):
            tuned = get_peft_model(tiny.module(), LoraConfig(r=4, init_lora_weights=False, target_modules=["q_proj"]))
        tuned.peft_config["default"].base_model_name_or_path = str(root / "base")
        tuned.save_pretrained(root / name)
        tiny.tokenizer().save_pretrained(root / name)
    shutil.copytree(root / "base", root / "vectors")
    write_sentence(root / "vectors", Embedder("mean"), tiny.module().config)
    names = {"vocab_size": len(tiny.tokenizer()), "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    config = AutoConfig.for_model("llama", **{**tiny.CONFIGS["llama"], **names, "num_labels": 2})
    AutoModelForSequenceClassification.from_config(config).save_pretrained(root / "classes")
    tiny.tokenizer().save_pretrained(root / "classes")
    return root


def opened(folders: Path, model: str, quantize: str | None = None, is_mapped: bool = False, **adapters: str):
    limits = Limits(cache_tokens=2048)
    return opening.opened(
        opening.Opening(
            model=model,
            adapters=adapters,
            device="cpu",
            root=folders,
            limits=limits,
            timeout_s=60,
            quantize=quantize,
            is_mapped=is_mapped,
        )
    )


def text_of(server, model: str) -> str:
    body = {"model": model, "prompt": "The quick brown", "max_tokens": 8, "temperature": 0}
    status, _, told = server.ask("POST", "/v1/completions", body)
    assert status == 200 and told["model"] == model, told
    return told["choices"][0]["text"]


def test_adapters_beside_a_base_say_what_each_says_alone(folders):
    with running(opened(folders, "base", one=str(folders / "one"), two="two")) as server:
        together = {name: text_of(server, name) for name in ("base", "one", "two")}
        listed = server.ask("GET", "/v1/models")[2]["data"]
    assert [(model["id"], model["parent"]) for model in listed] == [("base", None), ("one", "base"), ("two", "base")]
    with running(opened(folders, "one")) as server:
        assert text_of(server, "one") == together["one"]
    assert len(set(together.values())) == 3


@pytest.mark.parametrize(("codec", "bits"), [("nf4", 4.2), ("int8", 9.0)])
def test_packed_weights_say_what_their_own_forward_says_and_take_less(folders, capsys, codec, bits):
    service, plain = opened(folders, "base", codec, one="one"), load_model("base", root=folders, quantize=codec)
    assert "linear layers are packed as " + codec in capsys.readouterr().err
    packed, module = plain.costs.weight_bytes, plain.module
    kept = sum(p.nbytes for p in module.parameters() if not isinstance(p, Quantized))
    matrices = sum(p.numel() for p in module.parameters() if isinstance(p, Quantized))
    assert matrices == plain.costs.parameters[ParamRole.MATRIX]
    assert (sum(packed.values()) - kept) * 8 / matrices < bits + 8 / 32  # rows here are short, and each has its scale
    prompts, settings = ["The quick brown", "hello"], GenerateSettings(max_new_tokens=8)
    with running(service) as server:
        found = [one.ids for one in service.engine.complete(prompts, settings)]
        assert text_of(server, "one") != text_of(server, "base")  # adapters go beside packed layers too
    for prompt, ids in zip(prompts, found, strict=True):
        read = prompt_ids(plain.processor, prompt)
        for token in ids:
            with torch.no_grad():
                assert token == int(module(torch.tensor([read]), use_cache=False).logits[0, -1].argmax())
            read.append(token)


def test_weights_that_stay_in_their_files_give_the_same_answers_beside_adapters_too(folders, capsys):
    with running(opened(folders, "base", one="one")) as server:
        expected = [text_of(server, name) for name in ("base", "one")]
    capsys.readouterr()
    with running(opened(folders, "base", is_mapped=True, one="one")) as server:
        assert [text_of(server, name) for name in ("base", "one")] == expected
    assert "in float32, stay in their files" in capsys.readouterr().err


def test_an_adapter_alone_and_what_is_packed_already_are_not_packed(folders, tmp_path):
    with pytest.raises(ModelError, match="is an adapter") as refused:
        opened(folders, "one", "nf4")
    assert refused.value.hint.endswith(f"{folders / 'base'} --adapter one={folders / 'one'} --quantize nf4")
    config = json.loads((folders / "base" / "config.json").read_text())
    (tmp_path / "small").mkdir()
    config["quantization_config"] = {"quant_method": "awq", "bits": 4}
    (tmp_path / "small" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="is quantized already, by `awq`"):
        opened(tmp_path, str(tmp_path / "small"), "nf4")


def test_what_is_no_adapter_or_has_a_name_that_is_taken_is_refused(folders):
    with pytest.raises(ModelError, match="whole model"):
        opened(folders, "base", other="base")
    with pytest.raises(ConfigError, match="as the model is"):
        opened(folders, "base", base="one")
    with pytest.raises(ModelError, match="adapter itself"):
        opened(folders, "one", two="two")


def test_an_embedding_model_gives_vectors_and_no_texts(folders):
    with running(opened(folders, "vectors")) as server:
        texts = ["hello world", "the fox"]
        status, _, told = server.ask("POST", "/v1/embeddings", {"model": "vectors", "input": texts})
        assert status == 200 and told["usage"]["prompt_tokens"] > 0
        vectors = np.array([one["embedding"] for one in told["data"]], np.float32)
        body = {"input": tiny.tokenizer().encode(texts[1], add_special_tokens=False), "encoding_format": "base64"}
        told = server.ask("POST", "/v1/embeddings", body)[2]
        same = np.frombuffer(base64.b64decode(told["data"][0]["embedding"]), "<f4")
        short = server.ask("POST", "/v1/embeddings", {"input": texts, "dimensions": 8})[2]["data"][0]["embedding"]
        many = server.ask("POST", "/v1/embeddings", {"input": "x", "dimensions": 1000})
        long = server.ask("POST", "/v1/embeddings", {"input": ["x", "y" * 3_000_000]})
        refused = server.ask("POST", "/v1/completions", {"prompt": "x"})
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5) and np.allclose(same, vectors[1], atol=1e-5)
    assert len(short) == 8 and np.linalg.norm(short) == pytest.approx(1, abs=1e-5)
    assert (many[0], many[2]["error"]["param"]) == (400, "dimensions")
    assert (long[0], long[2]["error"]["code"]) == (400, "context_length_exceeded")
    assert (refused[0], refused[2]["error"]["code"]) == (400, "unsupported_model")


@pytest.mark.parametrize("model", ["vectors", "classes"])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--draft", "base"], "--draft is of models that continue texts"),
        (["--record", "shop"], "--record is of models that continue texts"),
        (["--otlp", "http://127.0.0.1:9"], "--otlp is of models that continue texts"),
        (["--feedback", "said"], "--feedback is of models that continue texts"),
        (["--adapter", "one=one"], "--adapter is of models that continue texts"),
        (["--quantize", "int8"], "--quantize is of models that continue texts"),
    ],
)
def test_what_is_of_texts_is_refused_beside_a_model_that_makes_none(folders, capsys, model, words, said):
    asked = ["serve", model, "--root", str(folders), "--port", "0", "--device", "cpu", *words]
    assert main(asked) == 2
    told = capsys.readouterr()
    assert said in told.err and f"at {words[0]}" in told.err and f"hint: whet serve {model}" in told.err
    assert "/v1" not in told.out


@pytest.mark.parametrize(
    "words",
    [["--record", "shop"], ["--otlp", "http://127.0.0.1:9"], ["--price", "1,2"], ["--record-text"], ["--sample", "0.5"],
     ["--draft", "small"], ["--device", "cpu"], ["--quantize", "nf4"],
     ["--weights", "mapped"]],
)  # fmt: skip
def test_what_is_of_our_own_engine_is_refused_beside_another_one(capsys, words):
    assert main(["serve", "x", "--engine", "llama.cpp", "--port", "0", *words]) == 2
    told = capsys.readouterr().err
    assert f"{words[0]} is of whet's own engine, and not of llama.cpp" in told and f"hint: leave {words[0]} out" in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing-like-it"], "there is no model or run"),
        (["x", "--adapter", "polite"], "names no adapter"),
        (["x", "--api-key", "a b"], "no header can hold"),
        (["x", "--host", "256.1.1.1"], "cannot be had"),
        (["x", "--timeout", "0"], "no answer can be whole"),
    ],
)
def test_what_cannot_be_served_is_said_before_it_starts(words, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["serve", *words, "--port", "0"]) == 2
    told = capsys.readouterr().err
    assert said in told and "hint:" in told


def _is_error(path, told):
    error = told.get("error") if isinstance(told, dict) else None
    if path.startswith("/api/"):
        return isinstance(error, str)
    return set(error or ()) == {"message", "type", "param", "code"}


def test_whatever_is_asked_gets_an_answer_or_an_error_in_its_form(server, tries):
    """Bodies with members changed, left out and of other types: never a 5xx, never another form."""
    rng = random.Random(0)
    values = [
        None, True, -1, 0, 3, 1e300, "", "x", "\ud800", [], [0], [[1]], ["a", 1], {}, {"type": "text"}, {"a": [1]},
    ]  # fmt: skip
    message = {"role": "user", "content": "hi", "tool_calls": None, "name": None, "tool_call_id": None}
    bodies = {
        "/v1/chat/completions": {"messages": [message], "max_tokens": 1, "n": 1, "stop": "z", "tools": None, "seed": 1,
                                 "tool_choice": None, "logprobs": True, "response_format": None, "logit_bias": {},
                                 "top_p": 1, "stream": False, "stream_options": None, "model": "tiny", "top_k": 5},
        "/v1/completions": {"prompt": "hi", "max_tokens": 1, "echo": True, "logprobs": 1, "suffix": None, "n": 1},
        "/v1/messages": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1, "system": "x", "tools": None,
                         "stop_sequences": None, "tool_choice": None},
        "/v1/embeddings": {"input": "hi", "encoding_format": "float", "dimensions": 2},
        "/tokenize": {"prompt": "hi", "messages": None}, "/detokenize": {"tokens": [1]},
        "/v1/responses": {"input": "hi", "max_output_tokens": 1, "tools": None, "tool_choice": None, "text": None,
                          "previous_response_id": None, "metadata": None, "include": None, "instructions": "x"},
        "/v1/responses/input_tokens": {"input": [message], "tools": None},
        "/api/chat": {"model": "tiny", "messages": [message], "stream": False, "format": None, "tools": None,
                      "options": {"num_predict": 1}},
        "/api/generate": {"model": "tiny", "prompt": "hi", "raw": True, "stream": False, "format": None,
                          "options": {"num_predict": 1}},
        "/v1/rerank": {"query": "x", "documents": ["y"], "top_n": 1},
        "/v1/classify": {"input": "x", "messages": None}, "/v1/score": {"text_1": "x", "text_2": ["y"]},
    }  # fmt: skip
    wrong = []
    for _ in range(tries(200, 4000)):
        path, body = rng.choice(list(bodies.items()))
        body = json.loads(json.dumps(body))
        inner = rng.choice([body, *[m for m in body.get("messages") or [] if isinstance(m, dict)]])
        for name in rng.sample(sorted(inner), k=min(len(inner), rng.randint(1, 2))):
            inner[name] = rng.choice(values)
        status, _, told = server.ask("POST", path, body)
        if status >= 500 or status == 422 or (status >= 400) != _is_error(path, told):
            wrong.append((path, body, status, told))
    assert wrong == []


def test_a_key_that_was_given_is_not_printed(tmp_path, monkeypatch, capsys):
    from whet.server.openai import serving

    monkeypatch.setattr(serving, "Served", lambda service, key, hosts: SimpleNamespace(end=None))
    monkeypatch.setattr(serving, "Config", lambda app, **settings: None)
    monkeypatch.setattr(serving, "Server", lambda config, end: SimpleNamespace(run=lambda sockets: sockets[0].close()))
    service = SimpleNamespace(names=("m",), adapters=())
    told = {}
    for given in ("a-key-of-mine", ""):
        entry = serving.entry_of(given, None)
        serving.serve(lambda: service, "127.0.0.1", 0, (), entry)
        told[given] = capsys.readouterr()
        assert (f"key: {entry.printed}\n" in told[given].out) == (not given)
    assert "a-key-of-mine" not in "".join(told["a-key-of-mine"])

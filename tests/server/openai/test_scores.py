"""Models with a head: classes, relevance and rewards over HTTP are what transformers computes of the same texts."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from tests.generate import tiny
from tests.server.openai.conftest import running
from whet.base.seeds import forked
from whet.generate.serving.request import Limits
from whet.server.openai import opening

TEXTS = ["The quick brown fox", "hello world, how are you today?", "Pack my box"]
MESSAGES = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "I am fine, thank you."}]


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """`opened(num_labels)`: a service of a model with so many scores, and transformers' own."""

    def make(num_labels: int, **changes):
        folder = tmp_path_factory.mktemp("headed")
        names = {"vocab_size": len(tiny.tokenizer()), "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
        config = AutoConfig.for_model(
            "llama", **{**tiny.CONFIGS["llama"], **names, "num_labels": num_labels, **changes}
        )
        with forked(str(num_labels), "headed"):
            module = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32).eval()
        module.save_pretrained(folder)
        tiny.tokenizer().save_pretrained(folder)
        asked = opening.Opening(
            model=str(folder), name="tiny", adapters={}, device="cpu", root=folder, limits=Limits(), timeout_s=60
        )
        return opening.opened(asked), module

    return make


def logits_of(module, ids):
    with torch.no_grad():
        return module(torch.tensor([ids])).logits[0]


def test_classes_are_those_of_transformers(opened):
    service, module = opened(3, id2label={0: "a", 1: "b", 2: "c"}, label2id={"a": 0, "b": 1, "c": 2})
    with running(service) as server:
        status, _, told = server.ask("POST", "/v1/classify", {"model": "tiny", "input": TEXTS})
        one = server.ask("POST", "/classify", {"input": TEXTS[1]})[2]["data"][0]
        refused = server.ask("POST", "/v1/rerank", {"query": "x", "documents": TEXTS})
        unfit = server.ask("POST", "/v1/completions", {"prompt": "x"})
    assert status == 200 and told["usage"]["total_tokens"] > 0
    for found, text in zip(told["data"], TEXTS, strict=True):
        parts = logits_of(module, tiny.tokenizer().encode(text)).softmax(-1)
        assert found["probs"] == pytest.approx(parts.tolist(), abs=1e-5)
        assert found["label"] == "abc"[int(parts.argmax())] and found["num_classes"] == 3
    assert one["probs"] == pytest.approx(told["data"][1]["probs"], abs=1e-6)
    assert refused[0] == 400 and "classes" in refused[2]["error"]["message"]
    assert (unfit[0], unfit[2]["error"]["code"]) == (400, "unsupported_model")


def test_rewards_and_relevance_are_those_of_transformers(opened):
    service, module = opened(1)
    with running(service) as server:
        told = server.ask("POST", "/v1/classify", {"messages": MESSAGES})[2]["data"][0]
        rendered = tiny.tokenizer().apply_chat_template(MESSAGES, return_dict=False)
        assert told["scores"] == pytest.approx(logits_of(module, rendered).tolist(), abs=1e-5)
        pairs = {"text_1": "hello", "text_2": TEXTS}
        raw = server.ask("POST", "/v1/score", {**pairs, "use_activation": False})[2]
        near = server.ask("POST", "/v1/score", pairs)[2]["data"]
        ranked = server.ask("POST", "/v1/rerank", {"query": "hello", "documents": [*TEXTS[:2], {"text": TEXTS[2]}]})[2]
        best = server.ask("POST", "/rerank", {"query": "hello", "documents": TEXTS, "top_n": 1})[2]["results"]
        wrong = server.ask("POST", "/v1/score", {"text_1": ["a", "b"], "text_2": TEXTS})
    scores = [one["score"] for one in raw["data"]]
    assert [one["score"] for one in near] == pytest.approx(torch.tensor(scores).sigmoid().tolist(), abs=1e-6)
    order = sorted(range(3), key=lambda i: -scores[i])
    assert [one["index"] for one in ranked["results"]] == order and best[0]["index"] == order[0] and len(best) == 1
    assert [one["document"]["text"] for one in ranked["results"]] == [TEXTS[i] for i in order]
    assert wrong[0] == 400 and wrong[2]["error"]["param"] == "text_2"


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/classify", {}, "input"),
        ("/v1/classify", {"input": []}, "input"),
        ("/v1/classify", {"input": ["x", ""]}, "input"),
        ("/v1/rerank", {"query": "x", "documents": []}, "documents"),
        ("/v1/rerank", {"query": "x", "documents": [5]}, "documents[0]"),
        ("/v1/score", {"text_1": "x"}, "text_2"),
    ],
)
def test_what_has_no_score_is_refused(headless, path, body, param):
    status, _, told = headless.ask("POST", path, body)
    assert status == 400 and told["error"]["param"].startswith(param)


@pytest.fixture(scope="module")
def headless(opened):
    with running(opened(1)[0]) as server:
        yield server


def test_a_model_that_continues_texts_scores_none(server):
    for path, body in (("/v1/classify", {"input": "x"}), ("/v1/rerank", {"query": "x", "documents": ["y"]})):
        status, _, told = server.ask("POST", path, body)
        assert (status, told["error"]["code"]) == (400, "unsupported_model")


def test_a_text_that_would_be_cut_is_refused_by_its_place(opened):
    service, _ = opened(1, max_position_embeddings=32)
    long = "hello world " * 40
    with running(service) as server:
        for path, body in (
            ("/v1/rerank", {"query": "x", "documents": ["short", long]}),
            ("/v1/score", {"text_1": "x", "text_2": ["short", long]}),
            ("/v1/classify", {"input": ["short", long]}),
        ):
            status, _, told = server.ask("POST", path, body)
            assert status == 400 and "row 1 is longer than the 32 tokens" in told["error"]["message"], (path, told)


def test_a_text_far_beyond_the_context_is_refused_before_all_of_it_is_read(opened, monkeypatch):
    service, _ = opened(1, max_position_embeddings=32)
    read, encode, long = [], service.tokenizer.encode, "x" * 3_000_000
    monkeypatch.setattr(service.tokenizer, "encode", lambda text, **how: read.append(len(text)) or encode(text, **how))
    with running(service) as server:
        for path, body in (
            ("/v1/rerank", {"query": "x", "documents": ["short", long]}),
            ("/v1/score", {"text_1": long, "text_2": ["short"]}), ("/v1/classify", {"input": long}),
            ("/v1/classify", {"messages": [{"role": "user", "content": long}]}), ("/invocations", {"inputs": [long]}),
        ):  # fmt: skip
            read.clear()
            status, _, told = server.ask("POST", path, body)
            assert (status, told["error"]["code"]) == (400, "context_length_exceeded"), (path, told)
            assert sum(read) < 200_000

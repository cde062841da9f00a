"""The vLLM engine against an emulation of its server around our own model: answers, and weights that arrive."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import torch
from safetensors.torch import load_file

from tests.generate import tiny
from tests.generate.server import engine_answer, serving
from whet.base.catalogue import engine
from whet.base.errors import ConfigError, WhetError
from whet.generate.kv_sessions import LiveTalk
from whet.generate.protocol import Asked, GenerateSettings, Token
from whet.generate.vllm_server import write_weights

SETTINGS = GenerateSettings(max_new_tokens=8, logprobs=True)


@pytest.fixture
def served(tmp_path):
    """A server whose control endpoints do what vLLM's do: pause, load a folder's weights, resume."""
    loaded = tiny.loaded(tiny.folder(tmp_path / "model"))
    state = {"paused": False}

    def control(path, body):
        path = urlsplit(path).path
        if path == "/pause":
            state["paused"] = True
        elif path == "/resume":
            state["paused"] = False
        elif path == "/collective_rpc":
            assert state["paused"] and body["method"] == "reload_weights"
            files = sorted(Path(body["kwargs"]["weights_path"]).glob("*.safetensors"))
            weights = {name: tensor for file in files for name, tensor in load_file(file).items()}
            loaded.module.load_state_dict(weights, strict=False)
            return {"results": [None]}
        elif path != "/reset_prefix_cache":
            return 404, {"detail": "Not Found"}
        return None

    with serving(engine_answer(engine.get("local").build(loaded), loaded.processor)) as server:
        server.on_control, server.loaded, server.state = control, loaded, state
        yield server


def test_new_weights_answer_and_the_order_is_pause_load_forget_resume(served, tmp_path):
    built = engine.get("vllm").build(served.loaded, url=served.url, folder=str(tmp_path / "sync"))
    before = built.complete(["The quick"], SETTINGS)[0]
    trained = tiny.module("llama")
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.mul_(0.5).add_(0.01)
    built.sync((name, parameter) for name, parameter in trained.named_parameters())
    assert [urlsplit(path).path for path, _ in served.control] == [
        "/pause", "/collective_rpc", "/reset_prefix_cache", "/resume",
    ]  # fmt: skip
    after = built.complete(["The quick"], SETTINGS)[0]
    from whet.generate.decode import complete

    expected = complete(trained, served.loaded.processor, ["The quick"], SETTINGS)[0]
    told = [token.logprob for token in after.tokens]
    assert after.ids == expected.ids and told == pytest.approx([t.logprob for t in expected.tokens], abs=1e-4)
    assert after.ids != before.ids and not served.state["paused"]
    built.sync(trained.named_parameters())
    assert [path.name for path in (tmp_path / "sync").iterdir()] == ["weights-2"]


def test_a_load_that_fails_does_not_leave_the_server_paused(served, tmp_path):
    built = engine.get("vllm").build(served.loaded, url=served.url, folder=str(tmp_path / "sync"))
    control = served.on_control
    served.on_control = lambda path, body: (500, {"error": "no"}) if "rpc" in path else control(path, body)
    with pytest.raises(WhetError, match="answered 500"):
        built.sync([("a", torch.zeros(2))])
    assert not served.state["paused"]


def test_a_server_without_its_controls_is_told_how_to_start(served, tmp_path):
    built = engine.get("vllm").build(served.loaded, url=served.url, folder=str(tmp_path / "sync"))
    served.on_control = lambda path, body: (404, {"detail": "Not Found"})
    with pytest.raises(ConfigError, match="knows no /") as error:
        built.sync([("a", torch.zeros(2))])
    assert "VLLM_SERVER_DEV_MODE=1" in error.value.hint


def test_weights_are_cut_into_files_of_bounded_size(tmp_path, monkeypatch):
    monkeypatch.setattr("whet.generate.vllm_server.SHARD_BYTES", 100)
    tensors = {f"t{i}": torch.full((10,), float(i)) for i in range(5)} | {"big": torch.ones(100)}
    write_weights(tensors.items(), tmp_path / "w")
    files = sorted((tmp_path / "w").iterdir())
    found = {name: tensor for file in files for name, tensor in load_file(file).items()}
    assert len(files) == 4 and found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize("told, filters, at", [
    ("processed", {}, 0.7), ("processed", {"top_k": 20}, None), ("raw", {}, 1.0), ("raw", {"top_k": 20}, 1.0),
])  # fmt: skip
def test_log_probabilities_are_known_at_the_temperature_at_which_the_server_tells_them(served, told, filters, at):
    """The server draws at 0.7, and tells what its `--logprobs-mode` says."""
    if told == "processed":
        served.answer = processed(served.loaded)
    built = engine.get("vllm").build(served.loaded, url=served.url, logprobs=told)
    settings = GenerateSettings(max_new_tokens=8, temperature=0.7, logprobs=True, **filters)
    found = built.complete(["The quick"], settings)[0]
    assert found.logprobs_at == at and (found.logprobs(0.7) is not None) == (at == 0.7)
    if at is None:
        return
    ids = torch.tensor([[*served.loaded.processor.encode("The quick"), *found.ids]])
    with torch.no_grad():
        logp = torch.log_softmax(served.loaded.module(ids).logits[0, :-1] / at, -1)
    wanted = logp.gather(1, ids[0, 1:, None])[-len(found.ids) :, 0]
    assert found.logprobs(at) == pytest.approx(wanted.tolist(), abs=1e-4)


def processed(loaded):
    """Answers whose log-probabilities are those of the draws."""

    def answer(path, body):
        one = Asked(0, body["prompt"], body["max_tokens"], 0)
        settings = GenerateSettings(max_new_tokens=body["max_tokens"], temperature=body["temperature"])
        turn = LiveTalk(loaded.module, loaded.processor).turn([one], settings)[0]
        tokens = [Token(i, p) for i, p in zip(turn.ids, turn.logprobs, strict=True)]
        return loaded.processor.decode(list(turn.ids)), tokens, turn.finish, len(body["prompt"])

    return answer


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vllm is installed")
def test_without_the_package_the_install_command_is_told():
    with pytest.raises(WhetError, match="needs the package `vllm`") as error:
        engine.get("vllm").build(None, path="model")
    assert error.value.hint == 'pip install "whet[vllm]"'

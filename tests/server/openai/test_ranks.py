"""A model that two processes share answers as one process does, and says so when one of them has gone."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.generate import tiny
from tests.generate.test_decode import GREEDY, PROMPTS
from tests.nursery import Child
from tests.server.openai.conftest import running
from whet.base.errors import ModelError
from whet.generate.models import load_model
from whet.generate.protocol import GenerateSettings
from whet.generate.ranks.leading import lead
from whet.generate.serving.engine import ServingEngine
from whet.generate.serving.request import Busy, Limits, Lost, Request
from whet.parallel.held import bytes_here
from whet.server.openai.service import Service

pytestmark = pytest.mark.ranks
DRAWN = GenerateSettings(max_new_tokens=12, temperature=0.9, top_k=40, seed=5, repetition_penalty=1.2, logprobs=True)
LIMITS = Limits(cache_tokens=8192, sequences=3, step_tokens=5, guesses=2)
ASKED = {"model": "tiny", "prompt": "the", "max_tokens": 4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    found = tmp_path_factory.mktemp("shared")
    module: Any = tiny.module("llama", max_position_embeddings=8192)
    module.save_pretrained(found)
    tiny.tokenizer().save_pretrained(found)
    return found


def told(engine):
    """Ids of greedy answers side by side, ids of drawn ones, and the log-probabilities of these."""
    greedy, drawn = engine.complete([*PROMPTS, *PROMPTS], GREEDY), engine.complete(PROMPTS, DRAWN)
    return [one.ids for one in greedy], [one.ids for one in drawn], [t.logprob for one in drawn for t in one.tokens]


def shared(folder):
    """What two processes answer; then one that is cancelled, one amid which no more are taken, and one amid which the
    other process is killed."""
    loaded, followers = lead(str(folder), device="cpu", dtype="auto", root=folder, ranks=2)
    engine = ServingEngine(loaded, LIMITS, followers=followers)
    with running(Service(loaded, ("tiny",), engine=engine)) as server:
        found = {"share": bytes_here(loaded.module) / sum(loaded.costs.weight_bytes.values()), "told": told(engine)}
        found["well"] = server.ask("GET", "/health")[::2], server.ask("POST", "/v1/completions", ASKED)[0]
        long = Request(ids=[5, 6, 7], settings=GenerateSettings(max_new_tokens=8000))
        left = engine.submit(long)
        for _ in zip(range(3), left.pieces(), strict=False):
            left.cancel()
        found["after"] = told(engine)
        last, short = engine.submit(long), engine.submit(Request(ids=[5, 6, 7], settings=GREEDY))
        engine.drain()
        with pytest.raises(Busy):
            engine.submit(long)
        found["drained"] = [piece.finish for piece in short.pieces()][-1]
        os.kill(followers.pids[0], signal.SIGKILL)
        with pytest.raises(Lost):
            for _ in last.pieces():
                pass
        with pytest.raises(Lost) as refused:
            engine.submit(long)
        found["words"] = str(refused.value)
        found["ill"] = server.ask("GET", "/health")[::2], server.ask("POST", "/v1/completions", ASKED)[::2]
    found["left"] = [pid for pid in followers.pids if Path(f"/proc/{pid}").exists()]
    return found


def test_two_processes_answer_as_one_until_one_of_them_is_killed(folder, capfd):
    engine = ServingEngine(load_model(str(folder), device="cpu", root=folder), LIMITS)
    try:
        expected = told(engine)
    finally:
        engine.close()
    found = Child(partial(shared, folder)).wait()
    for own in (found["told"], found["after"]):
        assert own[:2] == expected[:2] and own[2] == pytest.approx(expected[2], abs=1e-5)
    assert 0.5 <= found["share"] < 0.52, "each reads its own part of the weights, and norms"
    assert found["well"] == ((200, {"status": "ok"}), 200) and found["drained"] == "length"
    assert found["words"].startswith("rank 1 of the model has ended (killed by signal 9)")
    (status, health), (refused, body) = found["ill"]
    assert status == refused == 503 and body["error"]["code"] == "engine_lost"
    assert health["status"] == "failing" and health["message"] in found["words"]
    assert found["left"] == []
    assert capfd.readouterr().err.count("rank 1 of the model has ended") == 1


def test_what_does_not_divide_is_refused_with_the_arithmetic(folder):
    with pytest.raises(ModelError, match="4 / 3 leaves a rest of 1") as refused:
        lead(str(folder), device="cpu", dtype="auto", root=folder, ranks=3)
    assert refused.value.at == "--tensor" and refused.value.hint == "--tensor 2"

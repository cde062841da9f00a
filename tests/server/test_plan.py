"""The plan over HTTP: choices, formulas and ways for whoever may read, and refusals that say what is wrong."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from tests.server.inside import Inside
from whet.cli.main import main
from whet.plan.architecture import FOLDER
from whet.plan.calibration import Finished, note
from whet.plan.models.find import published

JSON = {"Content-Type": "application/json"}
LLAMA = dict(published()["meta-llama/Llama-3.2-1B"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    made = Inside(Path(tmp_path_factory.mktemp("runs")))
    yield made
    made.runner.close()


def fit(server: Inside, **asked):
    return server.ask("POST", "/api/v1/plan/fit", {"model": "llama-3.2-1b", "gpu": "rtx-4090", **asked}, JSON)


def test_models_cards_formulas_and_the_form_are_told(server: Inside):
    found = server.get("/api/v1/plan")
    assert {"llama-3.2-1b", "qwen3-8b"} <= {one["short"] for one in found["models"]}
    assert {"rtx-4090", "h100-sxm"} <= {one["name"] for one in found["cards"]}
    assert "adamw" in found["form"]["properties"]["optimizer"]["enum"]
    assert next(one for one in found["models"] if one["short"] == "llama-3.2-1b")["config"] == LLAMA
    told = server.get("/api/v1/plan/architectures/llama")
    assert told == json.loads((FOLDER / "llama.json").read_text()) and "llama" in found["traced"]


def test_ways_are_those_of_the_command_of_a_known_model_and_of_its_config(server: Inside):
    known = fit(server, gpus=2).json()
    assert known == fit(server, gpus=2, config=LLAMA, model="any").json()
    with redirect_stdout(StringIO()) as said:
        main(["fit", "llama-3.2-1b", "--gpu", "rtx-4090", "--gpus", "2", "--json"])
    expected = json.loads(said.getvalue())
    assert known["chosen"] == expected["chosen"] == known["front"][0]
    assert all(way in known["front"] for way in expected["front"])
    assert [one["mesh"] for one in known["meshes"]] == ["shard 2, zero 3"]


def test_of_a_model_that_fits_nowhere_every_way_has_its_reason(server: Inside):
    found = fit(server, model="llama-3.1-405b").json()
    assert found["chosen"] is None and not found["front"]
    assert {one["learns"] for one in found["reasons"]} >= {"all weights", "lora beside weights in nf4"}
    assert all("times the memory" in one["why_not"] for one in found["reasons"])


def test_what_finished_runs_have_moved_is_told(server: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WHET_CACHE", str(tmp_path))
    where = {"gpu": "rtx-4090", "model_type": "llama", "parameters": "1e9"}
    assert server.get("/api/v1/plan/measured", **where) == {"measured": None}
    for _ in range(3):
        note(Finished("rtx-4090", "llama", 2.0**30, 1.1 * 2**30, 1e9, process_bytes=7e8))
    told = server.get("/api/v1/plan/measured", **where)["measured"]
    assert told["process"]["value"] == 7e8 and told["steps"]["value"] == pytest.approx(1.1)
    assert any("from 3 runs on this card" in line for line in told["words"])


@pytest.mark.parametrize(
    ("asked", "said", "hint"),
    [
        ({"model": "lama-3.2-1b"}, "no known model is called `lama-3.2-1b`", "did you mean `llama-3.2-1b`?"),
        ({"model": "/etc"}, "no known model is called `/etc`", "paste its config.json"),
        ({"model": "<script>" * 20}, "no known model is called", "paste its config.json"),
        ({"gpu": "rtx-4091"}, "no card is called `rtx-4091`", "did you mean"),
        ({"config": {}}, "the config lacks `model_type`", '"model_type": "llama"'),
        ({"config": {"model_type": "lama"}}, "`lama` have not been traced", "did you mean `llama`?"),
        ({"config": {"model_type": "llama"}}, "must tell `hidden_size`, `intermediate_size`", "published"),
        ({"config": {**LLAMA, "num_hidden_layers": 10**9}}, "`num_hidden_layers` is 1000000000", "published"),
        ({"config": {**LLAMA, "num_hidden_layers": 16_384}}, "16,384 layers are more", "whet fit config.json"),
        ({"config": {**LLAMA, "hidden_size": "wide"}}, "`hidden_size` is 'wide'", "published"),
        ({"config": {**LLAMA, "num_experts": 4, "decoder_sparse_step": "a"}}, "`decoder_sparse_step` is 'a'", ""),
        ({"config": {**LLAMA, "num_experts": 4, "mlp_only_layers": 5}}, "`mlp_only_layers` is 5, not a list", ""),
        ({"config": {**LLAMA, "vocab_size": -1}}, "`vocab_size` is -1", "published"),
        ({"config": {**LLAMA, "vocab_size": float("nan")}}, "", ""), ({"gpus": 10**9}, "gpus", ""),
        ({"gpus": 0}, "gpus", ""), ({"length": -5}, "length", ""), ({"odd": 1}, "odd", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_planned_says_why(server: Inside, asked, said, hint):
    found = fit(server, **asked)
    told = found.json()
    assert found.status == 400 and said in told["message"] and hint in told.get("hint", ""), told


@pytest.mark.parametrize(
    ("path", "query", "said"),
    [
        ("architectures/lama", {}, "models of the class `lama` have not been traced"),
        ("architectures/..job", {}, "have not been traced"),
        ("measured", {"gpu": "voodoo", "parameters": "1"}, "no card is called `voodoo`"),
        ("measured", {"gpu": "rtx-4090", "parameters": "nan"}, "parameters"),
    ],
)
def test_what_is_not_known_is_refused(server: Inside, path: str, query: dict[str, str], said: str):
    found = server.ask("GET", f"/api/v1/plan/{path}", None, None, model_type="llama", **query)
    assert found.status in (400, 404) and said in found.json()["message"]

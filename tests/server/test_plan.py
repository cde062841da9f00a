"""The plan over HTTP: choices and closed forms for whoever may read, and refusals that say what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.inside import Inside
from whet.plan.models.find import published

JSON = {"Content-Type": "application/json"}
LLAMA = dict(published()["meta-llama/Llama-3.2-1B"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    made = Inside(Path(tmp_path_factory.mktemp("runs")))
    yield made
    made.runner.close()


def forms(server: Inside, **asked):
    return server.ask("POST", "/api/v1/plan/forms", {"model": "llama-3.2-1b", "gpu": "rtx-4090", **asked}, JSON)


def test_models_cards_and_the_form_are_told(server: Inside):
    found = server.get("/api/v1/plan")
    assert {"llama-3.2-1b", "qwen3-8b"} <= {one["short"] for one in found["models"]}
    assert {"rtx-4090", "h100-sxm"} <= {one["name"] for one in found["cards"]}
    assert found["form"]["properties"]["mode"]["enum"] == ["full", "lora", "qlora", "serve"]


def test_a_pasted_config_has_the_forms_of_the_model_that_has_it(server: Inside):
    known, pasted = forms(server).json(), forms(server, config=LLAMA).json()
    assert known["kind"] == "training" and known["constants"]["one"]["weights"] > 2**30
    assert {k: v for k, v in known.items() if k != "model"} == {k: v for k, v in pasted.items() if k != "model"}
    served = forms(server, mode="serve", config=LLAMA).json()
    assert served["serving"]["layers"][0]["count"] == 16


@pytest.mark.parametrize(
    ("asked", "said", "hint"),
    [
        ({"model": "lama-3.2-1b"}, "no known model is called `lama-3.2-1b`", "did you mean `llama-3.2-1b`?"),
        ({"model": "/etc"}, "no known model is called `/etc`", "paste its config.json"),
        ({"gpu": "rtx-4091"}, "no card is called `rtx-4091`", "did you mean"),
        ({"gpu": "mi300x", "mode": "qlora"}, "weights in nf4 are multiplied on cards of NVIDIA", "mode: lora"),
        ({"config": {}}, "the config lacks `model_type`", "config.json"),
        ({"config": {"model_type": "lama"}}, "`lama` have not been traced", "did you mean `llama`?"),
        ({"config": {"model_type": "llama"}}, "must tell `hidden_size`, `intermediate_size`", "published"),
        ({"config": {**LLAMA, "num_hidden_layers": 10**9}}, "`num_hidden_layers` is 1000000000", "published"),
        ({"config": {**LLAMA, "hidden_size": "wide"}}, "`hidden_size` is 'wide'", "published"),
        ({"config": {**LLAMA, "num_attention_heads": 20, "num_key_value_heads": 4}, "gpus": 8, "mode": "serve"},
         "heads 20 / tensor 8 = 2.5, which is no whole number", "--mesh tensor=5"),
        ({"optimizer": "adafactor", "state": "8bit"}, "adafactor keeps its state in one format", "state: fp32"),
        ({"gpus": 3}, "3 cards are not among (1, 2, 4, 8)", "--gpus 3"),
        ({"gpus": 0}, "gpus", ""), ({"mode": "odd"}, "mode", ""), ({"odd": 1}, "odd", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_planned_says_why(server: Inside, asked, said, hint):
    found = forms(server, **asked)
    told = found.json()
    assert found.status == 400 and said in told["message"] and hint in told.get("hint", ""), told

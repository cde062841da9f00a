"""An MLmodel package: MLflow loads it and answers as the model does, nothing in it is pickled, and it comes back in."""

import json
import os
import subprocess
import sysconfig
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.generate import tiny
from whet.base.errors import ModelError
from whet.cli.main import main
from whet.export.mlflow_package import locked
from whet.export.pyfunc_loader import _load_pyfunc
from whet.models.loading.find import find_model
from whet.track.registry.packages import package
from whet.track.registry.registry import Registry

PYTHON = os.environ.get("WHET_MLFLOW_PYTHON", "")
TEXTS = ["the quick fox", "a lazy dog sleeps while"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    tiny.folder(root / "sft" / "model")
    (root / "sft" / "config.yaml").write_text("seed: 3\n")
    assert main(["export", "sft", "--root", str(root), "--to", "mlflow"]) == 0
    return root


@pytest.fixture(scope="module")
def packed(runs) -> Path:
    return runs / "sft" / "exports" / "mlflow"


def answers(folder: Path) -> list[str]:
    """What transformers says, a text at a time, greedily."""
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    found = []
    for text in TEXTS:
        turn = [{"role": "user", "content": text}]
        asked = tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        ids = model.generate(**asked, max_new_tokens=6, do_sample=False)[0, asked["input_ids"].shape[1] :]
        found.append(tokenizer.decode(ids, skip_special_tokens=True))
    return found


def test_the_loader_answers_as_the_model_does(runs, packed):
    loaded = _load_pyfunc(str(packed / "model"))
    assert loaded.predict(TEXTS, {"max_new_tokens": 6}) == answers(runs / "sft" / "model")
    assert loaded.predict(TEXTS[0], {"max_new_tokens": 6}) == answers(runs / "sft" / "model")[:1]


@pytest.mark.skipif(not PYTHON, reason="WHET_MLFLOW_PYTHON names no Python that has mlflow")
def test_mlflow_loads_both_flavours(runs, packed):
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    script, site = Path(__file__).with_name("mlflow_loading.py"), sysconfig.get_path("purelib")
    done = subprocess.run([PYTHON, script, packed, site], env=own, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["said"] == answers(runs / "sft" / "model") and found["task"] == "text-generation"
    assert found["ids"] == AutoTokenizer.from_pretrained(runs / "sft" / "model")(TEXTS[0])["input_ids"]
    assert f"transformers=={version('transformers')}" in found["needs"]
    assert found["inputs"] == [{"type": "string", "required": True}]


def test_nothing_in_it_is_pickled_and_every_requirement_is_locked(packed):
    kinds = {path.suffix for path in packed.rglob("*") if path.is_file() and path.name != "MLmodel"}
    assert kinds <= {".safetensors", ".json", ".jinja", ".md", ".py", ".yaml", ".txt"}
    lines = (packed / "requirements.txt").read_text().splitlines()
    assert all(line.count("==") == 1 and "+" not in line for line in lines) and lines[0] == "mlflow==3.17.2"
    assert {line.partition("==")[0] for line in lines} >= {"torch", "transformers", "safetensors", "huggingface-hub"}
    told = yaml.safe_load((packed / "MLmodel").read_text())
    assert set(told["flavors"]) == {"python_function", "transformers"}
    assert json.loads((packed / "equivalence.json").read_text())["passed"]


def test_a_package_that_is_locked_twice_has_each_name_once():
    assert locked(["torch", "torch", "not-a-package-of-anybody"]) == locked(["torch"])


def test_a_package_comes_back_as_a_version_that_is_a_model(runs, packed):
    assert main(["registry", "add", str(packed), "--name", "back", "--root", str(runs)]) == 0
    folder = Path(find_model("registry:back", runs))
    before, after = (AutoModelForCausalLM.from_pretrained(one).state_dict() for one in (runs / "sft/model", folder))
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    registry = Registry(runs / ".registry")
    version = registry.resolve("back")
    assert version.about["package"] == "python_function, transformers" and version.kind == "exported"
    kept = {path.relative_to(registry.package(version)) for path in registry.package(version).rglob("*")}
    assert kept == {path.relative_to(packed) for path in packed.rglob("*")}
    held = sum(path.stat().st_size for path in packed.rglob("*") if path.is_file())
    assert version.num_bytes <= held
    assert main(["registry", "verify", "back", "--root", str(runs)]) == 0


@pytest.mark.parametrize("home", ["../../etc", "/etc"])
def test_a_package_that_names_places_elsewhere_is_refused(tmp_path, home):
    told = {"flavors": {"transformers": {"model_binary": home, "components": []}}}
    (tmp_path / "MLmodel").write_text(yaml.safe_dump(told))
    with pytest.raises(ModelError, match="elsewhere"):
        package(tmp_path, {"MLmodel": tmp_path / "MLmodel"})


def test_a_package_that_only_names_a_model_of_the_hub_is_told_so(tmp_path):
    told = {"flavors": {"transformers": {"source_model_name": "Qwen/Qwen3-0.6B", "components": ["tokenizer"]}}}
    (tmp_path / "MLmodel").write_text(yaml.safe_dump(told))
    with pytest.raises(ModelError, match="only names Qwen/Qwen3-0.6B"):
        package(tmp_path, {"MLmodel": tmp_path / "MLmodel"})

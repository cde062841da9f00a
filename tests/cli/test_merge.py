"""`whet merge`: adapters into a base, by folder, by run, or by what an adapter says of itself."""

import json

import pytest
import torch

from tests.generate import tiny
from tests.models.merging.test_folding import TARGETS, adapter
from whet.cli.main import main
from whet.models.checkpoints.stored import Stored


@pytest.fixture
def world(tmp_path):
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM

    base = tiny.folder(tmp_path / "base")
    module = AutoModelForCausalLM.from_pretrained(base)
    for number in (1, 2):
        run = tmp_path / "runs" / f"tune{number}"
        path = adapter(run / "model", module, LoraConfig(task_type="CAUSAL_LM", r=number + 1, **TARGETS))
        (run / "config.yaml").write_text("seed: 3\n")
        config = run / "model" / "adapter_config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": str(base)}))
        assert path == str(run / "model")
    return tmp_path


def merge(world, *arguments):
    return main(["merge", *map(str, arguments), "--root", str(world / "runs")])


def test_a_runs_adapter_goes_into_its_own_base(world, capsys):
    assert merge(world, "tune1") == 0
    printed = capsys.readouterr()
    output = world / "runs" / "tune1" / "exports" / "merged"
    assert printed.out == f"{output}\n" and "generated alike 100.00%" in printed.err
    assert "Loading weights" not in printed.err  # no bar where no one watches
    assert "# tune1" in (output / "README.md").read_text()


def test_several_adapters_with_weights_go_into_a_base(world, capsys):
    both = ["--adapter", "tune1=0.5", "--adapter", f"{world / 'runs' / 'tune2'}=-0.25"]
    assert merge(world, world / "base", *both, "--output", world / "both") == 0
    parts = []
    for name in ("tune1", "tune2"):
        assert merge(world, name, "--output", world / name, "--no-check") == 0
        parts.append(Stored(world / name))
    base, found = Stored(world / "base"), Stored(world / "both")
    for name in base:
        expected = base[name] + 0.5 * (parts[0][name] - base[name]) - 0.25 * (parts[1][name] - base[name])
        assert torch.allclose(found[name], expected, atol=1e-6)
    assert not (world / "tune1" / "equivalence.json").exists()


def test_methods_dtype_and_shards_are_taken(world, capsys):
    both = ["--adapter", "tune1", "--adapter", "tune2", "--dtype", "bf16", "--shard-size", "20KB", "--no-check"]
    found = []
    for name, how in {
        "ties": ["--method", "ties"],
        "denser": ["--method", "ties", "--density", "0.9"],
        "dare": ["--method", "dare"],
        "seed": ["--method", "dare", "--seed", "1"],
        "svd": ["--method", "svd", "--rank", "1"],
    }.items():
        assert merge(world, world / "base", *both, *how, "--output", world / name) == 0
        found.append(Stored(world / name)["model.layers.0.mlp.down_proj.weight"])
        assert found[-1].dtype == torch.bfloat16 and len(list((world / name).glob("model-*"))) > 1
    assert all(not torch.equal(a, b) for i, a in enumerate(found) for b in found[:i])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["base"], "nothing is to be merged in"),
        (["tune3"], "did you mean `tune"),
        (["base", "--adapter", "tune1=half"], "`half` is no weight"),
        (["base", "--adapter", "base"], "--other"),
        (["base", "--other", "tune1"], "--adapter"),
        (["tune1", "--output", "base"], "exists already"),
        (["tune1", "--shard-size", "much"], "is not a size"),
        (["base", "--adapter", "tune1", "--method", "ties", "--density", "2"], "`density` is 2"),
        (["base", "--adapter", "tune1", "--method", "slerp"], "--method linear"),
    ],
)
def test_mistakes_end_with_code_2_and_a_hint(world, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(world)
    assert merge(world, *arguments) == 2
    printed = capsys.readouterr()
    assert message in printed.err and "hint:" in printed.err and not printed.out
    assert not list(world.glob("base-merged")) and not list(world.glob("runs/*/exports/*"))

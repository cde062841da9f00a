"""`whet export`: a plain folder on disk, its path on stdout, the report on stderr."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.export.test_merging import lora
from tests.generate import tiny
from tests.models.checkpoints.zero_files import write as write_zero
from tests.models.merging.test_folding import adapter
from whet.cli.main import main


@pytest.fixture
def runs(tmp_path):
    root = tmp_path / "runs"
    tiny.folder(root / "sft" / "model")
    (root / "sft" / "config.yaml").write_text("seed: 3\n")
    return root


def export(runs, *arguments, model="sft"):
    return main(["export", model, "--root", str(runs), *arguments])


def state(folder):
    return AutoModelForCausalLM.from_pretrained(folder).state_dict()


def test_a_runs_model_is_written_into_the_run_with_report_and_card(runs, capsys):
    assert export(runs) == 0
    printed = capsys.readouterr()
    output = runs / "sft" / "exports" / "hf"
    assert printed.out == f"{output}\n" and "greedy agreement      100.00%" in printed.err
    before, after = state(runs / "sft" / "model"), state(output)
    assert before.keys() == after.keys() and all(torch.equal(before[n], after[n]) for n in before)
    assert json.loads((output / "equivalence.json").read_text())["passed"]
    assert "# sft" in (output / "README.md").read_text() and "seed: 3" in (output / "README.md").read_text()


def test_weights_are_cast_and_cut_into_shards(runs, capsys, tmp_path):
    assert export(runs, "--to", "hf", "dtype=bf16", "shard_size=20KB", "--output", str(tmp_path / "small")) == 0
    before, after = state(runs / "sft" / "model"), state(tmp_path / "small")
    assert all(torch.equal(before[n].to(torch.bfloat16), after[n]) for n in before)
    assert len(list((tmp_path / "small").glob("model-*.safetensors"))) > 1


def test_half_precision_is_written_again_bit_for_bit(runs, tmp_path, capsys):
    tiny.module().to(torch.bfloat16).save_pretrained(tmp_path / "half")
    tiny.tokenizer().save_pretrained(tmp_path / "half")
    assert export(runs, "--output", str(tmp_path / "again"), model=str(tmp_path / "half")) == 0
    before, after = state(tmp_path / "half"), state(tmp_path / "again")
    assert all(torch.equal(before[n], after[n]) and after[n].dtype == torch.bfloat16 for n in before)
    assert "max 0, mean 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        ("stf", [], "did you mean `sft`"),
        ("sft", ["--output", "."], ". exists already"),
        ("sft", ["--to", "hf", "shard_size=many"], "(it is 'many')"),
        ("sft", ["--to", "ht"], "unknown exporter `ht`"),
        ("sft", ["--to", "hf", "dtype=bf15"], "did you mean dtype=bf16"),
        ("sft", ["--to", "hf", "shards=2MB"], "did you mean `shard_size`"),
        ("sft", ["--to", "hf", "bf16"], "`bf16` is not a setting"),
        ("sft", ["--device", "gpu"], "`gpu` is no device"),
    ],
)
def test_mistakes_end_with_code_2_and_write_nothing(runs, capsys, model, arguments, message):
    assert export(runs, *arguments, model=model) == 2
    printed = capsys.readouterr()
    assert message in printed.err and "hint:" in printed.err and not printed.out
    assert not (runs / "sft" / "exports").exists()


def test_settings_name_the_folder_in_the_run(runs, capsys):
    assert export(runs, "--to", "hf", "dtype=fp16") == 0
    assert capsys.readouterr().out == f"{runs / 'sft' / 'exports' / 'hf-fp16'}\n"


def test_gguf_and_ollama_are_written_from_a_run(runs, capsys):
    assert export(runs, "--to", "gguf", "type=Q8_0") == 0
    printed = capsys.readouterr()
    output = runs / "sft" / "exports" / "gguf-Q8_0"
    assert printed.out == f"{output}\n" and "by llama.cpp" in printed.err
    assert sorted(path.name for path in output.iterdir()) == ["equivalence.json", "sft-Q8_0.gguf"]
    assert export(runs, "--to", "ollama", "type=F16", "system=Be kind.") == 0
    text = (runs / "sft" / "exports" / "ollama-F16" / "Modelfile").read_text()
    assert text.startswith("FROM ./sft-F16.gguf\nTEMPLATE") and "Be kind." in text


def test_an_unknown_type_is_refused_with_the_near_one(runs, capsys):
    assert export(runs, "--to", "gguf", "type=q4_k") == 2
    assert "did you mean type=Q4_K_M?" in capsys.readouterr().err


@pytest.mark.parametrize("stage", [2, 3])
def test_a_checkpoint_of_deepspeed_becomes_a_model(tmp_path, capsys, stage):
    module = tiny.module()
    checkpoint = write_zero(tmp_path / "checkpoint-7", dict(module.state_dict()), stage, shared={})
    base = tiny.folder(tmp_path / "base")
    output = str(tmp_path / "out")
    assert main(["export", str(checkpoint), "--output", output]) == 2
    assert "--like Qwen/Qwen3-0.6B" in capsys.readouterr().err
    wide = str(tiny.folder(tmp_path / "wide", intermediate_size=96))
    assert main(["export", str(checkpoint), "--output", output, "--like", wide]) == 2
    assert "was not written by the architecture" in capsys.readouterr().err
    assert main(["export", str(checkpoint), "--output", output, "--like", str(base)]) == 0
    before, after = module.state_dict(), state(output)
    assert all(torch.equal(before[n], after[n]) for n in before)


def test_like_is_for_checkpoints_alone(runs, capsys):
    assert export(runs, "--like", "x") == 2
    assert "leave --like out" in capsys.readouterr().err


@pytest.mark.parametrize("quantize", [None, "nf4"])
def test_a_runs_adapter_is_exported_merged(tmp_path, capsys, quantize):
    base = tiny.folder(tmp_path / "base")
    run = tmp_path / "runs" / "tuned"
    path = adapter(run / "model", AutoModelForCausalLM.from_pretrained(base), lora())
    tiny.tokenizer().save_pretrained(path)
    (run / "config.yaml").write_text("seed: 3\n")
    config = run / "model" / "adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": str(base)}))
    if quantize:
        (run / "model" / "quantize.json").write_text(json.dumps({"quantize": quantize, "keep": []}))
    for to in ("hf", "gguf"):
        assert export(tmp_path / "runs", "--to", to, model="tuned") == 0
        assert "FAILED" not in capsys.readouterr().err

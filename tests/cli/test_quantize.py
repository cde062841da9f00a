"""`whet quantize`: a folder with fewer bits, its report, and what is said when it cannot be."""

import json

import pytest

from tests.generate import tiny
from whet.cli.main import main


@pytest.fixture
def world(tmp_path, monkeypatch):
    root = tmp_path / "runs"
    tiny.folder(root / "sft" / "model", initializer_range=0.05)
    rows = [{"text": f"{number} {text}"} for number in range(8) for text in tiny.TEXTS]
    for name, some in (("text.jsonl", rows[:12]), ("held.jsonl", rows[12:])):
        (tmp_path / name).write_text("\n".join(map(json.dumps, some)))
    chat = [[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": text}] for text in tiny.TEXTS]
    (tmp_path / "chat.jsonl").write_text("\n".join(json.dumps({"messages": one}) for one in chat * 3))
    (root / "sft" / "config.yaml").write_text("data: {train: [text.jsonl]}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def quantize(*arguments, model="sft"):
    return main(["quantize", model, *arguments])


def report(folder):
    return json.loads((folder / "equivalence.json").read_text())


def test_a_run_is_calibrated_on_its_own_data_and_measured_on_the_rows_after(world, capsys):
    assert quantize("--kind", "gptq", "group=32", "--samples", "6") == 0
    printed = capsys.readouterr()
    output = world / "runs" / "sft" / "exports" / "gptq"
    assert printed.out == f"{output.relative_to(world)}\n"
    assert "of rows that calibration has not seen" in printed.err and "4 bits, groups of 32" in printed.err
    found = report(output)
    assert found["passed"] and found["measured"]["perplexity"]["before"] > 1
    assert found["measured"]["size"]["after"] < found["measured"]["size"]["before"]
    assert "linear layers | 4 bits, groups of 32" in (output / "README.md").read_text()


@pytest.mark.slow
def test_calibration_takes_every_format_and_held_out_data_its_own(world, capsys):
    way = ["--kind", "awq", "group=32", "--data", "chat.jsonl", "text.jsonl#5", "--samples", "8", "--length", "40"]
    assert quantize(*way, "--held-out", "held.jsonl", "--output", "awq") == 0
    assert "of held-out data" in capsys.readouterr().err
    assert main(["evaluate", "awq", "--task", "loss", "--file", "held.jsonl", "--json"]) == 0
    loss = json.loads(capsys.readouterr().out)["figures"]["perplexity"]["value"]
    assert loss > 1
    assert quantize(*way, "--held-out", "held.jsonl", "--length", "128", "--samples", "99", "--output", "all") == 0
    capsys.readouterr()
    after = report(world / "all")["measured"]["perplexity"]["after"]
    assert main(["evaluate", "all", "--task", "loss", "--file", "held.jsonl", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["figures"]["perplexity"]["value"] == pytest.approx(after, rel=1e-4)


def test_too_few_rows_are_measured_on_themselves_and_said_to_be(world, capsys):
    assert quantize("--kind", "gptq", "group=32", "--data", "text.jsonl") == 0
    assert "of the rows it was calibrated on" in capsys.readouterr().err


def test_rounding_needs_no_data_and_says_that_nothing_was_measured(world, capsys):
    model = str(world / "runs" / "sft" / "model")
    tiny.folder(world / "alone", initializer_range=0.05)
    assert quantize("--kind", "int8", "layout=gptq", model="alone") == 0
    assert capsys.readouterr().out == "alone-int8-gptq\n" and report(world / "alone-int8-gptq")["ran_by"] == "whet"
    assert quantize("--kind", "fp8", "--held-out", "held.jsonl", "--output", "fp8", model=model) == 0
    assert report(world / "fp8")["ran_by"] == "transformers"


def test_without_check_there_is_no_report(world, capsys):
    assert quantize("--kind", "int4", "group=32", "--no-check") == 0
    assert not capsys.readouterr().err.count("positions compared")
    assert not (world / "runs" / "sft" / "exports" / "int4" / "equivalence.json").exists()


def test_a_result_that_drifts_is_kept_aside_with_the_reason(world, capsys):
    tiny.folder(world / "wild", initializer_range=0.9)
    assert quantize("--kind", "int4", "group=0", "--held-out", "held.jsonl", "--output", "out", model="wild") == 2
    said = capsys.readouterr().err
    assert "the written model is not the trained one" in said and "hint:" in said
    assert not (world / "out").exists() and not report(world / "out.failed")["passed"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--kind", "gtpq"], "did you mean `gptq`?"),
        (["--kind", "gptq", "bit=4"], "did you mean `bits`?"),
        (["--kind", "gptq", "bits=3"], "(it is 3)"),
        (["--kind", "gptq", "act_order=statik"], "did you mean act_order=static?"),
        (["--kind", "gptq", "group"], "`group` is not a setting"),
        (["--kind", "gptq", "act_order=group"], "layout=gptq"),
        (["--kind", "gptq"], "group=32"),
        (["--kind", "gptq", "group=32", "--data", "none.jsonl"], "none.jsonl"),
        (["--kind", "int8", "--keep", "("], "no regular expression"),
        (["--kind", "int8", "--samples", "0"], "--samples 128"),
        (["--kind", "int8", "--output", "text.jsonl"], "exists already"),
    ],
)
def test_mistakes_end_with_code_2_and_write_nothing(world, capsys, arguments, message):
    assert quantize(*arguments) == 2
    printed = capsys.readouterr()
    assert message in printed.err and "hint:" in printed.err and not printed.out
    assert not (world / "runs" / "sft" / "exports").exists()


def test_a_model_without_data_and_one_that_is_quantized_already_are_refused(world, capsys):
    tiny.folder(world / "alone")
    assert quantize("--kind", "gptq", "group=32", model="alone") == 2
    assert "hint: --data chat.jsonl, or --kind int4" in capsys.readouterr().err
    assert quantize("--kind", "int8", "--no-check", "--output", "once", model="alone") == 0
    capsys.readouterr()
    assert quantize("--kind", "int4", "group=32", model="once") == 2
    assert "quantized already" in capsys.readouterr().err

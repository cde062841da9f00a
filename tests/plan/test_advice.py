"""What is advised can be typed, fits, and follows the data; what a card can do is what single plans say."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest

from whet.base.catalogue import objective
from whet.base.config import load
from whet.base.errors import ConfigError
from whet.cli.main import main
from whet.data.sources.files import Source
from whet.plan.advice import ALL_WEIGHTS_TOKENS, DataFacts, advise, objective_for, tuners_for
from whet.plan.data_facts import data_facts, script
from whet.plan.hardware.cards import card
from whet.plan.hardware.detected import detected_for
from whet.plan.mesh import mesh_of
from whet.plan.models.planned import PlannedModel
from whet.plan.possible import possible

CHATS = DataFacts(1000, 200_000, 1024, "conversation", "latin", 1.0)


def write(path, rows) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_advice_fits_and_a_larger_card_takes_a_larger_model():
    small, large = (advise(CHATS, card(name), 1) for name in ("rtx-3060", "h100-sxm"))
    assert small.decided.fits and large.decided.fits
    assert small.job.model.num_parameters < large.job.model.num_parameters


def test_where_no_rate_is_known_no_time_is_promised():
    told = " ".join(advise(CHATS, detected_for("cpu"), 1).reasons)
    assert "no rate is known" in told and "within" not in told


def test_every_rank_has_tokens_in_a_step():
    found = advise(replace(CHATS, longest=8192), card("h100-sxm"), 8)
    assert f"train.batch_tokens={8 * 8192}" in found.settings()
    assert not any("batch_tokens" in word for word in advise(CHATS, card("h100-sxm"), 8).settings())


def test_little_time_or_much_data_take_a_smaller_model():
    usual = advise(CHATS, card("rtx-4090"), 1)
    seconds = usual.seconds(CHATS)
    assert seconds is not None and seconds < 12 * 3600
    hurried = advise(CHATS, card("rtx-4090"), 1, hours=seconds / 3600 / 4)
    much = advise(replace(CHATS, rows=10**6, tokens=10**9), card("rtx-4090"), 1)
    for other in (hurried, much):
        assert other.job.model.num_parameters < usual.job.model.num_parameters


def test_few_tokens_are_gone_over_more_often_and_many_train_all_weights():
    few, many = (advise(replace(CHATS, tokens=tokens), card("h100-sxm"), 1) for tokens in (10**5, 10**9))
    assert few.epochs > many.epochs == 1
    assert not few.job.is_whole and many.job.is_whole and ALL_WEIGHTS_TOKENS <= 10**9


@pytest.mark.parametrize(
    ("model", "tokens", "place", "reason"),
    [
        ("qwen3-0.6b", 10**3, 0, "lora: 1000 tokens are few, and adapters forget less"),
        ("qwen3-0.6b", 5 * 10**9, 0, "all weights: 5G tokens are more than adapters hold well"),
        ("qwen3-0.6b", 5 * 10**9, 1, "lora: all weights do not fit"),
        ("deepseek-v3", 10**3, 0, "all weights: adapters beside experts are not planned"),
        ("deepseek-v3", 5 * 10**9, 0, "all weights: 5G tokens are more than adapters hold well"),
    ],
)
def test_the_reason_for_a_tuner_is_the_one_that_decided(model, tokens, place, reason):
    ways = tuners_for(PlannedModel.find(model), replace(CHATS, tokens=tokens), card("rtx-4090"))
    assert ways[place][2] == reason
    if model == "deepseek-v3":
        assert [quantize for _, quantize, _ in ways] == [None]


def test_a_model_is_one_for_the_language():
    advice = advise(replace(CHATS, script="cjk"), card("rtx-4090"), 1)
    assert advice.job.model.name.startswith("Qwen/")
    assert any("cjk" in reason for reason in advice.reasons)


@pytest.mark.parametrize(
    "kind", sorted({kind for name in objective.names() for kind in objective.get(name).facts.takes})
)
def test_every_kind_of_rows_has_an_objective_that_takes_it(kind):
    assert kind in objective.get(objective_for(kind)).facts.takes


def test_the_usual_objectives_are_advised():
    usual = {"conversation": "sft", "preference": "dpo", "labelled": "kto", "prompt": "grpo", "text": "pretrain"}
    assert {kind: objective_for(kind) for kind in usual} == usual
    with pytest.raises(ConfigError):
        objective_for("pictures of cats")


def test_what_is_advised_is_a_config(tmp_path, capsys):
    rows = [{"messages": [{"role": "user", "content": "Hello there"}, {"role": "assistant", "content": "Yes " * 40}]}]
    file = write(tmp_path / "chat.jsonl", rows * 20)
    assert main(["advise", file, "--gpu", "rtx-4090", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["data"]["rows"] == 20 and told["data"]["kind"] == "conversation" and len(told["reasons"]) >= 5
    words = shlex.split(told["command"])
    run = load(None, words[4:]).run
    assert run.objective.kind == "sft" and run.train.epochs == told["epochs"] == 3
    assert main(["advise", file, "--gpu", "rtx-4090"]) == 0
    assert "whet train --data" in capsys.readouterr().out


@pytest.mark.parametrize(("gpu", "gpus"), [("rtx-4090", 8), ("h100-sxm", 4)])
def test_the_command_trains_on_the_mesh_that_was_planned(tmp_path, capsys, gpu, gpus):
    folder = tmp_path / "my chats"
    folder.mkdir()
    file = write(folder / "a'b.jsonl", [{"instruction": "Say yes", "output": "Yes " * 40}] * 20)
    asked = ["advise", file, "--gpu", gpu, "--gpus", str(gpus), "--format", "alpaca", "--json"]
    assert main(asked) == 0
    words = shlex.split(json.loads(capsys.readouterr().out)["command"])
    assert words[:2] == ["whet", "train"] and words[-2:] == ["--ranks", str(gpus)]
    run = load(None, words[2:-2]).run
    advice = advise(data_facts(Source.parse({"path": file, "format": "alpaca"}, tmp_path)), card(gpu), gpus)
    assert mesh_of(run.parallel, gpus) == advice.job.mesh and advice.job.mesh.ranks == gpus
    assert [(one.path, one.format) for one in run.data.train] == [(file, "alpaca")]
    assert shlex.split(advice.command(file, None))[2:4] == ["--data", file]


def test_rows_that_cannot_be_read_are_counted(tmp_path):
    rows = [{"instruction": "a", "output": "b"}, {"instruction": "a"}, {"instruction": "c", "output": "d"}]
    found = data_facts(Source.parse(write(tmp_path / "a.jsonl", rows), tmp_path))
    assert (found.rows, found.refused) == (2, 1)


def test_letters_are_told_apart_and_tokens_grow_with_them(tmp_path):
    assert [script(letter) for letter in "aЖ字ひ1"] == ["latin", "cyrillic", "cjk", "kana", "other"]
    one = data_facts(Source.parse(write(tmp_path / "a.jsonl", [{"text": "word " * 100}] * 3), tmp_path))
    two = data_facts(Source.parse(write(tmp_path / "b.jsonl", [{"text": "word " * 200}] * 3), tmp_path))
    chinese = data_facts(Source.parse(write(tmp_path / "c.jsonl", [{"text": "字" * 400}] * 3), tmp_path))
    assert one.kind == "text" and one.rows == 3 and 1.8 < two.tokens / one.tokens < 2.0
    assert chinese.script == "cjk" and chinese.tokens > 1.5 * one.tokens


def test_rows_beyond_those_looked_at_count_as_often_as_these_are_accepted(tmp_path):
    rows = [{"text": "word " * 100}, {"picture": 1}, {"text": "word " * 100}, {"text": "word " * 100}] * 10
    file = write(tmp_path / "a.jsonl", rows)
    source = Source.parse({"path": file, "format": "text"}, tmp_path)
    whole, part = data_facts(source), data_facts(source, most=8)
    assert whole.rows == part.rows == 30 and whole.tokens == part.tokens
    assert data_facts(source, most=40).rows == data_facts(source, most=41).rows == 30
    chosen = Source.parse({"path": file, "format": "text", "samples": 20}, tmp_path)
    assert data_facts(chosen, most=8).rows <= 20


def test_a_card_runs_and_trains_what_single_plans_say(capsys):
    rows = {row.name: row for row in possible(card("rtx-4090"), 1, 2048)}
    assert [row.parameters for row in rows.values()] == sorted(row.parameters for row in rows.values())
    small = rows["qwen3-0.6b"]
    words = ["qwen3-0.6b", "--gpu", "rtx-4090", "train.recompute=true", "train.precision=bf16-pure"]
    assert main(["plan", *words, "optimizer.state=8bit", "train.micro_batch=2048", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["peak_bytes"] == round(small.train_bytes["all weights"])
    assert main(["plan", "qwen3-0.6b", "--gpu", "rtx-4090", "--serve", "--length", "2048", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["most_conversations"] == small.conversations
    assert rows["deepseek-v3"].conversations == 0
    assert main(["fit", "--gpu", "rtx-4090"]) == 0
    out = capsys.readouterr().out
    assert "qwen3-32b" in out and "lora nf4" in out


def test_what_cannot_be_advised_is_said(tmp_path, capsys):
    assert main(["advise", str(tmp_path / "none.jsonl"), "--gpu", "rtx-4090"]) == 2
    assert "hint: " in capsys.readouterr().err
    file = write(tmp_path / "a.jsonl", [{"text": "word " * 10}])
    assert main(["advise", file, "--gpu", "rtx-409"]) == 2
    assert "did you mean `rtx-4090`?" in capsys.readouterr().err


def test_texts_with_a_few_labels_are_said_to_be_classes(tmp_path, capsys):
    rows = [{"text": f"seven owls watch {n}", "label": ("good", "bad")[n % 2]} for n in range(12)]
    path = write(tmp_path / "moods.jsonl", rows)
    assert main(["advise", path, "--gpu", "rtx-4090"]) == 0
    typed = capsys.readouterr().out.partition("to tell classes: whet ")[2].splitlines()[0]
    assert main([*shlex.split(typed), "--gpu", "rtx-4090"]) == 0
    assert "objective=sequence-classification" in capsys.readouterr().out
    named = write(tmp_path / "corpus.jsonl", [{**row, "label": str(n)} for n, row in enumerate(rows)])
    assert not data_facts(Source.parse({"path": named, "format": "auto"}, tmp_path)).is_labelled


def test_an_objective_that_no_formulas_tell_of_is_planned_by_what_is_said():
    pairs = advise(replace(CHATS, kind="preference"), card("rtx-4090"), 1)
    typed = next(reason for reason in pairs.reasons if "takes a step" in reason).split("`")[1]
    _, name, model, *words = shlex.split(typed)
    found = load(None, [word for word in words if "=" in word], {("model", "path"): model}).run
    assert (name, found.objective.kind, found.tuner.kind) == ("plan", "dpo", pairs.job.tuner)
    assert words[-4:] == ["--gpu", "rtx-4090", "--length", str(pairs.job.length)]

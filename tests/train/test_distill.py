"""Distillation through the whole path: a teacher beside the student, or what was stored of it; resume; the door."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.ranks import on_ranks
from tests.tiny import LLAMA, config, tokenizer, write_rows
from whet.base.config import from_mapping, load
from whet.base.errors import ConfigError, DataError, ModelError, RunError, WhetError
from whet.train.api import resume, train
from whet.train.build import assemble
from whet.train.online.own_answers import reply_start
from whet.train.run.folder import RunFolder


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    """A folder of rows, and a wider teacher trained on them."""
    folder = tmp_path_factory.mktemp("school")
    wide = {"init": {**LLAMA, "hidden_size": 48, "vocab_size": 400}}
    run, _ = train(from_mapping(config(folder, name="teacher", model=wide, train={"steps": 6})))
    return folder, str(run.path)


@pytest.fixture
def distilled(school):
    """Run a distillation to its end; gives its folder and the metrics of each step."""
    folder, teacher = school

    def go(name, *, given=None, **sections):
        objective = {"kind": "distill", "teacher": teacher, **(given or {})}
        sections = {"train": {"steps": 5}, **sections}
        run, _ = train(from_mapping(config(folder, name=name, objective=objective, **sections)))
        return run.path, steps(run.path)

    return go


def steps(path):
    records = map(json.loads, (path / "records.jsonl").read_text().splitlines())
    return [r["metrics"] for r in records if r["kind"] == "step"]


@pytest.mark.slow
def test_a_run_name_is_a_teacher_and_its_student_comes_nearer(distilled):
    folder, metrics = distilled("near", data={"held_out": 0.2})
    assert metrics[-1]["divergence"] < 0.5 * metrics[0]["divergence"]
    assert {"nll", "agreement"} <= metrics[0].keys()
    assert metrics[0]["loss"] == pytest.approx(metrics[0]["divergence"], rel=1e-6)
    assert not (folder / "teacher").exists() and (folder / "model").is_dir()


def test_a_stored_teacher_is_the_teacher_where_all_tokens_are_stored(distilled):
    _, asked = distilled("asked", given={"temperature": 2.0, "sft": 0.1})
    vocab = 331
    folder, told = distilled("told", given={"temperature": 2.0, "sft": 0.1, "top": vocab})
    # The head has 400 rows, and the tokenizer 331 tokens: the teacher's others are not stored.
    assert told[0]["nll"] == pytest.approx(asked[0]["nll"], rel=1e-5)
    assert told[0]["loss"] == pytest.approx(asked[0]["loss"], rel=0.02)
    again, read = distilled("read", given={"teacher": str(folder / "teacher"), "temperature": 2.0, "sft": 0.1})
    assert [m["loss"].hex() for m in read] == [m["loss"].hex() for m in told]
    assert not (again / "teacher").exists()


@pytest.mark.slow
def test_fewer_tokens_of_what_is_stored_may_be_used_and_more_are_refused(distilled, school):
    folder, _ = distilled("sixteen", given={"top": 16}, train={"steps": 1})
    stored = str(folder / "teacher")
    _, few = distilled("few", given={"teacher": stored, "top": 4}, train={"steps": 1})
    _, four = distilled("four", given={"top": 4}, train={"steps": 1})
    _, sure = distilled("sure", given={"top": 4, "tail": "renormalised"}, train={"steps": 1})
    assert few[0]["loss"] == four[0]["loss"] < sure[0]["loss"]
    with pytest.raises(RunError, match="32 likeliest tokens are asked for, and 16 are stored"):
        distilled("more", given={"teacher": stored, "top": 32})
    with pytest.raises(ConfigError, match="stored at temperature 1, and 2"):
        distilled("hot", given={"teacher": stored, "temperature": 2.0})
    other = write_rows(school[0] / "other.jsonl", [{"instruction": "what", "output": "an owl"}])
    with pytest.raises(DataError, match="knows 0 of 1 samples") as error:
        distilled("other", given={"teacher": stored}, data={"train": [str(other)]})
    assert "other.jsonl row 0" in error.value.at


def test_what_another_run_stored_of_its_teacher_is_not_this_runs(distilled):
    """The folder `teacher` of a run that asked it otherwise, or one that was edited, in place of the run's own."""
    folder, _ = distilled("cool", given={"top": 4}, train={"steps": 1})
    other, _ = distilled("warm", given={"top": 4, "temperature": 2.0}, train={"steps": 1})
    own = folder.with_name("cool-teacher")
    shutil.move(folder / "teacher", own)
    shutil.copytree(other / "teacher", folder / "teacher")
    with pytest.raises(RunError, match="has `temperature: 2.0`, and the run `1.0`: it is of another run") as error:
        assemble(load(folder / "config.yaml"), RunFolder(folder))
    assert f"rm -r {folder / 'teacher'}" in error.value.hint
    shutil.rmtree(folder / "teacher")
    shutil.copytree(own, folder / "teacher")
    facts = folder / "teacher" / "teacher.json"
    facts.write_text(facts.read_text().replace('"top": 4', '"top": 3'))
    with pytest.raises(WhetError, match="teacher.json"):
        assemble(load(folder / "config.yaml"), RunFolder(folder))


@pytest.mark.parametrize(
    "given", [pytest.param({"top": 8}, marks=pytest.mark.slow), {"own": 0.5, "own_tokens": 9}], ids=["stored", "own"]
)
def test_a_broken_run_goes_on_bit_for_bit(school, distilled, given):
    folder, teacher = school
    given, name = {"divergence": "jsd", **given}, "-".join(given)
    _, expected = distilled(f"unbroken{name}", given=given)
    settings = config(
        folder, name=f"broken{name}", train={"steps": 5}, objective={"kind": "distill", "teacher": teacher, **given},
    )  # fmt: skip
    built = assemble(from_mapping(settings))
    for _ in range(4):
        built.loop.advance(built.loop.source.next(built.loop.progress.step))
    path = folder / "runs" / f"broken{name}"
    shutil.rmtree(path / "teacher", ignore_errors=True)  # a teacher does not change: it is asked again
    built.close()
    resume(path)
    found = {r["step"]: r["metrics"] for r in map(json.loads, (path / "records.jsonl").read_text().splitlines())
             if r["kind"] == "step"}  # fmt: skip
    assert [found[i + 1]["loss"].hex() for i in range(5)] == [m["loss"].hex() for m in expected]


def test_a_share_of_replies_is_the_students_own(school, distilled):
    folder, teacher = school
    _, metrics = distilled("own", given={"own": 1.0, "own_tokens": 6}, train={"steps": 3})
    assert all(1 <= m["own_tokens"] <= 6 for m in metrics) and metrics[2]["divergence"] < metrics[0]["divergence"]
    objective = {"kind": "distill", "teacher": teacher, "own": 0.5, "own_tokens": 6}
    source = assemble(from_mapping(config(folder, name="looked at", objective=objective))).supply.source
    given = source.source.next(0)
    source.source.load_state_dict({**source.source.state_dict(), "step": 0, "served": 0})
    own = source.next(0)
    changed = []
    for i in range(len(own.lengths)):
        before, after = given.fetch(i), own.fetch(i)
        start = reply_start(before)
        assert own.lengths[i] == after.num_tokens and (after.ids[:start] == before.ids[:start]).all()
        changed.append(after.ids.tolist() != before.ids.tolist())
        assert not changed[-1] or (after.weights == [0.0] * start + [1.0] * (after.num_tokens - start)).all()
    assert any(changed) and not all(changed)


def test_raw_text_cannot_be_answered(distilled, tmp_path):
    rows = write_rows(tmp_path / "text.jsonl", [{"text": "the owls watch"}] * 4)
    with pytest.raises(DataError, match="no prompt that the model could answer") as error:
        distilled("unasked", given={"own": 1.0}, data={"train": [str(rows)]})
    assert "text.jsonl row" in error.value.at


def test_a_narrow_teacher_is_loaded_in_bfloat16_and_moves_the_loss_a_little(distilled):
    _, plain = distilled("wide", train={"steps": 1})
    _, narrow = distilled("narrow", given={"precision": "bf16"}, train={"steps": 1})
    assert plain[0]["loss"] != narrow[0]["loss"] == pytest.approx(plain[0]["loss"], rel=0.05)


@pytest.mark.slow
def test_adapters_learn_from_a_teacher(distilled, school):
    base = {"path": school[1], "init": None, "tokenizer": None}
    _, metrics = distilled("adapted", model=base, tuner={"kind": "lora", "rank": 4}, given={"temperature": 2.0})
    assert metrics[0]["divergence"] == pytest.approx(0, abs=1e-6)


MISTAKES = {
    "none": ({"teacher": None}, {}, ConfigError, "needs a teacher", "objective.teacher"),
    "nowhere": ({"teacher": "./nowhere"}, {}, ModelError, "nowhere does not exist", "objective.teacher.path"),
    "idle beta": ({"beta": 0.3}, {}, ConfigError, "`beta` does nothing with `forward_kl`", "objective.beta"),
    "idle tail": ({"tail": "renormalised"}, {}, ConfigError, "`objective.tail` does nothing", "objective.tail"),
    "infinite": (
        {"tail": "renormalised", "divergence": "reverse_kl", "top": 4}, {}, ConfigError, "infinite", "objective.tail",
    ),
    "stream": ({"top": 4}, {"data": {"streaming": True}}, ConfigError, "a stream", "objective.top"),
    "idle length": ({"own_tokens": 9}, {}, ConfigError, "`own_tokens` does nothing", "objective.own_tokens"),
    "idle heat": ({"own_temperature": 2}, {}, ConfigError, "does nothing without", "objective.own_temperature"),
    "own and stored": ({"own": 0.5, "top": 4}, {}, ConfigError, "knows nothing of what", "objective.own"),
    "too many": ({"top": 9999}, {}, ConfigError, "`top` is 9999, and the tokenizer has 331", "objective.top"),
}  # fmt: skip


@pytest.mark.parametrize("given, sections, kind, says, at", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_error_at_the_door(distilled, given, sections, kind, says, at):
    with pytest.raises(kind, match=says) as error:
        distilled("wrong", given=given, **sections)
    assert error.value.at == at and error.value.hint


def test_another_vocabulary_is_refused_with_what_differs(distilled, school, tmp_path):
    from transformers import AutoTokenizer

    other = AutoTokenizer.from_pretrained(tokenizer(tmp_path / "tokenizer"))
    other.add_tokens(["<extra>"])
    shutil.copytree(school[1] + "/model", tmp_path / "other")
    other.save_pretrained(tmp_path / "other")
    with pytest.raises(ModelError, match="only the teacher has 1 \\('<extra>'\\)") as error:
        distilled("foreign", given={"teacher": str(tmp_path / "other")})
    assert "332 tokens beside 331" in str(error.value) and "whet distill" in error.value.hint


def losses(folder, teacher, name, given, mesh=None):
    settings = config(
        folder, name=name, objective={"kind": "distill", "teacher": teacher, "sft": 0.1, **given},
        data={"held_out": 0.2}, train={"steps": 3, "batch_tokens": 200, "device": "cpu"}, optimizer={"lr": 1e-3},
        parallel=mesh or {}, evaluate={"prompts": ["the quick brown"], "max_new_tokens": 6},
    )  # fmt: skip
    path = train(from_mapping(settings))[0].path
    lines = (path / "records.jsonl").read_text().splitlines()
    records = list(map(json.loads, lines))
    metrics = [r["metrics"] for r in records if r["kind"] in ("step", "evaluation")]
    found = [m[name] for m in metrics for name in ("loss", "grad_norm", "divergence") if name in m]
    return found, [r["text"] for r in records if r["kind"] == "generation"]


@pytest.mark.ranks
@pytest.mark.slow  # any split of a step gives the same, and test_preference_ranks has stored log-probabilities on ranks
@pytest.mark.parametrize(
    ("given", "mesh"),
    [({"top": 8}, {}), ({"own": 0.5, "own_tokens": 9}, {}), ({"own": 0.5, "own_tokens": 9}, {"pipeline": 2})],
    ids=["stored", "own", "own over stages"],
)
def test_two_ranks_learn_from_a_teacher_as_one_does(school, given, mesh):
    name = "-".join([*given, *mesh])
    expected, answers = losses(*school, f"one{name}", given)
    for found, said in on_ranks(2, losses, *school, f"two{name}", given, mesh):
        assert found == pytest.approx(expected, rel=2e-5, abs=1e-6)
        assert said == answers and said

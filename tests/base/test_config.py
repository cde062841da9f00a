from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from whet.base.config import from_mapping, load
from whet.base.errors import ConfigError
from whet.base.json_schema import run_schema


def write(tmp_path, text):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    return path


def test_four_lines_are_a_whole_run(tmp_path):
    run = load(write(tmp_path, "model: some/model\ndata: [a.jsonl, b.jsonl#5000]\nobjective: sft\ntuner: full\n")).run
    assert (run.model.kind, run.model.path) == ("hf", "some/model")
    assert [s.path for s in run.data.train] == ["a.jsonl", "b.jsonl#5000"]
    assert (run.objective.kind, run.optimizer.kind, run.schedule.kind) == ("sft", "adamw", "cosine")


def test_an_override_of_one_setting_keeps_the_kind(tmp_path):
    path = write(tmp_path, "model: m\noptimizer: sgd\n")
    assert load(path, ["optimizer.lr=1e-3"]).run.optimizer.values()["lr"] == 1e-3
    assert load(path, ["optimizer.lr=1e-3"]).run.optimizer.kind == "sgd"
    assert load(None, ["model=m", "optimizer.lr=1e-3"]).run.optimizer.kind == "adamw"


def test_a_sink_is_a_name_or_a_mapping_with_its_settings(tmp_path):
    path = write(tmp_path, "model: m\ntrack:\n  sinks: [log, {kind: jsonl, path: a.jsonl}]\n")
    loaded = load(path, ["track.sinks.1.path=b.jsonl"])
    assert [(sink.kind, sink.values()) for sink in loaded.run.track.sinks] == [
        ("log", {}),
        ("jsonl", {"path": "b.jsonl"}),
    ]
    assert load(write(tmp_path, loaded.to_yaml())).run == loaded.run
    with pytest.raises(ConfigError, match="the list has 0"):
        load(None, ["model=m", "track.sinks.1.every_s=3"])


def test_an_override_reaches_into_a_list(tmp_path):
    path = write(tmp_path, "model: m\ndata: [a.jsonl, b.jsonl]\n")
    run = load(path, ["data.held_out=0.1", "data.train=[c.jsonl]"]).run
    assert (run.data.held_out, run.data.train[0].path) == (0.1, "c.jsonl")


@pytest.mark.parametrize(
    ("text", "says", "line", "hint"),
    [
        ("model: m\ntrain:\n  step: 3\n", "unknown key `train.step`", 3, "did you mean `steps`?"),
        ("model: m\noptimizer:\n  kind: lionn\n", "unknown optimizer `lionn`", 3, "did you mean `lion`?"),
        ("model: m\noptimizer: {beta: 3}\n", "unknown key `optimizer.beta`", 2, "did you mean `betas`?"),
        ("model: m\ntrain: {clip: -1}\n", "greater than or equal to 0 (it is -1)", 2, "train.clip=1.0  (largest"),
        ("model: m\ntrain: {steps: many}\n", "`train.steps`", 2, "train.steps=100  (optimizer steps)"),
        ("model: m\ntrain: {watchdog: 3}\n", "`train.watchdog`", 2, "train.watchdog.action=stop"),
        ("model: m\ntrain: {steps: 3, epochs: 2}\n", "only one of epochs, steps", 2, None),
        ("model: m\nsteps: 3\n", "unknown key `steps`", 2, "did you mean `train.steps`?"),
        ("steps: 3\n", "unknown key `steps`\n       `model` is missing", 1, "did you mean `train.steps`?"),
        ("model: m\nlr: 3\n", "unknown key `lr`", 2, "did you mean `optimizer.lr`?"),
        ("model: m\nrank: 8\n", "unknown key `rank`", 2, "did you mean `tuner.rank`?"),
        ("model: m\ntrain: {lr: 3}\n", "unknown key `train.lr`", 2, "did you mean `optimizer.lr`?"),
        ("model: m\nlearning_rate: 3\n", "unknown key `learning_rate`", 2, "did you mean `optimizer.lr`?"),
        ("model: m\nparallel: {reshard: false}\n", "`parallel.reshard`", 2, "write `zero: 2` in its place, under"),
        ("model: m\nparallel: {reshard: 7}\n", "`parallel.reshard`", 2, "write `zero: ...` in its place, under"),
        ("model: m\nmax_steps: 3\nfoo: 1\n", "`foo` at", 2, "did you mean `train.steps`?"),
        ("model: m\ndata: {loss_scale: 3}\n", "`data.loss_scale`", 2, "'data.loss_scale={<think>.*</think>: 0.5}'"),
        ("model: m\ndata: [https://x.org/a.jsonl]\n", "is an address", 2, "curl -LO https://x.org/a.jsonl, then a.js"),
        ("data: [a.jsonl]\n", "`model` is missing", None, "model=Qwen/Qwen3-0.6B  (what is trained)"),
        ("model: {kind: mlp, features: 2}\n", "`model.classes` is missing", 1, "model.classes=100"),
        ("model: m\ntrack: {sinks: [log, none]}\n", "unknown sink `none`", 2, "one of"),
        ("model: m\ntrack: {sinks: [{kind: jsonl, pth: a}]}\n", "`track.sinks[0].pth`", 2, "did you mean `path`?"),
        ("model: m\ndata:\n- path: a\n  smaples: 3\n", "unknown key `data.train[0].smaples`", None, "`samples`"),
        ("model: m\nobjective: 3\n", "needs a name of `whet slots objective`", 2, "objective=sft  (the loss)"),
        ("- a\n- b\n", "mapping", 1, "model"),
    ],
)
def test_a_mistake_names_its_place_and_what_was_meant(tmp_path, text, says, line, hint):
    with pytest.raises(ConfigError) as error:
        load(write(tmp_path, text))
    assert says in error.value.message
    if line:
        assert error.value.at.endswith(f"run.yaml:{line}")
    if hint:
        assert hint in error.value.hint


def test_all_mistakes_are_told_at_once(tmp_path):
    with pytest.raises(ConfigError) as error:
        load(write(tmp_path, "model: m\ntrain: {step: 1, clip: -1}\noptimizer: {beta: 1}\n"))
    assert all(part in error.value.message for part in ("train.step", "train.clip", "optimizer.beta"))


def test_a_missing_config_file_is_one_message(tmp_path):
    with pytest.raises(ConfigError, match="cannot read the config"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize("override", ["data.train.3.path=c", "data.train.3=c"])
def test_an_override_of_an_entry_that_is_not_there_is_refused(tmp_path, override):
    path = write(tmp_path, "model: m\ndata: {train: [a, b]}\n")
    with pytest.raises(ConfigError, match="names an entry that is not there"):
        load(path, [override])


def test_an_override_without_equals_is_refused():
    with pytest.raises(ConfigError) as error:
        load(None, ["steps"])
    assert "section.key=value" in error.value.hint


def test_the_resolved_config_repeats_the_run_with_provenance(tmp_path):
    path = write(tmp_path, "model: m\ndata: [a.jsonl]\noptimizer: {lr: 1e-4}\n")
    first = load(path, ["train.steps=7"])
    text = first.to_yaml()
    assert "lr: 0.0001  # " in text and "run.yaml:3" in text
    assert "steps: 7  # command line" in text and "clip: 1.0  # default" in text
    assert "betas: [0.9, 0.95]  # default" in text, "a default inside a given section"
    assert [line.partition("# ")[2][-10:] for line in text.splitlines() if "  train: [" in line] == ["run.yaml:2"]
    assert [line.partition("# ")[2][-10:] for line in text.splitlines() if "  path: m" in line] == ["run.yaml:1"]
    second = load(write(tmp_path, text))
    assert second.run == first.run


def test_a_plugin_that_is_nowhere_says_where_it_was_looked_for(tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    path = write(tmp_path / "there", "plugins: [own.py]\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as told:
        load(path)
    assert f"beside the config ({tmp_path / 'there'}) or in the working folder ({tmp_path})" in told.value.message
    assert told.value.at.endswith(":1") and told.value.hint == f"ls {tmp_path / 'there'}"


def test_a_plugin_lies_beside_the_config_and_is_found_from_anywhere(tmp_path):
    (tmp_path / "flat.py").write_text(
        "from whet.base.catalogue import schedule\n@schedule('flat')\n"
        "def flat(step, total):\n    'Always the peak.'\n    return 1.0\n"
    )
    run = load(write(tmp_path, "model: m\nplugins: [flat.py]\nschedule: flat\n")).run
    assert run.plugins == [str(tmp_path / "flat.py")] and run.schedule.kind == "flat"


def test_a_run_is_frozen():
    run = from_mapping({"model": "m"}).run
    with pytest.raises(ValueError, match="frozen"):
        run.seed = 3


def test_the_json_schema_accepts_what_the_loader_accepts_and_refuses_what_it_refuses():
    schema = run_schema()
    check = jsonschema.Draft202012Validator(schema).is_valid
    json.dumps(schema)
    assert check({"model": "m", "optimizer": {"kind": "sgd", "lr": 0.1}, "train": {"steps": 3}})
    assert check({"model": {"kind": "hf", "path": "m"}, "objective": "sft"})
    assert not check({"model": "m", "optimizer": {"kind": "sgd", "lr": -1}})
    assert not check({"model": "m", "objective": "no-such"})
    assert not check({"model": "m", "train": {"stepz": 3}})
    assert check({"model": "m", "track": {"sinks": ["log", {"kind": "jsonl", "path": "a.jsonl"}]}})
    assert not check({"model": "m", "track": {"sinks": [{"kind": "jsonl", "pth": "a.jsonl"}]}})


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("objective: {kind: dpo, loss: sigmod}", "`objective.loss`: input should be 'sigmoid'", "mean `sigmoid`?"),
        ("objective: {kind: dpo, loss: {sigmoid: 1, hing: 1}}", "`objective.loss.hing`", "did you mean `hinge`?"),
        (
            "objective: {kind: dpo, loss: {sigmoid: 0}}",
            "`objective.loss.sigmoid`: input should be greater",
            "(it is 0)",
        ),
        ("train: {micro_batch: -1}", "`train.micro_batch`: input should be greater", "(it is -1)"),
        ("train: {micro_batch: aut}", "`train.micro_batch`: input should be 'auto'", "did you mean `auto`?"),
    ],
)
def test_a_value_of_several_types_is_told_what_is_wrong_with_the_one_it_is_near(tmp_path, text, place, said):
    path = tmp_path / "run.yaml"
    path.write_text(f"model: m\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    told = str(caught.value)
    assert place in told and said in told
    assert "literal[" not in told and "constrained" not in told
    assert told.count("it is") == 1


@pytest.mark.case("D2")
@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("data: [5]", "`data.train[0]` needs a mapping of its settings (it is 5)", "data.train.0=chat.jsonl"),
        ("name: 1", "`name` needs a text (it is 1)", 'name=\'"1"\' on the command line, "1" in a file'),
        ("train: []", "`train` needs a mapping", "train.micro_batch=auto"),
        ("evaluate: {prompts: [5]}", "`evaluate.prompts[0]` needs a text", "put quotes around it"),
        ("data: {loss_scale: {a: x}}", "`data.loss_scale.a` needs a number", "data.loss_scale.a=1.0"),
        ("optimizer: {betas: [5, 0.5]}", "less than 1 (it is 5)", "optimizer.betas.0=0.5"),
        ("optimizer: {betas: [0.1]}", "`optimizer.betas[1]` is missing", "optimizer.betas.1=0.5"),
        ("train: {clip: .inf}", "`train.clip` needs a finite number", "train.clip=1.0"),
        ("train: {steps: 9007199254740993}", "`train.steps`", "train.steps=100"),
        ("train: {batch_tokens: 2147483648}", "`train.batch_tokens`", "train.batch_tokens=100"),
        ("parallel: {tensor: true}", "`parallel.tensor` needs a whole number (it is true)", "parallel.tensor=1"),
        ("data: {workers: true}", "`data.workers` needs a whole number (it is true)", "data.workers=auto"),
        ("train: {steps: false}", "`train.steps` needs a whole number (it is false)", "train.steps=100"),
        ("optimizer: {lr: true}", "`optimizer.lr` needs a number (it is true)", "optimizer.lr=0.0002"),
        ("optimizer: {betas: [true, 0.5]}", "`optimizer.betas[0]` needs a number (it is true)", "betas.0=0.5"),
        ("1: 2", "the key `1` of `the config` is no text", "put quotes around it"),
        ('name: "a\\ud800b"', "is no text that can be encoded", "UTF-8"),
        ('data: "a\\0b"', "holds a NUL", "remove the"),
        ("data: " + "x" * 70_000, "is too long", "255 bytes"),
        ("data: ~nobody_here/x", "nobody is called `nobody_here`", "./~nobody_here/x"),
        ("rewards: [5]", "`rewards.functions[0]` needs a mapping", "rewards.functions.0={reward: math}"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_in_our_words_with_something_to_type(tmp_path, text, says, hint):
    with pytest.raises(ConfigError) as error:
        load(write(tmp_path, f"model: m\n{text}\n"))
    assert says in error.value.message and hint in error.value.hint


@pytest.mark.case("A15")
@pytest.mark.parametrize("name", ["..", ".", "/abs", "../up", "a/b", "~", "-x", "a\\b", "x" * 300, " a", "a\nb"])
def test_a_name_that_would_lie_elsewhere_names_no_run(name):
    with pytest.raises(ConfigError) as error:
        from_mapping({"model": "m", "name": name})
    assert error.value.message.startswith("`name`") and error.value.hint


@pytest.mark.case("A15")
def test_home_is_expanded_wherever_a_config_takes_a_path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "p.py").touch()
    run = from_mapping(
        {
            "model": {"path": "~/m", "tokenizer": "~/t", "base": "~/b"}, "plugins": ["~/p.py"],
            "data": {"train": ["~/d.jsonl#5"], "template": "~/c.jinja"}, "track": {"folder": "~/runs"},
            "rollout": {"tools": ["~/tools.py:add"]},
            "rewards": ["~/rewards.py:score", {"kind": "model", "path": "~/r"}],
            "tuner": {"kind": "adapter", "path": "~/a"},
        }
    ).run  # fmt: skip
    found = [run.model.path, run.model.tokenizer, run.model.base, *run.plugins, run.data.train[0].path]
    found += [run.data.template, run.track.folder, *run.rollout.tools, run.tuner.path]
    found += [run.rewards.functions[0].reward.function, run.rewards.functions[1].reward.path]
    assert [path for path in found if not path.startswith(f"{tmp_path}/")] == []


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full"])
def test_a_config_without_end_is_refused(device):
    with pytest.raises(ConfigError, match="more than|cannot read"):
        load(Path(device))


@pytest.mark.case("D8")
def test_a_path_is_looked_for_here_and_then_beside_the_config(tmp_path, monkeypatch):
    (tmp_path / "project").mkdir()
    (tmp_path / "elsewhere").mkdir()
    for name in ("a.jsonl", "b.jsonl", "c.jinja", "r.py", "runs"):
        (tmp_path / "project" / name).touch()
    (tmp_path / "elsewhere" / "b.jsonl").touch()
    (tmp_path / "elsewhere" / "p.py").touch()
    text = (
        "model: org/m\ndata: {train: [a.jsonl#5, b.jsonl], template: c.jinja}\nrewards: [r.py:score]\nplugins: p.py\n"
    )
    path = write(tmp_path / "project", text)
    monkeypatch.chdir(tmp_path / "elsewhere")
    run = load(path).run
    assert [source.path for source in run.data.train] == [f"{tmp_path}/project/a.jsonl#5", "b.jsonl"]
    assert run.data.template == f"{tmp_path}/project/c.jinja" and run.model.path == "org/m"
    assert run.rewards.functions[0].reward.function == f"{tmp_path}/project/r.py:score"
    assert run.plugins == [f"{tmp_path}/elsewhere/p.py"] and run.track.folder == "runs"


@pytest.mark.parametrize("typed", ["optimiser.lr=1", "tuner.knd=lora"])
def test_a_section_that_is_none_has_its_place_too(tmp_path, typed):
    (tmp_path / "run.yaml").write_text("model: m\n")
    with pytest.raises(ConfigError, match="unknown key") as refused:
        load(tmp_path / "run.yaml", [typed])
    assert refused.value.at == "command line"

"""What a run depends on is recorded, and a run does not go on with another one without a word."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.tiny import LLAMA, config, tokenizer
from tests.train.cut import cut_after
from whet.base.config import from_mapping
from whet.base.errors import RunError
from whet.track.terminal.terminal_page import contents, show
from whet.train.api import resume
from whet.train.run.dependencies import NAME, dependencies
from whet.train.setup.paths import located

REWARDS = """\
import os, sys
sys.path.insert(0, os.path.dirname(__file__))

def length(completion, row):
    from scoring_beside import of
    return of(completion)
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """A model folder of random weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(0)
    made = AutoConfig.for_model(**LLAMA, vocab_size=400)
    AutoModelForCausalLM.from_config(made).save_pretrained(folder)
    tokenizer(folder)
    return folder


@pytest.fixture
def broken(tmp_path, base):
    """A run of two steps that was cut: its folder and its base model's."""

    def make(**sections):
        model = shutil.copytree(base, tmp_path / "base", dirs_exist_ok=True)
        settings = config(tmp_path, name="cut", model={"path": str(model), "init": None, "tokenizer": None}, **sections)
        settings["model"] = {"path": str(model)}
        settings["track"]["sinks"] = ["log"]
        return cut_after(2, settings | {"train": {**settings["train"], "checkpoint_every": 1, "steps": 3}})

    return make


def change(path: Path) -> None:
    """Another byte near the end, and the times as they were."""
    before, content = path.stat(), bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.case("A9")
@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("base/model.safetensors", "model.path"),
        pytest.param("base/config.json", "model.path", marks=pytest.mark.slow),
        pytest.param("base/tokenizer.json", "model.path", marks=pytest.mark.slow),
        ("rows.jsonl", "data.train.0.path"),
        ("plugin.py", "plugins.0"),
        pytest.param("template.jinja", "data.template", marks=pytest.mark.slow),
    ],
)
def test_a_changed_dependency_is_named_and_accepted_only_knowingly(tmp_path, broken, file, place):
    (tmp_path / "plugin.py").write_text("# nothing but a comment\n")
    from tests.tiny import CHATML

    (tmp_path / "template.jinja").write_text(CHATML + "{# a comment #}")
    sections = {"plugins": [str(tmp_path / "plugin.py")], "data": {"template": str(tmp_path / "template.jinja")}}
    folder = broken(tuner="lora", **sections)
    change(tmp_path / file)
    with pytest.raises(RunError, match="depends on what has changed since it began") as told:
        resume(folder)
    assert f"`{place}`: {Path(file).name}" in told.value.message and f"rm {folder / NAME}" in told.value.hint


@pytest.mark.case("A9")
def test_files_of_rewards_are_dependencies_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("rubric.md", "form.schema"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "auto").write_text("a file that nobody means")
    judge = {"kind": "judge", "url": "http://127.0.0.1:1/v1", "rubric": "rubric.md"}
    rewards = [
        judge,
        {**judge, "name": "told", "rubric": "Is it kind. " * 90},
        {"kind": "json-schema", "file": "form.schema"},
    ]
    run = located(from_mapping(config(tmp_path, objective="grpo", rewards=rewards)).run)
    monkeypatch.chdir("/")
    found = {place: entry["path"] for place, entry in dependencies(run).items() if place.startswith("rewards")}
    assert found == {
        "rewards.functions.0.reward.rubric": str(tmp_path / "rubric.md"),
        "rewards.functions.2.reward.file": str(tmp_path / "form.schema"),
    }


@pytest.mark.case("A9")
def test_an_adapter_that_goes_on_is_a_dependency_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "adapter_config.json").write_text('{"base_model_name_or_path": "base"}')
    run = located(from_mapping(config(tmp_path, tuner={"kind": "adapter", "path": "mine"})).run)
    monkeypatch.chdir("/")
    assert dependencies(run)["tuner.path"]["path"] == str(tmp_path / "mine")


@pytest.mark.case("A9")
def test_a_reward_file_that_changed_is_named(tmp_path, broken):
    (tmp_path / "rewards.py").write_text(REWARDS)
    (tmp_path / "scoring_beside.py").write_text("def of(text):\n    return float(len(text))\n")
    rows = [{"prompt": "the quick brown"}, {"prompt": "a lazy dog"}, {"prompt": "old oak trees"}]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    folder = broken(
        objective="grpo", rewards=[f"{tmp_path / 'rewards.py'}:length"],
        rollout={"prompts": 2, "completions": 2, "max_new_tokens": 4},
        data={"train": [str(tmp_path / "prompts.jsonl")]}, train={"batch_tokens": None},
    )  # fmt: skip
    place = "rewards.functions.0.reward.function"
    for file, named in (("rewards.py", place), ("scoring_beside.py", f"{place} (imports)")):
        before = (tmp_path / file).read_bytes()
        change(tmp_path / file)
        with pytest.raises(RunError, match=re.escape(f"`{named}`: {file}")):
            resume(folder)
        (tmp_path / file).write_bytes(before)
    assert f"{place} (imports)" in show(folder)


def test_whose_weights_are_all_in_the_checkpoint_goes_on_with_a_notice(tmp_path, broken):
    folder = broken()
    change(tmp_path / "base" / "model.safetensors")
    (tmp_path / "base" / "README.md").write_text("words")
    assert resume(folder)[1].outcome == "done"
    (notice,) = [e["payload"]["text"] for e in contents(folder)["events"] if "model.safetensors" in str(e["payload"])]
    assert "its weights are those of the checkpoint" in notice


def test_a_record_that_was_removed_is_made_again_and_a_damaged_one_is_told(tmp_path, broken):
    folder = broken(tuner="lora")
    (folder / NAME).write_text((folder / NAME).read_text().replace("depends_on", "depends-on"))
    with pytest.raises(RunError, match="not as it was written") as told:
        resume(folder)
    assert "rm " in told.value.hint and "is damaged" in show(folder)
    (folder / NAME).unlink()
    change(tmp_path / "base" / "model.safetensors")
    built_folder, ended = resume(folder)
    assert ended.outcome == "done" and (folder / NAME).exists()


def test_what_a_run_depends_on_is_shown(broken):
    page = show(broken(tuner="lora", data={"thinking": "strip"}))
    facts = dict(line.split(None, 1) for line in page.split("\n\n")[1].splitlines())
    assert (
        facts["template"].startswith("chat template of the tokenizer")
        and "taken out" in facts["thinking"]
        and "tools" in facts
    )
    lines = page[page.index("Depends on") :].split("\n\n")[0].splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["model.path", "data.train.0.path"]


def test_an_adapters_base_is_a_dependency(tmp_path, broken, base):
    from whet.train.run.dependencies import dependencies

    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
    run = from_mapping(config(tmp_path) | {"model": {"path": str(adapter)}}).run
    found = dependencies(run)
    assert "model.safetensors" in found["model.path (base model)"]["files"]


def test_a_config_that_was_cut_is_not_filled_up_with_defaults(broken):
    """Whole lines are gone, so what is left is a config."""
    folder = broken(train={"ema": 0.9})
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text[: text.index("  clip:")])
    with pytest.raises(RunError, match="the run's config lacks settings") as told:
        resume(folder)
    assert f"rm {folder / NAME}" in told.value.hint


def test_a_config_that_was_changed_goes_on_with_a_notice(broken):
    folder = broken()
    path = folder / "config.yaml"
    path.write_text(path.read_text().replace("  lr: 0.01", "  lr: 0.02"))
    assert resume(folder)[1].outcome == "done"
    notices = [e["payload"]["text"] for e in contents(folder)["events"] if "since the run began" in str(e["payload"])]
    assert notices == ["the config was changed since the run began: `optimizer.lr` was 0.01 and is 0.02"]


def test_a_run_goes_on_with_another_mesh_as_one_setting_or_as_all(broken):
    folder = broken(parallel={"hang_s": 50})
    assert resume(folder, overrides=["parallel={context: 1}"])[1].outcome == "done"
    notices = [e["payload"]["text"] for e in contents(folder)["events"] if "since the run began" in str(e["payload"])]
    assert len(notices) == 1 and "`parallel.hang_s` was 50" in notices[0]


def test_a_config_that_is_as_it_was_says_nothing(broken):
    folder = broken(tuner="lora")
    assert resume(folder)[1].outcome == "done"
    assert "since the run began" not in str(contents(folder)["events"])

"""Which model is meant: a folder, an adapter, a run, a run's name, or a hub id."""

import pytest

from tests.generate import tiny
from whet.base.errors import ModelError, RunError
from whet.models.loading.find import find_model, find_run


@pytest.fixture
def runs(tmp_path):
    """A finished run, one without a model yet, and a folder that is neither."""
    for name in ("sft-tiny", "sft-young"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "config.yaml").touch()
    tiny.folder(tmp_path / "runs" / "sft-tiny" / "model")
    (tmp_path / "photos").mkdir()
    return tmp_path / "runs"


def test_a_model_is_found_by_its_folder_its_runs_folder_and_its_runs_name(runs):
    folder = str(runs / "sft-tiny" / "model")
    assert [find_model(name, runs) for name in (folder, str(runs / "sft-tiny"), "sft-tiny", "sft-tiny/model")] == [
        folder
    ] * 4


def test_the_run_of_a_model_is_known_by_any_of_its_names(runs):
    names = ("sft-tiny", str(runs / "sft-tiny"), str(runs / "sft-tiny" / "model"))
    assert {find_run(name, runs).resolve() for name in names} == {(runs / "sft-tiny").resolve()}
    assert find_run(str(runs.parent / "photos"), runs) is None


def test_what_looks_like_a_hub_id_is_left_to_the_hub(runs):
    assert find_model("Qwen/Qwen3-0.6B", runs) == "Qwen/Qwen3-0.6B"


def test_a_run_whose_model_is_no_language_model_is_told_so(runs):
    (runs / "sft-young" / "model").mkdir(exist_ok=True)
    (runs / "sft-young" / "model" / "model.safetensors").write_bytes(b"")
    with pytest.raises(RunError, match="weights alone"):
        find_model("sft-young", runs)


@pytest.mark.parametrize(
    ("name", "kind", "message", "hint"),
    [
        ("sft-tin", RunError, "no model or run `sft-tin`", "did you mean `sft-tiny`"),
        ("zzz", RunError, "no model or run `zzz`", "hub id"),
        ("sft-young", RunError, "has no model yet", "whet train"),
        ("{}/photos", ModelError, "is not a model", "model folder"),
        ("{}/nowhere", RunError, "no model or run", "model folder"),
    ],
)
def test_a_name_that_means_no_model_is_refused_with_a_hint(runs, name, kind, message, hint):
    with pytest.raises(kind, match=message) as error:
        find_model(name.format(runs.parent), runs)
    assert hint in error.value.hint

"""A damaged checkpoint is named and passed over, nothing in it runs, and what goes on is the newest whole one."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from enum import Enum
from itertools import product

import pytest
import torch

from tests.ranks import on_ranks
from tests.sweeps import in_turn
from tests.train.checkpoints.test_checkpoint import Run
from whet.base.errors import RunError
from whet.parallel.world import World
from whet.train.checkpoints import manifest
from whet.train.checkpoints.places import complete

STEPS = (3, 5)


@pytest.fixture
def run(tmp_path):
    """Checkpoints of steps 3 and 5, and the weights of either."""
    run = Run(tmp_path)
    run.weights_at = {}
    for step in STEPS:
        run.learn(step - run.progress.step)
        run.checkpoints.save(step)
        run.weights_at[step] = run.weights()
    return run


class Evil:
    """Unpickled by Python's own loader, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def flip(path, place=None):
    content = bytearray(path.read_bytes())
    place = len(content) // 2 if place is None else place
    content[place] ^= 4
    path.write_bytes(content)


def change_step(path):
    state = json.loads(path.read_text())
    path.write_text(json.dumps(state | {"step": state["step"] - 1}))


def cut(path):
    path.write_bytes(path.read_bytes()[:-7])


def as_folder(path):
    path.unlink()
    path.mkdir()


FILES = ("__0_0.distcp", ".metadata", "state.json", "manifest.json")
DAMAGES = {
    "flipped": flip,
    "flipped at the start": lambda path: flip(path, 0),
    "cut": cut,
    "empty": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(os.urandom(path.stat().st_size)),
    "another form": lambda path: path.write_text("[1, 2]"),
    "a folder": as_folder,
    "missing": lambda path: path.unlink(),
}


@pytest.mark.case("A10", "D")
@pytest.mark.parametrize(("how", "file"), in_turn(product(DAMAGES, FILES), 3))
def test_what_is_damaged_is_named_and_the_older_one_is_taken(run, tmp_path, file, how):
    DAMAGES[how](tmp_path / "step-00000005" / file)
    again = Run(tmp_path)
    assert again.checkpoints.restore() == 3
    assert again.progress.step == 3 and torch.equal(again.weights(), run.weights_at[3])
    (notice,) = again.checkpoints.notices
    assert "the checkpoint of step 5 is damaged" in notice and "going on from step 3" in notice
    assert f"`{file}`" in notice
    again.learn(2)  # and its name is free again
    again.checkpoints.save(5)
    assert [p.name for p in complete(tmp_path)] == ["step-00000003", "step-00000005"]
    assert Run(tmp_path).checkpoints.restore() == 5 and torch.equal(again.weights(), run.weights_at[5])


@pytest.mark.case("A10")
def test_files_of_an_older_checkpoint_and_another_step_are_found(run, tmp_path):
    old, new = tmp_path / "step-00000003", tmp_path / "step-00000005"
    for change in (
        lambda: shutil.copy(old / "__0_0.distcp", new / "__0_0.distcp"),
        lambda: change_step(new / "state.json"),
        lambda: shutil.rmtree(new) or shutil.copytree(old, new),
    ):
        shutil.copytree(new, kept := tmp_path / "kept", dirs_exist_ok=True)
        change()
        again = Run(tmp_path)
        assert again.checkpoints.restore() == 3 and "step 5 is damaged" in again.checkpoints.notices[0]
        shutil.rmtree(tmp_path / "step-00000005.damaged")
        shutil.copytree(kept, new)


@pytest.mark.case("A10")
def test_without_a_whole_checkpoint_each_is_named_and_nothing_is_touched(run, tmp_path):
    for step in STEPS:
        flip(tmp_path / f"step-{step:08d}" / "__0_0.distcp")
    with pytest.raises(
        RunError, match=r"no checkpoint of the run is whole: step 5 .*distcp.*; step 3 .*distcp"
    ) as told:
        Run(tmp_path).checkpoints.restore()
    assert "whet train" in told.value.hint and [p.name for p in complete(tmp_path)] == [f"step-{s:08d}" for s in STEPS]


@pytest.mark.case("B1")
@pytest.mark.parametrize("has_digests", [True, False])
@pytest.mark.parametrize("file", [".metadata", "__0_0.distcp"])
def test_an_evil_pickle_does_not_run_and_is_named(run, tmp_path, monkeypatch, file, has_digests):
    evil = tmp_path / "step-00000005" / file
    evil.write_bytes(pickle.dumps(Evil(tmp_path / "it-ran")))
    if has_digests:  # whoever can write the file can write its digest
        files = [path for path in evil.parent.iterdir() if path.name != manifest.MANIFEST]
        text = manifest.manifest_of(5, manifest.described(files))
        (evil.parent / manifest.MANIFEST).write_text(text)
    else:
        as_before_manifests(evil.parent)
    again = Run(tmp_path)
    assert again.checkpoints.restore() == 3 and torch.equal(again.weights(), run.weights_at[3])
    assert not (tmp_path / "it-ran").exists()
    assert "step 5 is damaged" in again.checkpoints.notices[0]
    if file == ".metadata":
        assert "`io.open`" in again.checkpoints.notices[0] and "not run" in again.checkpoints.notices[0]


class OldPickler(pickle.Pickler):
    """Writes members of an Enum as Python 3.11.0 to 3.11.3 do."""

    def reducer_override(self, value):
        return (getattr, (type(value), value.name)) if isinstance(value, Enum) else NotImplemented


class Attribute:
    """Unpickled, an attribute of a class that metadata may name."""

    def __reduce__(self):
        return getattr, (torch.Size, "numel")


def test_metadata_of_an_older_python_is_read(run, tmp_path):
    path = tmp_path / "step-00000005" / ".metadata"
    described = pickle.loads(path.read_bytes())
    with path.open("wb") as file:
        OldPickler(file).dump(described)
    assert b"getattr" in path.read_bytes()
    as_before_manifests(path.parent)
    again = Run(tmp_path)
    assert again.checkpoints.restore() == 5 and torch.equal(again.weights(), run.weights_at[5])


def test_metadata_is_given_no_other_attribute(run, tmp_path):
    path = tmp_path / "step-00000005" / ".metadata"
    path.write_bytes(pickle.dumps(Attribute()))
    as_before_manifests(path.parent)
    again = Run(tmp_path)
    assert again.checkpoints.restore() == 3 and "an attribute of something else" in again.checkpoints.notices[0]


@pytest.mark.case("B1")
def test_metadata_cannot_point_outside_of_the_checkpoint(run, tmp_path):
    folder = tmp_path / "step-00000005"
    found = pickle.loads((folder / ".metadata").read_bytes())
    for entry in found.storage_data.values():
        entry.relative_path = "../step-00000003/__0_0.distcp"
    (folder / ".metadata").write_bytes(pickle.dumps(found))
    as_before_manifests(folder)
    again = Run(tmp_path)
    assert again.checkpoints.restore() == 3 and "outside" in again.checkpoints.notices[0]


def damaged_on_ranks(folder):
    world = World.start("cpu", 60)
    run = Run(folder, world)
    for step in STEPS:
        run.learn(step - run.progress.step)
        run.checkpoints.save(step)
    if world.is_writer:
        flip(folder / "step-00000005" / "__1_0.distcp")
    world.wait()
    again = Run(folder, world)
    restored = again.checkpoints.restore()
    world.wait()
    again.learn(2)
    same = torch.equal(again.weights(), run.weights())
    world.close()
    return restored, same, again.checkpoints.notices


@pytest.mark.ranks
@pytest.mark.case("A10")
def test_all_ranks_go_on_from_the_same_whole_checkpoint(tmp_path):
    for restored, same, notices in on_ranks(2, damaged_on_ranks, tmp_path):
        assert restored == 3 and same and "`__1_0.distcp` is not as it was written" in notices[0]


def as_before_manifests(folder):
    """What the version before this one wrote."""
    (folder / "manifest.json").unlink(missing_ok=True)
    state = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps(state | {"format": 1}))


def test_a_checkpoint_of_before_manifests_is_taken_with_a_notice(run, tmp_path):
    as_before_manifests(tmp_path / "step-00000005")
    again = Run(tmp_path)
    assert again.checkpoints.restore() == 5 and torch.equal(again.weights(), run.weights_at[5])
    assert "has no digests" in again.checkpoints.notices[0]


@pytest.mark.parametrize("how", ["cut", "empty", "garbage", "another form", "a folder", "missing"])
@pytest.mark.parametrize("file", FILES[:3])
def test_a_damaged_one_of_before_manifests_falls_back_too(run, tmp_path, file, how):
    as_before_manifests(tmp_path / "step-00000005")
    DAMAGES[how](tmp_path / "step-00000005" / file)
    again = Run(tmp_path)
    assert again.checkpoints.restore() == 3 and torch.equal(again.weights(), run.weights_at[3])
    assert "the checkpoint of step 5 is damaged" in again.checkpoints.notices[0]

"""The written model is read back by all ranks together, each its part, before the writer moves it to its place."""

from __future__ import annotations

import json
import time
from functools import partial
from itertools import accumulate
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.ranks import on_ranks
from tests.tiny import LLAMA, config
from whet.base.config import from_mapping
from whet.export.writing import write_model
from whet.parallel.world import World
from whet.plan.tracing.live import Timeline, Watch
from whet.train import result
from whet.train.build import assemble
from whet.train.result import together, write_result


def looked(part: Path) -> bool:
    """Whether a rank that looks long finds the folder to its end."""
    world = World.start("cpu", 60)

    def look(folder: Path) -> bool:
        if not world.is_writer:
            time.sleep(0.3)
        return folder.is_dir()

    found = together(world, look, part if world.is_writer else None)
    if world.is_writer:
        part.rmdir()
    world.close()
    return found


@pytest.mark.ranks
def test_a_written_model_stays_until_each_rank_has_read_it(tmp_path):
    part = tmp_path / "part"
    part.mkdir()
    assert on_ranks(2, looked, part) == [True, True]


DEEP = {**LLAMA, "hidden_size": 64, "intermediate_size": 2048, "num_hidden_layers": 8, "tie_word_embeddings": False}


class Held(Watch):
    """What takes memory: tensors without values do not."""

    def _taken(self, storage, itemsize):
        if storage.device.type != "meta":
            super()._taken(storage, itemsize)


def written(folder: Path, name: str, schedule: str, sections: dict) -> tuple[int, int]:
    """Bytes of the weights that a rank of a pipeline holds, and the most that it holds beside them while it writes."""
    how = {"train": {"steps": 1}, "parallel": {"pipeline": 2, "schedule": schedule, "timeout_s": 60}}
    built = assemble(from_mapping(config(folder, name=name, **how, **sections)))
    built.loop.run()
    result.write_model = partial(write_model, shard_bytes=1 << 16)  # else files of so small a model are one
    timeline = Timeline()
    with Held(timeline):
        write_result(built.trained, built.folder, continues=False)
    built.close()
    taken = ((1 if what == "+" else -1) * timeline.pieces[at][0] for what, at in timeline.events if what in "+-")
    return sum(p.nbytes for p in built.trained.loaded.module.parameters()), max(accumulate(taken))


@pytest.mark.ranks
def test_no_stage_holds_the_whole_model_while_it_is_written_and_read_back(tmp_path):
    config(tmp_path)
    found = on_ranks(2, written, tmp_path, "cut", "zbv", {"model": {"init": DEEP}})
    whole = sum(own for own, _ in found)
    assert all(0.4 * whole < own < 0.6 * whole and most < own + whole / 3 for own, most in found), found
    assert said(tmp_path / "runs/cut/model") == (True, "whet")
    base = {"model": str(tmp_path / "runs/cut/model"), "tuner": "lora", "optimizer": {"lr": 0.1}}
    on_ranks(2, written, tmp_path, "tuned", "1f1b", base)
    assert said(tmp_path / "runs/tuned/model") == (True, "whet")
    stored = load_file(tmp_path / "runs/tuned/model/adapter_model.safetensors")
    assert {name.split(".layers.")[1][0] for name in stored} == set("01234567"), "of all stages"


def written_on(folder: Path, name: str, mesh: dict[str, int]) -> None:
    built = assemble(from_mapping(config(folder, name=name, train={"steps": 1}, parallel={**mesh, "timeout_s": 60})))
    built.loop.run()
    write_result(built.trained, built.folder, continues=False)
    built.close()


@pytest.mark.ranks
@pytest.mark.parametrize("axis", ["shard", "replicate"])
def test_stages_that_fsdp_cuts_are_compared_with_what_is_written(axis, tmp_path):
    config(tmp_path)
    on_ranks(4, written_on, tmp_path, axis, {"pipeline": 2, axis: 2})
    assert said(tmp_path / f"runs/{axis}/model") == (True, "whet")


def said(folder: Path) -> tuple[bool, str]:
    report = json.loads((folder / "equivalence.json").read_text())
    return report["passed"], report["ran_by"]

"""A run goes on with another mesh from its checkpoint, and ends with the model that one process trains."""

from __future__ import annotations

import json
import math

import pytest
import torch
from safetensors.torch import load_file

from tests.ranks import on_ranks
from tests.tiny import LLAMA, config
from whet.base.config import from_mapping, load
from whet.track.reading.read import History
from whet.track.reading.store import LOGS
from whet.track.recorded.mesh import mesh_of
from whet.train.api import resume, train
from whet.train.build import assemble
from whet.train.run.folder import RunFolder

pytestmark = pytest.mark.ranks
STEPS, RATE = 6, 1e-2
DENSE = {**LLAMA, "num_key_value_heads": 4}
MIXED = {
    **DENSE, "model_type": "qwen3_moe", "head_dim": 8, "num_experts": 4, "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
}  # fmt: skip
# A model, and steps that each mesh does, one after the other.
WAYS = [
    (DENSE, [({}, 3), ({"tensor": 2}, STEPS)]),
    (DENSE, [({"pipeline": 2}, 3), ({"shard": 2}, 4), ({"pipeline": 2, "schedule": "gpipe"}, STEPS)]),
    (DENSE, [
        ({"shard": 2, "tensor": 2}, 2), ({"context": 2}, 3), ({"replicate": 2, "tensor": 2}, 5), ({"shard": 2}, STEPS),
    ]),
    (MIXED, [
        ({"expert": 2}, 2), ({"expert": 2, "tensor": 2}, 3), ({"shard": 2}, 4), ({"shard": 2, "expert": 2}, 5),
        ({}, STEPS),
    ]),
    # Shrinks to one rank, and grows again.
    (DENSE, [({"shard": 4}, 2), ({"shard": 2}, 3), ({}, 4), ({"shard": 4}, STEPS)]),
    (DENSE, [({}, 2), ({"pipeline": 2, "shard": 2}, 4), ({"pipeline": 2, "replicate": 2}, STEPS)]),
]  # fmt: skip
AXES = ("replicate", "shard", "context", "expert", "tensor", "pipeline")


def settings(folder, name, mesh, init):
    model = {"init": init, "tokenizer": str(folder / "tokenizer")}
    train = {"steps": STEPS, "checkpoint_every": 100}
    track = {"folder": str(folder / "runs"), "sinks": ["jsonl", "log"], "environment": False, "hardware_every_s": 0}
    parallel, optimizer = {**mesh, "timeout_s": 60}, {"lr": RATE}
    return config(folder, name=name, model=model, train=train, parallel=parallel, track=track, optimizer=optimizer)


def advance(folder, mesh, until, init):
    """Take the run on to step `until`, on one rank of a mesh; the last mesh ends it."""
    path = folder / "runs" / "moved"
    how = [f"parallel.{axis}={mesh.get(axis, 1)}" for axis in AXES]
    how.append(f"parallel.schedule={mesh.get('schedule', '1f1b')}")
    if until == STEPS:
        return resume(path, overrides=how)[1].outcome
    is_new = not path.exists()
    loaded = from_mapping(settings(folder, "moved", mesh, init)) if is_new else load(path / "config.yaml", how)
    built = assemble(loaded, None if is_new else RunFolder(path))
    while built.loop.progress.step < until:
        built.loop.advance(built.loop.source.next(built.loop.progress.step))
    built.loop._checkpoint()
    built.close()
    return None


def figures(folder, name):
    lines = (folder / "runs" / name / "records.jsonl").read_text().splitlines()
    steps = [one for one in map(json.loads, lines) if one["kind"] == "step"]
    return [(one["step"], one["metrics"]["loss"], one["metrics"]["grad_norm"]) for one in steps]


@pytest.mark.parametrize("way", [0, 1, *(pytest.param(slow, marks=pytest.mark.slow) for slow in (2, 3, 4, 5))])
def test_a_run_goes_on_with_another_mesh_and_ends_with_the_same_model(tmp_path, way):
    init, steps = WAYS[way]
    train(from_mapping(settings(tmp_path, "alone", {}, init)))
    for mesh, until in steps:
        sizes = {axis: mesh[axis] for axis in AXES if axis in mesh}
        given = (tmp_path, mesh, until, init)
        found = on_ranks(size, advance, *given) if (size := math.prod(sizes.values())) > 1 else [advance(*given)]
    assert set(found) == {"done"}
    told = mesh_of(History(tmp_path / "runs/moved" / LOGS))
    cut = {axis: size for axis, size in told.sizes.items() if size > 1}
    assert (cut, len(told.ranks)) == (sizes, math.prod(sizes.values()) if sizes else 0), "of the last attempt"
    told, expected = figures(tmp_path, "moved"), figures(tmp_path, "alone")
    torch.testing.assert_close(torch.tensor(told), torch.tensor(expected), rtol=1e-5, atol=0)
    report = json.loads((tmp_path / "runs/moved/model/equivalence.json").read_text())
    assert report["passed"] and report["max_difference"] < 1e-5
    assert report["ran_by"] == ("whet" if sizes else "transformers"), "ranks look at it together, each at a part"
    ours, theirs = (load_file(tmp_path / "runs" / name / "model/model.safetensors") for name in ("moved", "alone"))
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        # A step moves a weight by the rate times a ratio of its own gradients, which holds to 1e-3 for the smallest.
        torch.testing.assert_close(ours[name], tensor, rtol=1e-4, atol=1e-3 * RATE * STEPS)

"""Offload and recomputation through the whole loop: losses and weights are those of a run without, to the bit."""

from __future__ import annotations

import sys

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch.distributed.tensor import DTensor

from tests.ranks import on_ranks
from tests.tiny import config
from tests.train.conftest import records_of
from whet.base.config import from_mapping, load
from whet.base.errors import ConfigError
from whet.kernels.layout import local
from whet.train.api import train
from whet.train.build import assemble
from whet.train.run.folder import RunFolder
from whet.train.setup.chosen import chosen_of
from whet.train.setup.combinations import check_combinations

LENGTH = {"steps": 4, "checkpoint_every": 100, "clip": 0.3}
ALL = {"activations": True, "optimizer": 0.5}


def steps(records):
    return [(one["metrics"]["loss"], one["metrics"]["grad_norm"]) for one in records if one["kind"] == "step"]


def ended(folder, name, **sections):
    """Losses and norms of a run's steps of two micro-batches, its weights, and what it was built of."""
    built = assemble(from_mapping(config(folder, name=name, **sections)))
    built.loop.run()
    built.close()
    return steps(records_of(built.folder.path)), dict(built.loaded.module.named_parameters()), built


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(local(one[name]), local(other[name])) for name in one)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    found = {}

    def run(**train):
        key = str(train)
        if key not in found:
            found[key] = ended(folder, f"plain-{len(found)}", train={**LENGTH, **train})
        return found[key]

    return run


@pytest.mark.parametrize(
    ("train", "beside"),
    [
        ({"offload": ALL, "recompute": "full", "recompute_every": 2}, {}),
        ({"offload": {"activations": True}, "recompute": "selective"}, {}),
        ({"offload": {"activations": True, "optimizer": 1.0}}, {"in_backward": True}),
        ({"offload": {"weights": True}}, {"precision": "bf16-pure"}),
        ({"offload": {"activations": True, "weights": True}, "recompute": "full"}, {}),
    ],
    ids=["every second", "selective", "gradients too", "weights", "all"],
)
def test_a_run_that_offloads_is_the_one_that_does_not(tmp_path, plain, train, beside):
    expected, weights, _ = plain(**beside)
    found, others, built = ended(tmp_path, "offload", train={**LENGTH, **train, **beside})
    assert found == expected and len(found) == 4 and same(others, weights)
    held = [tensor for state in built.trained.optimizer.state.values() for tensor in state.values()]
    assert sum(tensor.nbytes for tensor in held if isinstance(tensor, torch.Tensor)) > 0


def test_a_run_goes_on_where_state_lies_elsewhere(tmp_path, plain):
    """From the device to the host and back, each from the checkpoint of the other."""
    expected, weights, _ = plain()
    built = assemble(from_mapping(config(tmp_path, name="moved", train={**LENGTH, "offload": ALL})))
    for until, share in ((1, None), (2, 0.0), (3, 1.0)):
        if share is not None:
            how = [f"train.offload.optimizer={share}", f"train.offload.activations={str(share > 0).lower()}"]
            path = tmp_path / "runs" / "moved"
            built = assemble(load(path / "config.yaml", how), RunFolder(path))
        while built.loop.progress.step < until:
            built.loop.advance(built.loop.source.next(built.loop.progress.step))
        if until == 3:
            built.loop.run()
        else:
            built.loop._checkpoint()
        built.close()
    assert steps(records_of(built.folder.path)) == expected
    assert same(dict(built.loaded.module.named_parameters()), weights)
    moments = [state["exp_avg"] for state in built.trained.optimizer.state.values() if state["exp_avg"].nbytes >= 4096]
    memory = built.trained.optimizer.memory
    assert memory.held_bytes == 2 * sum(moment.nbytes for moment in moments) > 0


def go_on(built, until):
    while built.loop.progress.step < until:
        built.loop.advance(built.loop.source.next(built.loop.progress.step))


def test_two_runs_of_a_process_whose_weights_lie_on_the_host_are_each_their_own(tmp_path, plain):
    """They take turns; one is stored, closed and goes on while the other stands. Neither leaves a group behind."""
    expected, weights, _ = plain()
    settings = {name: config(tmp_path, name=name, train={**LENGTH, "offload": {"weights": True}}) for name in "ab"}
    hook = sys.excepthook
    first, second = (assemble(from_mapping(one)) for one in settings.values())
    go_on(first, 1), go_on(second, 2), go_on(first, 2)
    first.loop._checkpoint()
    first.close()
    path = tmp_path / "runs" / "a"
    first = assemble(load(path / "config.yaml"), RunFolder(path))
    go_on(first, 4), go_on(second, 4)
    assert all(isinstance(one, DTensor) for one in first.loaded.module.parameters())
    for built in (first, second):
        built.close()
        assert steps(records_of(built.folder.path)) == expected
        assert same(dict(built.loaded.module.named_parameters()), weights)
    assert not dist.is_initialized() and sys.excepthook is hook


def to_the_end(folder, name, offload):
    """A run to its model, on this rank."""
    sections = {"train": {**LENGTH, "offload": offload}, "parallel": {"timeout_s": 60}}
    return train(from_mapping(config(folder, name=name, **sections)))[1].outcome


@pytest.mark.slow
@pytest.mark.ranks
def test_ranks_whose_weights_lie_on_the_host_write_the_model_of_one_process(tmp_path):
    to_the_end(tmp_path, "alone", {})
    told = on_ranks(2, to_the_end, tmp_path, "ranks", {"weights": True, "activations": True})
    assert told == ["done", "done"]
    found, expected = (
        torch.tensor(steps(records_of(tmp_path / "runs" / name))) for name in ("ranks", "alone")
    )  # fmt: skip
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
    ours, theirs = (load_file(tmp_path / "runs" / name / "model/model.safetensors") for name in ("ranks", "alone"))
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-4, atol=1e-5)


def refused(tmp_path, **sections):
    run = from_mapping(config(tmp_path, name="refused", **sections)).run
    with pytest.raises(ConfigError) as told:
        check_combinations(run, chosen_of(run))
    return told.value


@pytest.mark.parametrize(
    ("sections", "words", "hint"),
    [
        (
            {"train": {"recompute_every": 2}}, "does nothing: no layer",
            "train.recompute_every=1, or train.recompute=full",
        ),
        (
            {"train": {"offload": {"weights": True}, "in_backward": True}}, "in a hook of autograd",
            "train.in_backward=false, or train.offload.weights=false",
        ),
        (
            {"train": {"offload": {"weights": True, "optimizer": 0.5}}, "parallel": {"shard": 2}},
            "state lies with its weight", "train.offload.optimizer=0, or train.offload.weights=false",
        ),
        (
            {"train": {"offload": {"weights": True}}, "parallel": {"tensor": 2}}, "FSDP2 alone cuts",
            "train.offload.weights=false, or parallel.tensor=1",
        ),
        (
            {"train": {"ema": 0.9, "offload": {"optimizer": 1.0}}}, "outside of the step of its weight",
            "train.ema=0, or train.offload.optimizer=0",
        ),
    ],
)  # fmt: skip
def test_what_offload_does_not_go_with_is_refused(tmp_path, sections, words, hint):
    error = refused(tmp_path, **sections)
    assert words in error.message and error.hint == hint

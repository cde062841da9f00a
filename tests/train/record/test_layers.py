"""Statistics of layers: those of PyTorch by hand, at the steps that are due, and only there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tests.ranks import on_ranks
from tests.train.conftest import loop_records
from whet.parallel.world import World
from whet.track.reading.store import history
from whet.train.record.layers import LayerStatistics
from whet.train.record.state import state_digests, weights_digest

CPU = torch.device("cpu")


def test_norms_and_activations_are_those_of_pytorch():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 3))
    statistics = LayerStatistics(module, ["0", "1"], ["0"], World(CPU), every=2)
    inputs, found = torch.randn(11, 5), []
    for index in range(4):
        module.zero_grad()
        statistics.begin(index)
        module(inputs).square().sum().backward()
        statistics.after_backward()
        found.append(statistics.take())
    assert [bool(one) for one in found] == [False, True, False, True]
    output = module[0](inputs)
    for name, value in (("mean", output.mean()), ("std", output.std(correction=0)), ("peak", output.abs().max())):
        assert found[1][f"activations/0/{name}"] == pytest.approx(value.item(), rel=1e-6)
    for name in ("0", "1"):
        squares = sum(p.grad.double().square().sum() for p in module[int(name)].parameters())
        assert found[1][f"gradients/{name}/norm"] == pytest.approx(squares.sqrt().item(), rel=1e-6)
    assert not any(name.startswith("activations/1") for name in found[1]) and not module[0]._forward_hooks


def of_two_stages() -> dict[str, float]:
    """Two layers, one on each rank, and one that both hold: its output and gradient are those of the first."""
    world = World.start("cpu", 60, {"pipeline": 2})
    module, number = stages(), world.index("stages")
    held = [f"layer{number}", "both"]
    statistics = LayerStatistics(module, held, held, world, every=1)
    statistics.begin(0)
    for name in held:
        module[name](torch.arange(15.0).view(3, 5)).square().sum().backward()
    statistics.after_backward()
    found = statistics.take()
    world.close()
    return found


def stages() -> nn.ModuleDict:
    torch.manual_seed(0)
    return nn.ModuleDict({name: nn.Linear(5, 4) for name in ("layer0", "layer1", "both")})


@pytest.mark.ranks
def test_ranks_that_hold_different_layers_tell_all_of_them():
    first, second = on_ranks(2, of_two_stages)
    module, inputs = stages(), torch.arange(15.0).view(3, 5)
    assert first == second and not any("count" in name for name in first)
    for name in module:
        output = module[name](inputs)
        output.square().sum().backward()
        assert first[f"activations/{name}/mean"] == pytest.approx(output.mean().item(), rel=1e-6)
        assert first[f"activations/{name}/peak"] == pytest.approx(output.abs().max().item(), rel=1e-6)
    for name, copies in (("layer0", 1), ("layer1", 1), ("both", 2)):  # stages have gradients of their own, which add
        squares = copies * sum(p.grad.double().square().sum() for p in module[name].parameters())
        assert first[f"gradients/{name}/norm"] == pytest.approx(squares.sqrt().item(), rel=1e-6)


def test_a_layer_that_did_not_run_tells_no_output():
    module = nn.ModuleDict({"ran": nn.Linear(2, 2), "idle": nn.Linear(2, 2)})
    statistics = LayerStatistics(module, ["ran", "idle"], ["ran", "idle"], World(CPU), every=1)
    statistics.begin(0)
    module["ran"](torch.ones(1, 2)).sum().backward()
    statistics.after_backward()
    found = statistics.take()
    assert found["gradients/idle/norm"] == 0 and not any(name.startswith("activations/idle") for name in found)


def test_a_training_tells_its_layers_as_curves_of_their_own_writer(tmp_path):
    loop_records(tmp_path, "run", track={"sinks": ["log", "jsonl"], "layers_every": 3})
    logs = history(tmp_path / "runs" / "run")
    steps, values = logs.scalar("gradients/model.layers.1/norm", "layers")
    assert steps.tolist() == [3, 6] and np.isfinite(values).all() and (values > 0).all()
    assert {"activations/model.layers.0/std", "activations/model.layers.0/peak"} <= set(logs.names())


def test_a_digest_tells_one_bit_and_an_exchange_of_rows():
    module = nn.Linear(4, 6)
    before = weights_digest(module)
    assert weights_digest(module) == before
    with torch.no_grad():
        module.weight.view(torch.int32)[3, 2] ^= 1
    assert (one_bit := weights_digest(module)) != before
    with torch.no_grad():
        module.weight.copy_(module.weight[[1, 0, 2, 3, 4, 5]])
    assert weights_digest(module) not in (before, one_bit)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64, torch.float16])
def test_digests_take_any_width(dtype):
    module = nn.Linear(3, 2).to(dtype)
    assert len(weights_digest(module)) == 16


def test_state_tells_generators_and_the_parts_of_the_loader():
    class Source:
        can_prefetch = True
        place = 1

        def state_dict(self):
            return {"place": self.place, "order": {"seed": 0}}

    source, module = Source(), nn.Linear(2, 2)
    first = state_digests(module, source, CPU)
    source.place = 2
    torch.rand(1)
    second = state_digests(module, source, CPU)
    assert first["weights"] == second["weights"] and first["generators"] != second["generators"]
    assert (
        first["loader"]["order"] == second["loader"]["order"] and first["loader"]["place"] != second["loader"]["place"]
    )

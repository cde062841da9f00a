"""What holds for every kind: bytes as declared, and state that loads safely and resumes by the bit."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from itertools import product

import pytest
import torch

from tests.optim.made import HAS_FORMATS, made
from tests.optim.zoo import SETTINGS, SHAPES, groups, learn, state_of
from tests.sweeps import in_turn, some
from whet.base.at_once import at_once, computed_by
from whet.base.catalogue import optimizer
from whet.contracts.model import ParamRole
from whet.optim.costs import Trained, declared
from whet.optim.split import below, is_matrix

FUSED = ("adamw", "ademamix", "badam", "badam-ratio", "lisa", "sgd")


def trained_of(name: str, parameter) -> Trained:
    return Trained(parameter.shape, SHAPES[name.replace("/", ".")][1], 16 if "q_proj" in name else 1)


def test_the_zoo_holds_every_kind():
    assert set(SETTINGS) == set(optimizer.names())


@pytest.mark.parametrize("kind", SETTINGS)
def test_declared_bytes_are_the_measured_ones(kind):
    module, chosen = made(kind)
    learn(module, chosen, range(2))
    measured = sum(t.numel() * t.element_size() for t in state_of(chosen))
    found = optimizer.get(kind)
    settings = found.settings.model_validate({"kind": kind, **SETTINGS[kind]}).values()
    trained = [trained_of(n, p) for n, p in module.named_parameters() if chosen.state.get(p)]
    assert measured == pytest.approx(declared(found, settings, trained), rel=0.01)


@pytest.mark.parametrize(("kind", "state"), in_turn(product(HAS_FORMATS, ["bf16", "8bit"]), 3))
def test_compressed_state_is_declared_and_learns_alike(kind, state):
    plain_module, plain = made(kind, settings={"state": "fp32"})
    module, chosen = made(kind, settings={"state": state})
    start = [p.detach().clone() for p in module.parameters()]
    learn(plain_module, plain, range(8))
    learn(module, chosen, range(8))
    measured = sum(t.numel() * t.element_size() for t in state_of(chosen))
    found = optimizer.get(kind)
    settings = found.settings.model_validate({"kind": kind, **SETTINGS[kind], "state": state}).values()
    trained = [trained_of(n, p) for n, p in module.named_parameters() if chosen.state.get(p)]
    assert measured == pytest.approx(declared(found, settings, trained), rel=0.01)
    moved = [(p - s).flatten() for p, s in zip(plain_module.parameters(), start, strict=True)]
    other = [(p - s).flatten() for p, s in zip(module.parameters(), start, strict=True)]
    assert torch.cosine_similarity(torch.cat(moved), torch.cat(other), dim=0) > 0.9


@pytest.mark.parametrize("kind", SETTINGS)
def test_state_loads_safely_and_goes_on_by_the_bit(kind):
    module, chosen = made(kind)
    learn(module, chosen, range(5))
    file = io.BytesIO()
    torch.save({"weights": module.state_dict(), "optimizer": chosen.state_dict()}, file)
    file.seek(0)
    stored = torch.load(file, weights_only=True)
    other_module, other = made(kind)
    other_module.load_state_dict(stored["weights"])
    other.load_state_dict(stored["optimizer"])
    learn(module, chosen, range(5, 12))
    learn(other_module, other, range(5, 12))
    for first, second in zip(module.parameters(), other_module.parameters(), strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize(
    "kind", some(SETTINGS, ("adamw", "lion", "adafactor", "muon", "galore", "soap", "badam-ratio"))
)
def test_chunks_of_any_size_give_the_same_bits(kind):
    module, chosen = made(kind, settings={"state": "8bit"} if kind in HAS_FORMATS else {})
    learn(module, chosen, range(4))
    small_module, small = made(kind, settings={"state": "8bit"} if kind in HAS_FORMATS else {})
    with computed_by(replace(at_once("cpu"), row_numbers=300)):
        learn(small_module, small, range(4))
    # torch's fused kernels compute the last few numbers of a chunk by another path than the rest of it.
    tolerance = 1e-5 if kind in (*FUSED, "schedule-free") else 0.0
    # Sums over a whole matrix are added up chunk by chunk; a device has one size of chunks.
    tolerance = 1e-6 if kind in ("adafactor", "apollo", "fira") else tolerance
    for first, second in zip(module.parameters(), small_module.parameters(), strict=True):
        assert (first - second).abs().max() <= tolerance


def test_a_measured_curvature_leaves_the_momentum_as_it_is_stored():
    module, chosen = made("sophia", settings={"state": "8bit"})
    learn(module, chosen, range(1))
    kept = {p: {k: v.clone() for k, v in s.items() if k.startswith("m")} for p, s in chosen.state.items()}
    module(1000).backward()
    chosen.curve(2.0)
    assert any(v.dtype == torch.uint8 for s in kept.values() for v in s.values())
    assert all(torch.equal(chosen.state[p][k], v) for p, s in kept.items() for k, v in s.items())


def test_what_is_stepped_beside_matrices_has_its_curvature_measured():
    module, chosen = made("muon", settings={"rest": {"kind": "sophia"}})
    learn(module, chosen, range(1))
    assert chosen.parts[1].state[module.get_parameter("embed/weight")]["curvature"].any()


def test_turns_are_equal_in_length_and_forget_their_state():
    module, chosen = made("badam", settings={"order": "ascending"})
    seen = []
    for step in range(8):
        before = {n: p.detach().clone() for n, p in module.named_parameters()}
        learn(module, chosen, range(step, step + 1))
        moved = {n.split("/")[1] for n, p in module.named_parameters() if not torch.equal(p, before[n])}
        seen.append(moved)
        assert len({chosen.state[p]["step"] for p in chosen.state}) == 1
    assert seen == [{"0"}, {"0"}, {"1"}, {"1"}, {"0"}, {"0"}, {"1"}, {"1"}]


def test_random_turns_give_every_layer_its_own_in_each_cycle():
    from whet.optim.blocks import one_by_one, sampled

    chosen = one_by_one(5, "random", seed=3)
    cycles = [[next(iter(chosen(c * 5 + i))) for i in range(5)] for c in range(4)]
    assert all(sorted(cycle) == [0, 1, 2, 3, 4] for cycle in cycles) and len({tuple(c) for c in cycles}) > 1
    assert all(len(sampled(5, 2, seed=3)(turn)) == 2 for turn in range(9))


@pytest.mark.case("H6")
@pytest.mark.parametrize("kind", ["galore", "q-galore", "fira", "apollo", "apollo-mini"])
def test_matrices_smaller_than_the_rank_take_the_rest_s_own_steps(kind):
    """The experts have a side of 32: they move as under `rest` alone, and the others as without them."""
    shown, chosen = made(kind, settings={"rank": 40})
    plain, alone = made("adamw")
    assert [member.name for member in below(groups(shown), 40)] == ["experts.weight"]
    learn(shown, chosen, range(3))
    learn(plain, alone, range(3))
    for member, other in zip(groups(shown).members, plain.parameters(), strict=True):
        assert torch.equal(member.parameter, other) == (not is_matrix(member, 40)), member.name


SPARSE = {
    "nothing ever": lambda step, grad: grad * 0,
    "nothing for three steps": lambda step, grad: grad * (step >= 3),
    "nothing after three steps": lambda step, grad: grad * (step < 3),
    "every other row": lambda step, grad: grad.index_fill(0, torch.arange(0, len(grad), 2), 0.0),
    "one row or expert alone": lambda step, grad: grad.index_fill(0, torch.arange(1, len(grad)), 0.0),
    "next to nothing": lambda step, grad: grad * 1e-30,
}


@pytest.mark.case("H2")
@pytest.mark.parametrize(("kind", "which"), in_turn(product(SETTINGS, SPARSE), 5))
def test_gradients_of_zero_are_ordinary(kind, which):
    """LoRA's A while B is zero, experts that saw no token, tokens that did not occur."""
    module, chosen = made(kind, settings={"lr": 1e-2})
    at = {"step": 0}
    for parameter in module.parameters():
        parameter.register_hook(lambda grad: SPARSE[which](at["step"], grad))
    for step in range(6):
        at["step"] = step
        learn(module, chosen, range(step, step + 1))
        assert all(parameter.isfinite().all() for parameter in module.parameters()), f"step {step}"


def test_costs_need_no_optimizer_to_be_built():
    kind = optimizer.get("galore")
    bytes_ = declared(kind, {"rank": 1024}, [Trained((4096, 11008), ParamRole.MATRIX)])
    assert bytes_ / math.prod((4096, 11008)) == pytest.approx(2.372, abs=0.001)  # (2 n r + m r) x 4 / (m n)

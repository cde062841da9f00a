"""What holds for every kind: bytes as declared, state that loads safely and resumes by the bit, refusals by name."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from itertools import product

import pytest
import torch

from tests.optim.problem import build, members
from tests.optim.zoo import SETTINGS, SHAPES, Zoo, groups, learn, state_of
from tests.sweeps import in_turn, some
from whet.base.at_once import at_once, computed_by
from whet.base.catalogue import optimizer
from whet.base.errors import ConfigError
from whet.contracts.model import ParamRole
from whet.optim.adapted import adapted
from whet.optim.costs import Trained, declared
from whet.optim.ema import Averaged
from whet.optim.family import Family
from whet.optim.gradient_offload import GradientOffload
from whet.optim.rounding import round_stochastically
from whet.optim.split import below, is_matrix

FUSED = ("adamw", "ademamix", "badam", "badam-ratio", "lisa", "sgd")
HAS_FORMATS = [k for k in SETTINGS if "state" in optimizer.get(k).settings.model_fields]


def made(kind: str, module=None, **facts):
    module = module or Zoo()
    settings = {**SETTINGS[kind], **facts.pop("settings", {})}
    return module, build(kind, groups(module, **facts), **settings)


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


def test_stochastic_rounding_is_right_on_average_and_does_not_depend_on_the_cut():
    value = torch.full((40_000,), 1 + 1 / 512)  # a quarter of the way from 1 to the next bfloat16
    target = torch.empty(40_000, dtype=torch.bfloat16)
    round_stochastically(target, value, 0, key=3)
    assert target.float().mean().item() == pytest.approx(1 + 1 / 512, abs=1e-4)
    part = torch.empty(10_000, dtype=torch.bfloat16)
    round_stochastically(part, value[:10_000], 30_000, key=3)
    assert torch.equal(part, target[30_000:])


def test_eight_bits_are_the_nearest_codes_of_each_block():
    from whet.optim.codecs import Entry, begin, code_map, read, stored_as, write

    value = torch.randn(16, 512, generator=torch.Generator().manual_seed(0)) * torch.logspace(0, -4, 512)
    for entry, numbers in ((Entry("m", True), value), (Entry("v", False), value**2)):
        stored = stored_as((16, 512), "8bit")
        state = begin(entry, (16, 512), stored, torch.float32, "cpu")
        write(state, entry, stored, numbers)
        shares = numbers.view(16, 2, 256) / numbers.view(16, 2, 256).abs().amax(-1, keepdim=True)
        codes = code_map(entry.signed, torch.device("cpu"))
        nearest = codes[(shares.unsqueeze(-1) - codes).abs().argmin(-1)]
        expected = nearest * numbers.view(16, 2, 256).abs().amax(-1, keepdim=True)
        torch.testing.assert_close(read(state, entry, stored), expected.view(16, 512))


@pytest.mark.parametrize("signed", [True, False])
def test_codes_by_table_are_those_by_search(signed):
    from whet.optim.codecs import code_map, nearest_codes

    codes = code_map(signed, torch.device("cpu"))
    midpoints = (codes[:-1] + codes[1:]) / 2
    draw = torch.Generator().manual_seed(0)
    numbers = torch.rand(200_000, generator=draw) * 10 ** (-8 * torch.rand(200_000, generator=draw))
    numbers = torch.cat([numbers, codes, midpoints, midpoints.nextafter(torch.ones(255)), torch.zeros(1)])
    numbers = torch.cat([numbers, -numbers]) if signed else numbers[numbers >= 0]
    assert torch.equal(nearest_codes(numbers, signed).long(), torch.bucketize(numbers, midpoints))


def test_an_average_is_evaluated_and_the_weights_come_back():
    module, inner = made("adamw")
    chosen = Averaged(inner, 0.5)
    expected = None
    for step in range(4):
        learn(module, chosen, range(step, step + 1))
        weights = [p.detach().clone() for p in module.parameters()]
        expected = weights if expected is None else [0.5 * e + 0.5 * w for e, w in zip(expected, weights, strict=True)]
    with chosen.evaluation_weights():
        for parameter, average in zip(module.parameters(), expected, strict=True):
            torch.testing.assert_close(parameter.detach(), average)
    assert all(torch.equal(p, w) for p, w in zip(module.parameters(), weights, strict=True))


def test_an_average_is_kept_of_weights_whose_optimizer_keeps_no_state():
    module = Zoo()
    chosen = Averaged(adapted(torch.optim.SGD(module.parameters(), lr=0.1)), 0.5)
    learn(module, chosen, range(1))
    first = [p.detach().clone() for p in module.parameters()]
    learn(module, chosen, range(1, 2))
    with chosen.evaluation_weights():
        assert not any(torch.equal(p, w) for p, w in zip(module.parameters(), first, strict=True))
        found = [p.detach().clone() for p in module.parameters()]
    for parameter, begun, average in zip(module.parameters(), first, found, strict=True):
        torch.testing.assert_close(average, 0.5 * begun + 0.5 * parameter.detach())


def test_weights_come_back_where_those_to_evaluate_with_cannot_be_made(monkeypatch):
    module, chosen = made("schedule-free")
    learn(module, chosen, range(2))
    before = [p.detach().clone() for p in module.parameters()]
    real, calls = type(chosen.rule.evaluate).advance, []

    def advance(*given):
        calls.append(given)
        if len(calls) > 2:
            raise torch.OutOfMemoryError
        return real(*given)

    monkeypatch.setattr(type(chosen.rule.evaluate), "advance", advance)
    with pytest.raises(torch.OutOfMemoryError), chosen.evaluation_weights():
        pass
    assert all(torch.equal(p, w) for p, w in zip(module.parameters(), before, strict=True))


@pytest.mark.parametrize("kind", ["lion", "muon", "apollo", "adamw"])
def test_steps_inside_the_backward_pass_are_those_after_it(kind):
    module, chosen = made(kind, one_by_one=True)
    learn(module, chosen, range(4))
    other, inner = made(kind, one_by_one=True)
    inside = GradientOffload(inner)
    for step in range(4):
        inside.begin_step()
        (other(step) * 0.5).backward()  # two halves of a step, as micro-batches are
        inside.before_last_backward()
        (other(step) * 0.5).backward()
        assert all(p.grad is None for p in other.parameters())
        assert inside.after_backward() > 0
        inside.step()
    for first, second in zip(module.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-7)


def test_a_gradient_of_earlier_micro_batches_alone_is_stepped_with():
    """An expert that no token of the last micro-batch came to."""
    (module, plain), (other, inner) = made("lion"), made("lion")
    inside, ends = GradientOffload(inner), []
    for zoo, chosen in ((module, plain), (other, inside)):
        chosen.begin_step()
        zoo(0).backward()
        chosen.before_last_backward()
        (zoo.get_parameter("embed/weight") ** 2).sum().backward()
        chosen.after_backward()
        chosen.step()
        ends.append([p.detach().clone() for p in zoo.parameters()])
    assert all(torch.equal(first, second) for first, second in zip(*ends, strict=True))


def test_gradients_of_a_further_backward_pass_are_added_to_those_put_aside():
    """A tuner's penalty comes after the last micro-batch."""
    (module, plain), (other, inner) = made("lion"), made("lion")
    inside, norms = GradientOffload(inner), []
    for zoo, chosen in ((module, plain), (other, inside)):
        chosen.begin_step()
        chosen.before_last_backward()
        zoo(0).backward()
        (sum((p**2).sum() for p in zoo.parameters()) * 3.0).backward()
        norms.append(sum(float(p.grad.double().square().sum()) for p in zoo.parameters() if p.grad is not None))
        norms.append(chosen.after_backward())
        chosen.step()
    assert norms[1:3] == [None, 0] and float(norms[3]) == pytest.approx(norms[0])
    assert all(torch.equal(p, q) for p, q in zip(module.parameters(), other.parameters(), strict=True))


def test_a_measured_curvature_leaves_the_momentum_as_it_is_stored():
    module, chosen = made("sophia", settings={"state": "8bit"})
    learn(module, chosen, range(1))
    kept = {p: {k: v.clone() for k, v in s.items() if k.startswith("m")} for p, s in chosen.state.items()}
    module(1000).backward()
    chosen.curve(2.0)
    assert any(v.dtype == torch.uint8 for s in kept.values() for v in s.values())
    assert all(torch.equal(chosen.state[p][k], v) for p, s in kept.items() for k, v in s.items())


def test_parts_are_told_every_moment():
    from whet.contracts.optimizer import Optimizer
    from whet.optim.composite import Composite

    told = []

    class Told(Optimizer):
        def attach(self, watched):
            told.append("attach")

        def before_last_backward(self):
            told.append("before")

        def abort(self):
            told.append("abort")

    parts = [Told([torch.nn.Parameter(torch.zeros(1))], {}) for _ in range(2)]
    chosen = Composite(parts)
    chosen.attach([])
    chosen.before_last_backward()
    chosen.abort()
    assert told == ["attach", "attach", "before", "before", "abort", "abort"]


def test_what_is_stepped_beside_matrices_has_its_curvature_measured():
    module, chosen = made("muon", settings={"rest": {"kind": "sophia"}})
    learn(module, chosen, range(1))
    assert chosen.parts[1].state[module.get_parameter("embed/weight")]["curvature"].any()


def test_a_plain_torch_optimizer_has_all_moments_and_its_own_state():
    module, other = Zoo(), Zoo()
    chosen = adapted(torch.optim.Adagrad(module.parameters(), lr=0.1))
    own = torch.optim.Adagrad(other.parameters(), lr=0.1)
    learn(module, chosen, range(3))
    for step in range(3):
        own.zero_grad()
        other(step).backward()
        own.step()
    assert all(
        torch.equal(first, second) for first, second in zip(module.parameters(), other.parameters(), strict=True)
    )
    again = adapted(torch.optim.Adagrad(module.parameters(), lr=0.1))
    again.load_state_dict(chosen.state_dict())
    first = next(module.parameters())
    assert again.state[first]["step"] == 3 and again.clock is None


@pytest.mark.parametrize("average", [False, True])
def test_wide_state_of_narrow_weights_is_loaded_as_it_was_stored(average):
    class Wide(torch.optim.Optimizer):
        """Keeps a float32 momentum of bfloat16 weights."""

        @torch.no_grad()
        def step(self, closure=None):
            for parameter in self.param_groups[0]["params"]:
                state = self.state[parameter]
                state["m"] = state.get("m", torch.zeros(parameter.shape)) + parameter.grad.float() / 3
                parameter.sub_(state["m"].to(parameter.dtype))

    def made():
        weight = torch.nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
        plain = adapted(Wide([weight], {}))
        return weight, Averaged(plain, 0.5) if average else plain

    weight, first = made()
    for _ in range(3):
        weight.grad = torch.full_like(weight, 0.1)
        first.step()
    other, second = made()
    second.load_state_dict(first.state_dict())
    names = {"m", "ema"} if average else {"m"}
    assert second.state[other].keys() == first.state[weight].keys() == names
    for name in names:
        found, stored = second.state[other][name], first.state[weight][name]
        assert found.dtype == torch.float32 and torch.equal(found, stored) and found is not stored


def test_what_is_no_optimizer_is_refused():
    with pytest.raises(ConfigError, match="the optimizer is a `list`"):
        adapted([])


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


REFUSED = [
    ("galore", {"rank": 65}, "`optimizer.rank` is 65, and no matrix that is trained has sides of so many"),
    ("apollo", {"rank": 300}, "`optimizer.rank` is 300"),
    ("lisa", {"layers": 9}, "`optimizer.layers` is 9, and the model has 2"),
    ("schedule-free", {"betas": (0.0, 0.9)}, "divides by the first"),
]


@pytest.mark.parametrize(("kind", "settings", "message"), REFUSED)
def test_bad_settings_are_refused_by_name(kind, settings, message):
    with pytest.raises(ConfigError, match=message):
        build(kind, groups(Zoo()), **settings)


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


@pytest.mark.parametrize("kind", ["muon", "galore", "soap", "apollo"])
def test_matrix_kinds_are_refused_without_matrices(kind):
    with pytest.raises(ConfigError, match=f"`optimizer: {kind}` steps matrices, and none is trained"):
        build(kind, members([torch.zeros(8)], ["norm"]))


def test_block_kinds_are_refused_without_layers():
    with pytest.raises(ConfigError, match="this model repeats none"):
        build("badam", members([torch.zeros(8, 8)], ["m"]))


def test_costs_need_no_optimizer_to_be_built():
    kind = optimizer.get("galore")
    bytes_ = declared(kind, {"rank": 1024}, [Trained((4096, 11008), ParamRole.MATRIX)])
    assert bytes_ / math.prod((4096, 11008)) == pytest.approx(2.372, abs=0.001)  # (2 n r + m r) x 4 / (m n)


def test_a_family_says_no_to_layouts_it_does_not_know():
    turned = members([torch.zeros(8, 6).T], ["turned"])
    with pytest.raises(ConfigError, match="`turned` is not contiguous"):
        Family(turned, turned.with_decay(0.0, []), None, lr=1.0)

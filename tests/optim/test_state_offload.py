"""State that lies on the host: steps are the same to the bit, and so much of it is away as was said."""

from __future__ import annotations

import pytest
import torch

from tests.inverted_host_memory import Late
from tests.optim.problem import build
from tests.optim.zoo import SETTINGS, Zoo, groups, one_step
from whet.base.catalogue import optimizer
from whet.kernels.host_memory import host_memory
from whet.kernels.layout import local
from whet.optim.costs import offloaded
from whet.optim.gradient_offload import GradientOffload
from whet.optim.state_offload import SMALLEST_BYTES, StateOffload

# What is refused reads state outside of a step (`train.setup.conflicts`).
REFUSED = {"schedule-free", "sophia", "muonclip"}
KINDS = [kind for kind in SETTINGS if kind not in REFUSED and optimizer.get(kind).facts.one_by_one]


def steps(kind: str, wrap, count: int = 5, **settings):
    torch.manual_seed(0)
    module = Zoo()
    chosen = wrap(build(kind, groups(module), **{**SETTINGS[kind], **settings}))
    for step in range(count):
        one_step(chosen, lambda step: module(step).backward(), step)
    return chosen, [p.detach().clone() for p in module.parameters()]


def large(chosen) -> dict[int, int]:
    """Bytes of state by parameter, without what is too small to leave."""
    found = {}
    for parameter, state in chosen.state.items():
        sizes = [local(value).nbytes for value in state.values() if isinstance(value, torch.Tensor)]
        found[id(parameter)] = sum(size for size in sizes if size >= SMALLEST_BYTES)
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_step_is_the_same_to_the_bit(kind, share):
    memory = Late()
    plain, expected = steps(kind, lambda inner: inner)
    chosen, found = steps(kind, lambda inner: StateOffload(inner, memory, share))
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
    assert memory.held_bytes == sum(
        size for key, size in large(chosen).items() if key in set(map(id, chosen.offloaded))
    )
    assert chosen.clock == plain.clock


@pytest.mark.parametrize("state", ["bf16", "8bit"])
def test_compressed_state_leaves_as_it_is(state):
    memory = Late()
    _, expected = steps("adamw", lambda inner: inner, state=state)
    _, found = steps("adamw", lambda inner: StateOffload(inner, memory, 1.0), state=state)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True)) and memory.held_bytes > 0


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_the_share_is_met_as_nearly_as_whole_tensors_allow(share):
    sizes = [320, 8, 64, 64, 96, 8, 64, 64, 96, 8, 320]
    away = sum(size for size, goes in zip(sizes, offloaded(sizes, share), strict=True) if goes)
    assert abs(away - share * sum(sizes)) <= max(sizes) / 2


def test_gradients_and_state_may_both_be_away():
    memory = Late()

    def both(inner):
        return GradientOffload(StateOffload(inner, memory, 1.0))

    def alone(inner):
        return GradientOffload(inner)

    def run(wrap):
        module = Zoo()
        chosen = wrap(build("lion", groups(module, one_by_one=True)))
        for step in range(3):
            chosen.begin_step()
            chosen.before_last_backward()
            module(step).backward()
            chosen.after_backward()
            chosen.step()
        return [p.detach().clone() for p in module.parameters()]

    assert all(torch.equal(a, b) for a, b in zip(run(both), run(alone), strict=True)) and memory.held_bytes > 0
    assert not memory.under_way, "a checkpoint would read what has not come to lie there yet"


def test_a_step_that_fails_leaves_no_state_on_the_device(monkeypatch):
    memory = Late()
    chosen, _ = steps("adamw", lambda inner: StateOffload(inner, memory, 1.0), count=1)
    lain = {id(local(value)) for state in chosen.state.values() for value in state.values() if torch.is_tensor(value)}

    def failing(group, parameters):
        raise MemoryError

    monkeypatch.setattr(chosen.inner, "update", failing)
    for parameter in chosen.offloaded:
        parameter.grad = torch.zeros_like(parameter)
    with pytest.raises(MemoryError):
        chosen.step()
    assert {id(local(v)) for state in chosen.state.values() for v in state.values() if torch.is_tensor(v)} == lain


def test_an_empty_entry_of_what_is_away_is_made_where_it_will_lie():
    memory = host_memory(torch.device("cpu"))
    chosen, _ = steps("adamw", lambda inner: StateOffload(inner, memory, 1.0), count=1)
    before = memory.held_bytes
    parameter = max(chosen.offloaded, key=lambda p: p.numel())
    made = chosen.blank(parameter, "exp_avg", parameter.shape, torch.float32)
    assert memory.held_bytes - before == made.nbytes == parameter.numel() * 4

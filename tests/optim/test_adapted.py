"""Optimizers of others have all moments of ours, and their own state."""

from __future__ import annotations

import pytest
import torch

from tests.optim.zoo import Zoo, learn
from whet.base.errors import ConfigError
from whet.optim.adapted import adapted
from whet.optim.ema import Averaged


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

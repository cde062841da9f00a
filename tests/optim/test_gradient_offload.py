"""Steps that hold one gradient at a time are those with all of them."""

from __future__ import annotations

import pytest
import torch

from tests.optim.made import made
from tests.optim.zoo import learn
from whet.optim.gradient_offload import GradientOffload


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

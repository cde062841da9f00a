"""An average of the weights is evaluated, and the weights come back."""

from __future__ import annotations

import pytest
import torch

from tests.optim.made import made
from tests.optim.zoo import Zoo, learn
from whet.optim.adapted import adapted
from whet.optim.ema import Averaged


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

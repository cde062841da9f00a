from __future__ import annotations

import math

import pytest

from tests.tiny import config
from whet.base.config import from_mapping
from whet.base.run import Watchdog as Settings
from whet.train.build import assemble
from whet.train.checkpoints.places import complete, step_of
from whet.train.step.watchdog import Watchdog


def falling(step: int) -> float:
    return 5.0 * math.exp(-step / 100) + 0.05 * math.sin(step * 1.7)


@pytest.mark.parametrize("figures", [(math.nan, 1.0), (math.inf, 1.0), (2.0, math.nan)])
def test_a_figure_that_is_not_finite_is_an_alarm_at_once(figures):
    assert "not finite" in Watchdog(Settings()).look(*figures)


def test_an_ordinary_falling_loss_raises_nothing():
    dog = Watchdog(Settings())
    assert [dog.look(falling(step), 1.0) for step in range(400)] == [None] * 400


def test_a_spike_is_an_alarm_only_when_it_stays():
    dog = Watchdog(Settings(patience=3))
    for step in range(50):
        dog.look(falling(step), 1.0)
    assert [dog.look(loss, 1.0) is not None for loss in (20.0, 3.0, 20.0, 20.0, 20.0)] == [
        False,
        False,
        False,
        False,
        True,
    ]


def test_a_smaller_spike_is_enough_where_the_config_says_so():
    for spike, alarms in ((3.0, True), (30.0, False)):
        dog = Watchdog(Settings(spike=spike, patience=1))
        for step in range(50):
            dog.look(1.0 + 0.01 * (step % 2), 1.0)
        assert (dog.look(1.3, 1.0) is not None) is alarms


@pytest.mark.parametrize("window", [1, 4, 8, 16])
def test_a_short_window_sees_spikes_too(window):
    dog = Watchdog(Settings(window=window, patience=1))
    assert [dog.look(1.0, 1.0) for _ in range(20)] == [None] * 20
    assert "far above" in dog.look(50.0, 1.0)


def test_off_says_nothing():
    assert Watchdog(Settings(action="off")).look(math.nan, 1.0) is None


def test_the_state_restores_the_same_judgement():
    first, second = Watchdog(Settings(patience=2)), Watchdog(Settings(patience=2))
    for step in range(40):
        first.look(falling(step), 1.0)
    first.look(50.0, 1.0)
    second.load_state_dict(first.state_dict())
    assert second.look(50.0, 1.0) == first.look(50.0, 1.0) is not None


@pytest.mark.case("H2")
@pytest.mark.parametrize("action", ["stop", "off"])
@pytest.mark.parametrize(("step", "seen"), [(3, "before its checkpoint"), (4, "in the next step"), (6, "at the end")])
def test_an_update_that_breaks_a_weight_ends_the_run_before_anything_is_kept_of_it(tmp_path, action, step, seen):
    """Gradients are finite, and so is the loss until the next step: only the weights tell."""
    built = assemble(from_mapping(config(tmp_path, train={"steps": 6, "watchdog": {"action": action}})))
    loop, optimizer = built.loop, built.loop.executor.optimizer
    name, parameter = next(iter(loop.executor.module.named_parameters()))

    def breaking(closure=None):
        plain()
        if loop.progress.step == step - 1:
            parameter.data.flatten()[5] = math.inf

    plain, optimizer.step = optimizer.step, breaking
    ended = loop.run()
    assert (ended.outcome, ended.step) == ("failed", step), seen
    assert f"the update of step {step} made 1 weights, such as `{name}`, infinite or undefined" in ended.reason
    assert all(step_of(kept) < step for kept in complete(built.folder.checkpoints))

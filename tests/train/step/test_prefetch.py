"""The next step is made while the present one is learned from, and nothing else changes: order, state, errors."""

import threading

import numpy as np
import pytest
import torch

from tests.tiny import config
from tests.train.conftest import loop_records, records_of
from whet.base.config import from_mapping, load
from whet.base.errors import DataError
from whet.contracts.sample import Sample
from whet.contracts.steps import Step, Stop
from whet.data.order.collate import collate
from whet.train.build import assemble
from whet.train.run.folder import RunFolder
from whet.train.step.prefetch import Prefetch

CPU = torch.device("cpu")


class Counting:
    """A source of `total` steps of one sample; `fails_at` raises there. Notes in which thread each step is made."""

    def __init__(self, total=4, fails_at=None, can_prefetch=True):
        self.total, self.can_prefetch, self._fails_at, self.at, self.threads = total, can_prefetch, fails_at, 0, []

    def next(self, step):
        assert step == self.at
        if step >= self.total:
            return Stop("done")
        if step == self._fails_at:
            raise DataError(f"row {step} is bad", hint="mend it")
        self.at += 1
        self.threads.append(threading.current_thread() is threading.main_thread())
        sample = Sample(np.arange(step + 1, step + 4, dtype=np.int32), np.ones(3, np.float32))
        return Step(step, [3], lambda index: sample)

    def state_dict(self):
        return {"at": self.at}

    def load_state_dict(self, state):
        self.at = state["at"]


def deal(step):
    return [collate([step.fetch(0)])]


def ids(batches):
    return [batch.text.ids.tolist() for batch in batches]


def test_steps_come_in_order_with_their_batches_and_the_next_is_made_in_a_thread():
    source = Counting()
    ahead = Prefetch(source, CPU)
    for number in range(4):
        step = ahead.next(number)
        assert step.index == number and ids(ahead.dealt(step, deal)) == [[number + 1, number + 2, number + 3]]
        ahead.begin(number + 1, deal)
    assert isinstance(ahead.next(4), Stop) and source.threads == [True, False, False, False]


def test_the_state_is_that_of_the_steps_given_out_whatever_is_on_its_way():
    source = Counting()
    ahead = Prefetch(source, CPU)
    ahead.next(0)
    ahead.begin(1, deal)
    ahead.settle()
    assert source.at == 2 and ahead.state_dict() == {"at": 1}
    ahead.load_state_dict(ahead.state_dict())
    assert source.at == 1 and ahead.next(1).index == 1 and ahead.state_dict() == {"at": 2}


def test_an_error_comes_with_its_step_and_not_before():
    ahead = Prefetch(Counting(fails_at=1), CPU)
    assert ahead.next(0).index == 0
    ahead.begin(1, deal)
    ahead.settle()
    ahead.forget_batches()
    with pytest.raises(DataError, match="row 1 is bad") as error:
        ahead.next(1)
    assert error.value.hint == "mend it"


def test_a_source_that_depends_on_the_weights_is_asked_in_its_turn():
    source = Counting(can_prefetch=False)
    ahead = Prefetch(source, CPU)
    ahead.next(0)
    ahead.begin(1, deal)
    assert source.at == 1 and ahead.state_dict() == {"at": 1}


def test_smaller_micro_batches_hold_for_what_was_dealt_ahead():
    ahead = Prefetch(Counting(), CPU)
    ahead.next(0)
    ahead.begin(1, deal)
    ahead.forget_batches()
    dealt_anew = [object()]
    assert ahead.dealt(ahead.next(1), lambda step: dealt_anew) is dealt_anew


def metrics(records):
    return [(r["step"], r["metrics"]["loss"], r["metrics"]["grad_norm"]) for r in records if r["kind"] == "step"]


@pytest.mark.parametrize(
    "section", [{}, pytest.param({"streaming": True, "held_out": []}, marks=pytest.mark.slow)], ids=["store", "stream"]
)
def test_runs_with_and_without_it_and_resumed_ones_are_equal_to_the_bit(tmp_path, monkeypatch, section):
    """The oracle never begins a step ahead; the other is stopped at a step, and goes on from its checkpoint."""
    ahead = metrics(loop_records(tmp_path, "ahead", data=section, train={"steps": 6}))
    with monkeypatch.context() as without:
        without.setattr(Prefetch, "begin", lambda *_: None)
        assert metrics(loop_records(tmp_path, "plain", data=section, train={"steps": 6})) == ahead
    built = assemble(from_mapping(config(tmp_path, name="cut", data=section, train={"steps": 6})))
    for number in range(3):
        built.loop.advance(built.loop.source.next(number))
    built.loop._checkpoint()
    built.close()
    built = assemble(load(built.folder.config), RunFolder(built.folder.path))
    built.loop.run()
    built.close()
    assert metrics(records_of(built.folder.path)) == ahead

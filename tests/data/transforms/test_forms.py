"""Drawn steps: the same order, each sample drawn for its pass over the data, resumed exactly."""

from __future__ import annotations

from tests.data.transforms.test_masking import masking, passage
from whet.data.order.dataset import Part, TokenStore
from whet.data.order.step_source import DatasetSource
from whet.data.store.table import SampleTable
from whet.data.transforms.forms import HELD_OUT_PASS, Drawn, drawn

ROWS = [passage(10 + 3 * i, row=i) for i in range(12)]
DATA = TokenStore([Part(SampleTable.of(ROWS), "file", 1.0, "rows", 12)])


def source() -> Drawn:
    return Drawn(DatasetSource(DATA, seed=0, batch_tokens=64, epochs=3, window_steps=2), masking())


def seen(step):
    """Row, and what was hidden, of each sample of a step."""
    samples = [step.fetch(i) for i in range(len(step.lengths))]
    return [(s.origin.row, s.ids.tolist(), s.weights.tolist()) for s in samples]


def test_each_pass_hides_other_tokens_of_every_sample():
    steps = source()
    found = {}
    for number in range(steps.total):
        step = steps.next(number)
        for row, ids, weights in seen(step):
            assert (row, step.passes) not in found
            found[row, step.passes] = (ids, weights)
    assert set(found) == {(row, passes) for row in range(12) for passes in range(3)}
    for row in range(12):
        assert len({str(found[row, passes]) for passes in range(3)}) == 3


def test_a_source_that_goes_on_from_its_state_draws_the_same():
    first, again = source(), source()
    for number in range(7):
        first.next(number)
    again.load_state_dict(first.state_dict())
    for number in range(7, first.total):
        assert seen(first.next(number)) == seen(again.next(number))


def test_the_held_out_step_is_the_same_whenever_it_is_measured():
    step = DatasetSource(DATA, seed=0, batch_tokens=10_000, epochs=1).next(0)
    once, twice = (seen(drawn(step, masking(), HELD_OUT_PASS)) for _ in range(2))
    assert once == twice
    assert once != seen(drawn(step, masking(), 0))

"""The step source of a data set: every sample once an epoch, the same steps for all ranks, exact resume."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.memory import steps_of, store_of
from whet.base.errors import ConfigError, DataError, RunError
from whet.contracts.steps import Stateful, Stop
from whet.data.order.step_source import DatasetSource

lengths_of_sources = st.lists(st.lists(st.integers(2, 30), min_size=1, max_size=15), min_size=1, max_size=3)


def source_of(store, **changes):
    return DatasetSource(store, **{"seed": 3, "batch_tokens": 32, "window_steps": 3, "epochs": 2, **changes})


@given(lengths_of_sources, st.integers(0, 9), st.booleans())
def test_every_sample_comes_once_an_epoch(lengths, seed, shuffle):
    steps = steps_of(source_of(store_of(*lengths), seed=seed, shuffle=shuffle, epochs=1))
    rows = [("abc"[s], row, 0, n) for s, own in enumerate(lengths) for row, n in enumerate(own)]
    assert sorted(sample for step in steps for sample in step) == sorted(rows)
    assert all(sum(n for *_, n in step) <= 32 for step in steps)


@given(lengths_of_sources, st.sampled_from([{"epochs": 2}, {"epochs": 1.5}, {"tokens": 90}, {"steps": 7}]))
def test_the_total_is_the_number_of_steps_that_come(lengths, length):
    source = source_of(store_of(*lengths), **{"epochs": None, **length})
    total = source.total
    assert len(steps_of(source)) == total
    assert isinstance(source.next(total), Stop)


@settings(max_examples=15)
@given(lengths_of_sources, st.integers(1, 5))
def test_resumed_from_any_step_the_remaining_steps_are_the_same(lengths, window_steps):
    store = store_of(*lengths)
    source = source_of(store, window_steps=window_steps, epochs=1.4)
    whole = steps_of(source_of(store, window_steps=window_steps, epochs=1.4))
    for step in range(len(whole) + 1):
        resumed = source_of(store, window_steps=window_steps, epochs=1.4)
        resumed.load_state_dict(json.loads(json.dumps(source.state_dict())))
        assert steps_of(resumed, step) == whole[step:]
        if step < len(whole):
            source.next(step)


@given(lengths_of_sources)
def test_a_run_of_tokens_ends_with_the_step_that_reaches_them(lengths):
    steps = steps_of(source_of(store_of(*lengths), epochs=None, tokens=100))
    sums = [sum(n for *_, n in step) for step in steps]
    assert sum(sums) >= 100 > sum(sums[:-1])


def test_steps_do_not_depend_on_rank_or_world_size(monkeypatch):
    store, seen = store_of([5, 9, 3] * 10), []
    for rank, size in ((0, 1), (0, 4), (3, 4)):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("WORLD_SIZE", str(size))
        seen.append(steps_of(source_of(store)))
    assert seen[0] == seen[1] == seen[2]


def test_epochs_differ_in_order_and_the_epoch_counts_up():
    source = source_of(store_of([4] * 40), epochs=3)
    steps = [source.next(i) for i in range(source.total)]
    assert [step.epoch for step in steps] == pytest.approx([(i + 1) / 5 for i in range(15)])
    orders = [[step.fetch(i).origin.row for step in steps[e : e + 5] for i in range(8)] for e in (0, 5, 10)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(40))
    assert orders[0] != orders[1] != orders[2]


def test_steps_by_samples_hold_that_many_whatever_their_length():
    store = store_of([3, 30, 5, 8, 2, 2, 9])
    steps = steps_of(source_of(store, batch_tokens=None, batch_samples=3, epochs=1))
    assert [len(step) for step in steps] == [3, 3, 1]


def test_a_source_of_weight_two_comes_twice_an_epoch():
    steps = steps_of(source_of(store_of([4] * 5, [4] * 6, weights=[2.0, 1.0]), epochs=1))
    rows = [sample[:2] for step in steps for sample in step]
    assert all(rows.count(("a", row)) == 2 for row in range(5)) and all(rows.count(("b", row)) == 1 for row in range(6))


def test_a_sample_above_the_budget_is_alone_in_its_step_and_noted():
    source = source_of(store_of([5, 40, 5]), epochs=1)
    assert sorted(sorted(n for *_, n in step) for step in steps_of(source)) == [[5, 5], [40]]
    assert source.notices == ("1 sample has more than the 32 tokens of a step, and a step to each",)
    assert source_of(store_of([5])).notices == ()


CHANGES = {"seed": 4, "batch_tokens": 64, "window_steps": 2, "shuffle": False}


@pytest.mark.parametrize("name", [*CHANGES, "data"])
def test_a_change_of_what_decides_the_order_is_refused_by_name(name):
    state = source_of(store_of([5] * 9)).state_dict()
    store = store_of([5] * 10) if name == "data" else store_of([5] * 9)
    with pytest.raises(RunError, match=f": {name} \\(was"):
        source_of(store, **{k: v for k, v in CHANGES.items() if k == name}).load_state_dict(state)


def test_a_run_may_be_made_longer_when_it_is_resumed():
    store = store_of([5] * 60)
    source, longer = source_of(store, epochs=1), source_of(store, epochs=2)
    first = steps_of(source, 0, 4)
    longer.load_state_dict(source.state_dict())
    assert longer.total == 2 * source.total
    assert first + steps_of(longer, 4) == steps_of(source_of(store, epochs=2))


def test_the_state_does_not_grow_with_the_data():
    sizes = [len(json.dumps(source_of(store_of([5] * n)).state_dict())) for n in (100, 3000)]
    assert sizes[1] < sizes[0] + 20


def test_steps_are_given_out_in_order():
    source = source_of(store_of([5] * 60))
    source.next(0)
    with pytest.raises(RunError, match="step 5 was asked for, and the data stands at step 1"):
        source.next(5)
    assert isinstance(source, Stateful)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 3}, "give one of steps, tokens, epochs: steps and epochs are given"),
        ({"epochs": None}, "give one of steps, tokens, epochs: none is"),
        ({"batch_samples": 3}, "give one of batch_tokens, batch_samples"),
        ({"epochs": 0}, "epochs is 0, not positive"),
    ],
)
def test_no_two_lengths_and_no_two_batches(changes, message):
    with pytest.raises(ConfigError, match=message):
        source_of(store_of([5]), **changes)


def test_weights_that_leave_nothing_are_refused():
    with pytest.raises(DataError, match="nothing to train on"):
        source_of(store_of([5, 5], weights=[0.0]))

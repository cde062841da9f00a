"""The streaming source: every row once an epoch, exact resume, and nothing dropped in silence."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.memory import steps_of
from tests.data.words import WordRenderer, words, write_rows
from whet.base.errors import ConfigError, DataError, RunError
from whet.contracts.steps import Stateful, Stop
from whet.data.order.stream import StreamingSource
from whet.data.render.recipe import Recipe
from whet.data.sources.files import Source
from whet.data.store.ledger import Ledger

in_tmp_path = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=8
)
lengths_of_sources = st.lists(st.lists(st.integers(2, 30), min_size=1, max_size=15), min_size=1, max_size=3)


def sources_of(folder, lengths_of_sources, weights=(1.0, 1.0, 1.0)):
    sources = []
    for name, lengths, weight in zip("abc", lengths_of_sources, weights, strict=False):
        path = write_rows(folder / f"{name}.jsonl", [words(n) for n in lengths])
        sources.append(Source(str(path), name, weight=weight))
    return sources


def stream_of(sources, ledger=None, max_length=None, **changes):
    settings = {"seed": 3, "batch_tokens": 32, "window_steps": 3, "steps": 1000, **changes}
    recipe = Recipe(WordRenderer(), frozenset({"text"}), max_length, "auto")
    return StreamingSource(sources, recipe, ledger=ledger or Ledger(), **settings)


def epoch_of(source):
    """The steps of the first epoch."""
    steps, number = [], 0
    while (step := source.next(number)).epoch == 0:
        steps.append([step.fetch(i) for i in range(len(step.lengths))])
        number += 1
    return steps


@in_tmp_path
@given(lengths_of_sources, st.integers(0, 9), st.booleans())
def test_every_row_comes_once_an_epoch_in_steps_within_the_budget(tmp_path, lengths, seed, shuffle):
    steps = epoch_of(stream_of(sources_of(tmp_path, lengths), seed=seed, shuffle=shuffle))
    rows = sorted((s.origin.source, s.origin.row, s.num_tokens) for step in steps for s in step)
    assert rows == sorted(("abc"[k], row, n) for k, own in enumerate(lengths) for row, n in enumerate(own))
    assert all(sum(s.num_tokens for s in step) <= 32 for step in steps)


@pytest.mark.parametrize("window_steps", [1, 3])
def test_resumed_from_any_step_the_remaining_steps_are_the_same(tmp_path, window_steps):
    """Two epochs of long documents that are cut into pieces, some carried over, and of a source that ends early."""
    lengths, changes = (
        [[5, 70, 18, 31, 9, 17, 25], [20, 3]],
        {"window_steps": window_steps, "max_length": 20, "steps": 18},
    )
    sources = sources_of(tmp_path, lengths, weights=(1.0, 1.5))
    place = stream_of(sources, **changes)
    assert any(place.next(i) and place.state_dict()["place"]["carried_from"] for i in range(9))
    whole = steps_of(stream_of(sources, **changes))
    source = stream_of(sources, **changes)
    for step in range(18):
        resumed = stream_of(sources, **changes)
        resumed.load_state_dict(json.loads(json.dumps(source.state_dict())))
        assert steps_of(resumed, step) == whole[step:]
        source.next(step)


def test_epochs_differ_in_order(tmp_path):
    source = stream_of(sources_of(tmp_path, [[4] * 40]), steps=15)
    steps = steps_of(source)
    orders = [[row for step in steps[e : e + 5] for _, row, *_ in step] for e in (0, 5, 10)]
    assert all(sorted(order) == list(range(40)) for order in orders)
    assert orders[0] != orders[1] != orders[2]
    assert isinstance(source.next(15), Stop) and isinstance(source, Stateful)


def test_unshuffled_rows_come_in_the_order_of_the_files(tmp_path):
    steps = epoch_of(stream_of(sources_of(tmp_path, [[8] * 6, [8] * 6]), shuffle=False))
    assert [(s.origin.source, s.origin.row) for step in steps for s in step] == [(n, r) for n in "ab" for r in range(6)]


def test_sources_of_unequal_size_are_mixed_from_the_first_step_to_the_last(tmp_path):
    steps = epoch_of(stream_of(sources_of(tmp_path, [[4] * 300, [4] * 60]), window_steps=8))
    number = len(steps) // 3
    for third in (steps[:number], steps[number : 2 * number], steps[2 * number :]):
        share = sum(s.origin.source == "b" for step in third for s in step) / sum(map(len, third))
        assert 0.1 < share < 0.25  # a sixth


def test_a_weight_is_how_often_a_row_comes_in_an_epoch(tmp_path):
    steps = epoch_of(stream_of(sources_of(tmp_path, [[4] * 7, [4] * 200], weights=(2.0, 0.5))))
    rows = [(s.origin.source, s.origin.row) for step in steps for s in step]
    assert all(rows.count(("a", row)) == 2 for row in range(7))
    counts = [rows.count(("b", row)) for row in range(200)]
    # Binomial: 100 of 200 with a deviation of 7.
    assert max(counts) == 1 and abs(sum(counts) - 100) < 36


def test_the_window_is_rendered_and_no_more_than_a_chunk_beyond(tmp_path):
    source = stream_of(sources_of(tmp_path, [[16] * 1000]), window_steps=4)
    source.next(0)
    assert source._recipe.renderer.num_rendered <= 64 * 2


def test_worker_processes_give_the_same_steps(tmp_path):
    sources = sources_of(tmp_path, [[5, 7, 9] * 30, [3] * 20])
    assert steps_of(stream_of(sources, steps=20, workers=2)) == steps_of(stream_of(sources, steps=20))


def test_refused_rows_are_listed_once_whatever_the_epoch(tmp_path):
    path = write_rows(tmp_path / "a.jsonl", [words(5), "bad", words(5), words(5)])
    ledger = Ledger()
    steps = steps_of(stream_of([Source(str(path), "a")], ledger, steps=9, batch_tokens=10, max_skipped=0.25))
    assert {row for step in steps for _, row, *_ in step} == {0, 2, 3}
    assert [(entry.row, entry.reason) for entry in ledger] == [(1, "bad_word")]
    assert ledger.num_rows == {"a": 4}


def test_too_many_refused_rows_stop_the_stream_also_after_a_restart(tmp_path):
    good, bad = [words(20)] * 40, ["bad"] * 40
    sources = [Source(str(write_rows(tmp_path / "a.jsonl", [*good, *bad, *good])), "a")]
    first = stream_of(sources, max_skipped=0.03, shuffle=False)
    first.next(0)
    resumed = stream_of(sources, max_skipped=0.03, shuffle=False)
    resumed.load_state_dict(first.state_dict())
    for source in (first, resumed):
        with pytest.raises(DataError, match=r"rows were skipped, more than the share of 0.03 .* bad_word"):
            steps_of(source, 1)


def test_after_an_epoch_the_share_of_skipped_rows_is_that_of_all(tmp_path):
    path = write_rows(tmp_path / "a.jsonl", [*["bad"] * 3, *[words(8)] * 60])
    source = stream_of([Source(str(path), "a")], max_skipped=0.04)
    assert len(steps_of(source, 0, 9)) == 9
    with pytest.raises(DataError, match="3 of 63 rows were skipped"):
        steps_of(source, 9)


def test_rows_that_are_all_refused_are_an_error_not_an_endless_loop(tmp_path):
    path = write_rows(tmp_path / "a.jsonl", ["bad"] * 3)
    with pytest.raises(DataError, match="no row is left to learn from: 3 rows; 3 skipped"):
        stream_of([Source(str(path), "a")], max_skipped=1.0).next(0)


@pytest.mark.parametrize("changes", [{"seed": 4}, {"batch_tokens": 64}, {"window_steps": 2}, {"max_length": 7}])
def test_a_change_of_what_decides_the_order_is_refused_by_name(tmp_path, changes):
    sources = sources_of(tmp_path, [[5] * 9])
    state = stream_of(sources).state_dict()
    name = "rendering" if "max_length" in changes else next(iter(changes))
    with pytest.raises(RunError, match=f"{name} \\(was"):
        stream_of(sources, **changes).load_state_dict(state)


def test_a_changed_file_is_refused(tmp_path):
    state = stream_of(sources_of(tmp_path, [[5] * 9])).state_dict()
    with pytest.raises(RunError, match="data \\(was"):
        stream_of(sources_of(tmp_path, [[5] * 10])).load_state_dict(state)


def test_the_length_is_steps_or_the_steps_that_hold_the_tokens(tmp_path):
    sources = sources_of(tmp_path, [[4] * 40])
    assert stream_of(sources, steps=None, tokens=65).total == 3
    with pytest.raises(ConfigError, match="give one of steps, tokens: none is"):
        stream_of(sources, steps=None)
    with pytest.raises(ConfigError, match="counted in samples"):
        stream_of(sources, steps=None, tokens=65, batch_tokens=None, batch_samples=2)

"""Held-out parts: chosen by the seed, whole documents, of every source."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.memory import steps_of, store_of
from tests.data.words import WordRenderer, words, write_rows
from whet.base.errors import DataError
from whet.data.order.dataset import held_out
from whet.data.order.step_source import DatasetSource
from whet.data.sources.files import Source
from whet.data.store.ledger import Ledger
from whet.data.store.token_store import build_store


def rows_of(view):
    return [(view[i].origin.source, view[i].origin.row) for i in range(len(view))]


@given(st.lists(st.integers(10, 30), min_size=1, max_size=3), st.sampled_from([0.1, 0.25, 0.5]), st.integers(0, 99))
def test_both_parts_together_are_the_whole_and_each_source_gives_its_share(sizes, fraction, seed):
    store = store_of(*([3] * size for size in sizes))
    train, held = held_out(store, fraction, seed)
    assert sorted(rows_of(train) + rows_of(held)) == rows_of(store)
    for number, size in enumerate(sizes):
        assert sum(source == "abc"[number] for source, _ in rows_of(held)) == round(fraction * size)
        span = held.spans[number]
        assert all(held[i].origin.source == span.source for i in range(span.start, span.stop))


def test_the_choice_is_that_of_the_seed():
    store = store_of([3] * 100)
    assert rows_of(held_out(store, 0.2, 1)[1]) == rows_of(held_out(store, 0.2, 1)[1])
    assert rows_of(held_out(store, 0.2, 1)[1]) != rows_of(held_out(store, 0.2, 2)[1])
    assert len({held_out(store, 0.2, seed)[side].hash for seed in (1, 2) for side in (0, 1)}) == 4


def test_pieces_of_one_document_stay_on_one_side(tmp_path):
    path = write_rows(tmp_path / "a.jsonl", [words(30)] * 12)
    store = build_store(
        [Source(str(path), "a")], WordRenderer(), takes=frozenset({"text"}), ledger=Ledger(),
        max_length=8, truncation="split", cache=tmp_path,
    )  # fmt: skip
    train, held = held_out(store, 0.25, 0)
    assert len(set(rows_of(held))) == 3 and not set(rows_of(held)) & set(rows_of(train))
    assert len(held) == 3 * len(store) // 12


def test_of_one_long_text_the_end_is_held_out(tmp_path):
    path = write_rows(tmp_path / "a.jsonl", [words(300)])
    store = build_store(
        [Source(str(path), "a")], WordRenderer(), takes=frozenset({"text"}), ledger=Ledger(),
        max_length=11, truncation="split", cache=tmp_path,
    )  # fmt: skip
    train, held = held_out(store, 0.1, 0)
    assert [held[i].origin.part for i in range(len(held))] == [27, 28, 29] and len(train) == 27


def test_a_part_trains_like_a_data_set():
    train, _ = held_out(store_of([4] * 20, [4] * 10, weights=[1.0, 2.0]), 0.5, 0)
    steps = steps_of(DatasetSource(train, seed=0, batch_tokens=16, epochs=1))
    rows = [sample[:2] for step in steps for sample in step]
    assert len(rows) == 10 + 2 * 5 and set(rows) == set(rows_of(train))


@pytest.mark.parametrize(
    ("fraction", "message"), [(0.01, "nothing is held out"), (0.99, "nothing is left to train on")]
)
def test_a_part_without_samples_is_refused(fraction, message):
    with pytest.raises(DataError, match=message):
        held_out(store_of([3] * 5), fraction, 0)

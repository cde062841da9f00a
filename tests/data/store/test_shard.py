"""Tables and shards: samples come back as they went in, from memory and from files."""

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whet.base.errors import DataError, RunError
from whet.contracts.sample import Origin, Sample
from whet.data.store.ledger import Entry
from whet.data.store.shard import ShardWriter, read_shard
from whet.data.store.table import SampleTable

tokens = st.lists(st.tuples(st.integers(0, 100_000), st.sampled_from([0.0, 0.25, 1.0])), min_size=1, max_size=9)
chunks = st.lists(st.lists(tokens, max_size=4), max_size=4)


def sample(pairs, row=0, part=0, **fields):
    ids, weights = np.array([i for i, _ in pairs], np.int32), np.array([w for _, w in pairs], np.float32)
    return Sample(ids, weights, fields, Origin("a", row, part))


def same(one, other):
    assert one.ids.dtype == other.ids.dtype == np.int32 and one.weights.dtype == np.float32
    np.testing.assert_array_equal(one.ids, other.ids)
    np.testing.assert_array_equal(one.weights, other.weights)
    assert one.origin == other.origin and one.fields.keys() == other.fields.keys()
    for name in one.fields:
        np.testing.assert_array_equal(one.fields[name], other.fields[name])


def write(folder, chunks, **facts):
    writer = ShardWriter(folder)
    for chunk in chunks:
        writer.append(SampleTable.of(chunk))
    return writer.commit(facts)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=20)
@given(chunks)
def test_samples_come_back_from_memory_and_from_files(tmp_path, chunks):
    made, row = [], 0
    for chunk in chunks:
        made.append([sample(pairs, row + i, i) for i, pairs in enumerate(chunk)])
        row += len(chunk)
    flat = [one for chunk in made for one in chunk]
    with_files = write(tmp_path / f"{os.urandom(8).hex()}", made).table
    for table in (SampleTable.of(flat), with_files):
        assert len(table) == len(flat) and table.lengths.tolist() == [one.num_tokens for one in flat]
        assert table.columns["trained"].tolist() == [int((one.weights[1:] > 0).sum()) for one in flat]
        for index, one in enumerate(flat):
            same(table.sample(index, "a"), one)


def test_ids_take_two_bytes_until_one_needs_more(tmp_path):
    small, large = sample([(65_535, 1.0)] * 3), sample([(65_536, 1.0)] * 3)
    table = write(tmp_path / "small", [[small], [small]]).table
    assert table.columns["ids"].dtype == np.uint16
    table = write(tmp_path / "large", [[small], [large], [small]]).table
    assert table.columns["ids"].dtype == np.int32
    assert table.columns["ids"].tolist() == [65_535] * 3 + [65_536] * 3 + [65_535] * 3


def test_weights_are_stored_by_run_not_by_token(tmp_path):
    write(tmp_path / "shard", [[sample([(1, 0.0)] * 500 + [(2, 1.0)] * 500)] * 10])
    assert (tmp_path / "shard" / "run_values").stat().st_size == 10 * 2 * 4


def test_fields_are_integers_only_where_all_values_are(tmp_path):
    numbers = [1, 2, 2.5, 3]
    rows = [[sample([], row, label=number, features=[0.5, row])] for row, number in enumerate(numbers)]
    table = write(tmp_path / "shard", rows).table
    assert table.columns["field.label"].dtype == np.float32
    assert [float(table.sample(i, "a").fields["label"]) for i in range(4)] == numbers
    assert table.sample(3, "a").fields["features"].tolist() == [0.5, 3]
    assert write(tmp_path / "whole", rows[:2]).table.columns["field.label"].dtype == np.int64
    assert table.lengths.tolist() == table.columns["trained"].tolist() == [1] * 4


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize(("fields", "message"), [
    ({"label": 1}, "fields"), ({"label": 1, "features": [1.0]}, "shape"),
])  # fmt: skip
def test_rows_with_other_fields_are_refused(tmp_path, apart, fields, message):
    one, other = sample([], 0, label=0, features=[1.0, 2.0]), sample([], 1, **fields)
    with pytest.raises(DataError, match=message):
        write(tmp_path / "shard", [[one], [other]] if apart else [[one, other]])


def test_fields_that_are_no_numbers_are_refused_with_their_row():
    with pytest.raises(DataError, match="`label` is 'cat', not a number") as error:
        SampleTable.of([sample([], 4, label="cat")])
    assert error.value.at == "a row 4"


def test_the_hash_is_that_of_the_samples_however_they_came(tmp_path):
    rows = [sample([(i, 1.0), (70_000 * (i > 3), 0.5)], i, label=i) for i in range(6)]
    whole = write(tmp_path / "whole", [rows]).facts["hash"]
    assert write(tmp_path / "parts", [rows[:2], [], rows[2:]]).facts["hash"] == whole
    assert write(tmp_path / "less", [rows[:5]]).facts["hash"] != whole
    weighted = [*rows[:5], Sample(rows[5].ids, rows[5].weights * 2, rows[5].fields, rows[5].origin)]
    assert write(tmp_path / "other", [weighted]).facts["hash"] != whole


def test_an_uncommitted_shard_is_none(tmp_path):
    writer = ShardWriter(tmp_path / "shard")
    writer.append(SampleTable.of([sample([(1, 1.0)])]), [Entry("a", 1, "skipped", "empty")])
    assert read_shard(tmp_path / "shard") is None
    writer = ShardWriter(tmp_path / "shard")  # as after a kill
    writer.commit({"num_rows": 3})
    shard = read_shard(tmp_path / "shard")
    assert len(shard.table) == 0 and shard.facts["num_rows"] == 3 and shard.entries() == []
    assert [path.name for path in tmp_path.iterdir()] == ["shard"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written: Not a directory") as error:
        ShardWriter(tmp_path / "file" / "shard")
    assert "WHET_CACHE" in error.value.hint and error.value.at == str(tmp_path / "file" / "shard")


def test_values_and_ways_of_samples_come_back_as_they_were(tmp_path):
    ids = np.array([3, 1, 4], np.int32)
    labels = {"label": np.array([0, 2, 1])}
    samples = [Sample(ids[:n], np.ones(n, np.float32), values={"label": labels["label"][:n]}) for n in (3, 2)]
    samples = [replace(sample, is_in_place=True, kind="bidirectional") for sample in samples]
    writer = ShardWriter(tmp_path / "shard")
    for sample in samples:
        writer.append(SampleTable.of([sample]))
    table = writer.commit({}).table
    for number, sample in enumerate(samples):
        read = table.sample(number, "a")
        assert read.is_in_place and read.kind == "bidirectional"
        np.testing.assert_array_equal(read.values["label"], sample.values["label"])

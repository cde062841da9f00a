"""The codec: any sample comes back from whatever stores it, every field, and a field without a codec is an error."""

import base64
import io
import os
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whet.base.errors import DataError, RunError
from whet.contracts.sample import Media, Origin, Sample
from whet.data.store.shard import ShardWriter, read_shard
from whet.data.store.table import CODECS, SampleTable, packed, unpacked

WEIGHTS, SIZES = [0.0, 0.5, 1.0], st.integers(1, 7)


def numbers(random, *shape, dtype):
    return (random.random(shape) * 100).astype(dtype)


@st.composite
def media(draw, length):
    start = draw(st.integers(0, max(length - 1, 0)))
    span = (start, draw(st.integers(start, length)))
    values = np.arange(draw(st.integers(0, 3)) * 2, dtype=draw(st.sampled_from([np.uint8, np.float32]))).reshape(-1, 2)
    return Media(draw(st.sampled_from(["image", "audio"])), draw(st.text(max_size=3)), span, (1, 2, 3), values)


@st.composite
def sample_lists(draw, nested=True):
    """Samples that go together: the same names of fields, values and streams; all else of each its own."""
    random = np.random.default_rng(draw(st.integers(0, 99)))
    held, further = (
        draw(st.sets(st.sampled_from(["label", "advantage"]))),
        draw(st.sets(st.sampled_from(["old", "ids"]))),
    )
    count = draw(st.integers(0, 4))
    beside = draw(st.sets(st.sampled_from(["target", "baseline"]))) if nested else ()
    streams = {name: [draw(sample_lists(nested=False)) for _ in range(1)][0] for name in sorted(beside)}
    count = min([count, *map(len, streams.values())])
    return [draw(one_sample(random, sorted(held), sorted(further), {n: s[i] for n, s in streams.items()}))
            for i in range(count)]  # fmt: skip


@st.composite
def one_sample(draw, random, held, further, streams):
    n, branches = draw(st.one_of(st.just(0), SIZES)), draw(st.integers(0, 2))
    cuts = (
        tuple(sorted(draw(st.lists(st.integers(0, n - 1), min_size=2, max_size=2, unique=True))))
        if branches and n > 1
        else ()
    )
    entries = (len(cuts), 2) if cuts else (2,)
    return Sample(
        ids=numbers(random, n, dtype=np.int32) * draw(st.sampled_from([1, 1000])),
        weights=np.array(draw(st.lists(st.sampled_from(WEIGHTS), min_size=n, max_size=n)), np.float32),
        fields={name: numbers(random, *entries, dtype=np.int64 if name == "label" else np.float32) for name in held},
        origin=draw(st.none() | st.builds(Origin, st.text("ab/", max_size=3), st.integers(0, 9), st.integers(0, 9))),
        cuts=cuts,
        streams=streams,
        values={name: numbers(random, n, 2, dtype=np.float32) for name in further},
        is_in_place=draw(st.booleans()),
        kind=draw(st.sampled_from(["causal", "bidirectional"])),
        targets=numbers(random, n, dtype=np.int32) if n and draw(st.booleans()) else None,
        positions=numbers(random, 3, n, dtype=np.int32) if n and draw(st.booleans()) else None,
        media=tuple(draw(st.lists(media(n), max_size=2))),
    )  # fmt: skip


def assert_same(found, wanted, at="sample"):
    """Equal in every field of the dataclass, whatever fields it has, with types and shapes."""
    assert type(found) is type(wanted), at
    if is_dataclass(wanted):
        for one in fields(wanted):
            assert_same(getattr(found, one.name), getattr(wanted, one.name), f"{at}.{one.name}")
    elif isinstance(wanted, np.ndarray):
        assert found.dtype == wanted.dtype, at
        np.testing.assert_array_equal(found, wanted, at)
    elif isinstance(wanted, dict):
        assert list(found) == list(wanted), at
        for name in wanted:
            assert_same(found[name], wanted[name], f"{at}.{name}")
    elif isinstance(wanted, tuple):
        assert len(found) == len(wanted), at
        for number, (one, other) in enumerate(zip(found, wanted, strict=True)):
            assert_same(one, other, f"{at}[{number}]")
    else:
        assert found == wanted, at


def renamed(sample, source):
    """The sample as a store gives it whose source is called so now."""
    streams = {name: renamed(own, source) for name, own in sample.streams.items()}
    return replace(sample, streams=streams, origin=sample.origin and replace(sample.origin, source=source))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=25, deadline=None
)
@given(st.data())
def test_any_sample_comes_back_from_the_cache_and_from_a_state_with_every_field(tmp_path, data):
    """A state is text in JSON, as streams and rollouts store it; the cache is files that are written in parts."""
    samples = data.draw(sample_lists())
    for found, wanted in zip(unpacked(packed(samples)), samples, strict=True):
        assert_same(found, wanted)
    folder = tmp_path / os.urandom(8).hex()
    writer, edge = ShardWriter(folder), data.draw(st.integers(0, len(samples)))
    for part in (samples[:edge], samples[edge:]):
        writer.append(SampleTable.of(part))
    writer.commit({})
    table = read_shard(folder).table
    assert table.lengths.tolist() == [max(1, sample.num_tokens) for sample in samples]
    for index, wanted in enumerate(samples):
        assert_same(table.sample(index, "here"), renamed(wanted, "here"))


def test_each_field_of_a_sample_has_a_codec():
    assert list(CODECS) == [field.name for field in fields(Sample)]


def test_what_no_sample_has_takes_no_file(tmp_path):
    writer = ShardWriter(tmp_path / "shard")
    writer.append(SampleTable.of([Sample(np.arange(3, dtype=np.int32), np.ones(3, np.float32))]))
    writer.commit({})
    names = {path.name for path in (tmp_path / "shard").iterdir()}
    assert names.isdisjoint({"sources", "media", "media_starts", "targets", "target_starts", "positions"})


def test_samples_of_another_version_are_refused_in_words():
    """Before, each sample's arrays were stored under its number; a stream stored where its samples came from."""
    file = io.BytesIO()
    np.savez_compressed(file, **{"count": np.array(1), "0/ids": np.arange(3)})
    for stored in (base64.b64encode(file.getvalue()).decode(), [[0, 1, 0]]):
        with pytest.raises(RunError, match="stored by another version of whet") as error:
            unpacked(stored)
        assert "start a new run from the checkpoint's weights" in error.value.hint


def test_a_part_takes_along_what_belongs_to_its_tokens_and_never_half_an_image():
    ids, image = np.arange(6, dtype=np.int32), Media("image", "a.png", (2, 4), (1, 2, 2), np.zeros((4, 3), np.uint8))
    positions = np.stack([ids, ids * 2, ids * 3])
    sample = Sample(
        ids, np.ones(6, np.float32), origin=Origin("a", 7), targets=ids + 1, positions=positions, media=(image,)
    )
    tail = sample.part(slice(2, 6))
    assert tail.positions.tolist() == positions[:, 2:].tolist() and tail.targets.tolist() == [3, 4, 5, 6]
    assert tail.media[0].span == (0, 2) and sample.part(np.array([0, 1, 5])).media == ()
    with pytest.raises(DataError, match=r"a cut goes through the image a\.png") as error:
        sample.part(slice(0, 3))
    assert error.value.at == "a row 7"

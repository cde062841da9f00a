"""Collate: what goes in comes out of the batch, shifted, and segments do not touch."""

import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from whet.base.errors import DataError
from whet.contracts.sample import Media, Origin, Sample
from whet.data.order.collate import collate, dummy
from whet.data.store.shard import ShardWriter
from whet.data.store.table import SampleTable

token_samples = st.lists(
    st.lists(st.tuples(st.integers(0, 70_000), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=12),
    min_size=1,
    max_size=6,
)


def samples_of(pairs):
    return [
        Sample(np.array([i for i, _ in sample], np.int32), np.array([w for _, w in sample], np.float32))
        for sample in pairs
    ]


@given(token_samples)
def test_each_segment_holds_its_sample_and_predicts_its_tokens_with_their_weights(pairs):
    samples = samples_of(pairs)
    batch = collate(samples)
    assert batch.num_samples == len(samples) == len(batch.text.segments)
    for sample, segment in zip(samples, batch.text.segments, strict=True):
        held = slice(segment.start, segment.end)
        np.testing.assert_array_equal(batch.text.ids[held], sample.ids)
        np.testing.assert_array_equal(batch.text.positions[held], np.arange(sample.num_tokens))
        np.testing.assert_array_equal(batch.text.targets[held][:-1], sample.ids[1:])
        np.testing.assert_array_equal(batch.text.weights[held][:-1], sample.weights[1:])
        assert batch.text.weights[held][-1] == 0
        assert segment.prefix == -1 and segment.kind == "causal"


@given(token_samples)
def test_a_batch_of_several_is_the_batches_of_each_one_after_the_other(pairs):
    samples = samples_of(pairs)
    whole, single = collate(samples).text, [collate([sample]).text for sample in samples]
    for name in ("ids", "positions", "targets", "weights"):
        assert torch.equal(getattr(whole, name), torch.cat([getattr(one, name) for one in single]))
        assert getattr(whole, name).dtype == (torch.float32 if name == "weights" else torch.int64)


def test_the_loss_of_a_batch_is_that_of_its_samples_alone():
    """Oracle: torch's cross-entropy on each sample on its own, with logits that depend on id and position."""
    samples = samples_of([[(3, 1.0), (1, 0.0), (4, 1.0), (1, 0.5)], [(5, 0.0), (2, 1.0)]])
    logits = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(0))

    def loss(stream):
        nll = torch.nn.functional.cross_entropy(logits[stream.positions, stream.ids], stream.targets, reduction="none")
        return (nll * stream.weights).sum()

    alone = 0.0
    for sample in samples:
        for t in range(1, sample.num_tokens):
            distribution = torch.log_softmax(logits[t - 1, int(sample.ids[t - 1])], 0)
            alone -= sample.weights[t] * distribution[int(sample.ids[t])]
    torch.testing.assert_close(loss(collate(samples).text), torch.as_tensor(alone))


def test_a_dummy_has_the_tokens_of_its_sample_and_no_weight():
    sample = Sample(np.array([1, 2, 3], np.int32), np.ones(3, np.float32), {"label": 1})
    batch = dummy(sample)
    assert batch.text.ids.tolist() == [1, 2, 3] and batch.text.targets.tolist() == [2, 3, 0]
    assert not batch.text.weights.any() and not batch.fields["weight"].any()
    assert collate([sample]).fields["weight"].tolist() == [1.0]


NOTHING = np.empty(0, np.int32), np.empty(0, np.float32)


def test_samples_without_tokens_give_stacked_fields_alone():
    rows = [Sample(*NOTHING, {"features": [0.5, i], "label": i}) for i in range(3)]
    batch = collate(rows)
    assert not batch.streams and batch.num_samples == 3 and batch.num_tokens == 0
    assert torch.equal(batch.fields["features"], torch.tensor([[0.5, 0.0], [0.5, 1.0], [0.5, 2.0]]))
    assert batch.fields["label"].dtype == torch.int64 and batch.fields["weight"].tolist() == [1.0, 1.0, 1.0]
    assert dummy(rows[0]).fields["weight"].tolist() == [0.0]


def test_samples_may_bring_their_own_weight():
    rows = [Sample(*NOTHING, {"label": 0, "weight": w}) for w in (2, 0.25)]
    assert collate(rows).fields["weight"].tolist() == [2.0, 0.25]


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"label": 1}, "differ in fields"), ({"features": [1.0]}, "differ in the shape of `features`")],
)
def test_samples_that_do_not_go_together_are_refused_with_their_row(fields, message):
    rows = [Sample(*NOTHING, {"features": [1.0, 2.0]}), Sample(*NOTHING, fields, Origin("table.csv", 7))]
    with pytest.raises(DataError, match=message) as error:
        collate(rows)
    assert error.value.at == "table.csv row 7"


def test_samples_with_and_without_tokens_are_refused():
    with pytest.raises(DataError, match="with and without tokens"):
        collate([*samples_of([[(1, 1.0)]]), Sample(*NOTHING)])


def test_values_go_where_the_weight_goes_and_in_place_samples_stay_where_they_are():
    ids, weights = np.array([3, 1, 4], np.int32), np.array([0, 1, 1], np.float32)
    values = {"logprob": np.array([0.0, -0.5, -0.25], np.float32), "top": np.arange(6).reshape(3, 2)}
    predicted = Sample(ids, weights, values=values)
    stream = collate([predicted, predicted]).text
    assert stream.values["logprob"].tolist() == [-0.5, -0.25, 0.0] * 2
    assert stream.values["top"].tolist() == [[2, 3], [4, 5], [0, 0]] * 2
    labelled = Sample(ids, weights, values=values, is_in_place=True, kind="bidirectional")
    stream = collate([labelled, labelled]).text
    assert stream.values["logprob"].tolist() == [0.0, -0.5, -0.25] * 2 and stream.weights.tolist() == [0.0, 1, 1] * 2
    assert stream.targets.tolist() == [3, 1, 4] * 2 and {s.kind for s in stream.segments} == {"bidirectional"}
    with pytest.raises(DataError, match="cannot share a batch"):
        collate([predicted, labelled])


def test_branches_that_are_made_whole_keep_their_values():
    ids, values = np.arange(5, dtype=np.int32), {"logprob": np.arange(5, dtype=np.float32)}
    group = Sample(ids, np.array([0, 0, 1, 0, 1], np.float32), cuts=(1, 3), values=values)
    stream = collate([group], shared=False).text
    assert stream.values["logprob"].tolist() == [1, 2, 0, 3, 4, 0] and stream.weights.tolist() == [0, 1, 0, 0, 1, 0]


def test_places_with_a_weight_are_found_once_and_go_where_the_batch_goes():
    samples = samples_of([[(3, 0.0), (1, 1.0), (4, 0.5)], [(5, 1.0), (2, 1.0)]])
    batch = collate(samples)
    assert batch.text.trained_at.tolist() == [0, 1, 3] and dummy(samples[0]).text.trained_at.tolist() == []
    moved = batch.to("meta").text  # where nothing could be looked for
    assert moved.trained_at.is_meta and moved.trained_at.shape == (3,)
    unweighted = replace(batch.text, weights=torch.zeros(5), trained_at=None)
    assert unweighted.trained_at.tolist() == []


def test_a_batch_says_which_row_each_sequence_came_from():
    ids, ones = np.arange(5, dtype=np.int32), np.ones(5, np.float32)
    alone, pair = Sample(ids, ones, origin=Origin("a", 3)), Sample(ids, ones, origin=Origin("b", 1), cuts=(1, 3))
    for shared in (True, False):
        assert collate([alone, pair], shared=shared).origins == (Origin("a", 3), Origin("b", 1), Origin("b", 1))


def test_positions_of_samples_that_bring_them_stand_in_all_their_directions():
    plain, pair = samples_of([[(1, 1.0), (2, 1.0)]]) * 2
    turned = replace(pair, positions=np.array([[0, 1], [5, 6], [7, 9]], np.int32))
    assert collate([plain, turned, plain]).text.positions.tolist() == [
        [0, 1, 0, 1, 0, 1], [0, 1, 5, 6, 0, 1], [0, 1, 7, 9, 0, 1],
    ]  # fmt: skip


def png(pixels_HW3):
    """The bytes of an image file, unfiltered."""
    height, width, _ = pixels_HW3.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels_HW3)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    framed = [struct.pack(">I", len(c)) + kind + c + struct.pack(">I", zlib.crc32(kind + c)) for kind, c in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def pixels_of(content):
    """Pixels (H, W, 3) of what `png` writes."""
    width, height = struct.unpack(">II", content[16:24])
    at, found = 8, b""
    while at < len(content):
        size, kind = struct.unpack(">I4s", content[at : at + 8])
        found, at = found + content[at + 8 : at + 8 + size] * (kind == b"IDAT"), at + 12 + size
    rows = np.frombuffer(zlib.decompress(found), np.uint8).reshape(height, 1 + width * 3)
    return rows[:, 1:].reshape(height, width, 3)


def captioned(number, row):
    """A recipe's part for rows of an image and its caption: two tokens stand for the image, one a row of its pixels."""
    pixels = pixels_of(row["image"])
    ids = np.array([9] * len(pixels) + row["caption"], np.int32)
    image = Media("image", row["name"], (0, len(pixels)), (1, *pixels.shape[:2]), pixels.reshape(len(pixels), -1))
    return Sample(ids, (ids != 9).astype(np.float32), origin=Origin("pictures", number), media=(image,))


def test_an_image_reaches_the_batch_through_the_cache(tmp_path):
    images = [np.random.default_rng(n).integers(0, 256, (2, 3, 3), dtype=np.uint8) for n in range(2)]
    rows = [{"image": png(i), "name": f"{n}.png", "caption": [1, 2, 3][: n + 2]} for n, i in enumerate(images)]
    writer = ShardWriter(tmp_path / "shard")
    writer.append(SampleTable.of([captioned(number, row) for number, row in enumerate(rows)]))
    table = writer.commit({}).table
    batch = collate([table.sample(number, "pictures") for number in (1, 0)]).to("cpu")
    found = batch.media["image"]
    assert found.values.dtype == torch.uint8 and found.grids.tolist() == [[1, 2, 3]] * 2
    np.testing.assert_array_equal(found.values.reshape(2, 2, 3, 3), np.stack(images[::-1]))
    assert found.spans.tolist() == [[0, 2], [5, 7]] and [origin.row for origin in batch.origins] == [1, 0]
    assert batch.text.ids.tolist() == [9, 9, 1, 2, 3, 9, 9, 1, 2]

"""Media: what lies in the run folder is what was logged, as other programs read it."""

import io
import json
import struct
import wave
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

import whet.track as track
from whet.track.script.media.base import MediaFolder
from whet.track.script.media.png import SIGNATURE

try:
    from PIL import Image as pillow
except ImportError:  # no dependency of ours: then PNGs are read by what is below
    pillow = None


def kept(medium, folder: Path) -> tuple[dict, bytes]:
    entry = medium.entry(MediaFolder(folder))
    return entry, (folder / entry["path"]).read_bytes() if "path" in entry else b""


def read_png(data: bytes) -> np.ndarray:
    """Pixels (H, W) or (H, W, C) of a PNG whose rows have no filter, checked by its chunks' sums."""
    assert data.startswith(SIGNATURE)
    chunks, place = [], len(SIGNATURE)
    while place < len(data):
        (size,) = struct.unpack_from(">I", data, place)
        name, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + size]
        assert zlib.crc32(name + body) == struct.unpack_from(">I", data, place + 8 + size)[0]
        chunks.append((name, body))
        place += size + 12
    width, height, depth, color, *_ = struct.unpack(">IIBBBBB", dict(chunks)[b"IHDR"])
    rows = np.frombuffer(zlib.decompress(dict(chunks)[b"IDAT"]), np.uint8).reshape(height, -1)
    assert (depth, chunks[-1], rows[:, 0].any()) == (8, (b"IEND", b""), False)
    return rows[:, 1:].reshape((height, width, {2: 3, 6: 4, 4: 2}[color]) if color else (height, width))


def pixels_of(data: bytes) -> np.ndarray:
    return read_png(data) if pillow is None else np.asarray(pillow.open(io.BytesIO(data)))


GRADIENT = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


@pytest.mark.parametrize(
    ("data", "pixels"),
    [
        (GRADIENT, GRADIENT),
        (GRADIENT / 255, GRADIENT),
        (GRADIENT.astype(float), GRADIENT),
        (torch.from_numpy(GRADIENT).permute(2, 0, 1), GRADIENT),
        (GRADIENT[..., 0], GRADIENT[..., 0]),
        (np.dstack([GRADIENT, GRADIENT[..., :1]]), np.dstack([GRADIENT, GRADIENT[..., :1]])),
        (GRADIENT[..., 0] > 30, (GRADIENT[..., 0] > 30) * np.uint8(255)),
        (np.stack([GRADIENT, GRADIENT]), np.hstack([GRADIENT, GRADIENT])),
        (np.array([[-1.0, 1.0]]), np.array([[0, 255]], np.uint8)),
    ],
)
def test_a_png_holds_the_pixels_that_were_logged(tmp_path, data, pixels):
    entry, data = kept(track.Image(data, caption="c"), tmp_path)
    assert (entry["type"], entry["caption"], entry["bytes"]) == ("image", "c", len(data))
    assert np.array_equal(pixels_of(data), pixels)
    if pillow is not None:
        assert np.array_equal(read_png(data), pixels)


def test_the_same_bytes_lie_there_once(tmp_path):
    first, second = (kept(track.Image(GRADIENT), tmp_path)[0] for _ in range(2))
    assert first == second
    assert len(list((tmp_path / "media").iterdir())) == 1


def test_files_are_copied_with_their_ending(tmp_path):
    (tmp_path / "a.JPG").write_bytes(b"bytes")
    for medium in (track.Image(str(tmp_path / "a.JPG")), track.Video(tmp_path / "a.JPG")):
        entry, data = kept(medium, tmp_path)
        assert (Path(entry["path"]).suffix, data) == (".jpg", b"bytes")


def test_a_film_is_an_animated_png(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (3, 3, 4, 5), np.uint8)
    _, data = kept(track.Video(frames, fps=10), tmp_path)
    assert data.startswith(SIGNATURE)
    assert np.array_equal(read_png(data), frames[0].transpose(1, 2, 0))
    if pillow is None:
        return
    film = pillow.open(io.BytesIO(data))
    assert (film.n_frames, film.info["duration"]) == (3, 100)
    for number in range(3):
        film.seek(number)
        assert np.array_equal(np.asarray(film.convert("RGB")), frames[number].transpose(1, 2, 0))


def test_sound_is_a_wav(tmp_path):
    samples = np.sin(np.linspace(0, 20, 800))
    entry, data = kept(track.Audio(samples, sample_rate=8000), tmp_path)
    with wave.open(io.BytesIO(data)) as file:
        read = np.frombuffer(file.readframes(800), "<i2")
        assert (file.getframerate(), file.getnchannels(), len(read)) == (8000, 1, 800)
    assert np.abs(read / 32767 - samples).max() <= 0.5 / 32767
    assert entry["sample_rate"] == 8000


def test_points_are_a_ply(tmp_path):
    points = np.array([[0.5, 1, 2, 255, 0, 7], [3, 4, 5, 1, 2, 3]])
    entry, data = kept(track.Object3D({"type": "lidar/beta", "points": points, "boxes": [1]}), tmp_path)
    head, _, body = data.partition(b"end_header\n")
    assert b"element vertex 2" in head and b"property uchar blue" in head
    layout = np.dtype([(axis, "<f4") for axis in "xyz"] + [(color, "u1") for color in "rgb"])
    assert [list(row) for row in np.frombuffer(body, layout).tolist()] == points.tolist()
    assert entry["boxes"] == [1]


def test_a_histogram_counts_as_numpy_does_and_keeps_apart_what_is_not_finite():
    numbers = np.random.default_rng(0).normal(size=1000)
    counts, edges = np.histogram(numbers, bins=64)
    found = track.Histogram(np.append(numbers, [np.nan, np.inf]))
    assert (found.histogram, found.num_odd) == (counts.tolist(), 2)
    assert np.allclose(found.bins, edges)
    assert track.Histogram(np_histogram=(counts, edges)).histogram == counts.tolist()
    assert track.Histogram([]).histogram == [0] * 64


def test_a_table_takes_rows_columns_frames_and_media(tmp_path):
    table = track.Table(columns=["id", "picture"])
    table.add_data(1, track.Image(GRADIENT))
    table.add_column("score", [np.float32(0.5)])
    with pytest.raises(ValueError, match="3 columns"):
        table.add_data(1)
    entry, data = kept(table, tmp_path)
    stored = json.loads(data)
    assert (stored["columns"], entry["rows"]) == (["id", "picture", "score"], 1)
    assert stored["data"][0][1]["type"] == "image" and stored["data"][0][2] == 0.5
    assert table.get_column("score", convert_to="numpy").tolist() == [0.5]


def test_words_and_pages(tmp_path):
    assert kept(track.Text("hello", caption="c"), tmp_path)[0] == {"type": "text", "text": "hello", "caption": "c"}
    assert kept(track.Html("<b>x</b>"), tmp_path)[1] == b"<b>x</b>"
    assert kept(track.Html(io.StringIO("<i>y</i>")), tmp_path)[1] == b"<i>y</i>"


def test_curves_over_thresholds_agree_with_counting():
    true = np.array([0, 1, 1, 0, 1])
    scores = np.array([0.1, 0.4, 0.35, 0.4, 0.9])
    chart = track.plot.roc_curve(true, np.stack([1 - scores, scores], axis=1), labels=["no", "yes"])
    found = [(fpr, tpr) for name, fpr, tpr in chart.data if name == "yes"]
    expected = [
        (((scores >= cut) & (true == 0)).sum() / 2, ((scores >= cut) & (true == 1)).sum() / 3)
        for cut in sorted(set(scores), reverse=True)
    ]
    assert np.allclose(found, expected)
    matrix = track.plot.confusion_matrix(y_true=[0, 1, 1], preds=[0, 1, 0], class_names=["a", "b"])
    assert matrix.data == [["a", "a", 1], ["a", "b", 0], ["b", "a", 1], ["b", "b", 1]]

"""A third party's format makes samples with images: they reach the batch through the cache, and a model learns them."""

from __future__ import annotations

import base64
import json
import random
import struct
import zlib

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests import tiny
from whet.base.config import from_mapping
from whet.base.errors import DataError, ModelError
from whet.data.store.cache import cached
from whet.train.api import resume, train
from whet.train.build import assemble

PLUGIN = '''
import base64
import zlib
from types import MethodType

import numpy as np
import torch
from torch import nn

from whet.base.catalogue import data_format, model_source
from whet.contracts.model import Capabilities
from whet.contracts.rows import Ready
from whet.contracts.sample import Media, Sample
from whet.models.loading.drawn import drawn

SIDE, IMAGE, ASK = 3, 1, 2  # pixels a side, the token in the place of a row of pixels, and the question


def pixels_of(content):
    """(SIDE, SIDE, 3) uint8 of an RGB PNG that filters no row."""
    at, packed = 8, b""
    while at < len(content):
        size = int.from_bytes(content[at : at + 4])
        packed += content[at + 8 : at + 8 + size] * (content[at + 4 : at + 8] == b"IDAT")
        at += 12 + size
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(SIDE, 1 + 3 * SIDE)
    return rows[:, 1:].reshape(SIDE, SIDE, 3)


@data_format("picture", matches=lambda row: "png" in row, priority=99, columns=("png", "answer"), makes=("sample",))
def picture(row):
    """A PNG (base64) and the token that answers what it shows."""
    pixels = pixels_of(base64.b64decode(row["png"])).reshape(SIDE, -1)
    ids = [IMAGE] * SIDE + [ASK] * row.get("asks", 1) + [row["answer"]]
    places = np.stack([np.arange(len(ids)), np.minimum(np.arange(len(ids)), SIDE), np.zeros(len(ids))])
    image = Media("image", row["name"], (0, SIDE), (1, SIDE, SIDE), pixels)
    return Ready(Sample(ids, [0.0] * (len(ids) - 1) + [1.0], positions=places.astype(np.int32), media=(image,)))


class Seer(nn.Module):
    """Each token sees the mean of what came before it in its sample; a row of pixels stands in for a token."""

    def __init__(self):
        super().__init__()
        self.words, self.pixels = nn.Embedding(16, 8), nn.Linear(3 * SIDE, 8)
        self.places = nn.Linear(3, 8)
        self.head = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 16))

    def forward(self, batch):
        text, image = batch.text, batch.media["image"]
        hidden = self.words(text.ids) + self.places(text.positions.T.float() / 10)
        at = torch.cat([torch.arange(start, stop) for start, stop in image.spans.tolist()])
        hidden = hidden.index_add(0, at, self.pixels(image.values.float() / 255))
        parts = [hidden[segment.start : segment.end] for segment in text.segments]
        seen = torch.cat([part.cumsum(0) / torch.arange(1, len(part) + 1)[:, None] for part in parts])
        logits = self.head(seen[text.trained_at])
        return nn.functional.cross_entropy(logits, text.targets[text.trained_at], reduction="none")


class Sees:
    def __init__(self, module):
        self.module = module

    def run(self, batch, want, readout=None):
        lost = self.module(batch)
        return {"nll": (lost * batch.text.weights[batch.text.trained_at]).sum()}


@model_source("seer")
def seer(context):
    """A tiny model of images and tokens."""
    return drawn(Seer, context, Capabilities(generates=False, head="none"), Sees, vocab=16)
'''
BRIGHT, DARK = 3, 4


def png(pixels: np.ndarray) -> str:
    """An RGB image (H, W, 3) uint8 as a PNG file, in base64."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    height, width, _ = pixels.shape
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    file = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return base64.b64encode(file).decode()


def images(count: int) -> list[np.ndarray]:
    draw = np.random.default_rng(5)
    return [draw.integers(*((160, 256) if n % 2 else (0, 96)), (3, 3, 3), dtype=np.uint8) for n in range(count)]


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("WHET_CACHE", str(tmp_path / "cache"))
    draw = random.Random(2)
    rows = [
        {"png": png(pixels), "name": f"{n}.png", "answer": BRIGHT if n % 2 else DARK, "asks": draw.randint(1, 4)}
        for n, pixels in enumerate(images(24))
    ]
    tiny.write_rows(tmp_path / "pictures.jsonl", rows)
    (tmp_path / "pictures.py").write_text(PLUGIN)

    def made(name: str, **sections):
        return from_mapping(
            {
                "name": name, "plugins": [str(tmp_path / "pictures.py")], "model": "seer",
                "data": {"train": [str(tmp_path / "pictures.jsonl")], **sections.pop("data", {})},
                "optimizer": {"lr": 0.02}, "schedule": "constant",
                "train": {"steps": 30, "batch_samples": 8, **sections.pop("train", {})},
                "track": {"folder": str(tmp_path / "runs"), "sinks": [{"kind": "jsonl", "path": "own.jsonl"}]},
                **sections,
            }
        )  # fmt: skip

    return made


def weights(folder) -> dict[str, torch.Tensor]:
    return load_file(folder / "model" / "model.safetensors")


def losses(folder) -> list[float]:
    records = map(json.loads, (folder / "own.jsonl").read_text().splitlines())
    return [record["metrics"]["loss"] for record in records if record["kind"] == "step"]


def batches(loaded) -> list:
    """The batches of the run's first step."""
    built = assemble(loaded)
    try:
        source = built.supply.source
        return built.loop.dealer(source.next(0))
    finally:
        built.close()


@pytest.mark.parametrize("data", [{}, {"streaming": True}], ids=["cached", "streamed"])
def test_a_formats_image_reaches_the_batch_to_the_bit(settings, data):
    drawn = images(24)
    found = 0
    for batch in batches(settings("first", data=data)):
        rows = batch.media["image"]
        assert rows.values.dtype == torch.uint8 and rows.grids.tolist() == [[1, 3, 3]] * len(batch.origins)
        for origin, span, values in zip(batch.origins, rows.spans.tolist(), rows.values.split(3), strict=True):
            found += 1
            np.testing.assert_array_equal(values.numpy().reshape(3, 3, 3), drawn[origin.row])
            assert batch.text.ids[slice(*span)].tolist() == [1, 1, 1]
            assert batch.text.positions[:, span[0]].tolist() == [0, 0, 0]
            assert batch.text.positions[:, span[1]].tolist() == [3, 3, 0]
    assert found == 8


def test_a_model_learns_what_only_the_image_tells_and_is_resumed_to_the_bit(settings, tmp_path):
    whole, _ = train(settings("whole"))
    # Half of the answers are bright: a model that does not see the image stays above ln 2.
    assert losses(whole.path)[-1] < 0.2 < np.log(2) < losses(whole.path)[0]
    [shard] = cached()
    built = assemble(settings("cut"))
    for _ in range(4):
        built.loop.advance(built.loop.source.next(built.loop.progress.step))
    built.loop._checkpoint()
    built.close()
    resume(tmp_path / "runs" / "cut")
    expected, found = weights(whole.path), weights(tmp_path / "runs" / "cut")
    assert expected.keys() == found.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert [one.folder for one in cached()] == [shard.folder]


def test_micro_batches_of_images_add_up_to_the_whole(settings):
    once, _ = train(settings("once", train={"steps": 3}))
    often, _ = train(settings("often", train={"steps": 3, "micro_batch": 16}))
    for name, value in weights(once.path).items():
        torch.testing.assert_close(weights(often.path)[name], value, rtol=1e-4, atol=1e-5)


def test_a_model_of_tokens_refuses_images_instead_of_leaving_them_out(settings, tmp_path):
    model = {"init": {**tiny.LLAMA, "vocab_size": 400}, "tokenizer": str(tiny.tokenizer(tmp_path / "words"))}
    with pytest.raises(ModelError, match="the samples hold image, and this model reads tokens alone"):
        train(settings("blind", model=model))


def test_an_objective_that_takes_no_ready_samples_says_so(settings):
    with pytest.raises(DataError, match="`objective: dpo` learns from preference pairs .* ready samples"):
        train(settings("other", objective="dpo"))

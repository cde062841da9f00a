"""Blocks of GGUF: read back by the `gguf` package, and no worse than llama.cpp's own."""

import ctypes

import gguf
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from whet.export.gguf.llama_cpp import library
from whet.export.gguf.quants import block_type, packed


def samples(kind, rows=24):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(rows, 512, generator=generator)
    return {"normal": 0.02 * x, "heavy": 0.01 * x**3, "positive": x.abs(), "one large": x * 1e-3 + 5 * (x > 3)}[kind]


def read(stored, kind):
    return torch.from_numpy(gguf.quants.dequantize(stored, getattr(gguf.GGMLQuantizationType, kind)))


def by_llama_cpp(x, kind):
    quantize = ctypes.CDLL(str(library())).ggml_quantize_chunk
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    quantize.argtypes = [ctypes.c_int, pointer, pointer, number, number, number, pointer]
    x, stored = np.ascontiguousarray(x.numpy()), np.empty_like(packed(x, kind))
    index = int(getattr(gguf.GGMLQuantizationType, kind))
    quantize(index, x.ctypes.data, stored.ctypes.data, 0, *x.shape, None)
    return stored


@pytest.mark.parametrize("distribution", ["normal", "heavy", "positive", "one large"])
@pytest.mark.parametrize("kind", ["Q6_K", "Q4_K"])
def test_the_error_is_at_most_that_of_llama_cpp(kind, distribution):
    x = samples(distribution)
    ours, theirs = (read(stored, kind) - x for stored in (packed(x, kind), by_llama_cpp(x, kind)))
    assert float(ours.norm()) <= 1.02 * float(theirs.norm())


@pytest.mark.parametrize("kind", ["Q8_0", "Q5_0", "Q4_0", "F16", "BF16", "F32"])
def test_the_plain_types_are_those_of_llama_cpp(kind):
    x = samples("normal")
    ours = packed(x, kind)
    if kind.startswith("Q"):
        assert np.array_equal(ours, by_llama_cpp(x, kind))
    limit = {"Q8_0": 0.01, "Q5_0": 0.07, "Q4_0": 0.15, "F16": 1e-3, "BF16": 4e-3, "F32": 0.0}[kind]
    assert float((read(ours, kind) - x).abs().max()) <= limit * float(x.abs().max())


@pytest.mark.parametrize("kind", ["Q6_K", "Q4_K"])
def test_zeros_and_what_fits_exactly_are_kept(kind):
    assert not read(packed(torch.zeros(2, 256), kind), kind).any()
    x = (torch.arange(512).reshape(2, 256) % 16).float()
    assert float((read(packed(x, kind), kind) - x).abs().max()) < 0.26


@settings(max_examples=10)
@given(st.lists(st.floats(-10, 10, width=16), min_size=256, max_size=256))
def test_no_entry_is_further_off_than_its_block_is_wide(values):
    x = torch.tensor(values)[None]
    for kind, steps in (("Q6_K", 14.0), ("Q4_K", 6.0)):
        assert float((read(packed(x, kind), kind) - x).abs().max()) <= float(x.abs().max()) / steps * 2 + 1e-4


def test_rows_of_other_lengths_fall_back_as_llama_cpp_does():
    assert [block_type(kind, 512) for kind in ("Q4_K", "Q6_K", "Q8_0")] == ["Q4_K", "Q6_K", "Q8_0"]
    assert [block_type(kind, 96) for kind in ("Q4_K", "Q6_K", "Q4_0")] == ["Q5_0", "Q8_0", "Q4_0"]
    assert [block_type(kind, 40) for kind in ("Q4_K", "Q6_K", "Q4_0", "F32")] == ["F16", "F16", "F16", "F32"]

"""Layouts beside the package compressed-tensors, and beside a reader written from GPTQ's definition."""

import pytest
import torch

from whet.kernels.codes import Codes, Grid, nearest
from whet.models.checkpoints.layouts import config_of, from_compressed, from_gptq, reader, to_compressed, to_gptq

GRIDS = [Grid(4, 16), Grid(4, 16, symmetric=False), Grid(8, 32), Grid(8, None), Grid(4, None, symmetric=False)]


def codes(grid, *, shuffled=False):
    weight = torch.randn(24, 64, generator=torch.Generator().manual_seed(1)) * 0.05
    found = nearest(weight, grid)
    if not shuffled:
        return found
    order = torch.randperm(64, generator=torch.Generator().manual_seed(2))
    group_of = (torch.arange(64) // grid.size(64)).to(torch.int32)[order]
    return Codes(found.codes[:, order], found.scale, found.zero, group_of)


def scheme(config):
    from compressed_tensors.quantization import QuantizationConfig

    read = QuantizationConfig.model_validate(config)
    return read.format, read.config_groups["group_0"]


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_compressed_tensors_reads_what_is_packed(grid):
    compressors = pytest.importorskip("compressed_tensors.compressors")
    name, group = scheme(config_of(grid, "compressed-tensors", plain=["lm_head"], order="off", activations=False))
    assert name == "pack-quantized"
    ours = codes(grid)
    parts = to_compressed(ours, grid, True)
    theirs = compressors.BaseCompressor.get_value_from_registry(name).decompress(parts, group)
    assert torch.allclose(theirs["weight"], ours.dense(), atol=1e-7)
    state = {"weight": ours.dense(), "weight_scale": ours.scale}
    if ours.zero is not None:
        state["weight_zero_point"] = ours.zero
    again = compressors.BaseCompressor.get_value_from_registry(name).compress(state, group)
    assert all(torch.equal(again[part], parts[part]) for part in parts)
    assert torch.equal(from_compressed(parts, grid).dense(), ours.dense())


@pytest.mark.parametrize("grid", [Grid(8, None), Grid(8, None, floats=True)], ids=["int8", "fp8"])
def test_compressed_tensors_reads_a_code_a_byte(grid):
    compressors = pytest.importorskip("compressed_tensors.compressors")
    config = config_of(grid, "compressed-tensors", plain=[], order="off", activations=True)
    name, group = scheme(config)
    assert name == ("float-quantized" if grid.floats else "int-quantized")
    assert group.input_activations.strategy == "token" and group.input_activations.dynamic
    ours = codes(grid)
    parts = to_compressed(ours, grid, False)
    theirs = compressors.BaseCompressor.get_value_from_registry(name).decompress(parts, group)
    assert torch.allclose(theirs["weight"].float(), ours.dense(), atol=1e-7)
    assert torch.equal(reader(config)(parts).dense(), ours.dense())


def gptq_weight(parts, bits, version):
    """Every weight by itself: scale of its group times (code - zero), out of the words where the format puts them."""
    per_word, mask = 32 // bits, (1 << bits) - 1
    inputs, rows = len(parts["g_idx"]), parts["qweight"].shape[1]
    found = torch.zeros(rows, inputs)
    for i in range(inputs):
        group = int(parts["g_idx"][i])
        for o in range(rows):
            code = int(parts["qweight"][i // per_word, o]) >> bits * (i % per_word) & mask
            zero = int(parts["qzeros"][group, o // per_word]) >> bits * (o % per_word) & mask
            found[o, i] = float(parts["scales"][group, o]) * (code - zero - (1 if version == 1 else 0))
    return found


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("grid", GRIDS[:4], ids=str)
def test_the_gptq_layout_is_what_its_definition_says(grid, shuffled):
    grid = Grid(grid.bits, grid.group, grid.symmetric, scale_dtype=torch.float16)
    ours = codes(grid, shuffled=shuffled and grid.group is not None)
    parts = to_gptq(ours, grid)
    config = config_of(grid, "gptq", plain=[], order="group" if shuffled else "off", activations=False)
    version = 1 if config["checkpoint_format"] == "gptq" else 2
    assert version == (1 if grid.symmetric else 2) and config["desc_act"] is shuffled
    assert torch.equal(gptq_weight(parts, grid.bits, version), ours.dense())
    assert torch.equal(from_gptq(parts, grid, version).dense(), ours.dense())
    assert torch.equal(reader(config)(parts).dense(), ours.dense())


def test_a_layer_that_stays_plain_is_named_so_that_each_loader_leaves_it():
    import re

    plain = ["lm_head", "model.layers.0.mlp.down_proj"]
    assert config_of(Grid(), "compressed-tensors", plain=plain, order="off", activations=False)["ignore"] == plain
    rules = config_of(Grid(), "gptq", plain=plain, order="off", activations=False)["dynamic"]
    names = [*plain, "model.layers.10.mlp.down_proj"]
    left = [name for name in names if any(re.match(rule.removeprefix("-:"), name) for rule in rules)]
    assert left == plain


@pytest.mark.parametrize(
    "config",
    [
        {"quant_method": "gptq", "bits": 3, "group_size": 128},
        {"quant_method": "awq", "bits": 4},
        {"quant_method": "compressed-tensors", "config_groups": {}},
        {"quant_method": "gptq", "bits": 4, "group_size": 128, "dynamic": {"+:.*": {"bits": 8}}},
    ],
)
def test_what_is_not_known_is_not_read(config):
    assert reader(config) is None

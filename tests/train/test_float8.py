"""Float8 through the whole loop: it learns, what it writes are whole weights, and devices without it are refused."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from tests.tiny import config
from whet.base.config import from_mapping
from whet.base.errors import RunError
from whet.train.build import assemble


@pytest.mark.parametrize("name", ["tensorwise", pytest.param("rowwise", marks=pytest.mark.slow)])
def test_a_run_in_float8_learns_and_writes_the_weights_that_it_trained(trained, name):
    how = {"fp8": name, "steps": 16, "recompute": "selective", "offload": {"activations": True, "optimizer": 0.5}}
    folder, records = trained(name, train=how)
    losses = [one["metrics"]["loss"] for one in records if one["kind"] == "step"]
    assert losses[-1] < 0.75 * losses[0]
    written = load_file(folder / "model" / "model.safetensors")
    assert {tensor.dtype for tensor in written.values()} == {torch.float32}
    from transformers import AutoModelForCausalLM

    module = AutoModelForCausalLM.from_pretrained(folder / "model")
    named = dict(module.named_parameters())
    assert all(torch.equal(tensor, named[key]) for key, tensor in written.items())
    # More bits than float8 has: they are the weights that steps moved, not what was multiplied.
    matrix = written["model.layers.0.mlp.up_proj.weight"]
    assert len(matrix.unique()) > 0.9 * matrix.numel()


def test_a_recipe_that_the_device_has_not_is_refused_before_any_step(tmp_path):
    with pytest.raises(RunError, match="`train.fp8: mxfp8`") as told:
        assemble(from_mapping(config(tmp_path, name="mx", train={"fp8": "mxfp8"})))
    assert told.value.at == "train.fp8" and told.value.hint == "train.fp8=tensorwise or rowwise"

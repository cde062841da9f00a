"""QLoRA through the whole loop: adapters on a four-bit base, resumed, written, and used as they were trained."""

from __future__ import annotations

import json

import pytest
import torch
from torch.distributed.checkpoint import FileSystemReader

from tests.ranks import on_ranks
from tests.train.test_adapters import base, continued, logits, loss_alone, loss_on_ranks, losses, run  # noqa: F401
from whet.base.config import from_mapping
from whet.kernels.quantized import Quantized
from whet.train.api import train
from whet.train.checkpoints.places import latest

pytest.importorskip("peft")

COMPARED = True  # every result with its model


@pytest.mark.parametrize("codec", ["nf4", pytest.param("int8", marks=pytest.mark.slow)])
def test_an_adapter_on_a_quantized_base_learns_and_is_used_on_that_base(base, tmp_path, codec):  # noqa: F811
    from whet.generate.models import load_model
    from whet.models.checkpoints.quantized import Quantization

    model = {"path": str(base / "model"), "quantize": codec, "keep": ["down_proj"]}
    folder, ended = train(from_mapping(run(base, tmp_path, model=model)))
    found = losses(folder.path)
    assert ended.outcome == "done" and found[12] < found[1]
    assert json.loads((folder.model / "equivalence.json").read_text())["passed"]
    assert Quantization.beside(str(folder.model)) == Quantization(codec, ("down_proj",))
    used = logits(load_model(str(folder.path), device="cpu").module)
    # The oracle puts the stored adapter on the base, quantized by hand.
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(base / "model")
    for name, weight in plain.named_parameters():
        if name.endswith("_proj.weight") and "down" not in name:
            weight.data = Quantized.of(weight.data, codec).dequantize()
    assert torch.allclose(logits(PeftModel.from_pretrained(plain, folder.model)), used, atol=1e-5)


def four_bits(base):  # noqa: F811
    return {"model": {"path": str(base / "model"), "quantize": "nf4"}}


@pytest.fixture(scope="module")
def whole(base, tmp_path_factory):  # noqa: F811
    """Losses of an adapter on a base in four bits."""
    return loss_alone(run(base, tmp_path_factory.mktemp("whole"), **four_bits(base)))


def test_a_quantized_run_resumes_bit_for_bit_and_stores_the_adapter_alone(base, whole, tmp_path):  # noqa: F811
    assert continued(base, tmp_path, **four_bits(base)) == whole
    stored = FileSystemReader(latest(tmp_path / "runs" / "half" / "checkpoints")).read_metadata().state_dict_metadata
    names = [name for name in stored if name.startswith("model/")]
    assert names and all("lora_" in name for name in names)


@pytest.mark.ranks
def test_two_ranks_train_on_a_quantized_base_like_one(base, whole, tmp_path):  # noqa: F811
    on_ranks(2, loss_on_ranks, run(base, tmp_path, "pair", **four_bits(base)))
    assert losses(tmp_path / "runs" / "pair") == pytest.approx(whole, rel=1e-5)
    assert json.loads((tmp_path / "runs" / "pair" / "model" / "equivalence.json").read_text())["passed"]

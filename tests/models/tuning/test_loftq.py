"""LoftQ on a base that whet quantizes, beside singular values by hand and the model before rounding."""

import pytest
import torch

from tests.models.checkpoints.test_quantized import logits
from tests.models.loading.test_pretrained import build, folder, refusal, tokenizer  # noqa: F401
from whet.base.catalogue import tuner
from whet.base.errors import ConfigError
from whet.kernels.dense import dense
from whet.kernels.quantized import Quantized
from whet.models.loading.context import BuildContext
from whet.models.tuning.lora import lora_layers


def started(path, rank, **settings):
    method = tuner.get("lora").build(init="loftq", rank=rank, **settings)
    module = build(BuildContext(tuner=method), path=str(path), quantize="nf4").module
    method.init(module, None)
    return module


def product(layer):
    return layer.scaling["default"] * (layer.lora_B["default"].weight @ layer.lora_A["default"].weight).detach()


@pytest.mark.slow
def test_each_adapter_is_the_nearest_of_its_rank_to_what_was_rounded_away(folder):  # noqa: F811
    plain, module = build(path=str(folder)).module, started(folder, 4, alpha=6.0)
    names = [name for name, part in module.named_modules() if part in set(lora_layers(module))]
    assert len(names) > 10
    for name in names[::3]:
        layer, whole = module.get_submodule(name), plain.get_parameter(f"{name}.weight").detach()
        gap = whole - dense(layer.base_layer.weight)
        values = torch.linalg.svdvals(gap)
        left = torch.linalg.norm(gap - product(layer)) ** 2
        assert left == pytest.approx(float(values[4:].square().sum()), rel=1e-3)  # Eckart and Young: none is nearer
        assert torch.equal(dense(layer.base_layer.weight), dense(Quantized.of(whole, "nf4")))


def test_with_the_whole_rank_it_is_the_model_before_rounding(folder):  # noqa: F811
    plain = build(path=str(folder)).module
    rounded = logits(build(path=str(folder), quantize="nf4").module)
    gap = (logits(started(folder, 64)) - logits(plain)).abs().max()
    assert gap < 1e-3 * (rounded - logits(plain)).abs().max()


def test_nothing_to_make_up_for_is_said_before_any_weight_is_read(folder):  # noqa: F811
    for file in folder.glob("*.safetensors"):
        file.unlink()
    said = refusal(context=BuildContext(tuner=tuner.get("lora").build(init="loftq")), path=str(folder))
    assert "this one keeps its precision" in said and "hint: model.quantize=nf4" in said
    with pytest.raises(ConfigError, match="lengths before"):
        tuner.get("lora").build(init="loftq", dora=True)

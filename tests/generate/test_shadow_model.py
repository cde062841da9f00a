"""A tree of modules beside the one in training: the same answers, the same tensors, and nothing else in common."""

from __future__ import annotations

import contextlib

import pytest
import torch
from torch import nn

from tests.models.architectures import tiny_model
from tests.models.tuning.test_peft_tuner import make
from whet.base.catalogue import tuner
from whet.base.seeds import forked
from whet.contracts.model import Capabilities, Loaded
from whet.generate.eval_mode import borrowed
from whet.generate.shadow_model import answering, beside
from whet.kernels.quantized import Quantized
from whet.models.features.carried import install
from whet.models.features.neftune import Noise
from whet.models.forward import attention, mixers
from whet.models.forward.language import LanguageModel
from whet.models.tuning.wrapper import wrapper_of

pytest.importorskip("peft")
attention.register()
IDS = torch.tensor([[5, 6, 7, 8, 9, 10]])

# Tuners that keep more with a model than parameters: closures, wrappers, hooks, shared products.
KINDS = {
    "full": {}, "lora": {"rank": 4}, "lora-slow": {"rank": 4, "fast": False, "dropout": 0.5}, "prompt": {"tokens": 3},
    "p-tuning": {"tokens": 3, "hidden": 16}, "prefix": {"tokens": 3}, "ia3": {}, "oft": {"block": 8}, "adalora": {},
}  # fmt: skip


def prepared(name):
    kind = tuner.get(name.removesuffix("-slow"))
    with forked("start"):
        module = kind.build(**kind.settings(**KINDS[name]).values()).prepare(tiny_model("llama", "whet"))
        install(Loaded(module, None, Capabilities(), LanguageModel(module), {}), Noise(5.0, 0))
        with torch.no_grad():
            for parameter in module.parameters():
                if parameter.requires_grad:
                    parameter.add_(torch.randn_like(parameter) * 0.05)
    return module.train()


def logits(module):
    with torch.no_grad():
        return module(input_ids=IDS, use_cache=False).logits


def evaluated(module):
    with borrowed(module):
        return logits(module)


@pytest.mark.parametrize("name", KINDS)
def test_it_answers_as_the_module_does_in_evaluation_and_calls_none_of_its_parts(name):
    module = prepared(name)
    expected, called = evaluated(module), []
    with answering(module) as twin:
        for part_name, part in module.named_modules():
            part.register_forward_pre_hook(lambda *_, part_name=part_name: called.append(part_name))
        assert torch.equal(twin(input_ids=IDS, use_cache=False).logits, expected)
        wrapper = wrapper_of(module)
        with wrapper.disable_adapter() if wrapper else contextlib.nullcontext():
            assert torch.equal(twin(input_ids=IDS, use_cache=False).logits, expected)
    assert not called and all(part.training for part in module.modules())
    assert not any(part.training for part in twin.modules())
    ours, theirs = (dict(m.named_parameters()) | dict(m.named_buffers()) for m in (module, twin))
    assert ours.keys() == theirs.keys() and all(theirs[held] is ours[held] for held in ours)


@pytest.mark.parametrize("name", KINDS)
def test_with_tensors_of_a_moment_it_answers_as_the_module_did_then(name):
    module = prepared(name)
    expected = evaluated(module)
    trained = {held: p for held, p in module.named_parameters() if p.requires_grad}
    twin = beside(module, {held: p.detach().clone() for held, p in trained.items()})
    with torch.no_grad():
        for parameter in trained.values():
            parameter.add_(0.1)
    assert torch.equal(logits(twin), expected) and not torch.allclose(evaluated(module), expected)


def test_a_copy_runs_its_own_tensors_where_parts_are_called_for_each_sample():
    module = tiny_model("llama", "whet")
    mixers.isolate(module, ["LlamaAttention", "LlamaMLP"])
    twin = beside(module, {held: p.detach() + 0.1 for held, p in module.named_parameters()})
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1)
    assert torch.equal(logits(twin), evaluated(module))


def test_quantized_weights_are_the_same_memory():
    module = tiny_model("llama", "whet")
    for part in module.modules():
        if isinstance(part, nn.Linear) and part is not module.lm_head:
            part.weight = nn.Parameter(Quantized.of(part.weight.data, "nf4"), requires_grad=False)
    module = make("lora", rank=4).prepare(module).train()
    twin = beside(module)
    assert torch.equal(logits(twin), evaluated(module))
    packed = [p for p in module.parameters() if isinstance(p, Quantized)]
    assert len(packed) > 8 and all(p is q for p, q in zip(module.parameters(), twin.parameters(), strict=True))

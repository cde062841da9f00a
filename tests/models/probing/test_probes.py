from __future__ import annotations

import torch
from torch import nn
from transformers import LlamaForCausalLM

from tests.models.architectures import tiny_config, tiny_model
from whet.models.forward import attention
from whet.models.loading.context import BuildContext
from whet.models.loading.pretrained import verdict_of
from whet.models.loading.spec import Spec
from whet.models.probing.probes import probe

attention.register()


def twin_of(change):
    """A builder of llama twins that `change` has worked on."""

    def build(attention_name):
        module = tiny_model("llama", attention_name)
        change(module)
        return module.eval()

    return build


class Tripled(LlamaForCausalLM):
    """Logits that no entry of the config explains."""

    def forward(self, *args, **kwargs):
        output = super().forward(*args, **kwargs)
        output.logits = 3 * output.logits
        return output


def test_unexplained_logits_leave_the_head_to_the_model():
    def triple(module):
        module.__class__ = Tripled

    found = probe(twin_of(triple), "tripled")
    assert (found.packed, found.head) == (True, "keep")
    assert found.notices[0].startswith("tripled makes all logits of a batch at once")
    assert "the loss is" in found.notices[0]


class DetachedHead(nn.Module):
    """Right logits, and weights that never learn: only the gradient probe can tell."""

    def __init__(self, base):
        super().__init__()
        self.base = base

    @property
    def weight(self):
        return self.base.weight.detach()

    def forward(self, hidden):
        alone = hidden.dim() == 2
        return nn.functional.linear(hidden, self.weight) if alone else self.base(hidden)


def test_a_head_that_would_never_learn_in_chunks_is_left_to_the_model():
    def detach(module):
        module.lm_head = DetachedHead(module.lm_head)

    found = probe(twin_of(detach), "detached")
    assert (found.packed, found.head) == (True, "keep")
    assert "gradient of lm_head.base.weight" in found.notices[0]


class Mean(nn.Module):
    """Adds what the whole row says, a little."""

    def __init__(self, base, share):
        super().__init__()
        self.base, self.share = base, share

    def forward(self, hidden):
        output = self.base(hidden)
        return output + self.share * output.mean(1, keepdim=True)


def test_a_leak_of_a_thousandth_is_seen():
    def leak(module):
        module.model.norm = Mean(module.model.norm, 1e-3)

    found = probe(twin_of(leak), "leaky")
    assert not found.packed
    assert "a packed sample moves its neighbours by" in found.notices[0]


class LeakyGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden):
        return hidden.clone()

    @staticmethod
    def backward(ctx, grad):
        return grad + 1e-3 * grad.mean(1, keepdim=True)


def test_a_leak_in_the_backward_pass_alone_is_seen():
    class Leaky(nn.Module):
        def __init__(self, base):
            super().__init__()
            self.base = base

        def forward(self, hidden):
            return LeakyGradient.apply(self.base(hidden))

    def leak(module):
        module.model.layers[1].input_layernorm = Leaky(module.model.layers[1].input_layernorm)

    found = probe(twin_of(leak), "leaky")
    assert not found.packed
    assert "gradient of" in found.notices[0]


def test_a_model_that_raises_when_packed_trains_one_sample_a_row():
    class OneSample(LlamaForCausalLM):
        pass

    def refuse(module):
        def forward(*args, segments=None, **kwargs):
            if segments is not None:
                raise ValueError("one sample only")
            return type(module.model).forward(module.model, *args, **kwargs)

        module.model.forward = forward

    found = probe(twin_of(refuse), "fussy")
    assert (found.packed, found.head) == (False, "chunked")
    assert "ValueError: one sample only" in found.notices[0]


def test_a_config_of_which_no_twin_can_be_built_trusts_its_own_forward_alone():
    config = tiny_config("llama")
    config.hidden_act = "nonsense"
    found = verdict_of(Spec(init={"model_type": "llama"}), config, BuildContext())
    assert (found.packed, found.head) == (False, "keep")
    assert "no twin of it could be built" in found.notices[0]


def test_probes_draw_nothing_from_the_default_generator():
    before = torch.get_rng_state()
    verdict_of(Spec(init={"model_type": "llama"}), tiny_config("llama"), BuildContext())
    assert torch.equal(torch.get_rng_state(), before)


def test_the_tuner_prepares_the_twin_and_frozen_parameters_are_not_compared():
    class HeadOnly:
        def __init__(self):
            self.prepared = []

        def prepare(self, module):
            self.prepared.append(module)
            module.requires_grad_(False)
            module.lm_head.requires_grad_(True)
            return module

    tuner = HeadOnly()
    found = verdict_of(Spec(init={"model_type": "llama"}), tiny_config("llama"), BuildContext(tuner=tuner))
    assert (found.packed, found.head, found.notices) == (True, "chunked", ())
    assert len(tuner.prepared) > 1

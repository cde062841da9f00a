"""Shifted groups against attention with a mask that says who sees whom."""

from __future__ import annotations

import pytest
import torch

from tests.models.architectures import tiny_model
from tests.models.batches import packed, random_samples
from whet.contracts.batch import Segment
from whet.kernels.attention import SegmentPlan, dense_attention
from whet.kernels.attention_spec import Form
from whet.models.features import longlora
from whet.models.features.carried import carry
from whet.models.forward import attention
from whet.models.forward.language import LanguageModel

attention.register()


def test_samples_are_cut_into_groups_that_lie_half_a_group_apart():
    segments = (Segment(0, 10), Segment(10, 13))
    assert longlora.cut(segments, 4, 4) == (Segment(0, 4), Segment(4, 8), Segment(8, 10), Segment(10, 13))
    assert longlora.cut(segments, 4, 2) == (
        Segment(0, 2),
        Segment(2, 6),
        Segment(6, 10),
        Segment(10, 12),
        Segment(12, 13),
    )


@pytest.mark.parametrize("key_heads", [4, 2, 1])
def test_each_half_of_the_heads_sees_its_own_groups(key_heads):
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(1, 4, 13, 8, generator=generator)
    key, value = (torch.randn(1, key_heads, 13, 8, generator=generator) for _ in range(2))
    module = torch.nn.Module().train()
    stream = packed(random_samples((10, 3), 61)).text
    shifted = longlora.Groups(4).around(module, stream)
    plans, whole = shifted.plans, SegmentPlan(stream.segments)
    found, _ = attention.attend(module, query, key, value, None, segments=whole, around=(shifted,))
    wide = [x.repeat_interleave(4 // key_heads, dim=1) for x in (key, value)]
    for half, plan in enumerate(plans):
        group = torch.cat([torch.full((n,), i) for i, n in enumerate(plan.lengths)])
        mask = (group[:, None] == group) & torch.ones(13, 13).tril().bool()
        heads = slice(2 * half, 2 * half + 2)
        expected = dense_attention(query[:, heads], wide[0][:, heads], wide[1][:, heads], mask, False, Form())
        assert torch.allclose(found[:, :, heads], expected.transpose(1, 2), atol=1e-6)


def nll(module, samples):
    return LanguageModel(module).run(packed(samples), frozenset({"nll"}))["nll"]


def test_a_model_trains_in_groups_and_is_used_whole():
    samples = random_samples((12, 3), 61)
    plain, module = tiny_model("llama", "whet").train(), tiny_model("llama", "whet").train()
    carry(module, longlora.Groups(4))
    trained = nll(module, samples)
    trained.backward()
    assert not torch.allclose(trained, nll(plain, samples), rtol=1e-4)
    assert torch.equal(nll(module.eval(), samples), nll(plain.eval(), samples))
    assert torch.allclose(nll(module.train(), samples[1:]), nll(plain.train(), samples[1:]), rtol=1e-2)


def test_tokens_of_other_groups_have_no_influence_in_one_layer():
    module = tiny_model("llama", "whet").train()
    carry(module, longlora.Groups(4))
    ids = random_samples((12,), 61)[0]
    first = module.model.layers[0]
    seen = []
    first.register_forward_hook(lambda part, args, out: seen.append(out if torch.is_tensor(out) else out[0]))
    for sample in (ids, [(ids[0] + 1) % 61, *ids[1:]]):
        nll(module, [sample])
    moved = (seen[0] - seen[1])[0].abs().amax(-1) > 1e-7
    assert moved[:4].all() and not moved[4:].any()

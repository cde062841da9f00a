"""Modules that look further ahead: the equations, a sample at a time, and no module in what is written."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.models.architectures import VOCAB, tiny_model
from tests.models.batches import packed, random_samples
from whet.base.errors import ModelError
from whet.kernels.mtp import look_ahead
from whet.models.features.carried import carry
from whet.models.features.mtp import FurtherTokens
from whet.models.forward import attention
from whet.models.forward.language import LanguageModel

attention.register()
SAMPLES = random_samples([9, 4, 12, 2], VOCAB)


def test_what_lies_ahead_ends_with_the_segment():
    batch = packed([[1, 2, 3, 4], [5, 6]], [[0.0, 0.5, 1, 0], [0, 2.0]])
    one, two = look_ahead(batch.text, 1), look_ahead(batch.text, 2)
    assert one.ids_T.tolist() == [2, 3, 4, 0, 6, 0] and one.targets_T.tolist() == [3, 4, 0, 0, 0, 0]
    assert one.weights_T.tolist() == [1, 0, 0, 0, 0, 0]
    assert two.ids_T.tolist() == [3, 4, 0, 0, 0, 0] and not two.weights_T.any()


def by_hand(module, samples, depth):
    """Equations 21 to 24 of the DeepSeek-V3 report, with the model's own classes, a sample alone."""
    sums = torch.zeros(depth)
    for sample in samples:
        ids = torch.tensor([sample])
        hidden = module.base_model(ids, use_cache=False).last_hidden_state
        embedded = module.get_input_embeddings()(ids)
        for k in range(1, depth + 1):
            if len(sample) - k < 1:
                break
            part = module.whet_ahead[str(k)]
            left, right = part.norm_hidden(hidden[:, : len(sample) - k]), part.norm_embedding(embedded[:, k:])
            joined = torch.cat([left, right], -1) @ part.join.weight.T
            hidden = part.block(inputs_embeds=joined, use_cache=False).last_hidden_state
            if len(sample) - k > 1:
                logits = module.lm_head(hidden[0, :-1])
                sums[k - 1] += F.cross_entropy(logits, ids[0, k + 1 :], reduction="sum")
    return sums


@pytest.mark.parametrize("kind", ["llama", "qwen3", "gpt2", "gpt_neox", "olmo2", "deepseek_v3"])
def test_sums_and_gradients_are_those_of_the_equations(kind):
    found = []
    for way in (None, "whet"):
        module = tiny_model(kind, way)
        further = FurtherTokens(2)
        further.extend(module, torch.float32, 3)
        carry(module, further)
        module.eval()
        if way is None:
            sums = by_hand(module, SAMPLES, 2)
        else:
            sums = LanguageModel(module).run(packed(SAMPLES), frozenset({"ahead", "nll"}))["ahead"]
        (sums * torch.tensor([1.0, 0.5])).sum().backward()
        found.append((sums.detach(), {n: p.grad for n, p in module.named_parameters() if p.grad is not None}))
    (expected, theirs), (sums, ours) = found
    torch.testing.assert_close(sums, expected, rtol=1e-5, atol=1e-5)
    norm = torch.stack([g.norm() for g in theirs.values()]).norm()
    assert ours.keys() == theirs.keys() and any(name.startswith("whet_ahead.2.block") for name in ours)
    for name, gradient in theirs.items():
        assert (ours[name] - gradient).norm() <= 1e-4 * max(gradient.norm(), 1e-3 * norm), name


def test_a_model_whose_decoder_cannot_be_built_alone_is_refused_by_name():
    module = tiny_model("llama", "whet")
    module.model.__class__ = type("Other", (type(module.model),), {})
    with pytest.raises(ModelError, match="`llama` cannot look further"):
        FurtherTokens(1).extend(module, torch.float32, 0)

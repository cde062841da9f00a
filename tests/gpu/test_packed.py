"""On a GPU: the packed forward and the chunked head in bfloat16 stay as close to fp32 as the plain path does."""

from __future__ import annotations

import pytest
import torch

from tests.models.batches import packed, random_samples
from tests.tiny import LLAMA
from whet.base.catalogue import model_source, tuner
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

LENGTHS = [300, 17, 128, 1, 511, 64, 3]
WANT = frozenset({"nll"})


def loss_and_gradients(module_run, module):
    loss = module_run()
    loss.backward()
    gradients = {name: p.grad.float().clone() for name, p in module.named_parameters()}
    module.zero_grad()
    return loss.item(), gradients


def build(dtype: torch.dtype):
    context = BuildContext(dtype, seed=1, tuner=tuner.get("full").build())
    init = {**LLAMA, "hidden_size": 256, "intermediate_size": 512, "vocab_size": 4000, "max_position_embeddings": 1024}
    return filled(model_source.get("hf").build(context, init=init), torch.device("cuda"))


def separate(loaded, samples):
    """Transformers' own forward, one unpadded sample at a time, full logits."""
    total = 0.0
    for sample in samples:
        ids = torch.tensor([sample], device="cuda")
        logits = loaded.module(input_ids=ids, use_cache=False).logits[0, :-1].float()
        total = total + torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum")
    return total


def test_packed_bf16_is_at_most_twice_as_far_from_fp32_as_the_plain_path():
    samples = random_samples(LENGTHS, 4000)
    batch = packed(samples).to("cuda")
    exact, half = build(torch.float32), build(torch.bfloat16)
    reference = loss_and_gradients(lambda: separate(exact, [s for s in samples if len(s) > 1]), exact.module)
    plain = loss_and_gradients(lambda: separate(half, [s for s in samples if len(s) > 1]), half.module)
    ours = loss_and_gradients(lambda: half.model.run(batch, WANT)["nll"], half.module)
    assert abs(ours[0] - reference[0]) <= 2 * abs(plain[0] - reference[0]) + 1e-4 * abs(reference[0])
    for name, goal in reference[1].items():
        error, allowed = (ours[1][name] - goal).norm(), (plain[1][name] - goal).norm()
        assert error <= 2 * allowed + 1e-3 * goal.norm(), name


def test_packed_fp32_equals_separate_forwards():
    samples = random_samples(LENGTHS, 4000)
    exact = build(torch.float32)
    loss, gradients = loss_and_gradients(lambda: separate(exact, [s for s in samples if len(s) > 1]), exact.module)
    other, found = loss_and_gradients(lambda: exact.model.run(packed(samples).to("cuda"), WANT)["nll"], exact.module)
    assert other == pytest.approx(loss, rel=1e-5)
    norm = torch.stack([g.norm() for g in gradients.values()]).norm()
    for name, goal in gradients.items():
        assert (found[name] - goal).norm() <= 1e-4 * max(goal.norm(), 1e-3 * norm), name


def test_no_logits_of_the_whole_batch_are_ever_held():
    samples = random_samples([1000] * 8, 4000)
    loaded = build(torch.bfloat16)
    batch = packed(samples).to("cuda")
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    with torch.no_grad():
        loaded.model.run(batch, WANT)
    assert torch.cuda.max_memory_allocated() - before < 1 << 31

"""NEFTune's noise: its size, and that no split of the same samples changes it."""

from __future__ import annotations

import pytest
import torch

from tests.models.architectures import tiny_model
from tests.models.batches import packed, random_samples
from whet.contracts.model import Capabilities, Loaded
from whet.models.features.carried import install
from whet.models.features.neftune import Noise
from whet.models.forward import attention
from whet.models.forward.language import LanguageModel

attention.register()
SAMPLES = random_samples((9, 5, 7), 61)


def noisy(alpha=5.0, seed=1, step=3, is_packed=True):
    module = tiny_model("llama", "whet" if is_packed else None).train()
    added = []
    found, model = Noise(alpha, seed), LanguageModel(module, packed=is_packed)
    install(Loaded(module, None, Capabilities(packed=is_packed), model, {}), found)
    module.get_input_embeddings().register_forward_hook(lambda part, args, out: added.append((args[0], out, part)))
    found.begin_step(step)
    return model, added


def noise_of_samples(model, added, batches):
    """The noise that each sample got, in order."""
    parts = []
    for batch in batches:
        model.run(batch, frozenset({"nll"}))
        ids, out, embedding = added[-1]
        difference = out - embedding.weight[ids]
        for row, segment in enumerate(batch.text.segments):
            length = segment.end - segment.start
            at = (0, slice(segment.start, segment.end)) if len(out) == 1 else (row, slice(length))
            parts.append(difference[at].detach())
    return parts


def test_each_sample_gets_uniform_noise_of_the_size_of_the_paper():
    model, added = noisy()
    for part, sample in zip(noise_of_samples(model, added, [packed(SAMPLES)]), SAMPLES, strict=True):
        bound = 5.0 / (len(sample) * 32) ** 0.5
        assert 0.9 * bound < part.abs().max() <= bound * (1 + 1e-5)
        assert abs(part.mean()) < 0.1 * bound
        assert part.std().item() == pytest.approx(bound / 3**0.5, rel=0.1)


def test_the_noise_of_a_sample_is_the_same_in_any_batch_and_another_in_another_step():
    model, added = noisy()
    together = noise_of_samples(model, added, [packed(SAMPLES)])
    apart = noise_of_samples(model, added, [packed([s]) for s in reversed(SAMPLES)])[::-1]
    rows_model, rows_added = noisy(is_packed=False)
    padded = noise_of_samples(rows_model, rows_added, [packed(SAMPLES)])
    later = noise_of_samples(*noisy(step=4), [packed(SAMPLES)])
    for one, other, row, next_step in zip(together, apart, padded, later, strict=True):
        assert torch.allclose(one, other, atol=1e-6)
        assert torch.allclose(one, row, atol=1e-6)
        assert not torch.allclose(one, next_step, atol=1e-2)


def test_there_is_none_in_evaluation_or_without_gradients():
    for quiet in (True, False):
        model, added = noisy()
        model.module.train(not quiet)
        with torch.set_grad_enabled(quiet):
            assert all(part.abs().max() == 0 for part in noise_of_samples(model, added, [packed(SAMPLES)]))

"""Encoder-decoders, architecture by architecture, with transformers' own forward with labels as the oracle."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.models.architectures import PAIRED, VOCAB, tiny_config, tiny_model, verdict
from tests.models.batches import random_samples
from tests.models.test_packing import largest_error
from tests.sweeps import some
from whet.base.errors import ModelError
from whet.contracts.batch import Batch
from whet.contracts.sample import Sample
from whet.data.order.collate import collate
from whet.models.forward import attention
from whet.models.forward.activation_checkpointing import Checkpointing, apply_checkpointing
from whet.models.forward.encoder_decoder import fed
from whet.models.forward.language import LanguageModel
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.models.loading.pretrained import on_meta
from whet.models.loading.spec import Spec

attention.register()
ROWS = {"m2m_100"}
SOURCES = random_samples([9, 17, 1, 12, 5], VOCAB)
TARGETS = random_samples([4, 13, 6, 1, 18], VOCAB, seed=1)
# The beginning of the second target is given, not learned.
WEIGHTS = [[1.0] * 4, [0.0] * 5 + [1.0] * 8, [1.0] * 6, [1.0], [0.5] * 18]
NLL = frozenset({"nll"})


def batch(order=range(5)) -> Batch:
    return collate([pair(SOURCES[i], TARGETS[i], WEIGHTS[i]) for i in order])


def pair(source, target, weights) -> Sample:
    written = Sample(np.array(target, np.int32), np.array(weights, np.float32), is_in_place=True)
    read = np.array(source, np.int32)
    return Sample(
        read, np.zeros(len(read), np.float32), is_in_place=True, kind="bidirectional", streams={"target": written}
    )


def model_of(name, dtype=torch.float32):
    found = verdict(name)
    module = tiny_model(name, found.attention).to(dtype)
    return LanguageModel(module, **found.how)


def gradients(module):
    return {n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in module.named_parameters()}


def separate(module):
    """The weighted sum of each target token's loss, one plain forward a sample."""
    total = 0.0
    for source, target, weights in zip(SOURCES, TARGETS, WEIGHTS, strict=True):
        labels = torch.tensor([target])
        logits = module(input_ids=torch.tensor([source]), labels=labels, use_cache=False).logits[0]
        losses = torch.nn.functional.cross_entropy(logits, labels[0], reduction="none")
        total = total + (losses * torch.tensor(weights, dtype=losses.dtype)).sum()
    return total


@pytest.mark.parametrize("name", some(PAIRED, ("t5", "bart", "m2m_100", "t5gemma")))
def test_one_batch_gives_the_loss_and_gradients_of_separate_forwards_with_labels(name):
    own, model = tiny_model(name, None).double(), model_of(name, torch.float64)
    for module in (own, model.module):  # stored with the weights in marian, zero elsewhere
        if hasattr(module, "final_logits_bias"):
            module.final_logits_bias.copy_(torch.linspace(-1, 1, VOCAB))
    expected = separate(own)
    expected.backward()
    loss = model.run(batch(), NLL)["nll"]
    loss.backward()
    assert abs(loss - expected) <= 1e-6 * expected
    assert largest_error(gradients(model.module), gradients(own)) <= 1e-6


@pytest.mark.parametrize("name", ["t5", "bart", "t5gemma"])
def test_samples_of_a_row_do_not_see_each_other(name):
    """Dense models not at all (law 2): the states of four samples beside the fifth are those without it, to the bit."""
    model = model_of(name)
    with torch.no_grad():
        whole = model.run(batch(), frozenset({"hidden"}))["hidden"]
        part = model.run(batch(range(4)), frozenset({"hidden"}))["hidden"]
    torch.testing.assert_close(whole[: len(part)], part, rtol=1e-5, atol=1e-6)


def test_they_are_packed_where_attention_and_positions_can_follow_the_samples():
    assert {name for name in PAIRED if not verdict(name).packed} == ROWS
    assert {verdict(name).head for name in PAIRED} == {"chunked"}
    assert verdict("m2m_100").notices[0].startswith("m2m_100 trains one sample a row, padded, because")


@pytest.mark.parametrize("name", ["t5", "bart", "mbart", "marian"])
def test_the_decoder_is_fed_by_the_models_own_rule(name):
    module = tiny_model(name, None)
    found = fed(module, batch().trained)
    expected = [module.prepare_decoder_input_ids_from_labels(torch.tensor([target]))[0] for target in TARGETS]
    assert found.tolist() == torch.cat(expected).tolist()
    starts = {"t5": 0, "bart": 2, "marian": 2, "mbart": TARGETS[0][-1]}  # mbart wraps the language, its last token
    assert found[0] == starts[name]


@pytest.mark.parametrize("name", ["t5", "bart", "marian", "t5gemma"])
@pytest.mark.parametrize("cache", [True, False])
def test_generation_is_that_of_the_models_own_attention(name, cache):
    ids = torch.tensor([SOURCES[0], [*SOURCES[4], 0, 0, 0, 0]])
    mask = torch.tensor([[1] * 9, [1] * 5 + [0] * 4])
    how = {
        "max_new_tokens": 10,
        "do_sample": False,
        "use_cache": cache,
        "eos_token_id": None,
        "forced_eos_token_id": None,
    }
    ours = LanguageModel(tiny_model(name, "whet")).module
    found, expected = (m.generate(ids, attention_mask=mask, **how) for m in (ours, tiny_model(name, None)))
    assert found.tolist() == expected.tolist()


def test_a_run_does_not_change_what_the_module_does_by_itself():
    model = model_of("t5")
    ids, labels = torch.tensor([SOURCES[1]]), torch.tensor([TARGETS[1]])
    before = model.module(input_ids=ids, labels=labels).logits
    model.run(batch(), NLL)
    torch.testing.assert_close(model.module(input_ids=ids, labels=labels).logits, before, rtol=0, atol=0)


def test_a_batch_without_a_target_is_refused():
    text = Sample(np.array([5, 6, 7], np.int32), np.ones(3, np.float32))
    with pytest.raises(ModelError, match="reads a `source` and writes a `target`"):
        model_of("t5").run(collate([text]), NLL)


@pytest.mark.parametrize("name", ["t5", "bart"])
def test_the_source_hf_builds_them_with_what_they_can(name):
    foreign = ("intermediate_size", "num_key_value_heads", *(["max_position_embeddings"] if name == "t5" else []))
    own = {key: value for key, value in tiny_config(name).to_diff_dict().items() if key not in foreign}
    spec = Spec(init={"model_type": name, **own})
    loaded = filled(on_meta(spec, BuildContext()))
    assert (loaded.capabilities.family, loaded.capabilities.packed, loaded.capabilities.generates) == (
        "seq2seq",
        True,
        True,
    )
    assert torch.isfinite(loaded.model.run(batch(), NLL)["nll"])


@pytest.mark.case("D")
@pytest.mark.parametrize("name", PAIRED)
def test_a_packed_row_whose_activations_are_recomputed_has_the_gradients_of_separate_forwards(name):
    """What is told to a part for one row is asked again in the backward pass, after the row."""
    own, model = tiny_model(name, None).double(), model_of(name, torch.float64)
    for module in (own, model.module):
        for part in module.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = 0.0
            for drop in (
                "dropout",
                "attention_dropout",
                "activation_dropout",
                "encoder_layerdrop",
                "decoder_layerdrop",
            ):
                if isinstance(getattr(part, drop, None), float):
                    setattr(part, drop, 0.0)
            part.layerdrop = 0.0
        module.train()
    separate(own).backward()
    apply_checkpointing(SimpleNamespace(module=model.module), Checkpointing("full"))
    first = model.run(batch(), NLL)["nll"]
    other = collate([pair([5, 6, 7], [9, 10], [1.0] * 2), pair([7], [8, 9, 5], [1.0] * 3)])
    second = model.run(other, NLL)["nll"]  # another row in between, of other lengths
    first.backward()
    assert largest_error(gradients(model.module), gradients(own)) <= 1e-6
    model.module.zero_grad()
    second.backward()
    alone = model_of(name, torch.float64)  # in evaluation, as dropout is off
    alone.module.load_state_dict(model.module.state_dict())
    alone.run(other, NLL)["nll"].backward()
    assert largest_error(gradients(model.module), gradients(alone.module)) <= 1e-9

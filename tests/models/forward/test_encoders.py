"""Encoders, architecture by architecture, with transformers' own forward with labels as the oracle."""

from __future__ import annotations

import pytest
import torch

from tests.marked import bert_tokenizer
from tests.models.architectures import ENCODERS, VOCAB, tiny_config, tiny_model, verdict
from tests.models.batches import random_samples
from tests.models.test_packing import largest_error
from tests.sweeps import some
from whet.base.errors import ModelError
from whet.contracts.batch import Batch, Segment, Stream
from whet.contracts.model import Head
from whet.models.forward import attention
from whet.models.forward.language import LanguageModel
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.models.loading.pretrained import on_meta
from whet.models.loading.spec import Spec

attention.register()
PACKED = {"bert", "roberta", "distilbert", "electra", "albert", "modernbert", "convbert", "deberta-v2"}
# Token 5 stands for a mask; several samples are beyond modernbert's window (4 to either side).
TARGETS = random_samples([9, 17, 1, 12, 5], VOCAB)
MASKED = [[token % 3 == 0 or i == 0 for i, token in enumerate(sample)] for sample in TARGETS]
LABELS = [[t if m else -100 for t, m in zip(*pair, strict=True)] for pair in zip(TARGETS, MASKED, strict=True)]
SAMPLES = [[5 if m else t for t, m in zip(*pair, strict=True)] for pair in zip(TARGETS, MASKED, strict=True)]


def batch() -> Batch:
    ends = torch.tensor([len(sample) for sample in SAMPLES]).cumsum(0).tolist()
    segments = [Segment(e - len(s), e, -1, "bidirectional") for s, e in zip(SAMPLES, ends, strict=True)]
    flat = [torch.tensor([value for sample in column for value in sample]) for column in (SAMPLES, TARGETS, MASKED)]
    positions = torch.cat([torch.arange(len(sample)) for sample in SAMPLES])
    stream = Stream(flat[0], positions, tuple(segments), flat[1], flat[2].float())
    return Batch({"text": stream}, len(SAMPLES), {"weight": torch.ones(len(SAMPLES))})


def model_of(name, dtype=torch.float32):
    found = verdict(name)
    module = tiny_model(name, found.attention).to(dtype)
    return LanguageModel(module, **found.how)


def gradients(module):
    return {n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in module.named_parameters()}


@pytest.mark.parametrize("name", some(ENCODERS, ("bert", "albert", "modernbert", "mpnet")))
def test_one_batch_gives_the_loss_and_gradients_of_separate_forwards_with_labels(name):
    own, total = tiny_model(name, None).double(), 0.0
    for sample, labels in zip(SAMPLES, LABELS, strict=True):
        mean = own(input_ids=torch.tensor([sample]), labels=torch.tensor([labels])).loss
        total = total + mean * sum(label >= 0 for label in labels)
    total.backward()
    model = model_of(name, torch.float64)
    loss = model.run(batch(), frozenset({"nll"}))["nll"]
    loss.backward()
    assert abs(loss - total) <= 1e-6 * total
    assert largest_error(gradients(model.module), gradients(own)) <= 1e-6


@pytest.mark.parametrize("name", ENCODERS)
def test_hidden_states_are_those_of_separate_forwards(name):
    own = tiny_model(name, None)
    expected = torch.cat([own.base_model(torch.tensor([sample])).last_hidden_state[0] for sample in SAMPLES])
    found = model_of(name).run(batch(), frozenset({"hidden"}))["hidden"]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-5)


def test_encoders_are_packed_whosever_attention_they_have():
    assert {name for name in ENCODERS if verdict(name).packed} == PACKED
    assert all(verdict(name).notices == () for name in PACKED)
    assert verdict("mpnet").notices[0].startswith("mpnet trains one sample a row, padded, because")


@pytest.mark.parametrize("name", ["bert", "modernbert"])
def test_the_own_forward_under_our_attention_is_that_of_transformers(name):
    ids = torch.tensor(random_samples([23, 23], VOCAB))
    mask = torch.ones_like(ids)
    mask[1, 15:] = 0
    for how in ({}, {"attention_mask": mask}):
        found, expected = (tiny_model(name, a)(ids, **how).logits for a in ("whet", None))
        torch.testing.assert_close(found[0], expected[0], rtol=1e-4, atol=2e-5)
        torch.testing.assert_close(found[1, :15], expected[1, :15], rtol=1e-4, atol=2e-5)


def test_positions_of_a_sample_begin_behind_padding_in_roberta_and_the_context_counts_that():
    given = {key: value for key, value in tiny_config("roberta").to_diff_dict().items() if key != "num_key_value_heads"}
    loaded = filled(on_meta(Spec(init={"model_type": "roberta", **given}), BuildContext()))
    assert loaded.capabilities.context == 64 - 1  # padding is token 0, so positions begin at 1
    assert loaded.capabilities.packed
    assert not loaded.capabilities.generates


@pytest.mark.parametrize("name", ["bert", pytest.param("distilbert", marks=pytest.mark.slow)])
def test_a_headless_model_gives_the_same_hidden_states_from_a_checkpoint_with_or_without_a_head(name, tmp_path):
    whole = tiny_model(name, None)
    whole.save_pretrained(tmp_path / "whole")
    whole.base_model.save_pretrained(tmp_path / "body")
    bert_tokenizer(tmp_path / "words")
    specs = [Spec(path=str(tmp_path / n), tokenizer=str(tmp_path / "words")) for n in ("whole", "body")]
    expected = torch.cat([whole.base_model(torch.tensor([sample])).last_hidden_state[0] for sample in SAMPLES])
    for spec in specs:
        loaded = filled(on_meta(spec, BuildContext(head=Head("none"))))
        found = loaded.model.run(batch(), frozenset({"hidden"}))["hidden"]
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-5)
        assert loaded.module.config.architectures == [type(whole.base_model).__name__]
    with pytest.raises(ModelError, match="lack"):
        filled(on_meta(specs[1], BuildContext()))

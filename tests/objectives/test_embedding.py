"""InfoNCE: against plain PyTorch, split in any way, hard negatives of any number, right documents never wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from tests.objectives.groups import assert_same, executor, figures, splits
from tests.objectives.texts import asked, body, cosines, drawn, embedded, texts_of, with_gradients
from whet.base.errors import ConfigError
from whet.data.order.collate import collate, dummy

# A query, what answers it, and none to three hard negatives.
SAMPLES = [
    asked(drawn(0, 4, 7)),
    asked(drawn(1, 3, 5, 6)),
    asked(drawn(2, 6, 2, 9, 4)),
    asked(drawn(3, 2, 8, 3, 3, 5)),
    asked(drawn(4, 5, 1, 4)),
]
TEMPERATURE = 0.2


def expected(samples, *, pooling="mean", temperature=TEMPERATURE, symmetric=False, dims=(None,), of=None):
    """Every query against every document, the texts embedded one by one; one positive each, all texts different."""
    module = (of or body()).module
    queries = torch.stack([embedded(module, texts_of(s)[0], pooling) for s in samples])
    positives = torch.stack([embedded(module, texts_of(s)[1], pooling) for s in samples])
    others = [embedded(module, text, pooling) for s in samples for text in texts_of(s)[2:]]
    documents = torch.cat([positives, torch.stack(others)])
    target = torch.arange(len(samples))
    total = torch.zeros(())
    for dim in dims:
        loss = F.cross_entropy(cosines(queries[:, :dim], documents[:, :dim]) / temperature, target)
        if symmetric:
            loss = loss + F.cross_entropy(cosines(positives[:, :dim], queries[:, :dim]) / temperature, target)
        total = total + (loss / 2 if symmetric else loss)
    return with_gradients(module, total)


def learner(**settings):
    return executor("embedding", policy=body(), **{"temperature": TEMPERATURE, **settings})


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_the_loss_and_its_gradients_equal_plain_pytorch(pooling):
    found = figures(learner(pooling=pooling), [SAMPLES[:2], SAMPLES[2:]])
    assert_same(found, expected(SAMPLES, pooling=pooling))


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_where_tokens_look_both_ways_as_well(pooling):
    both, loaded = [replace(sample, kind="bidirectional") for sample in SAMPLES], body(is_causal=False)
    train = executor("embedding", policy=loaded, pooling=pooling, temperature=TEMPERATURE)
    assert_same(figures(train, [both[:2], both[2:]]), expected(SAMPLES, pooling=pooling, of=loaded))


def test_symmetric_and_matryoshka_terms_equal_plain_pytorch():
    found = figures(learner(symmetric=True, matryoshka=(16, 4)), [SAMPLES[:3], SAMPLES[3:]])
    assert_same(found, expected(SAMPLES, symmetric=True, dims=(None, 16, 4)))
    assert found[0]["loss"] == pytest.approx(sum(found[0][name] for name in ("full", "dim16", "dim4")))


@settings(max_examples=6)
@given(order=st.permutations(range(5)), cuts=st.sets(st.integers(1, 4)), symmetric=st.booleans())
def test_any_split_gives_the_same_loss_and_gradients(order, cuts, symmetric):
    train = learner(symmetric=symmetric, temperature=0.05)
    assert_same(figures(train, splits(SAMPLES, order, sorted(cuts))), figures(train, [SAMPLES]))


def test_one_micro_batch_needs_no_pass_before_it(monkeypatch):
    train, calls = learner(), []
    monkeypatch.setattr(type(train.objective), "prepare", lambda *a: calls.append(a))
    figures(train, [SAMPLES])
    assert calls == []


def test_similarities_in_chunks_are_the_same():
    train = learner(symmetric=True)
    whole = figures(train, [SAMPLES])
    one = replace(train.objective, coupling=replace(train.objective.coupling, chunk_bytes=1))
    assert_same(figures(replace(train, objective=one), [SAMPLES]), whole)


def test_an_idle_rank_changes_nothing():
    train = learner()
    batches = [collate(SAMPLES), dummy(SAMPLES[0])]
    total, _ = train.weigh(batches, {})
    found = train._figures(train._read(train._accumulate(0, batches, total), {}), total)
    train.optimizer.zero_grad()
    assert found["loss"] == pytest.approx(figures(train, [SAMPLES])[0]["loss"], rel=1e-7)


def test_the_other_documents_of_a_query_and_copies_of_its_own_are_no_negatives():
    (query, first, second, other), (asker, answer) = drawn(5, 4, 6, 5, 7), drawn(6, 3, 4)
    two = [asked([query, first, second], 2), asked([asker, answer])]
    # The same with one positive a sample, the query twice, and the first document as somebody's negative as well.
    apart = [asked([query, first]), asked([query, second]), asked([asker, answer])]
    assert_same(figures(learner(), [apart]), figures(learner(), [two]))
    plain = figures(learner(), [[asked([query, first]), asked([asker, answer, other])]])
    copied = figures(learner(), [[asked([query, first, first]), asked([asker, answer, other])]])
    module = body().module
    q, d = (
        torch.stack([embedded(module, text) for text in texts]) for texts in ([query, asker], [first, answer, other])
    )
    logits = cosines(q, d) / TEMPERATURE
    assert plain[0]["loss"] == pytest.approx(F.cross_entropy(logits, torch.arange(2)).item(), rel=1e-5)
    # To the asker the copy is one more wrong document, to the query it is none.
    more = F.cross_entropy(torch.cat([logits[1], logits[1, :1]])[None], torch.tensor([1]))
    assert copied[0]["loss"] == pytest.approx(
        ((F.cross_entropy(logits[:1], torch.tensor([0])) + more) / 2).item(), rel=1e-5
    )


def test_a_margin_leaves_out_documents_that_are_more_similar_than_the_right_one():
    module = body().module
    texts = [texts_of(sample) for sample in SAMPLES]
    q = torch.stack([embedded(module, own[0]) for own in texts])
    d = torch.stack(
        [embedded(module, own[1]) for own in texts] + [embedded(module, t) for own in texts for t in own[2:]]
    )
    similar = cosines(q, d)
    own = similar[torch.arange(5), torch.arange(5), None]
    out = similar > own + 0.02
    assert 0 < out.sum() < out.numel()
    loss = F.cross_entropy((similar / TEMPERATURE).masked_fill(out, -torch.inf), torch.arange(5))
    assert_same(figures(learner(margin=0.02), [SAMPLES[:1], SAMPLES[1:]]), with_gradients(module, loss))


def test_accuracy_is_how_often_the_right_document_is_the_nearest():
    module = body().module
    q = torch.stack([embedded(module, texts_of(s)[0]) for s in SAMPLES])
    d = torch.stack([embedded(module, texts_of(s)[1]) for s in SAMPLES])
    pairs = [asked(texts_of(s)[:2]) for s in SAMPLES]
    found, _ = figures(learner(), [pairs])
    assert found["accuracy"] == pytest.approx((cosines(q, d).argmax(1) == torch.arange(5)).double().mean().item())
    near = [asked([text, text]) for text in drawn(9, 4, 6, 5)]
    same, _ = figures(learner(), [near])
    assert same["accuracy"] == 1.0 and same["gap"] > 0


def test_dropout_is_the_same_in_both_passes():
    train = executor("embedding", policy=body(attention_dropout=0.3), temperature=TEMPERATURE)
    train.module.train()
    once = figures(train, [SAMPLES[:2], SAMPLES[2:]])
    assert once[0]["loss"] == figures(train, [SAMPLES[:2], SAMPLES[2:]])[0]["loss"]
    batches = [collate(SAMPLES[:2]), collate(SAMPLES[2:])]
    first = train._statistics(0, batches)
    from whet.base.seeds import forked
    from whet.objectives.pooling import embeddings

    tables = []
    for number, batch in enumerate(batches):
        with forked(train.seed, "step", 0, number, 0):
            tables.append(embeddings(train.models.policy, batch, train.objective.embedder).detach())
    names = {"embeddings": torch.cat(tables)} | {
        n: torch.cat([b.fields[n] for b in batches]) for n in ("weight", "role", "text")
    }
    assert torch.equal(train.objective.settle(names)["loss/loss"], first[0]["loss/loss"].whole)
    train.module.eval()
    assert figures(train, [SAMPLES[:2], SAMPLES[2:]])[0]["loss"] != once[0]["loss"]


def test_a_decoder_may_look_both_ways():
    loaded = body(is_causal=False)
    assert loaded.module.config.is_causal is False
    sample = asked(drawn(0, 4, 7))
    both = type(sample)(
        sample.ids, sample.weights, sample.fields, None, sample.cuts, is_in_place=True, kind="bidirectional"
    )
    hidden = loaded.model.run(collate([both]), frozenset({"hidden"}))["hidden"]
    own = torch.cat([loaded.module(input_ids=torch.tensor([text])).last_hidden_state[0] for text in texts_of(sample)])
    torch.testing.assert_close(hidden, own, rtol=1e-5, atol=1e-5)
    causal = loaded.model.run(collate([sample]), frozenset({"hidden"}))["hidden"]
    assert (hidden - causal).abs().max() > 0.1


def test_beginnings_longer_than_an_embedding_are_refused():
    with pytest.raises(ConfigError, match="matryoshka") as error:
        figures(learner(matryoshka=(64,)), [SAMPLES])
    assert error.value.hint

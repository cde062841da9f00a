from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.exact import rounding
from tests.models.architectures import VOCAB, tiny_model
from tests.models.batches import packed, random_samples
from whet.base.errors import ModelError
from whet.contracts.batch import Batch, Segment, Stream
from whet.contracts.model import Divergence, Readout
from whet.models.forward import attention
from whet.models.forward.language import LanguageModel

attention.register()
SAMPLES = random_samples([7, 12, 3], VOCAB)
WEIGHTS = [[0.0, 0, 0, 1, 1, 1, 1], [1.0] * 12, [0.0, 1, 0.5]]
NLL = frozenset({"nll"})


def gradients(module):
    return {n: p.grad.clone() for n, p in module.named_parameters() if p.grad is not None}


def loss_and_gradients(module, batch, **facts):
    module.zero_grad()
    loss = LanguageModel(module, **facts).run(batch, NLL)["nll"]
    loss.backward()
    return loss.detach(), gradients(module)


# Sums over vocabulary and tokens, and in two layers over width, inner width and tokens.
ROUNDED = rounding(VOCAB, sum(map(len, SAMPLES)), *[32, 48, 32, max(map(len, SAMPLES))] * 2)


def assert_same(found, expected, limit=ROUNDED):
    assert abs(found[0] - expected[0]) <= limit * abs(expected[0])
    assert found[1].keys() == expected[1].keys()
    floor = 1e-3 * torch.stack([g.norm() for g in expected[1].values()]).norm()
    for name, gradient in expected[1].items():
        assert (found[1][name] - gradient).norm() <= limit * torch.maximum(gradient.norm(), floor), name


def own_logprobs(module, samples, weights):
    """Log p of each trained token from a plain forward a sample, and whether it is the argmax."""
    logprobs, hits = [], []
    for sample, counts in zip(samples, weights, strict=True):
        ids = torch.tensor(sample)
        logits = module(ids[None], use_cache=False).logits[0, :-1]
        trained = torch.tensor(counts[1:]) > 0
        logprobs.append(torch.log_softmax(logits, -1).gather(1, ids[1:, None])[trained, 0])
        hits.append((logits.argmax(-1) == ids[1:])[trained])
    return torch.cat(logprobs), torch.cat(hits)


@pytest.mark.parametrize("packing", [True, False])
@pytest.mark.parametrize("head_mode", ["chunked", "keep"])
def test_every_way_of_running_gives_what_the_model_itself_gives(packing, head_mode):
    module = tiny_model("gemma2", "whet" if packing else None)
    found = LanguageModel(module, packed=packing, head_mode=head_mode, chunk=3).run(
        packed(SAMPLES, WEIGHTS), frozenset({"nll", "logprobs", "hits", "hidden"})
    )
    logprobs, hits = own_logprobs(tiny_model("gemma2", None), SAMPLES, WEIGHTS)
    torch.testing.assert_close(found["logprobs"], logprobs, rtol=1e-5, atol=1e-5)
    assert torch.equal(found["hits"], hits)
    counts = torch.tensor([w for weights in WEIGHTS for w in weights[1:] if w > 0])
    torch.testing.assert_close(found["nll"], -(logprobs * counts).sum(), rtol=ROUNDED, atol=0)
    assert found["hidden"].shape == (22, 32)


@pytest.mark.parametrize("packing", [True, False])
@pytest.mark.parametrize("head_mode", ["chunked", "keep", "module"])
def test_scores_are_those_of_the_models_own_logits_over_the_temperature(packing, head_mode):
    module = tiny_model("gemma2", "whet" if packing else None)
    if head_mode == "module":
        module.lm_head = nn.Sequential(module.lm_head)
    batch = packed(SAMPLES, WEIGHTS)
    trained = torch.cat([torch.tensor(w[1:]) > 0 for w in WEIGHTS])
    candidates = torch.randint(VOCAB, (int(trained.sum()), 2), generator=torch.Generator().manual_seed(0))
    names = frozenset({"logprobs", "entropy", "candidates", "top_ids", "top_logprobs"})
    model = LanguageModel(module, packed=packing, head_mode="keep" if head_mode == "keep" else "chunked", chunk=3)
    found = model.run(batch, names, Readout(temperature=0.6, top=3, candidates=candidates))
    plain = tiny_model("gemma2", None)
    logits = [plain(torch.tensor([s]), use_cache=False).logits[0, :-1] for s in SAMPLES]
    expected = torch.log_softmax(torch.cat(logits)[trained] / 0.6, -1)
    targets = torch.tensor([t for s in SAMPLES for t in s[1:]])[trained]
    top = expected.topk(3, -1)
    assert found.keys() == names and torch.equal(found["top_ids"], top.indices)
    for name, value in {
        "logprobs": expected.gather(1, targets[:, None])[:, 0],
        "candidates": expected.gather(1, candidates),
        "entropy": -(expected.exp() * expected).sum(-1),
        "top_logprobs": top.values,
    }.items():
        torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-5)


def test_logprobs_have_the_gradient_of_nll():
    module = tiny_model("llama", "whet")
    batch = packed(SAMPLES, WEIGHTS)
    expected = loss_and_gradients(module, batch)
    module.zero_grad()
    logprobs = LanguageModel(module, chunk=3).run(batch, frozenset({"logprobs"}))["logprobs"]
    loss = -(logprobs * batch.text.weights[batch.text.weights > 0]).sum()
    loss.backward()
    assert_same((loss.detach(), gradients(module)), expected)


def test_any_split_into_micro_batches_sums_to_the_same():
    module = tiny_model("llama", "whet")
    expected = loss_and_gradients(module, packed(SAMPLES, WEIGHTS))
    module.zero_grad()
    total = torch.zeros(())
    for sample, weights in zip(SAMPLES, WEIGHTS, strict=True):
        part = LanguageModel(module).run(packed([sample], [weights]), NLL)["nll"]
        part.backward()
        total += part.detach()
    assert_same((total, gradients(module)), expected)


def test_a_dummy_gives_zero_loss_and_a_zero_gradient_to_every_parameter():
    module = tiny_model("llama", "whet")
    batch = packed([[5, 6]], [[0.0, 0.0]])
    for want in ("nll", "logprobs"):
        module.zero_grad()
        loss = LanguageModel(module).run(batch, frozenset({want}))[want].sum()
        loss.backward()
        assert loss.item() == 0
        assert len(gradients(module)) == len(list(module.parameters()))
        assert not any(gradient.any() for gradient in gradients(module).values())


class LowRankHead(nn.Module):
    """A head that is not a bare linear layer, as an adapter leaves it; notes how many rows it saw at once."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base, self.rows = base, []
        self.down = nn.Linear(base.in_features, 2, bias=False)
        self.up = nn.Linear(2, base.out_features, bias=False)

    def forward(self, hidden):
        self.rows.append(len(hidden) if hidden.dim() == 2 else hidden.shape[1])
        return self.base(hidden) + self.up(self.down(hidden))


def test_a_head_with_an_adapter_is_called_as_a_module_on_chunks_of_trained_positions():
    module = tiny_model("llama", "whet")
    torch.manual_seed(0)
    module.lm_head = LowRankHead(module.lm_head)
    own = module(torch.tensor([SAMPLES[0]]), use_cache=False).logits[0, :-1]
    own_loss = F.cross_entropy(own, torch.tensor(SAMPLES[0][1:]), reduction="sum")
    own_loss.backward()
    expected = own_loss.detach(), gradients(module)
    module.lm_head.rows.clear()
    assert_same(loss_and_gradients(module, packed([SAMPLES[0]]), chunk=4), expected)
    assert set(module.lm_head.rows) == {4, 2}


def test_a_head_with_an_adapter_takes_a_batch_without_trained_positions():
    module = tiny_model("llama", "whet")
    module.lm_head = LowRankHead(module.lm_head)
    loss, found = loss_and_gradients(module, packed([[5, 6]], [[0.0, 0.0]]))
    assert loss == 0
    assert len(found) == len(list(module.parameters()))


def test_activation_checkpointing_changes_no_bit():
    module = tiny_model("gemma2", "whet").train()
    expected = loss_and_gradients(module, packed(SAMPLES, WEIGHTS))
    module.gradient_checkpointing_enable()
    loss, found = loss_and_gradients(module, packed(SAMPLES, WEIGHTS))
    assert loss == expected[0]
    assert all(torch.equal(found[name], gradient) for name, gradient in expected[1].items())


def test_under_autocast_it_errs_at_most_twice_as_much_as_the_plain_path():
    module = tiny_model("llama", "whet")
    exact = loss_and_gradients(module, packed(SAMPLES))
    with torch.autocast("cpu", torch.bfloat16):
        found = loss_and_gradients(module, packed(SAMPLES))
    own = tiny_model("llama", "sdpa")
    with torch.autocast("cpu", torch.bfloat16):
        plain = -own_logprobs(own, SAMPLES, [[1.0] * len(s) for s in SAMPLES])[0].sum()
    plain.backward()
    assert abs(found[0] - exact[0]) <= 2 * abs(plain.detach() - exact[0]) + 1e-3 * exact[0]
    for name, gradient in gradients(own).items():
        error, allowed = (x[name] - exact[1][name] for x in (found[1], {name: gradient}))
        assert error.norm() <= 2 * allowed.norm() + 1e-3 * exact[1][name].norm(), name


def shared_prefix(prompt, branches):
    """The prompt once, and branches that see it; the prompt's own tokens and the branches' first are not trained."""
    segments, start = [Segment(0, len(prompt))], len(prompt)
    for branch in branches:
        segments.append(Segment(start, start + len(branch), prefix=0))
        start += len(branch)
    weights = torch.cat([torch.zeros(len(prompt)), *(torch.tensor([1.0] * (len(b) - 1) + [0.0]) for b in branches)])
    ids = torch.tensor([*prompt, *(token for branch in branches for token in branch)])
    places = [torch.arange(len(prompt)), *(torch.arange(len(b)) + len(prompt) for b in branches)]
    stream = Stream(ids, torch.cat(places), tuple(segments), ids.roll(-1), weights)
    return Batch({"text": stream}, len(branches))


@pytest.mark.parametrize("name", ["llama", "mistral", "gemma2", "gpt_oss"])
def test_branches_of_a_shared_prompt_learn_as_if_each_had_its_own(name):
    prompt, *branches = random_samples([9, 5, 8], VOCAB)
    module = tiny_model(name, "whet")
    found = loss_and_gradients(module, shared_prefix(prompt, branches))
    whole = [prompt + branch for branch in branches]
    weights = [[0.0] * (len(prompt) + 1) + [1.0] * (len(branch) - 1) for branch in branches]
    assert_same(found, loss_and_gradients(module, packed(whole, weights)))


def test_a_model_that_is_not_packed_refuses_a_shared_prompt():
    module = tiny_model("llama", None)
    with pytest.raises(ModelError, match="whole causal samples"):
        LanguageModel(module, packed=False).run(shared_prefix([1, 2], [[3, 4]]), NLL)


def test_an_unknown_quantity_is_refused_by_name():
    with pytest.raises(ModelError, match="guesses"):
        LanguageModel(tiny_model("llama", "whet")).run(packed(SAMPLES), frozenset({"guesses"}))


def test_two_models_may_run_in_turns():
    """Law 9: nothing about one run reaches the other."""
    first, second = tiny_model("llama", "whet"), tiny_model("mistral", "whet")
    alone = [loss_and_gradients(m, packed(SAMPLES)) for m in (first, second)]
    first.zero_grad(), second.zero_grad()
    models = LanguageModel(first), LanguageModel(second)
    losses = [m.run(packed(SAMPLES), NLL)["nll"] for m in models]
    for loss, module, expected in zip(reversed(losses), (second, first), reversed(alone), strict=True):
        loss.backward()
        assert torch.equal(loss, expected[0])
        assert all(torch.equal(gradients(module)[n], g) for n, g in expected[1].items())


def test_one_token_samples_and_zero_weights_change_nothing():
    module = tiny_model("llama", "whet")
    expected = loss_and_gradients(module, packed(SAMPLES))
    batch = packed([[4], *SAMPLES, [9, 9]], [[1.0], *([1.0] * len(s) for s in SAMPLES), [0.0, 0.0]])
    assert_same(loss_and_gradients(module, batch), expected)
    assert int((replace(batch.text).weights > 0).sum()) == sum(len(s) - 1 for s in SAMPLES)


@pytest.mark.parametrize("packing", [True, False])
@pytest.mark.parametrize("head_mode", ["chunked", "keep", "module"])
def test_the_divergence_from_a_teacher_is_the_same_however_both_are_run(packing, head_mode):
    """Against both models' own logits, a sample at a time; the teacher is run in the same way as the student."""
    measure, batch = Divergence("jsd", 0.3, 2.0, 0.5), packed(SAMPLES, WEIGHTS)
    found = {}
    for name, kind in (("teacher", "llama"), ("student", "gemma2")):
        module = tiny_model(kind, "whet" if packing else None)
        if head_mode == "module":
            module.lm_head = nn.Sequential(module.lm_head)
        found[name] = LanguageModel(
            module, packed=packing, head_mode="keep" if head_mode == "keep" else "chunked", chunk=3
        )
    with torch.no_grad():
        reading = found["teacher"].prediction(batch)
    want = frozenset({"divergence"})
    given = found["student"].run(batch, want, Readout(teacher=reading, measure=measure))
    given["divergence"].backward()
    student, teacher = tiny_model("gemma2", None), tiny_model("llama", None)
    total = 0.0
    for sample, counts in zip(SAMPLES, WEIGHTS, strict=True):
        ids = torch.tensor(sample)[None]
        logits, theirs = student(ids).logits[0, :-1], teacher(ids).logits[0, :-1].detach()
        q, p = torch.softmax(logits / 2, -1), torch.softmax(theirs / 2, -1)
        m = 0.3 * p + 0.7 * q
        each = (0.3 * p * (p / m).log() + 0.7 * q * (q / m).log()).sum(-1)
        each = each + 0.5 * F.cross_entropy(logits, ids[0, 1:], reduction="none")
        total = total + (each * torch.tensor(counts[1:])).sum()
    total.backward()
    module = found["student"].module
    expected = {
        n.replace("lm_head.", "lm_head.0.") if head_mode == "module" else n: g for n, g in gradients(student).items()
    }
    assert_same((given["divergence"].detach(), gradients(module)), (total.detach(), expected), 1e-5)
    hot = found["student"].run(batch, frozenset({"target_logprobs", "logprobs"}), Readout(temperature=2.0))
    torch.testing.assert_close(hot["target_logprobs"], given["target_logprobs"], rtol=1e-5, atol=1e-5)
    assert not torch.equal(hot["logprobs"], hot["target_logprobs"])

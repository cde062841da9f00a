"""Nothing inside a micro-batch asks the device for a number: on a GPU, each such question waits for all that is queued.

Looked for on a CPU: the operations whose result decides a shape, or is read by Python.
"""

import traceback

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import LlamaConfig, LlamaForCausalLM

from tests.tiny import LLAMA
from whet.base.catalogue import objective, optimizer
from whet.contracts.model import Models
from whet.contracts.sample import Sample
from whet.data.order.collate import collate
from whet.models.forward import attention
from whet.models.forward.language import LanguageModel
from whet.models.roles import roles
from whet.optim.adapted import adapted
from whet.optim.groups import ParamGroups
from whet.parallel.world import World
from whet.train.step.executor import DataParallel

# transformers asks once a forward, before the first layer, whether the positions are those of a packed row (5.23).
THEIRS = "find_packed_sequence_indices"
ASKING = ("nonzero", "_local_scalar_dense", "masked_select", "bincount", "_unique", "unique_dim", "equal")


class Questions(TorchDispatchMode):
    """Notes each operation that would wait for a GPU."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        asks = name.startswith(ASKING)
        asks |= name == "repeat_interleave" and not (kwargs or {}).get("output_size")
        if name in ("index", "index_put", "index_put_"):
            asks |= any(i is not None and i.dtype in (torch.bool, torch.uint8) for i in args[1])
        callers = [frame.name for frame in traceback.extract_stack()] if asks else []
        if asks and THEIRS not in callers:
            self.found.append(f"{name}, asked by {callers[-2]}")
        return function(*args, **(kwargs or {}))


def group(random, branches=2, **more):
    shared, size = 3, 4
    n = shared + branches * size
    weights = np.ones(n, np.float32)
    weights[:shared] = 0
    cuts = tuple(shared + size * i for i in range(branches))
    weights[list(cuts)] = 0
    return Sample(random.integers(0, 90, n).astype(np.int32), weights, cuts=cuts, **more)


def plain(random):
    return Sample(random.integers(0, 90, 9).astype(np.int32), np.array([0] * 4 + [1] * 5, np.float32))


def answered(random):
    n = 3 + 2 * 4
    values = {name: np.zeros(n, np.float32) for name in ("behaviour", "old", "reference", "advantage")}
    return group(random, fields={"advantage": np.array([1, -1], np.float32)}, values=values)


@pytest.fixture(scope="module")
def policy():
    return LanguageModel(LlamaForCausalLM(LlamaConfig(**LLAMA, vocab_size=100, pad_token_id=0)))


@pytest.fixture(scope="module")
def packing():
    attention.register()
    config = LlamaConfig(**LLAMA, vocab_size=100, pad_token_id=0, attn_implementation=attention.NAME)
    return LanguageModel(LlamaForCausalLM(config))


@pytest.mark.parametrize(
    ("kind", "settings", "make"),
    [
        ("sft", {}, plain),
        ("sft", {"weighting": "dft"}, plain),
        ("dpo", {}, group),
        ("dpo", {"length_weight": 0.5}, group),
        ("simpo", {}, group),
        ("grpo", {}, answered),
    ],
)
def test_forward_and_backward_of_a_micro_batch_ask_nothing(policy, kind, settings, make):
    random = np.random.default_rng(0)
    loss, batch = objective.get(kind).build(**settings), collate([make(random) for _ in range(3)])
    models = Models(policy, {"reference": policy})
    with Questions() as questions:
        terms = loss(models, batch, {})
        torch.stack(list(terms.sums.values())).sum().backward()
    assert questions.found == []


@pytest.mark.parametrize(("clip", "chosen"), [(0.0, "lion"), (1e-12, "adamw")])
@pytest.mark.parametrize(
    ("kind", "settings", "make"),
    [("sft", {}, plain), ("sft", {"weighting": "entropy"}, plain), ("dpo", {}, group), ("grpo", {}, answered)],
)
def test_a_step_reads_the_device_once_before_its_update(policy, monkeypatch, kind, settings, make, clip, chosen):
    """Micro-batches, clipping, what is shown and whether all is finite: one read for all of it."""
    random = np.random.default_rng(0)
    batches = [collate([make(random) for _ in range(3)]) for _ in range(2)]
    module, loss = policy.module, objective.get(kind).build(**settings)
    update = adapted(optimizer.get(chosen).build(ParamGroups.of(module, roles(module))))
    executor = DataParallel(
        World(torch.device("cpu")), Models(policy, {"reference": policy}), loss, update, module, 0, clip, None
    )
    weights, _ = executor.weigh(batches, {})
    reads, order = [], []
    for name in ("tolist", "numpy", "cpu", "item"):
        monkeypatch.setattr(torch.Tensor, name, noted(getattr(torch.Tensor, name), name, reads))
    update.register_step_pre_hook(lambda *_: order.append(len(reads)))
    with Questions() as questions:
        figures = executor.step(0, batches, weights, 1.0)
    assert questions.found == []
    assert (reads, order) == (["tolist"], [1])
    assert np.isfinite([figures["loss"], figures["grad_norm"]]).all() and figures["grad_norm"] > clip


def noted(method, name, reads):
    def noting(tensor, *given, **named):
        reads.append(name)
        return method(tensor, *given, **named)

    return noting


class Largest(TorchDispatchMode):
    """Notes how many entries the largest tensor has that an operation makes."""

    entries = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else (made,):
            if isinstance(tensor, torch.Tensor):
                self.entries = max(self.entries, tensor.numel())
        return made


def test_nothing_of_a_packed_row_is_as_large_as_its_pairs_of_tokens(packing):
    """transformers would make a mask of them: 4 GiB of a row of 64 thousand tokens."""
    random = np.random.default_rng(0)
    batch = collate([plain(random) for _ in range(60)])
    with Largest() as largest, torch.no_grad():
        packing.run(batch, frozenset({"nll"}))
    assert largest.entries < batch.num_tokens**2 / 4


def test_a_question_is_noticed():
    with Questions() as questions:
        ones = torch.ones(3)
        _ = ones[ones > 0], (ones > 0).nonzero(), float(ones[0])
        _ = torch.repeat_interleave(torch.arange(3), torch.tensor([1, 2, 3]))
    assert len(questions.found) >= 4

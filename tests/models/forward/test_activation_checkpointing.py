"""What layers keep: recomputed or not, offloaded or not, gradients are the same to the bit, and less is held."""

from __future__ import annotations

import gc
from collections import Counter
from itertools import product

import pytest
import torch
from torch._dynamo.utils import counters
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

from tests.inverted_host_memory import Inverted
from tests.models.batches import packed, random_samples
from tests.models.forward.test_recompute_state import Block, Deep
from tests.parallel.meshes import base_of, stored
from tests.tiny import LLAMA
from whet.base.catalogue import model_source, tuner
from whet.base.errors import ModelError
from whet.kernels.host_memory import host_memory
from whet.models.forward import activation_offload, selective_recompute
from whet.models.forward.activation_checkpointing import Checkpointing, apply_checkpointing
from whet.models.forward.activation_offload import ActivationOffload
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.models.probing.probes import Verdict
from whet.plan.tracing.live import Timeline, watched

CPU, NLL = torch.device("cpu"), frozenset({"nll"})
BATCH = packed(random_samples([40, 23, 61], 100))
KINDS = {
    "dense": {},
    "experts": {
        "model_type": "qwen3_moe", "head_dim": 8, "num_experts": 4, "num_experts_per_tok": 2,
        "moe_intermediate_size": 16,
    },
}  # fmt: skip


def model(kind: str, how: Checkpointing):
    init = {**LLAMA, "vocab_size": 100, "num_hidden_layers": 3, "initializer_range": 0.2, **KINDS[kind]}
    context = BuildContext(seed=3, tuner=tuner.get("full").build(), verdict=Verdict(True, "chunked", ()))
    loaded = model_source.get("hf").build(context, init=init)
    apply_checkpointing(loaded, how)
    return filled(loaded)


def loss_of(loaded):
    loaded.module.train()
    return loaded.model.run(BATCH, NLL)["nll"]


def gradients(loaded):
    loss = loss_of(loaded)
    loss.backward()
    return loss.detach(), {name: p.grad for name, p in loaded.module.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("compiled", [None, "aot_eager"], ids=["as it is", "compiled"])
@pytest.mark.parametrize(("recompute", "leaves"), [("none", True), ("selective", False), ("selective", True)])
def test_adapters_on_a_frozen_base_are_the_same_to_the_bit(recompute, leaves, compiled, tmp_path):
    """They write into what a product gave: what is kept of it must not be what they wrote into."""
    stored(tmp_path)
    base, made, memory = base_of("lora", tmp_path, 2), tuner.get("lora"), Inverted()
    method = made.settings.model_validate({"kind": "lora", "init": "gaussian"})

    def run(how):
        context = BuildContext(seed=3, tuner=made.build(**method.values()), verdict=Verdict(True, "chunked", ()))
        loaded = model_source.get("hf").build(context, path=str(base))
        apply_checkpointing(loaded, how)
        loaded = filled(loaded)
        with torch.no_grad():
            for number, parameter in enumerate(p for p in loaded.module.parameters() if p.requires_grad):
                parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(number)) / 8)
        return gradients(loaded)

    (loss, found), (expected, others) = (
        run(Checkpointing(recompute, 1, ActivationOffload(memory) if leaves else None, compiled)),
        run(Checkpointing()),
    )
    assert torch.equal(loss, expected) and found.keys() == others.keys() and len(found) == 2 * 14
    assert all(torch.equal(found[name], value) for name, value in others.items())
    assert (memory.moved_bytes > 0) == leaves


class Ops(TorchDispatchMode):
    """Counts what is computed."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


@pytest.fixture(scope="module")
def plain():
    return {kind: gradients(model(kind, Checkpointing())) for kind in KINDS}


WAYS = [way for way in product(("none", "selective", "full"), (1, 2), (False, True)) if way != ("none", 1, False)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("recompute", "every", "leaves"), [w for w in WAYS if not (w[0] == "none" and w[1] == 2)])
def test_gradients_are_the_same_to_the_bit(kind, recompute, every, leaves, plain):
    memory = Inverted()
    how = Checkpointing(recompute, every, ActivationOffload(memory) if leaves else None)
    (loss, found), (expected, others) = gradients(model(kind, how)), plain[kind]
    assert torch.equal(loss, expected) and found.keys() == others.keys()
    assert all(torch.equal(found[name], value) for name, value in others.items())
    assert (memory.moved_bytes > 0, memory.asked > 0) == (leaves, leaves) and memory.held_bytes == 0


def kept_bytes(how: Checkpointing) -> int:
    """Of storages that a forward pass leaves for the backward pass, beside weights."""
    loaded, kept = model("dense", how), {}
    weights = {p.untyped_storage()._cdata for p in loaded.module.parameters()}

    def note(tensor):
        if (storage := tensor.untyped_storage())._cdata not in weights:
            kept[storage._cdata] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = loss_of(loaded)
    assert loss.requires_grad
    return sum(storage.nbytes() for storage in kept.values())


# Graphs as they are compiled, whose operations run as they are; code is generated for them in slow tests.
GRAPHS = "aot_eager"
COMPILED = [("none", 1, True), ("full", 2, True), ("selective", 1, False), ("selective", 2, True)]


@pytest.mark.parametrize(("recompute", "every", "leaves"), COMPILED)
def test_gradients_of_compiled_layers_are_the_same_to_the_bit(recompute, every, leaves, plain, monkeypatch):
    monkeypatch.setattr(activation_offload, "SMALLEST_BYTES", 64)
    torch._dynamo.reset()
    counters.clear()
    memory = host_memory(CPU) if recompute == "selective" else Inverted()
    how = Checkpointing(recompute, every, ActivationOffload(memory) if leaves else None, GRAPHS)
    (loss, found), (expected, others) = gradients(model("dense", how)), plain["dense"]
    assert torch.equal(loss, expected) and found.keys() == others.keys()
    assert all(torch.equal(found[name], value) for name, value in others.items())
    assert (memory.moved_bytes > 0) == leaves and memory.held_bytes == 0
    assert counters["stats"]["unique_graphs"] == (1 if every == 1 else 2) and not counters["graph_break"]


def test_a_compiled_layer_that_recomputes_selectively_keeps_less_than_its_graph_would_choose_to():
    torch._dynamo.reset()
    none, selective, full = (kept_bytes(Checkpointing(how, 1, None, GRAPHS)) for how in ("none", "selective", "full"))
    assert full < selective < 0.8 * none


@pytest.mark.slow
@pytest.mark.parametrize(("recompute", "leaves"), [("none", True), ("selective", False), ("selective", True)])
def test_code_that_is_generated_for_layers_gives_their_gradients(recompute, leaves, plain):
    torch._dynamo.reset()
    memory = Inverted()
    how = Checkpointing(recompute, 1, ActivationOffload(memory) if leaves else None, "inductor")
    (loss, found), (expected, others) = gradients(model("dense", how)), plain["dense"]
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0)
    for name, value in others.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-5 * value.abs().max().item())
    assert (memory.moved_bytes > 0) == leaves and memory.held_bytes == 0


def computed(how: Checkpointing) -> Counter[str]:
    loaded = model("dense", how)
    with Ops() as ops:
        loss_of(loaded).backward()
    return ops.count


def test_what_is_computed_twice_is_what_was_said():
    """Of three layers each has one SiLU; all products and attention are computed again by `full` alone."""
    plain, full, every, selective = (
        computed(Checkpointing(*how)) for how in ((), ("full",), ("full", 2), ("selective",))
    )  # fmt: skip
    attention = "_scaled_dot_product_flash_attention_for_cpu"
    assert [one["silu"] for one in (plain, full, every, selective)] == [3, 6, 5, 6]
    assert plain["mm"] < every["mm"] < full["mm"] and selective["mm"] == plain["mm"]
    assert selective[attention] == plain[attention] and full[attention] == 2 * plain[attention] > 0


def test_a_second_backward_pass_through_what_was_kept_is_refused():
    """What the first had not come to would be taken for what the second asks for."""
    layer, x = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.SiLU(), torch.nn.Linear(3, 3)), torch.ones(2, 3)
    loss = checkpoint(layer, x, use_reentrant=False, context_fn=lambda: selective_recompute.contexts(None)).sum()
    loss.backward(retain_graph=True)
    with pytest.raises(ModelError, match="another through the same graph") as told:
        loss.backward()
    assert told.value.hint == "train.recompute=full"


def test_attention_of_packed_segments_on_a_gpu_is_kept_too():
    """Each op that is a flash kernel to autograd: `varlen_attn` is one of torch's own, outside of aten."""
    pytest.importorskip("torch.nn.attention.varlen")
    assert selective_recompute.is_saved(torch.ops.torch_attn._varlen_attn.default)
    assert not selective_recompute.is_saved(torch.ops.aten.silu.default)


def alive_after_forward(how: Checkpointing) -> int:
    """Bytes that a forward pass has taken on the device and not given back: without what lies in the other memory."""
    loaded, timeline = model("dense", how), Timeline()
    loss_of(loaded).backward()  # tables that are made once are made
    with watched(timeline):
        loss = loss_of(loaded)
        alive = sum(timeline.pieces[n][0] * (1 if what == "+" else -1) for what, n in timeline.events if what in "+-")
        held = how.offload.memory.held_bytes if how.offload else 0
    assert loss.requires_grad
    return alive - held


@pytest.mark.parametrize("recompute", ["none", "selective", "full"])
def test_the_device_holds_so_many_bytes_less_as_lie_elsewhere(recompute):
    memory = Inverted()
    stays, leaves = (alive_after_forward(Checkpointing(recompute, 1, o)) for o in (None, ActivationOffload(memory)))
    assert leaves == stays - memory.peak_bytes and memory.peak_bytes > 0.4 * stays


def test_nothing_that_was_kept_outlives_the_backward_pass():
    loaded = model("dense", Checkpointing("selective"))
    gc.collect()
    before = num_held()
    gc.disable()
    try:
        loss = loss_of(loaded)
        assert num_held() > before
        loss.backward()
        loss_of(loaded)  # a pass that nobody asks the gradients of
        assert num_held() == before, "only the collector would let go of it"
    finally:
        gc.enable()


def num_held() -> int:
    return sum(type(one) is selective_recompute._SavedTensor for one in gc.get_objects())


def test_recomputed_layers_send_their_input_away_and_nothing_else():
    memory = Inverted()
    loss_of(model("dense", Checkpointing("full", 1, ActivationOffload(memory))))
    tokens, width, layers = 124, 32, 3
    assert tokens * width * 4 * layers <= memory.moved_bytes <= tokens * width * 4 * (layers + 2)


def test_a_storage_leaves_once_however_many_views_are_kept_and_as_often_as_it_changes():
    memory = Inverted()
    offload, x = ActivationOffload(memory), torch.randn(64, 64, requires_grad=True)
    with offload.layer(torch.nn.Identity()):
        y = x * 2
        once = (y * y + y.t() * y.view(-1).view(64, 64)).sum()
        assert memory.moved_bytes == 64 * 64 * 4
        with torch.no_grad():
            z = y.detach().clone()
        products = [(z * x).sum()]
        with torch.no_grad():
            z.add_(1)
        products.append((z * x).sum())
    assert memory.moved_bytes == 3 * 64 * 64 * 4
    (once + sum(products)).backward()
    before = z - 1
    y = 2 * x.detach()
    expected = 2 * (2 * y + y.t() + y.t()) + before + z
    torch.testing.assert_close(x.grad, expected)


def test_plain_layers_let_go_too_and_copies_share_the_memory():
    import copy

    memory = Inverted()
    torch.manual_seed(0)
    module, x = Wide(), torch.randn(64, 32)
    twin = copy.deepcopy(module)
    apply_checkpointing(_Loaded(module), Checkpointing("none", 1, ActivationOffload(memory)))
    again = copy.deepcopy(module)
    torch.manual_seed(1)
    twin.train()(x).sum().backward()
    for one in (module, again):
        before = memory.moved_bytes
        torch.manual_seed(1)
        one.train()(x).sum().backward()
        assert memory.moved_bytes > before
        assert all(torch.equal(p.grad, q.grad) for p, q in zip(one.parameters(), twin.parameters(), strict=True))


class Wide(Deep):
    def __init__(self) -> None:
        super().__init__(blocks=0)
        self.enter, self.leave = torch.nn.Linear(32, 32), torch.nn.Linear(32, 2)
        self.blocks = torch.nn.ModuleList(Broad() for _ in range(3))


class Broad(Block):
    def __init__(self) -> None:
        super().__init__(torch.nn.LayerNorm)
        self.inner, self.norm = torch.nn.Linear(32, 32), torch.nn.LayerNorm(32)


class _Loaded:
    layers = ("blocks.0", "blocks.1", "blocks.2")

    def __init__(self, module) -> None:
        self.module = module


def test_a_run_s_own_memory_does_it():
    memory = host_memory(CPU)
    loss, found = gradients(model("dense", Checkpointing("none", 1, ActivationOffload(memory))))
    expected, others = gradients(model("dense", Checkpointing()))
    assert torch.equal(loss, expected) and all(torch.equal(found[n], v) for n, v in others.items())
    assert memory.peak_bytes > 0 and memory.held_bytes == 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_gradients_are_the_same_and_less_is_held():
    device, batch = torch.device("cuda", 0), packed(random_samples([700, 1300], 100)).to("cuda")

    def run(how):
        init = {**LLAMA, "hidden_size": 256, "intermediate_size": 1024, "vocab_size": 100, "num_hidden_layers": 8}
        loaded = model_source.get("hf").build(BuildContext(seed=3, tuner=tuner.get("full").build()), init=init)
        apply_checkpointing(loaded, how)
        module = filled(loaded, device).module.train()
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        loss = loaded.model.run(batch, NLL)["nll"]
        torch.cuda.synchronize()
        held = torch.cuda.memory_allocated() - before
        loss.backward()
        return held, [p.grad.clone() for p in module.parameters()]

    (held, expected), (less, found) = (
        run(Checkpointing()),
        run(Checkpointing("none", 1, ActivationOffload(host_memory(device)))),
    )
    assert all(torch.equal(one, other) for one, other in zip(expected, found, strict=True)) and less < 0.5 * held

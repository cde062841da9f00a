"""Ranks that share a model hold, together, the bits that one process holds alone, whichever way values come."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from tests.models.architectures import SIZES, tiny_config
from tests.ranks import on_ranks
from tests.sweeps import some
from tests.tiny import tokenizer
from whet.base.catalogue import model_source, tuner
from whet.base.errors import ModelError
from whet.base.parallel import Parallel
from whet.contracts.model import Loaded, Weights
from whet.kernels.quantized import Quantized
from whet.models.loading.context import BuildContext
from whet.models.probing.probes import Verdict
from whet.models.probing.twin import build_twin
from whet.parallel.fill import _attributes, _check, fill
from whet.parallel.shard import shard
from whet.parallel.world import World

PROBED = Verdict(False, "keep", ())
INIT = {"model_type": "llama", **SIZES, "vocab_size": 401}
# How the model comes to be, its tuner, and whether ranks read it by themselves.
WAYS = {
    "read": ({}, ("full", {}), True),
    "read beside an adapter": ({}, ("lora", {"rank": 3}), True),
    "an adapter's start from the weights": ({}, ("lora", {"rank": 3, "init": "pissa"}), False),
    "packed": ({"quantize": "int8"}, ("lora", {"rank": 3}), False),
    "more blocks": ({}, ("llama-pro", {"blocks": 1}), False),
    "drawn": ({"init": {**INIT, "tie_word_embeddings": True}, "path": None}, ("full", {}), False),
    "converted": ({"path": "mixtral"}, ("full", {}), False),
}  # fmt: skip


def built(folder, way: str) -> Loaded:
    settings, (kind, chosen), is_read = WAYS[way]
    made = tuner.get(kind)
    context = BuildContext(seed=7, tuner=made.build(**made.settings(**chosen).values()), verdict=PROBED)
    where = {"path": "llama", **settings}
    where["path"] = where["path"] and str(folder / where["path"])
    loaded = model_source.get("hf").build(context, **where)
    assert loaded.weights is not None and bool(loaded.weights.stored) is is_read
    return loaded


def whole(folder, way: str, sizes: dict[str, int] | None = None) -> dict[str, torch.Tensor]:
    world = World.start("cpu", 60, sizes)
    loaded = built(folder, way)
    shard(loaded, world, Parallel(), ("whet_run",))
    module = fill(loaded, world).module
    held = {name: getattr(p, "full_tensor", lambda p=p: p)().detach() for name, p in module.named_parameters()}
    held = {name: p.dequantize() if isinstance(p, Quantized) else p for name, p in held.items()}
    held |= dict(module.named_buffers())
    world.close()
    return held


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models")
    for name in ("llama", "mixtral"):
        config = tiny_config(name)
        config.vocab_size = 401
        build_twin(config, None, lambda module: module).save_pretrained(path / name)
        tokenizer(path / name)
    return path


@pytest.mark.ranks
@pytest.mark.parametrize("way", some(WAYS, ["read beside an adapter", "packed", "drawn"]))
def test_ranks_hold_the_bits_of_one_process(way, folder):
    expected = whole(folder, way)
    for held in on_ranks(3, whole, folder, way):  # no dimension divides by 3
        assert held.keys() == expected.keys()
        for name, value in held.items():
            assert torch.equal(value, expected[name]), name


@pytest.mark.ranks
def test_copies_of_shards_hold_the_bits_of_one_process(folder):
    expected = whole(folder, "read")
    for held in on_ranks(4, whole, folder, "read", {"replicate": 2, "shard": 2}):
        assert held.keys() == expected.keys()
        assert all(torch.equal(value, expected[name]) for name, value in held.items())


def stage(folder, way: str, *dtypes: torch.dtype) -> dict[str, torch.Tensor]:
    """What a stage holds that has its own half of the layers, and of both ends one; in a dtype of its own, if any."""
    world = World.start("cpu", 60, {"pipeline": 2})
    loaded = built(folder, way)
    number, inner = world.index("stages"), loaded.module.model
    for place in list(inner.layers._modules):
        if int(place) % 2 != number:
            del inner.layers._modules[place]
    if number:
        inner.embed_tokens = None
    else:
        loaded.module.lm_head = inner.norm = None
    if dtypes:
        loaded.module.to(dtypes[number])
    loaded = replace(loaded, weights=replace(loaded.weights, tried=lambda module: ()))
    module = fill(loaded, world).module
    held = dict(module.named_parameters()) | dict(module.named_buffers())
    held = {n: p.dequantize() if isinstance(p, Quantized) else p.detach() for n, p in held.items()}
    world.close()
    return held


@pytest.mark.ranks
@pytest.mark.parametrize("way", some(WAYS, ["read beside an adapter", "packed"]))
def test_stages_hold_what_is_theirs_and_no_more(way, folder):
    if way == "drawn":
        pytest.skip("its ends are tied, and a stage has one of them")
    expected = whole(folder, way)
    first, second = on_ranks(2, stage, folder, way)
    assert first.keys() | second.keys() == expected.keys()
    assert all("inv_freq" in name for name in first.keys() & second.keys())
    for held in (first, second):
        assert len(held) < len(expected)
        for name, value in held.items():
            assert torch.equal(value, expected[name]), name


@pytest.mark.ranks
@pytest.mark.parametrize("way", some(["read", "converted"], ["converted"]))
def test_stages_hold_theirs_in_dtypes_of_their_own(way, folder):
    expected = whole(folder, way)
    dtypes = (torch.float64, torch.bfloat16)
    for held, dtype in zip(on_ranks(2, stage, folder, way, *dtypes), dtypes, strict=True):
        for name, value in held.items():
            assert value.dtype == dtype and torch.equal(value, expected[name].to(dtype)), name


def refused() -> str:
    world = World.start("cpu", 60)

    def make() -> torch.nn.Module:
        raise ModelError("nothing is there", hint="look")

    with torch.device("meta"):
        module = torch.nn.Linear(4, 4)
    loaded = model_source.get("mlp").build(BuildContext(), features=4, classes=4)
    loaded = Loaded(module, None, loaded.capabilities, loaded.model, {}, weights=Weights(make))
    shard(loaded, world, Parallel(), ())
    try:
        fill(loaded, world)
    except ModelError as error:
        return error.message
    finally:
        world.close()
    return "no error"


@pytest.mark.ranks
def test_what_rank_0_cannot_make_is_refused_by_all():
    assert on_ranks(2, refused) == ["nothing is there"] * 2


def test_ends_that_are_tied_and_stored_apart_are_named():
    """The rank that reads the files unties them."""
    config = tiny_config("llama")
    config.tie_word_embeddings = True
    module = build_twin(config, None, lambda module: module)
    names = {name for name, _ in module.named_parameters()} | {name for name, _ in module.named_buffers()}
    attributes = {name for name, _, _ in _attributes(module)}
    _check(module, SimpleNamespace(names=names | attributes), World(torch.device("cpu")))
    with pytest.raises(ModelError, match="the config ties `lm_head.weight` to another weight") as told:
        _check(module, SimpleNamespace(names=names | attributes | {"lm_head.weight"}), World(torch.device("cpu")))
    assert "tie_word_embeddings: false" in told.value.hint
    with pytest.raises(ModelError, match="layers that a config does not tell, such as `more.weight`"):
        _check(module, SimpleNamespace(names=names | attributes | {"more.weight"}), World(torch.device("cpu")))

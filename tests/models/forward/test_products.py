"""Layers that multiply in float8 while they are trained: which, when, beside adapters, and that they learn."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from tests.models.batches import packed, random_samples
from tests.models.forward.test_activation_checkpointing import Ops
from tests.parallel.meshes import base_of, stored
from tests.parallel.test_shard import PROBED
from tests.tiny import LLAMA
from whet.base.catalogue import model_source, tuner
from whet.base.errors import ModelError
from whet.kernels.float8 import RECIPES
from whet.models.forward.products import check_cut, has_own, install
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled

BATCH, NLL = packed(random_samples([40, 23], 100)), frozenset({"nll"})


def model(init=(), **given):
    """A tiny llama, or an adapter on one in a folder."""
    made = tuner.get("lora" if given else "full")
    method = made.build(**made.settings.model_validate({"kind": made.name}).values())
    given = given or {"init": {**LLAMA, "vocab_size": 100, **dict(init)}}
    return model_source.get("hf").build(BuildContext(seed=3, tuner=method, verdict=PROBED), **given)


def computed(loaded) -> Counter[str]:
    """The products of a forward and a backward pass."""
    loaded.module.train()
    with Ops() as ops:
        loaded.model.run(BATCH, NLL)["nll"].backward()
    return Counter({name: count for name, count in ops.count.items() if name in ("_scaled_mm", "mm", "addmm")})


def test_the_linear_layers_of_blocks_multiply_so_three_times_each_and_the_head_does_not():
    loaded = model()
    assert install(loaded, RECIPES["tensorwise"]) == 2 * 7
    own = {name for name, part in loaded.module.named_modules() if has_own(part)}
    assert "lm_head" not in own and "model.layers.1.mlp.down_proj" in own
    assert all(type(loaded.module.get_submodule(name)) is torch.nn.Linear for name in own)
    plain, narrow = computed(filled(model())), computed(filled(loaded))
    assert narrow["_scaled_mm"] == 3 * 14 and plain["mm"] - narrow["mm"] == 3 * 14


def test_in_evaluation_they_multiply_as_they_always_did():
    plain, narrow = filled(model()), model()
    install(narrow, RECIPES["rowwise"])
    narrow = filled(narrow)
    with torch.no_grad():
        losses = [one.model.run(BATCH, NLL)["nll"] for one in (plain, narrow) if one.module.eval()]
        trained = narrow.module.train() and narrow.model.run(BATCH, NLL)["nll"]
    assert torch.equal(*losses) and 0 < abs(trained - losses[0]) < 0.02 * losses[0]
    names = [sorted(one.module.state_dict()) for one in (plain, narrow)]
    assert names[0] == names[1]


def test_an_adapter_stays_as_it_is_on_a_base_that_multiplies_so(tmp_path):
    stored(tmp_path)
    folder = str(base_of("lora", tmp_path, 2))
    narrow, plain = model(path=folder), filled(model(path=folder))
    assert install(narrow, RECIPES["tensorwise"]) == 2 * 7
    assert not any(has_own(part) for name, part in narrow.module.named_modules() if "lora_" in name)
    counted = computed(filled(narrow))
    # Nothing is kept of frozen weights: a product forward and one backward; nobody asks for the embedding's gradient.
    assert counted["_scaled_mm"] == 14 + 14 - 3
    computed(plain)
    for (name, found), (_, expected) in zip(
        narrow.module.named_parameters(), plain.module.named_parameters(), strict=True
    ):
        if found.grad is not None and expected.grad.norm() > 0:
            near = torch.nn.functional.cosine_similarity(found.grad.flatten(), expected.grad.flatten(), dim=0)
            assert 0.9 < near < 1 - 1e-6, name


def test_layers_whose_sizes_do_not_fit_are_left_and_a_model_of_such_is_refused():
    loaded = model({"intermediate_size": 72})
    assert install(loaded, RECIPES["rowwise"]) == 2 * 4, "72 is no multiple of 16"
    with pytest.raises(ModelError, match="sizes that are multiples of 16") as told:
        install(model({"hidden_size": 40, "intermediate_size": 72}), RECIPES["rowwise"])
    assert told.value.hint == "train.fp8=none"
    layer = loaded.module.get_submodule("model.layers.0.self_attn.k_proj")  # 16 x 32
    check_cut("k_proj", layer, layer.weight, 1)
    with pytest.raises(ModelError, match="a part of 8 x 32 on each of 2 ranks") as told:
        check_cut("k_proj", layer, layer.weight[:8], 2)
    assert "parallel.tensor=1" in told.value.hint

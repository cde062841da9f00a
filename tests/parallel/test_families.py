"""Encoders and encoder-decoders on any mesh give the loss and gradient norm of one process (law 6), and its weights.

Micro-batches are packed rows, several a step; the last step is a short one, of which a rank may have nothing.
"""

from __future__ import annotations

import re
from functools import cache, partial
from itertools import product

import pytest
import torch
from torch.distributed.fsdp import FSDPModule

from tests.exact import LIMIT
from tests.parallel.families import FAMILIES, PLAIN, Case, can_be, config_of, learned, stored
from tests.parallel.meshes import MESHES, on_their_ranks, ranks_of
from tests.parallel.test_meshes import tried
from tests.sweeps import some
from whet.base.catalogue import model_source
from whet.base.errors import ModelError
from whet.base.parallel import Parallel
from whet.models.loading.context import BuildContext
from whet.parallel.plan import ParallelPlan
from whet.parallel.shard import shard
from whet.parallel.simulated import rank_alone
from whet.parallel.styles import Style

GRID = [Case(*case) for case in product(FAMILIES, MESHES) if can_be(*case)]
ROWS = tuple(dict.fromkeys(str(case.mesh) for case in GRID))
# A head that pools, an adapter, biases cut with heads, cross attention by gathered keys, stages; others are slow.
NOW = [
    Case("modernbert-classes", "ring-2"), Case("bert-lora", "tensor-2"), Case("bart", "ring-2"),
    Case("t5", "context-tensor"), Case("bert", "zero-bubble-2"),
]  # fmt: skip


all_of = partial(tried, learned)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What one process finds of a model, and what every rank does of a case; the slow cases run apart."""
    folder = tmp_path_factory.mktemp("families")
    for layers in {case.depth for case in GRID}:
        stored(folder, layers)
    alone = cache(lambda case: learned(case, folder))

    @cache
    def made(is_now: bool):
        cases = [case for case in GRID if (case in NOW) == is_now]
        return on_their_ranks(all_of, cases, folder)

    return alone, made


@pytest.mark.ranks
@pytest.mark.parametrize("case", some(GRID, NOW), ids=lambda case: f"{case.model}-{case.mesh}")
def test_a_mesh_learns_as_one_process_does(case, ranks):
    alone, made = ranks
    figures, weights = alone(case.alone)
    for found in made(case in NOW)[ranks_of(case.mesh)]:
        assert not isinstance(found[case], str), found[case]
        told, whole = found[case]
        numbers, expected = (torch.tensor(one, dtype=torch.float64) for one in (told, figures))
        torch.testing.assert_close(numbers, expected, rtol=LIMIT, atol=0)
        assert whole.keys() == weights.keys()
        for name, tensor in whole.items():
            torch.testing.assert_close(tensor, weights[name], rtol=0, atol=PLAIN * LIMIT)


def planned(model: str, sizes: dict[str, int], **settings) -> ParallelPlan:
    family = FAMILIES[model]
    context = BuildContext(head=family.head, verdict=family.verdict)
    loaded = model_source.get("hf").build(context, init=config_of(Case(model)))
    return ParallelPlan.of(loaded, Parallel(**sizes, **settings), {"shard": 1, **sizes})


@pytest.mark.parametrize(
    ("model", "name", "style"),
    [
        ("bert", "bert.encoder.layer.1.attention.self.key", Style.COLUMNS),
        ("bert", "bert.encoder.layer.1.attention.output.dense", Style.ROWS),
        ("bert", "bert.encoder.layer.0.intermediate.dense", Style.COLUMNS),
        ("bert", "bert.encoder.layer.0.output.dense", Style.ROWS),
        ("bert", "cls.predictions.decoder", Style.GATHERED),
        ("bert", "cls.predictions.transform.dense", None),
        ("modernbert", "model.layers.0.attn.Wqkv", Style.GATHERED),  # one matrix for queries, keys and values
        ("modernbert", "model.layers.0.mlp.Wo", Style.PARTED),
        ("deberta", "deberta.encoder.layer.0.attention.self.query_proj", Style.GATHERED),  # scores of its own
        ("t5", "decoder.block.1.layer.1.EncDecAttention.v", Style.COLUMNS),
        ("t5", "encoder.block.0.layer.0.SelfAttention.relative_attention_bias", Style.HEADS),
        ("t5", "decoder.block.1.layer.2.DenseReluDense.wi_1", Style.COLUMNS),
        ("t5", "encoder.embed_tokens", Style.TOKENS),
        ("bart", "model.encoder.layers.1.fc2", Style.ROWS),
        ("opt", "model.decoder.layers.0.fc1", Style.COLUMNS),
        ("opt", "model.decoder.layers.0.self_attn.q_proj", Style.GATHERED),  # its code counts on all heads
        ("bloom", "transformer.h.0.self_attention.query_key_value", Style.GATHERED),
    ],
)
def test_a_plan_follows_from_which_matrices_read_which(model, name, style):
    assert planned(model, {"tensor": 2}).styles.get(name) == style


@pytest.mark.parametrize(
    ("model", "asked", "says"),
    [
        ("bert", {"tensor": 3}, "has 4 heads, and 4 / 3 leaves a rest of 1"),
        ("t5", {"tensor": 8}, "has 4 heads, and 4 / 8 leaves a rest of 4"),
        ("bart", {"context": 3}, "share 4 heads, and 4 / 3 leaves a rest of 1"),
        ("t5", {"context": 2, "context_by": "ring"}, "a number for each distance to its scores, which a ring does not"),
        ("bert", {"tensor": 2, "sequence": True}, "`bert.encoder.layer.0.output` also reads `input_tensor`"),
        ("deberta", {"pipeline": 2}, "is of no layer, and the plan of DebertaV2ForMaskedLM gives it to no stage"),
        ("t5", {"tensor": 2, "sequence": True}, "`decoder.block.0.layer` is a list of parts"),
    ],
)
def test_what_a_mesh_cannot_do_with_a_model_is_refused_with_the_reason(model, asked, says):
    words = {name: value for name, value in asked.items() if name in ("sequence", "context_by")}
    with pytest.raises(ModelError) as raised:
        planned(model, {name: size for name, size in asked.items() if name not in words}, **words)
    assert says in raised.value.message and raised.value.hint


@pytest.mark.parametrize("model", ["t5", "bart"])
def test_each_layer_of_both_stacks_is_gathered_for_itself(model):
    with rank_alone({"shard": 2}, 0) as world:
        family = FAMILIES[model]
        loaded = model_source.get("hf").build(BuildContext(verdict=family.verdict), init=config_of(Case(model)))
        shard(loaded, world, Parallel(), ("whet_run",))
    units = [part for name, part in loaded.module.named_modules() if name and isinstance(part, FSDPModule)]
    assert len(units) == 4  # two layers a stack
    inside = {id(parameter) for unit in units for parameter in unit.parameters()}
    beside = {name for name, parameter in loaded.module.named_parameters() if id(parameter) not in inside}
    assert not [name for name in beside if re.search(r"\.(block|layers)\.", name)]


def test_an_encoder_whose_parts_take_turns_has_no_stages():
    init = {"model_type": "xlm", "emb_dim": 32, "n_layers": 2, "n_heads": 4, "vocab_size": 60}
    loaded = model_source.get("hf").build(BuildContext(verdict=FAMILIES["bert"].verdict), init=init)
    with pytest.raises(ModelError, match="calls its parts in another order than that of its layers"):
        ParallelPlan.of(loaded, Parallel(pipeline=2), {"shard": 1, "pipeline": 2})


def test_a_plan_leaves_the_module_as_it_was():
    family = FAMILIES["t5"]
    loaded = model_source.get("hf").build(BuildContext(verdict=family.verdict), init=config_of(Case("t5")))

    def state():
        return {name: (dict(vars(part)), len(part._forward_hooks)) for name, part in loaded.module.named_modules()}

    before = state()
    ParallelPlan.of(loaded, Parallel(tensor=2), {"shard": 1, "tensor": 2})
    assert state() == before

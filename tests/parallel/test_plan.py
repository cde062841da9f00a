"""The plan of a mesh: who holds what, and models that do not divide, before any rank has started."""

from __future__ import annotations

import pytest

from tests.parallel.meshes import BASE, VOCAB
from tests.parallel.test_shard import PROBED
from tests.tiny import LLAMA, conversations, tokenizer, write_rows
from whet.base.catalogue import model_source
from whet.base.errors import ModelError
from whet.base.run import Parallel
from whet.base.units import size
from whet.base.yaml import dump_value
from whet.cli.main import main
from whet.models.loading.context import BuildContext
from whet.parallel.plan import ParallelPlan

MOE = {**BASE, "model_type": "qwen3_moe", "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}

TURNING = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}


def planned(sizes: dict[str, int], **config) -> tuple[ParallelPlan, object]:
    init = config if "model_type" in config else BASE | config
    loaded = model_source.get("hf").build(BuildContext(verdict=PROBED), init=init)
    return ParallelPlan.of(loaded, Parallel(), sizes), loaded.module


def test_each_weight_says_over_which_axes_it_is_cut_and_how():
    plan, module = planned({"shard": 2, "tensor": 2}, tie_word_embeddings=False)
    found = plan.placements(module)
    assert found["model.layers.0.self_attn.q_proj.weight"] == {"fsdp": 0, "tensor": 0}
    assert found["model.layers.0.self_attn.o_proj.weight"] == {"fsdp": 0, "tensor": 1}
    assert found["model.norm.weight"] == {"fsdp": 0}
    assert found["lm_head.weight"] == found["model.embed_tokens.weight"] == {"fsdp": 0, "tensor": 0}
    assert planned({"tensor": 2}, vocab_size=VOCAB + 1)[0].placements(module)["lm_head.weight"] == {}
    lines = list(plan.lines(module))
    assert lines[:2] == [
        "mesh: shard 2 x tensor 2", "zero 3: state of the optimizer, gradients and weights are cut into 2",
    ]  # fmt: skip
    assert "  model.layers.*.mlp.down_proj.weight x 2  32 x 64  fsdp rows, tensor columns" in lines
    # Two ranks share the norms, four all else: float32 numbers.
    num, norms = (sum(p.numel() for n, p in module.named_parameters() if word in n) for word in ("", "norm"))
    assert lines[-1] == f"a rank holds {size(4 * (num - norms) // 4 + 4 * norms // 2)} of weights"


@pytest.mark.parametrize(
    ("sizes", "config", "says"),
    [
        ({"tensor": 4}, {}, "`model.layers.0.self_attn.k_proj` has 2 heads of 8, and 2 / 4 leaves a rest of 2"),
        ({"tensor": 2}, {"intermediate_size": 63}, "`model.layers.0.mlp.gate_proj` has 63 outputs, and 63 / 2 leaves"),
        ({"context": 3}, {}, "share 4 heads, and 4 / 3 leaves a rest of 1"),
        ({"tensor": 2, "context": 4}, {}, "share 2 heads, and 2 / 4 leaves a rest of 2"),
        ({"context": 2}, {"rope_parameters": TURNING}, "`dynamic` embeddings turn tokens by the length"),
        ({"tensor": 2}, {"model_type": "bloom"}, "no plan that cuts the layers"),
        ({"tensor": 2}, MOE, "which whet does not train"),
    ],
)
def test_a_model_that_does_not_divide_is_refused_with_the_arithmetic(sizes, config, says):
    with pytest.raises(ModelError) as raised:
        planned(sizes, **config)
    assert says in raised.value.message and raised.value.hint


@pytest.fixture
def words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tokenizer(tmp_path / "tokenizer")
    write_rows(tmp_path / "rows.jsonl", conversations(8))
    return ["train", "--data", "rows.jsonl", f"model.init={dump_value(LLAMA)}", "model.tokenizer=tokenizer"]


def test_a_dry_run_prints_who_holds_what_and_makes_nothing(words, tmp_path, capsys):
    assert main([*words, "--dry-run", "parallel.shard=2", "parallel.tensor=2"]) == 0
    said = capsys.readouterr().out
    assert (
        said.startswith("mesh: shard 2 x tensor 2\n") and "q_proj.weight x 2  32 x 32  fsdp rows, tensor rows" in said
    )
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["parallel.tensor=2"], "asks for tensor 2, and 1 process runs: 1 / 2 leaves a rest of 1"),
        (["--dry-run", "parallel.pipeline=2"], "`parallel.pipeline`: whet does not train stages of a pipeline yet"),
        (["--dry-run", "parallel.context=2", "train.neftune=5"], "draws noise for whole samples"),
        (["--dry-run", "parallel.context=64"], "which takes 64, and the shortest sample of train has 24"),
    ],
)
def test_a_mesh_that_cannot_be_is_refused_before_ranks_start(words, more, says, capsys):
    assert main([*words, *more]) == 2
    assert says in capsys.readouterr().err

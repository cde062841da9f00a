"""The plan of a mesh: who holds what, and models that do not divide, before any rank has started."""

from __future__ import annotations

from typing import Any

import pytest

from tests.parallel.meshes import BASE, VOCAB
from tests.parallel.test_shard import PROBED
from tests.tiny import LLAMA, conversations, tokenizer, write_rows
from whet.base.catalogue import model_source, tuner
from whet.base.errors import ModelError
from whet.base.parallel import Parallel
from whet.base.units import size
from whet.base.yaml import dump_value
from whet.cli.main import main
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.parallel.plan import ParallelPlan

MOE = {**BASE, "model_type": "qwen3_moe", "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}

TURNING = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}


def planned(sizes: dict[str, Any], **config) -> tuple[ParallelPlan, object]:
    init = config if "model_type" in config else BASE | config
    loaded = model_source.get("hf").build(BuildContext(verdict=PROBED), init=init)
    settings = Parallel(context=sizes.get("context", 1), context_by=sizes.get("by", "ulysses"))
    return ParallelPlan.of(loaded, settings, sizes), loaded.module


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
        "mesh: shard 2 x tensor 2 (--ranks 4)", "zero 3: state of the optimizer, gradients and weights are cut into 2",
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
        ({"tensor": 2}, {"model_type": "gpt2"}, "the layers of GPT2LMHeadModel have no plan in transformers"),
        ({"tensor": 3}, MOE, "`model.layers.0.mlp.experts.gate_up_proj` has 4 experts, and 4 / 3"),
        ({"expert": 3}, MOE, "`model.layers.0.mlp.experts.gate_up_proj` has 4 experts, and 4 / 3 leaves a rest of 1"),
        ({"expert": 2}, {}, "LlamaForCausalLM has no experts that a plan"),
        ({"pipeline": 3}, {}, "`parallel.pipeline` asks for 3 stages, and the model has 2 layers: each needs one"),
        ({"pipeline": 2}, {"model_type": "bloom"}, "no plan that cuts BloomForCausalLM into stages"),
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
        said.startswith("mesh: shard 2 x tensor 2 (--ranks 4)\n")
        and "q_proj.weight x 2  32 x 32  fsdp rows, tensor rows" in said
    )
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_shows_the_stages_and_how_long_they_wait(words, capsys):
    assert main([*words, "--dry-run", "parallel.pipeline=2"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "mesh: pipeline 2 (--ranks 2)"
    assert said[-4].startswith("  stage 0 on rank 0 of the pipeline: layer 0, embeddings, ")
    assert said[-3].startswith("  stage 1 on rank 1 of the pipeline: layer 1, head, ")
    assert said[-1] == "1f1b: of their time ranks wait 33% at 2, 11% at 8, 3% at 32 micro-batches a step"


@pytest.mark.parametrize(
    ("ways", "says"),
    [
        (
            {"context": 2, "context_by": "ulysses"},
            "attention over context: 2 ranks exchange tokens for heads (ulysses)",
        ),
        ({"context": 2, "context_by": "ring"}, "attention over context: keys go round 2 ranks (ring)"),
        (
            {"context": 4, "context_by": "both"},
            "attention over context: 2 ranks exchange tokens for heads (ulysses), keys go round 2 ranks (ring)",
        ),
        (
            {"tensor": 2, "sequence": "true"},
            "sequence: between matrices each rank of tensor has its part of the tokens",
        ),
    ],
)
def test_the_dry_run_says_how_ranks_share_the_tokens_of_a_row(words, ways, says, capsys):
    assert main([*words, "--dry-run", *(f"parallel.{name}={value}" for name, value in ways.items())]) == 0
    assert says in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["parallel.tensor=2"], "asks for tensor 2, and 1 process runs: 1 / 2 leaves a rest of 1"),
        (["--dry-run", "parallel.pipeline=4"], "asks for 4 stages, and the model has 2 layers: each needs one"),
        (
            ["--dry-run", "parallel.pipeline=2", "parallel.schedule=zbv"],
            "asks for 2 ranks x 2 stages = 4 stages, and the model has 2 layers",
        ),
        (["--dry-run", "parallel.pipeline=2", "track.layers_every=2"], "reads all layers, and a rank of"),
        (
            ["--dry-run", "parallel.pipeline=2", "tuner={kind: freeze, patterns: [layers.1]}"],
            "rank 0 of `parallel.pipeline` has the layers 0 to 0, of which nothing is trained",
        ),
        (["--dry-run", "parallel.schedule=gpipe"], "`parallel.schedule` does nothing: there is no pipeline"),
        (["--dry-run", "parallel.context=2", "train.neftune=5"], "draws noise for whole samples"),
        (
            ["--dry-run", "parallel.context=64", "parallel.context_by=ring"],
            "which takes 128, and the shortest sample of train has 24",
        ),
        (
            ["--dry-run", "parallel.context=4", "data.max_length=3", "data.truncation=skip"],
            "which takes 4, and no sample has more than 3",
        ),
        (["--dry-run", "parallel.sequence=true"], "does nothing: it shares tokens among ranks of tensor"),
        (["--dry-run", "parallel.context_by=ring"], "does nothing: it is how ranks of context share attention"),
        (["--dry-run", "parallel.expert=2"], "LlamaForCausalLM has no experts that a plan"),
    ],
)
def test_a_mesh_that_cannot_be_is_refused_before_ranks_start(words, more, says, capsys):
    assert main([*words, *more]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "says"),
    [("tensor=3", "4 / 3 leaves a rest of 1"), ("context=3", "4 / 3 leaves"), ("pipeline=4", "the model has 2 layers")],
)
def test_a_model_that_does_not_divide_is_refused_before_its_data_is_read(words, asked, says, tmp_path, capsys):
    (tmp_path / "rows.jsonl").write_text("no row\n")
    assert main([*words, "--dry-run", f"parallel.{asked}"]) == 2
    assert says in capsys.readouterr().err


def test_more_ranks_than_heads_are_told_of_the_ring_that_has_no_such_limit(words, capsys):
    asked = ["--dry-run", "parallel.context=8"]
    assert main([*words, *asked]) == 2
    hint = capsys.readouterr().err.rpartition("hint: ")[2].strip()
    assert hint == "parallel.context=4, or parallel.context_by=ring"
    assert all(main([*words, *asked, way]) == 0 for way in hint.split(", or "))


def test_stages_that_are_too_many_are_told_with_a_schedule_that_takes_fewer(words, capsys):
    zbv = ["--dry-run", "parallel.pipeline=2", "parallel.schedule=zbv"]
    assert main([*words, *zbv]) == 2
    hint = capsys.readouterr().err.rpartition("hint: ")[2].strip()
    assert hint == "parallel.pipeline=1, or parallel.schedule=1f1b parallel.stages=auto"
    assert main([*words, *zbv, *hint.rpartition(", or ")[2].split()]) == 0


def test_heads_that_do_not_divide_a_models_width_are_refused_with_the_arithmetic(words, capsys):
    init = f"model.init={dump_value(LLAMA | {'num_attention_heads': 5})}"
    assert main([*(word for word in words if "model.init" not in word), init, "--dry-run", "parallel.tensor=5"]) == 2
    said = capsys.readouterr().err
    assert "The hidden size (32) is not a multiple of the number of attention heads (5)" in said


def test_lora_may_be_on_experts_and_what_holds_them_otherwise_is_refused(tmp_path):
    base = tokenizer(tmp_path / "base")
    filled(model_source.get("hf").build(BuildContext(verdict=PROBED), init=MOE)).module.save_pretrained(base)

    def adapted(**settings):
        lora = tuner.get("lora")
        method = lora.build(**lora.settings.model_validate({"kind": "lora", **settings}).values())
        loaded = model_source.get("hf").build(BuildContext(tuner=method, verdict=PROBED), path=str(base))
        return ParallelPlan.of(loaded, Parallel(), {"shard": 1, "expert": 2})

    for parameters in ([], ["experts"]):
        assert len(adapted(targets=["q_proj"], parameters=parameters).experts) == MOE["num_hidden_layers"]
    with pytest.raises(ModelError, match="holds experts otherwise") as told:
        adapted(targets=["q_proj"], modules_to_save=["experts"])
    assert told.value.hint == "parallel.expert=1, or tuner=full"


def test_a_plan_says_where_experts_lie_and_how_many_ranks_share_heads():
    plan, module = planned({"shard": 2, "expert": 2, "tensor": 2}, **MOE)
    found = plan.placements(module)
    assert found["model.layers.0.mlp.experts.down_proj"] == {"part": 0, "model": 0}
    assert found["model.layers.0.mlp.gate.weight"] == {"fsdp": 0}
    assert planned({"tensor": 2}, **MOE)[0].placements(module)["model.layers.0.mlp.experts.down_proj"] == {"tensor": 0}
    loaded = model_source.get("hf").build(BuildContext(verdict=PROBED), init=BASE)
    for asked, sharing in ((Parallel(context=8, context_by="both"), 4), (Parallel(context=4, context_by="ring"), 1)):
        assert ParallelPlan.of(loaded, asked, {"shard": 1, "context": asked.context}).sharing_heads == sharing
    with pytest.raises(ModelError, match="2 ranks do not factor so with 4 heads and 2 of keys"):
        ParallelPlan.of(loaded, Parallel(context=2, context_by="both"), {"shard": 1, "context": 2})

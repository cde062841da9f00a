"""Plans of whole runs: sums by hand, meshes that divide or say why not, and no torch on the way."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import replace

import pytest
from transformers import AutoTokenizer

from tests import tiny
from whet.base.errors import ConfigError, ModelError
from whet.base.mesh import Mesh
from whet.cli.main import main
from whet.plan.decide import levers, with_micro
from whet.plan.hardware.cards import card
from whet.plan.job import Job
from whet.plan.memory import plan_memory, rank_plans
from whet.plan.mesh import check_mesh, read_mesh
from whet.plan.models.find import published
from whet.plan.models.planned import PlannedModel

GIB = 2**30
# Published numbers of parameters.
PARAMETERS = {"llama-3.1-8b": 8_030_261_248, "llama-3.1-405b": 405_853_388_800, "qwen3-0.6b": 596_049_920}
WITHOUT_TORCH = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "peft"):
            raise ImportError(name)

sys.meta_path.insert(0, Blocker())
from whet.cli.main import main

for words in sys.argv[1:]:
    assert main(["plan", *words.split(), "--json"]) == 0, words
    assert "torch" not in sys.modules
"""


def job(model: str = "llama-3.1-8b", gpu: str = "h100-sxm", **changes) -> Job:
    start = Job(PlannedModel.find(model), card(gpu), Mesh(), 2048, 2048, 2048)
    return replace(start, **changes)


def told(capsys, *words: str) -> dict:
    assert main(["plan", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(("model", "expected"), PARAMETERS.items())
def test_a_published_model_has_the_published_number_of_parameters(model, expected):
    assert PlannedModel.find(model).num_parameters == expected


def test_weights_gradients_and_state_are_those_of_the_textbook():
    peak = plan_memory(job(precision="fp32")).peak.parts
    size = 4 * PARAMETERS["llama-3.1-8b"]
    assert peak["weights"] == size
    assert peak["optimizer"] == 2 * size
    assert plan_memory(job(precision="bf16-pure")).moments[-1].parts["weights"] == size / 2


def test_ranks_that_shard_hold_a_part_of_everything_but_what_they_gather():
    one, eight = plan_memory(job()).peak.parts, plan_memory(job(mesh=Mesh(shard=8), step_tokens=8 * 2048)).peak.parts
    for part in ("weights", "optimizer"):
        assert eight[part] == one[part] / 8
    assert eight["activations"] == one["activations"]
    for zero in (1, 2):  # whole weights stay from the forward pass on
        whole = plan_memory(job(mesh=Mesh(shard=8, zero=zero), step_tokens=8 * 2048)).peak.parts
        assert whole["optimizer"] == one["optimizer"] / 8
        assert one["weights"] < whole["gathered"] < 1.05 * one["weights"]
    assert eight["gathered"] < one["weights"] / 4  # the ends, and two layers of 32


def test_the_peak_is_the_highest_moment_and_recomputing_lowers_it():
    plan = plan_memory(job())
    assert plan.peak.total == max(moment.total for moment in plan.moments)
    assert [moment.phase for moment in plan.phases()] == ["forward", "loss", "backward", "step", "save"]
    assert plan_memory(job(recompute=True)).peak.total < plan.peak.total


def test_packed_weights_take_half_a_byte_and_adapters_hold_what_is_trained():
    lora = job(tuner="lora", rank=16)
    learned = sum(tensor.numbers for tensor in lora.learned())
    assert learned == 41_943_040  # as PEFT counts it: rank 16 on all linear layers of Llama 3 8B
    packed = plan_memory(replace(lora, quantize="nf4")).peak.parts["weights"]
    assert 4.9 * GIB < packed < 5.9 * GIB


def test_a_pipeline_holds_its_part_of_the_layers_and_the_micro_batches_under_way():
    alone = plan_memory(job(step_tokens=8 * 2048))
    ranks = rank_plans(job(mesh=Mesh(pipeline=4), step_tokens=8 * 2048))
    assert [rank.stage.in_flight for rank in ranks] == [4, 3, 2, 1]  # 1F1B: those that follow, and its own
    assert sorted(number for rank in ranks for number in rank.stage.layers) == list(range(32))
    assert sum(rank.peak.parts["optimizer"] for rank in ranks) == pytest.approx(alone.peak.parts["optimizer"])
    deep = rank_plans(job(mesh=Mesh(pipeline=4, schedule="gpipe"), step_tokens=8 * 2048))
    assert [rank.stage.in_flight for rank in deep] == [8] * 4
    assert all(a.peak.total < b.peak.total for a, b in zip(ranks, deep, strict=True))


def test_tokens_at_once_are_the_most_that_fit():
    open_ended = job(tuner="lora", rank=16, recompute=True, step_tokens=2**20, gpu="rtx-4090")
    found = with_micro(open_ended)
    assert found.fits and found.job.micro > 2048
    larger = replace(found.job, micro=found.job.micro + 512)
    assert plan_memory(larger).peak.total > larger.card.usable_bytes


def test_levers_lower_the_peak_the_most_helpful_first():
    now, found = plan_memory(job()).peak.total, levers(job())
    assert found and all(lever.peak < now for lever in found)
    assert [lever.peak for lever in found] == sorted(lever.peak for lever in found)


def test_where_no_lever_is_enough_the_command_that_finds_a_way_is_named(capsys):
    assert main(["plan", "qwen3-8b", "--gpu", "rtx-4090"]) == 4
    typed = capsys.readouterr().out.splitlines()[-1].removeprefix("all of them together: whet ")
    assert main(shlex.split(typed)) == 0 and "tuner=lora" in capsys.readouterr().out


def test_a_mesh_that_does_not_divide_shows_the_arithmetic():
    model = PlannedModel.find("qwen3-0.6b")
    with pytest.raises(ConfigError, match=r"heads 16 / tensor 3 = 5.333, which is no whole number"):
        check_mesh(read_mesh(["tensor=3"], 3), model, 3)
    with pytest.raises(ConfigError, match=r"shard 3 x tensor 2 = 6 ranks, and there are 8"):
        check_mesh(read_mesh(["tensor=2", "shard=3"], 8), model, 8)
    with pytest.raises(ConfigError, match="28 layers cannot be dealt to 48 stages"):
        check_mesh(read_mesh(["pipeline=48"], 48), model, 48)
    with pytest.raises(ConfigError, match="`tensors=2` is no axis") as caught:
        read_mesh(["tensors=2"], 2)
    assert caught.value.hint == "did you mean `tensor`?"


@pytest.mark.parametrize("words", [["tensor=4"], ["shard=1"], ["pipeline=5"], ["tensor=4", "expert=3"], ["context=7"]])
@pytest.mark.parametrize("gpus", [1, 6, 8, 30])
def test_the_hint_for_a_mesh_of_another_size_is_one_of_this_size(words, gpus):
    mesh = read_mesh(words, gpus)
    if mesh.ranks == gpus:
        return
    with pytest.raises(ConfigError) as caught:
        check_mesh(mesh, PlannedModel.find("qwen3-0.6b"), gpus)
    assert read_mesh([caught.value.hint.split("--mesh ")[1]], gpus).ranks == gpus


def test_a_model_that_is_none_gets_the_one_that_was_meant():
    with pytest.raises(ModelError, match="no model is called `llama-3.1-9b`") as caught:
        PlannedModel.find("llama-3.1-9b")
    assert caught.value.hint == "did you mean `llama-3.1-8b`?"


def test_a_config_says_what_it_lacks(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2}')
    with pytest.raises(ModelError, match="must tell `intermediate_size`, `num_attention_heads`, `vocab_size`"):
        PlannedModel.find(str(tmp_path))
    with pytest.raises(ModelError, match="`lama` have not been traced") as caught:
        PlannedModel.of("a config", {"model_type": "lama"})
    assert caught.value.hint == "did you mean `llama`?"


def test_a_run_is_planned_as_its_config_says(tmp_path, capsys):
    run = tmp_path / "run.yaml"
    run.write_text("model: meta-llama/Llama-3.1-8B\ntuner: {kind: lora, rank: 8}\ntrain: {micro_batch: 4096}\n")
    found = told(capsys, str(run), "--gpu", "a100-sxm-80gb", "train.recompute=true")
    assert found["run"]["rank"] == 8 and found["run"]["micro_batch"] == 4096 and found["run"]["recompute"]
    assert found["fits"] and found["peak_bytes"] == max(moment["bytes"] for moment in found["timeline"])
    sharded = told(capsys, str(run), "--gpu", "a100-sxm-80gb", "--gpus", "4", "parallel.tensor=2")
    assert (sharded["mesh"]["tensor"], sharded["mesh"]["shard"]) == (2, 2)
    assert found["card"]["figures"]["bandwidth_gbs"]["how"] == "datasheet"


def test_a_step_of_samples_has_as_many_micro_batches_as_hold_them(capsys):
    asked = ["qwen3-0.6b", "--gpu", "h100-sxm", "--length", "512", "train.micro_batch=1024"]
    for samples, times in ((1, 1), (2, 1), (8, 4)):
        run = told(capsys, *asked, f"train.batch_samples={samples}")["run"]
        assert (run["batch_tokens"], run["micro_batches"]) == (samples * 512, times)
    run = told(capsys, "qwen3-0.6b", "--gpu", "h100-sxm", "--length", "512", "train.batch_samples=3")["run"]
    assert run["micro_batch"] <= 3 * 512 == run["batch_tokens"]


def test_a_step_that_is_too_small_for_its_ranks_is_said_with_one_that_is_not(capsys):
    words = ["plan", "llama-3.1-405b", "--gpu", "h100-sxm", "--gpus", "1024"]
    words += ["--mesh", "pipeline=4", "tensor=8", "train.recompute=true", "train.micro_batch=2048"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "too few tokens a step: 16,384 for 32 ranks" in said and "wait 75% of their time" in said
    for enough, left in (("65536", "wait 75%"), ("1048576", "")):
        assert f"train.batch_tokens={enough}" in said
        assert main([*words, f"train.batch_tokens={enough}"]) == 0
        again = capsys.readouterr().out
        assert "too few" not in again and (left in again if left else "wait" not in again)


def test_what_is_typed_wrong_is_said(capsys):
    assert main(["plan", "llama-3.1-8b", "--gpu", "rtx-4900"]) == 2
    assert "did you mean `rtx-4090`?" in capsys.readouterr().err
    assert main(["plan", "--gpu", "rtx-4090"]) == 2
    assert "no model and no config was named" in capsys.readouterr().err
    assert main(["plan", "--export", ""]) == 2
    assert "the path is empty" in capsys.readouterr().err
    assert main(["plan", "llama-3.1-8b", "--gpu", "rtx-4090", "--gpus", "2", "objective=online-dpo"]) == 2
    assert "a plan knows one rank alone" in capsys.readouterr().err
    assert main(["fit", "llama-3.1-8b", "--gpu", "rtx-4090", "objective=dpo"]) == 2
    assert "trained by `objective: dpo`" in capsys.readouterr().err


def test_models_are_planned_without_torch():
    words = [
        "llama-3.1-405b --gpu h100-sxm --gpus 1024 --mesh tensor=8 pipeline=8 train.recompute=true",
        "qwen3-32b --gpu mi300x --gpus 8 train.recompute=true",
        "deepseek-v3 --gpu h800-sxm --gpus 2048 --mesh pipeline=16 expert=64 train.recompute=true",
        "deepseek-v3 --gpu h200-sxm --gpus 8 --serve --concurrency 32 --length 8192 --dtype fp8",
    ]
    ended = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, *words], capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert '"name": "Qwen/Qwen3-32B"' in ended.stdout


BROKEN = [
    {"num_key_value_heads": "8"}, {"num_key_value_heads": -1}, {"num_key_value_heads": 3}, {"head_dim": "64"},
    {"hidden_size": 10**400}, {"num_hidden_layers": 10**6}, {"num_attention_heads": 8192, "num_key_value_heads": 8},
    {"max_position_embeddings": "x"}, {"max_position_embeddings": -1}, {"max_position_embeddings": 1.5},
]  # fmt: skip


@pytest.mark.parametrize("damage", BROKEN, ids=lambda damage: str(damage)[:40])
def test_a_size_that_is_none_is_refused_and_not_taken_for_missing(damage):
    whole = dict(published()["meta-llama/Llama-3.1-8B"])
    with pytest.raises(ModelError) as told:
        PlannedModel.of("config.json", whole | damage)
    assert told.value.hint


@pytest.mark.parametrize("words", [["plan"], ["plan", "--serve"], ["fit"]], ids=" ".join)
@pytest.mark.parametrize(
    ("config", "hint"),
    [
        ({"hidden_size": 64}, '"model_type": "llama", or another of'),
        ({"architectures": ["Qwen3MoeForCausalLM"]}, '"model_type": "qwen3_moe"'),
        ({"modeltype": "llama"}, "did you mean `model_type` by `modeltype`?"),
    ],
    ids=["nothing told", "told by its class", "mistyped"],
)
def test_a_config_without_its_class_is_refused_before_a_step_is_taken(tmp_path, capsys, words, config, hint):
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert main([*words, str(tmp_path / "config.json"), "--gpu", "rtx-4090"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: the config lacks `model_type`") and hint in told


@pytest.mark.parametrize("config", [{"model_type": kind} for kind in (5, [], "nope", "a\0b", None)], ids=str)
def test_a_class_that_there_is_not_is_refused(config, tmp_path, capsys):
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert main(["plan", str(tmp_path), "--gpu", "rtx-4090"]) == 2
    assert "model_type" in capsys.readouterr().err


def test_a_mesh_of_endless_digits_is_refused():
    with pytest.raises(ConfigError):
        read_mesh([f"tensor={'9' * 5000}"], 8)


def test_a_new_model_has_as_many_tokens_as_its_tokenizer(tmp_path, capsys):
    folder = tiny.tokenizer(tmp_path / "tokenizer")
    sizes = "hidden_size: 32, intermediate_size: 64, num_hidden_layers: 1, num_attention_heads: 4"
    init, vocab = f"model_type: llama, {sizes}", len(AutoTokenizer.from_pretrained(folder))
    plans = []
    for model in (f"init: {{{init}}}, tokenizer: {folder}", f"init: {{{init}, vocab_size: {vocab}}}"):
        (tmp_path / "run.yaml").write_text(f"model: {{{model}}}\n")
        plans.append(told(capsys, str(tmp_path / "run.yaml"), "--gpu", "rtx-4090"))
    assert plans[0]["peak_bytes"] == plans[1]["peak_bytes"]


def test_what_is_kept_for_pairs_of_tokens_is_kept_for_those_of_one_sample():
    """Of a latent's heads values are narrower than keys, which a CPU multiplies pair by pair, and a card does not."""
    processor = replace(card("h100-sxm"), kind="cpu")
    peaks = {}
    for length in (512, 4096):
        one = job("deepseek-v3", micro=4096, length=length, precision="bf16", step_tokens=4096)
        peaks[length] = [plan_memory(replace(one, card=which)).peak.parts for which in (one.card, processor)]
    assert peaks[512][0] == peaks[4096][0]
    assert peaks[512][1]["activations"] < peaks[4096][1]["activations"]


def test_what_is_offloaded_lies_in_the_memory_of_the_host_which_is_told_where_it_is_too_little(monkeypatch):
    from whet.plan.decide import decided
    from whet.plan.hardware import detected
    from whet.plan.hardware.cards import Figure
    from whet.plan.report import lines

    monkeypatch.setattr(detected, "_memory", lambda: 64 * GIB)
    named = card("h100-sxm")
    here = replace(named, figures={**named.figures, "memory": Figure(80.0, "reported")})
    one = job(offload=0.5)
    state = decided(replace(one, offload=0.0)).memory.peak.parts["optimizer"]
    assert decided(one).memory.host_bytes == pytest.approx(state / 2) and not decided(job()).memory.host_bytes
    whole = job(card=here, on_host=True, mesh=Mesh(shard=2))
    assert decided(whole).memory.host_bytes == pytest.approx(16 * whole.model.num_parameters / 2, rel=0.01)
    assert "2 cards, which has 64 GiB: does not fit" in "\n".join(lines(decided(whole).plan()))
    assert "host" in "\n".join(lines(decided(one).plan())) and "host" not in "\n".join(lines(decided(job()).plan()))


def test_weights_on_the_host_of_one_card_leave_it_gathered_layers_and_activations_alone():
    plain, away = job(), job(on_host=True)
    known, found = (plan_memory(one) for one in (plain, away))
    numbers = away.model.num_parameters
    assert found.host_bytes == pytest.approx(16 * numbers, rel=0.01) and found.peak.parts["gathered"] < 2 * numbers
    assert not {"weights", "gradients", "optimizer"} & found.peak.parts.keys()
    packed = plan_memory(job(on_host=True, quantize="nf4", tuner="lora"))  # which lie where they are multiplied
    assert packed.peak.parts["weights"] == plan_memory(job(quantize="nf4", tuner="lora")).peak.parts["weights"]
    processor = replace(card("h100-sxm"), kind="cpu")
    here = plan_memory(replace(away, card=processor))
    assert here.host_bytes == 0 and here.peak.total >= plan_memory(replace(plain, card=processor)).peak.total
    assert known.host_bytes == 0


def test_numbers_of_16_bits_take_the_same_whichever_they_are():
    for tuned in ("full", "lora"):
        peaks = [plan_memory(job(precision=name, tuner=tuned)).peak for name in ("fp16", "bf16")]
        assert peaks[0] == peaks[1]
    cut = Mesh(tensor=2, sequence=True)
    assert plan_memory(job(precision="fp16", mesh=cut)).peak == plan_memory(job(precision="bf16", mesh=cut)).peak

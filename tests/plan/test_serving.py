"""What a model keeps while it answers, against what transformers keeps; and what fits, at the edge."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from whet.base.errors import ConfigError, ModelError
from whet.base.mesh import Mesh
from whet.cli.main import main
from whet.plan.hardware.cards import card
from whet.plan.models.planned import PlannedModel
from whet.plan.serving.cache import caches
from whet.plan.serving.memory import ServingPlan
from whet.plan.serving.served import ServedModel, Serving, check_serving
from whet.plan.serving.speed import serving_speed

SMALL = {
    "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 50,
    "num_hidden_layers": 4, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
LINEAR = {
    "linear_num_key_heads": 2, "linear_key_head_dim": 8, "linear_num_value_heads": 4, "linear_value_head_dim": 8,
    "linear_conv_kernel_dim": 4, "head_dim": 8, "num_experts": 0,
    "layer_types": ["linear_attention", "linear_attention", "linear_attention", "full_attention"],
}  # fmt: skip
# Dense keys, one group of them, windows between full layers, windows alone, and states beside full attention.
CASES = {
    "llama": {"model_type": "llama"},
    "one group": {"model_type": "llama", "num_key_value_heads": 1},
    "head dim": {"model_type": "qwen3", "head_dim": 16},
    "hybrid windows": {"model_type": "gemma2", "sliding_window": 8, "head_dim": 16},
    "all windows": {"model_type": "mistral", "sliding_window": 8},
    "gpt2": {"model_type": "gpt2", "n_embd": 32, "n_layer": 4, "n_head": 4, "vocab_size": 50},
    "states": {"model_type": "qwen3_next", **LINEAR},
}
TOKENS = 24


def of_transformers(config: dict) -> tuple[dict, list[int]]:
    """The config as transformers completes it, and bytes that its cache holds of one conversation, by layer."""
    from transformers import AutoConfig, AutoModelForCausalLM

    read = AutoConfig.for_model(**({**SMALL, **config} if config["model_type"] != "gpt2" else config))
    model = AutoModelForCausalLM.from_config(read).eval()
    with torch.no_grad():
        cache = model(torch.arange(TOKENS)[None] % 50, use_cache=True).past_key_values
    return read.to_dict(), [sum(map(nbytes, vars(layer).values())) for layer in cache.layers]


def nbytes(value) -> int:
    if isinstance(value, dict):
        return sum(map(nbytes, value.values()))
    return value.nbytes if isinstance(value, torch.Tensor) else 0


@pytest.mark.parametrize("config", CASES.values(), ids=CASES)
def test_each_layer_keeps_what_transformers_keeps(config):
    read, held = of_transformers(config)
    found = [one.bytes_of(TOKENS, 4.0, block=1) for one in caches(read)]
    for ours, theirs, layer in zip(found, held, caches(read), strict=True):
        # transformers keeps a window without the token that is asked for, and a few numbers of its own.
        missing = layer.a_token * 4 if layer.window else 0
        assert ours - missing == pytest.approx(theirs, abs=64)


def test_a_latent_is_kept_once_for_all_heads_and_on_every_rank():
    layers = ServedModel.of("deepseek-v3", _config("deepseek-v3")).layers
    assert sum(one.bytes_of(1, 2.0, block=1) for one in layers) == 61 * (512 + 64) * 2  # DeepSeek-V2, section 2.1
    assert layers[0].bytes_of(16, 2.0, tensor=8) == layers[0].bytes_of(16, 2.0)


def test_keys_are_divided_among_ranks_down_to_one_head_each():
    [layer, *_] = ServedModel.of("llama-3.1-8b", _config("llama-3.1-8b")).layers
    whole = layer.bytes_of(160, 2.0)
    assert [layer.bytes_of(160, 2.0, tensor=ranks) / whole for ranks in (2, 8, 32)] == [1 / 2, 1 / 8, 1 / 8]
    assert layer.bytes_of(161, 2.0) == layer.bytes_of(176, 2.0)  # a page more


def test_a_layer_that_keeps_something_unknown_is_refused():
    with pytest.raises(ModelError, match="keeps something that is not known of") as told:
        caches({**SMALL, "layer_types": ["retention"] * 4})
    assert "full_attention" in (told.value.hint or "")


def _config(name: str) -> dict:
    from whet.plan.models.find import find_config

    return find_config(name)[1]


def serving(name: str = "llama-3.1-8b", gpu: str = "rtx-4090", **changes) -> Serving:
    model = ServedModel.of(name, _config(name))
    return replace(Serving(model, card(gpu), Mesh(), 4, 4096, 3072), **changes)


def test_weights_and_cache_are_those_of_the_textbook():
    plan = ServingPlan(serving())
    parts = plan.memory.peak.parts
    assert parts["weights"] == 2 * 8_030_261_248
    assert parts["cache"] == 4 * 4096 * 131_072  # 32 layers x 2 x 8 heads x 128 numbers of two bytes
    packed = ServingPlan(serving(quantize="nf4")).memory.peak.parts
    assert 5.3e9 < packed["weights"] < 5.9e9 and packed["cache"] == parts["cache"]


@pytest.mark.parametrize("mesh", [Mesh(), Mesh(replicate=2), Mesh(tensor=2)], ids=str)
def test_as_many_conversations_fit_as_are_said_and_no_more(mesh):
    plan = ServingPlan(serving(mesh=mesh))
    most, longest = plan.most_conversations(), plan.longest()
    assert ServingPlan(serving(mesh=mesh, concurrency=most)).fits
    assert not ServingPlan(serving(mesh=mesh, concurrency=most + 1)).fits
    assert ServingPlan(serving(mesh=mesh, length=longest)).fits
    assert longest == plan.serving.model.context or not ServingPlan(serving(mesh=mesh, length=longest + 16)).fits


def test_what_helps_is_said_with_settings_that_fit_where_they_say_so(capsys):
    words = ["plan", "llama-3.1-8b", "--gpu", "rtx-4090", "--serve", "--concurrency", "64", "--length", "4096"]
    assert main([*words, "--json"]) == 4
    found = json.loads(capsys.readouterr().out)
    settings = [lever["setting"] for lever in found["levers"]]
    assert settings and all(lever["peak_bytes"] < found["peak_bytes"] for lever in found["levers"])
    fewer = next(setting for setting in settings if setting.startswith("--concurrency"))
    assert main([*words[:5], *fewer.split(), "--length", "4096"]) == 0
    assert "fits" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("model", "gpu", "many", "says"),
    [
        ("qwen3-14b", "rtx-4090", "50", ["--gpus 8", "model.quantize=nf4 --kv-cache-dtype fp8 --concurrency "]),
        ("qwen3-14b", "h100-sxm", "50", ["--gpus 2"]),
        ("qwen3-8b", "rtx-4090", "16", ["model.quantize=int8 --kv-cache-dtype fp8", "--gpus 2"]),
    ],
)
def test_where_a_model_does_not_fit_what_makes_it_fit_is_said_and_does(model, gpu, many, says, capsys):
    words, asked = ["plan", model, "--serve", "--gpu", gpu], ["--concurrency", many]
    assert main([*words, *asked]) == 4
    said = capsys.readouterr().out.partition("fits with\n")[2].splitlines()
    assert [line.strip().startswith(way) for line, way in zip(said, says, strict=True)] == [True] * len(says), said
    for more in (line.strip().partition("  ")[0].split() for line in said):
        assert main([*words, *([] if "--concurrency" in more else asked), *more]) == 0, more


def test_of_a_card_that_does_not_hold_the_weights_no_speed_is_told(capsys):
    assert main(["plan", "qwen3-14b", "--serve", "--gpu", "rtx-4090"]) == 4
    said = capsys.readouterr().out
    assert "not one conversation of this length fits beside the weights" in said and "tokens/s" not in said


def test_of_experts_a_step_reads_those_that_somebody_is_sent_to():
    model = ServedModel.of("deepseek-v3", _config("deepseek-v3"))
    planned = PlannedModel.find("deepseek-v3")
    assert model.active() == pytest.approx(planned.num_active, rel=1e-6)
    assert model.active(10_000) == pytest.approx(model.parameters)
    assert model.active() < model.active(8) < 8 * model.active()


def test_decoding_alone_reads_all_weights_for_a_token():
    plan = ServingPlan(serving(gpu="h100-sxm", concurrency=1, length=128, prompt=64))
    speed = serving_speed(plan)
    assert speed is not None
    least = 2 * (8_030_261_248 - 128_256 * 4096) / (card("h100-sxm").figures["bandwidth_gbs"].value * 1e9)
    assert least < speed.step_s < 2 * least
    many = serving_speed(ServingPlan(serving(gpu="h100-sxm", concurrency=32, length=128, prompt=64)))
    assert many is not None and many.each_per_s < speed.each_per_s and many.tokens_per_s > 20 * speed.tokens_per_s


@pytest.mark.parametrize(
    ("mesh", "gpus", "says"),
    [
        (Mesh(tensor=3), 3, "heads 32 / tensor 3 = 10.67"), (Mesh(tensor=2), 4, "tensor 2 = 2 ranks, and there are 4"),
        (Mesh(shard=2), 2, "`shard` shares what is trained"), (Mesh(expert=2), 2, "0 experts cannot be dealt"),
        (Mesh(pipeline=64), 64, "32 layers cannot be dealt to 64 stages"),
    ],
    ids=str,
)  # fmt: skip
def test_a_mesh_that_cannot_serve_shows_the_arithmetic(mesh, gpus, says):
    with pytest.raises(ConfigError, match=says) as told:
        check_serving(mesh, ServedModel.of("llama-3.1-8b", _config("llama-3.1-8b")), gpus)
    assert told.value.hint


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--concurrency", "4"], "--concurrency is of serving"),
        (["--serve", "--concurrency", "0"], "not at least 1"),
        (["--serve", "--length", "64", "--prompt", "128"], "longer than a conversation"),
        (["--serve", "--length", "9999999"], "is made for 131072 tokens"),
    ],
    ids=str,
)
def test_what_cannot_be_served_is_said(words, says, capsys):
    assert main(["plan", "llama-3.1-8b", "--gpu", "rtx-4090", *words]) == 2
    told = capsys.readouterr().err
    assert says in told and "hint: " in told

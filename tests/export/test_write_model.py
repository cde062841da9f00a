"""Written folders: plain transformers loads them to the same model, or they do not appear."""

import copy
import json

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.generate import tiny
from whet.base.errors import ModelError
from whet.export.card import Card
from whet.export.observation import observe
from whet.export.report import compare
from whet.export.writing import write_model
from whet.models.forward import attention

IDS = torch.arange(3, 40)[None]
TEMPLATE = (
    "{% for m in messages %}[{{ m.role }}] {{ m.content }}<|pad|>{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


def write(folder, module, **how):
    return write_model(folder, module, module.config, how.pop("tokenizer", tiny.tokenizer()), **how)


def logits(module):
    with torch.no_grad():
        return module.eval()(IDS).logits


def stored(folder):
    """Names and tensors of all files."""
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            assert file.metadata() == {"format": "pt"}
            found |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return found


@pytest.mark.parametrize("kind", tiny.CONFIGS)
@pytest.mark.parametrize("shard_bytes", [10**9, 20_000])
def test_transformers_loads_what_was_written_to_equal_logits(tmp_path, kind, shard_bytes):
    module = tiny.module(kind)
    write(tmp_path / "out", module, shard_bytes=shard_bytes)
    again, report = AutoModelForCausalLM.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not any(report.values())
    assert torch.equal(logits(again), logits(module))
    sizes = [
        sum(t.numel() * 4 for t in stored_file(path).values()) for path in (tmp_path / "out").glob("*.safetensors")
    ]
    assert (len(sizes) > 1) == (shard_bytes == 20_000)
    biggest = max(t.numel() * 4 for t in module.state_dict().values())
    assert max(sizes) <= max(shard_bytes, biggest)


def stored_file(path):
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@pytest.mark.parametrize("kind", ["llama", "gpt2", "mixtral"])
def test_names_and_tensors_are_those_that_save_pretrained_writes(tmp_path, kind):
    module = tiny.module(kind)
    module.save_pretrained(tmp_path / "theirs")
    write(tmp_path / "ours", module)
    ours, theirs = stored(tmp_path / "ours"), stored(tmp_path / "theirs")
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_tied_weights_are_written_once_and_tied_again(tmp_path):
    module = tiny.module("llama", tie_word_embeddings=True)
    write(tmp_path / "out", module)
    assert "lm_head.weight" not in stored(tmp_path / "out")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert again.lm_head.weight is again.model.embed_tokens.weight and torch.equal(logits(again), logits(module))
    # The head alone is enough, as some checkpoints have it.
    weights = [(name, t) for name, t in module.state_dict().items() if name != "model.embed_tokens.weight"]
    write_model(tmp_path / "head", weights, module.config, tiny.tokenizer())
    assert torch.equal(logits(AutoModelForCausalLM.from_pretrained(tmp_path / "head")), logits(module))


def test_the_attention_is_the_stock_one_and_the_dtype_is_told(tmp_path):
    attention.register()
    module = tiny.module()
    module.set_attn_implementation(attention.NAME)
    module.config.use_cache = False
    before = copy.deepcopy(module.config.to_dict())
    write(tmp_path / "out", module, dtype=torch.bfloat16)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert attention.NAME not in json.dumps(config).split('"')
    assert (config["dtype"], config["architectures"], config["use_cache"]) == ("bfloat16", ["LlamaForCausalLM"], True)
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert again.config._attn_implementation == "sdpa" and again.dtype == torch.bfloat16
    expected = {name: t.to(torch.bfloat16) for name, t in module.state_dict().items()}
    assert all(torch.equal(t, expected[name]) for name, t in again.state_dict().items())
    assert module.config.to_dict() == before and module.config._attn_implementation == attention.NAME


def test_generation_stops_at_the_templates_end_of_turn(tmp_path):
    """A base model whose own end is another token than the one its new template ends turns with."""
    module, base = tiny.module(), tiny.tokenizer(chat=False)
    turn = base.convert_tokens_to_ids("<|pad|>")
    write(tmp_path / "out", module, tokenizer=base, chat_template=TEMPLATE)
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert again.generation_config.eos_token_id == [turn, base.eos_token_id]
    tok = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tok.chat_template == TEMPLATE and (tmp_path / "out" / "chat_template.jinja").read_text() == TEMPLATE
    assert base.chat_template is None
    # The oracle is transformers' own loop: forced to say the end of turn, it stops there.
    torch.nn.init.zeros_(again.lm_head.weight)
    with torch.no_grad():
        again.lm_head.weight[turn] = again.model.norm(again.model.embed_tokens(IDS[0, -1:]))[0]
        hidden = again.model(IDS).last_hidden_state[0, -1]
        again.lm_head.weight[turn] = hidden
    assert again.generate(IDS, do_sample=False, max_new_tokens=9)[0, IDS.shape[1] :].tolist() == [turn]


def test_a_generation_config_keeps_what_the_model_came_with(tmp_path):
    module = tiny.module()
    given = copy.deepcopy(module.generation_config)
    given.temperature, given.do_sample, given.eos_token_id = 0.6, False, [7, 1]
    write(tmp_path / "out", module, generation_config=given)
    kept = AutoModelForCausalLM.from_pretrained(tmp_path / "out").generation_config
    assert kept.temperature == 0.6 and kept.eos_token_id == [7, 1] and given.eos_token_id == [7, 1]


def test_a_tokenizer_with_added_tokens_comes_back_the_same(tmp_path):
    tok = copy.deepcopy(tiny.tokenizer())
    tok.add_tokens(["<tool>", "wörd"])
    tok.add_special_tokens({"additional_special_tokens": ["<|extra|>"]})
    write(tmp_path / "out", tiny.module(vocab=len(tok)), tokenizer=tok)
    again = AutoTokenizer.from_pretrained(tmp_path / "out")
    text = "hello <tool> wörd<|extra|> fox"
    assert again.encode(text) == tok.encode(text) and len(again) == len(tok)
    assert again.decode(again.encode(text), skip_special_tokens=True) == tok.decode(
        tok.encode(text), skip_special_tokens=True
    )


def test_the_card_tells_facts_and_leaves_the_licence_open(tmp_path):
    card = Card(
        "my-model", "Qwen/Qwen3-0.6B", ["alpaca.jsonl"], {"steps": 12, "training loss (last)": "1.5"}, "seed: 3\n"
    )
    write(tmp_path / "out", tiny.module(), card=card, dtype=torch.bfloat16)
    text = (tmp_path / "out" / "README.md").read_text()
    for part in ("base_model: Qwen/Qwen3-0.6B", "license:  #", "# my-model", "| steps | 12 |", "seed: 3", "(bfloat16)"):
        assert part in text
    import yaml

    head = yaml.safe_load(text.split("---")[1])
    assert head["license"] is None and head["library_name"] == "transformers"
    num_parameters = sum(p.numel() for p in tiny.module().parameters())
    assert f"{num_parameters / 1000:.4g}k" in text


def changed(module, **weights):
    return {**module.state_dict(), **weights}.items()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (lambda m: list(m.state_dict().items())[:-2], "2 weights of LlamaForCausalLM are missing"),
        (lambda m: changed(m, extra=torch.zeros(1)), "has no weight `extra`"),
        (lambda m: changed(m, **{"lm_head.weight": torch.zeros(2, 2)}), "has the shape"),
        (lambda m: changed(m, **{"lm_head.weight": m.lm_head.weight + 1}), "tied in the config and differ"),
    ],
)
def test_weights_that_are_not_the_models_are_refused_and_nothing_appears(tmp_path, weights, message):
    module = tiny.module("llama", tie_word_embeddings="tied" in message)
    with pytest.raises(ModelError, match=message) as error:
        write_model(tmp_path / "out", weights(module), module.config, tiny.tokenizer())
    assert error.value.hint and list(tmp_path.iterdir()) == []


def test_a_failure_half_way_leaves_the_older_folder_alone(tmp_path):
    module = tiny.module()
    write(tmp_path / "out", module)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def breaking():
        yield from list(module.state_dict().items())[:5]
        raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError):
        write_model(tmp_path / "out", breaking(), module.config, tiny.tokenizer())
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_new_version_replaces_the_older_one_whole(tmp_path):
    module = tiny.module()
    write(tmp_path / "out", module, shard_bytes=20_000)
    write(tmp_path / "out", module)
    assert [path.name for path in (tmp_path / "out").glob("*.safetensors*")] == ["model.safetensors"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_export_that_drifted_is_kept_aside_with_its_reason(tmp_path):
    module = tiny.module()
    trained = observe(module, tiny.tokenizer())
    assert write(tmp_path / "out", module, check=lambda folder: compare(trained, folder)).passed
    other = tiny.module()
    with torch.no_grad():
        other.model.layers[1].mlp.down_proj.weight.mul_(1.2)
    with pytest.raises(ModelError, match="not the trained one: logits differ") as error:
        write(tmp_path / "out", other, check=lambda folder: compare(trained, folder))
    failed = tmp_path / "out.failed"
    assert error.value.at == str(failed) and "equivalence.json" in error.value.hint
    report = json.loads((failed / "equivalence.json").read_text())
    assert not report["passed"] and report["failures"]
    kept = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert torch.equal(logits(kept), logits(module))
    assert torch.equal(logits(AutoModelForCausalLM.from_pretrained(failed)), logits(other))


def test_the_index_of_shards_has_their_bytes_and_every_name(tmp_path):
    module = tiny.module()
    write(tmp_path / "out", module, shard_bytes=20_000, dtype=torch.bfloat16)
    index = json.loads((tmp_path / "out" / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == 2 * sum(t.numel() for t in module.state_dict().values())
    for path in (tmp_path / "out").glob("*.safetensors"):
        assert set(stored_file(path)) == {name for name, file in index["weight_map"].items() if file == path.name}
    assert set(index["weight_map"]) == set(module.state_dict())


def test_without_a_dtype_every_tensor_keeps_its_own(tmp_path):
    module = tiny.module().to(torch.bfloat16)
    module.model.norm.to(torch.float32)
    write(tmp_path / "out", module)
    found = stored(tmp_path / "out")
    assert {name: t.dtype for name, t in found.items()} == {name: t.dtype for name, t in module.state_dict().items()}
    assert json.loads((tmp_path / "out" / "config.json").read_text())["dtype"] == "bfloat16"

"""GGUF files: llama.cpp reads them to the same tokens, the same logits, the same end of turn."""

import copy
import dataclasses
import json

import gguf
import pytest
import torch
from tokenizers import Regex, pre_tokenizers

from tests.data import conversations
from tests.export.gguf import families
from tests.generate import tiny
from tests.sweeps import some
from whet.base.errors import ModelError
from whet.export.gguf import folder as written
from whet.export.gguf.architectures import entries
from whet.export.gguf.folder import write_gguf_folder
from whet.export.gguf.writing import TYPES, tensor_type
from whet.export.observation import observe


@pytest.mark.parametrize("family", some(families.FAMILIES, ("llama3", "qwen2", "gemma3_text")))
def test_every_family_is_the_same_model_in_llama_cpp(tmp_path, family):
    report = write_gguf_folder(families.source(family), tmp_path / "out", "F32")
    assert report.ran_by == "llama.cpp" and report.positions > 300 and report.end_of_turn in report.stops
    assert report.mean_difference < 2e-3 * report.deviation and report.agreement > 0.98, report.text()
    assert (tmp_path / "out" / f"{family}-F32.gguf").exists() and (tmp_path / "out" / "equivalence.json").exists()


@pytest.mark.parametrize("kind", some((kind for kind in TYPES if kind != "F32"), ("F16", "Q8_0", "Q4_K_M")))
def test_every_type_is_within_its_limits(tmp_path, kind):
    source = families.source("qwen3", hidden_size=256, intermediate_size=256)
    report = write_gguf_folder(source, tmp_path / "out", kind)
    assert report.passed
    sizes = {path: path.stat().st_size for path in (tmp_path / "out").glob("*.gguf")}
    bits = {"F16": 16, "BF16": 16, "Q8_0": 8.5, "Q6_K": 6.6, "Q5_0": 5.6, "Q4_K_M": 5, "Q4_0": 4.6}[kind]
    matrices = sum(p.numel() for p in source.module.parameters() if p.dim() > 1)
    assert list(sizes.values())[0] < matrices * (bits + 1) / 8 + 80_000
    field = gguf.GGUFReader(next(iter(sizes))).get_field("general.file_type")
    assert field.contents() == TYPES[kind][1]


@pytest.mark.parametrize("prefix", [True, False])
def test_a_tokenizer_of_sentencepiece_comes_along(tmp_path, prefix):
    source = families.source("llama", families.sentencepiece(prefix))
    assert write_gguf_folder(source, tmp_path / "out", "F32").passed


@pytest.mark.parametrize("style", ["chatml_tagged", "llama3", "gemma"])
def test_templates_of_known_models_come_along(tmp_path, style):
    tokenizer = conversations.style_tokenizer(conversations.STYLES[style])
    source = families.source("llama", tokenizer)
    report = write_gguf_folder(source, tmp_path / "out", "F16")
    assert report.passed and report.end_of_turn is not None


def test_added_tokens_and_rows_without_a_token_come_along(tmp_path):
    tokenizer = copy.deepcopy(tiny.tokenizer())
    tokenizer.add_tokens(["<tool>", "walk"])
    source = families.source("llama", tokenizer)
    assert write_gguf_folder(source, tmp_path / "out", "F32").passed
    reader = gguf.GGUFReader(tmp_path / "out" / "llama-F32.gguf")
    tokens = reader.get_field("tokenizer.ggml.tokens").contents()
    types = reader.get_field("tokenizer.ggml.token_type").contents()
    assert tokens[len(tokenizer)] == f"[PAD{len(tokenizer)}]" and types[len(tokenizer)] == 5
    assert types[tokens.index("walk")] == 4 and types[tokens.index("<|end|>")] == 3


def test_a_template_keeps_its_blanks_without_the_tags_for_training():
    from whet.export.gguf.vocabulary import portable_template

    tokenizer, plain = (conversations.style_tokenizer(conversations.STYLES["chatml_tagged"]) for _ in range(2))
    tokenizer.chat_template = tokenizer.chat_template.replace("{% generation %}", " \n {%- generation -%} \n ")
    plain.chat_template = portable_template(tokenizer.chat_template)
    talk = [conversations.user("hello"), conversations.assistant(" hi ")]
    assert "generation" not in plain.chat_template.replace("add_generation_prompt", "")
    assert plain.apply_chat_template(talk, tokenize=False) == tokenizer.apply_chat_template(talk, tokenize=False)


def test_a_file_that_says_something_else_is_kept_aside(tmp_path, monkeypatch):
    """Queries whose rows were left in the order of transformers: the model runs, and is another one."""
    source = families.source("llama")
    monkeypatch.setattr("whet.export.gguf.architectures._interleaved", lambda tensor, heads: tensor)
    with pytest.raises(ModelError, match="not the trained one: logits differ") as error:
        write_gguf_folder(source, tmp_path / "out", "F16")
    assert error.value.at == str(tmp_path / "out.failed") and not (tmp_path / "out").exists()
    assert not json.loads((tmp_path / "out.failed" / "equivalence.json").read_text())["passed"]


def test_a_lost_begin_token_is_caught(tmp_path, monkeypatch):
    source = families.source("llama")
    monkeypatch.setattr("whet.generate.prompts.opening_ids", lambda tokenizer: [])
    with pytest.raises(ModelError, match="the tokenizer gives other tokens"):
        write_gguf_folder(source, tmp_path / "out", "F16")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: families.source("gemma2", query_pre_attn_scalar=20), "scales queries by the head's width"),
        (lambda: families.source("gemma2", layer_types=["full_attention"] * 2), "one layer of 2"),
        (lambda: dataclasses.replace(families.source("llama"), module=tiny.module("mixtral")), "`mixtral` cannot"),
        (lambda: families.source("llama", odd_cut()), "no name for how this tokenizer cuts"),
    ],
)
def test_what_llama_cpp_has_no_place_for_is_refused_and_nothing_appears(tmp_path, change, message):
    with pytest.raises(ModelError, match=message) as error:
        write_gguf_folder(change(), tmp_path / "out", "F16")
    assert "--to hf" in error.value.hint and list(tmp_path.iterdir()) == []


def cut_by(*steps):
    """A tokenizer that cuts text by these steps: patterns, or steps of `tokenizers`, before its bytes."""
    tokenizer = copy.deepcopy(tiny.tokenizer())
    parts = [pre_tokenizers.Split(Regex(s), behavior="isolated") if isinstance(s, str) else s for s in steps]
    if not any(isinstance(part, pre_tokenizers.ByteLevel) for part in parts):
        parts.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False))
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts)
    return tokenizer


# As the tokenizers of these models are published.
SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
CUTS = {
    "deepseek-v3": (
        r"\p{N}{1,3}",
        "[一-龥぀-ゟ゠-ヿ]+",
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
        "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
    ),
    "deepseek-coder": ("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", pre_tokenizers.Digits(True)),
    "gpt-4o": (
        rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{SHORT}?|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{SHORT}?"
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + TAIL,
    ),
    "qwen3.5": (SHORT + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*" + TAIL,),
    "bailing": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
    ),
    "seed-coder": (SHORT + "|[^\r\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\r\n]+" + TAIL,),
    "falcon": (
        pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.ByteLevel(add_prefix_space=False),
        pre_tokenizers.Digits(False), "[0-9][0-9][0-9]",
    ),
}  # fmt: skip


@pytest.mark.case("C8")
@pytest.mark.parametrize("model", some(CUTS, list(CUTS)[::3]))
def test_text_is_cut_in_llama_cpp_as_the_models_tokenizer_cuts_it(tmp_path, model):
    report = write_gguf_folder(families.source("llama", cut_by(*CUTS[model])), tmp_path / "out", "F16")
    assert report.passed and report.ran_by == "llama.cpp"


def odd_cut():
    tokenizer = copy.deepcopy(tiny.tokenizer())
    cut = pre_tokenizers.Split(Regex(r"\w+|\W+"), behavior="isolated")
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [cut, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    return tokenizer


def test_a_file_that_llama_cpp_cannot_read_is_an_error_with_its_words(tmp_path):
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(ModelError, match="llama.cpp does not run the file") as error:
        written.run_gguf(tmp_path / "broken.gguf", ["hello"], [], 2)
    assert error.value.at == str(tmp_path / "broken.gguf")


def test_a_tied_head_is_stored_once():
    model = families.module("qwen3")
    assert model.lm_head.weight is model.model.embed_tokens.weight
    names = entries(model.config, model.state_dict())
    assert "output.weight" not in names and "token_embd.weight" in names
    assert torch.equal(names["output_norm.weight"].make(), model.model.norm.weight)


def test_the_mixture_gives_more_bits_where_llama_cpp_does():
    def of(place, layers=16):
        return tensor_type(place, (512, 512), "Q4_K_M", layers)

    more = [layer for layer in range(16) if of(f"blk.{layer}.attn_v.weight") == "Q6_K"]
    assert more == [0, 1, 4, 7, 10, 13, 14, 15]
    assert (of("output.weight"), of("token_embd.weight"), of("blk.0.attn_q.weight")) == ("Q6_K", "Q4_K", "Q4_K")
    assert tensor_type("blk.0.attn_norm.weight", (512,), "Q4_K_M", 16) == "F32"


def test_prompts_are_observed_the_same_way_twice():
    source = families.source("llama")
    assert observe(source.module, source.tokenizer).continued == source.trained.continued

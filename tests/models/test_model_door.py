"""What is refused of a model's folder, and of a config's sizes, before any library or allocator sees it."""

from __future__ import annotations

import json

import pytest

from tests.tiny import LLAMA, tokenizer
from whet.base.errors import ModelError
from whet.models.checkpoints.door import check_folder
from whet.models.checkpoints.patterns import check_patterns
from whet.models.loading.capacity import memory_bytes
from whet.models.loading.reading import read
from whet.models.loading.spec import Spec


@pytest.mark.case("B5")
@pytest.mark.parametrize("name", ["../outside.safetensors", "/etc/passwd", "a/../../x", "..", "", "a\0b", 5])
def test_an_index_that_names_files_beyond_its_folder_is_refused(tmp_path, name):
    from safetensors.torch import save_file
    from torch import ones

    model = tmp_path / "model"
    model.mkdir()
    save_file({"w": ones(2)}, tmp_path / "outside.safetensors")
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": name}}))
    with pytest.raises(ModelError) as error:
        check_folder(model)
    assert error.value.hint and "model.safetensors.index.json" in error.value.at


@pytest.mark.case("B5")
def test_links_into_the_hubs_cache_are_files_of_the_folder(tmp_path):
    from safetensors.torch import save_file
    from torch import ones

    blobs, model = tmp_path / "blobs", tmp_path / "snapshots"
    blobs.mkdir()
    model.mkdir()
    save_file({"w": ones(2)}, blobs / "abc")
    (model / "a.safetensors").symlink_to(blobs / "abc")
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": "a.safetensors"}}))
    check_folder(model)


@pytest.mark.case("B4")
@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        ({"num_hidden_layers": 10**9}, "`num_hidden_layers` is 1,000,000,000, and whet builds at most 1,024"),
        ({"num_hidden_layers": 10**30}, "`num_hidden_layers` is a number of 100 bits"),
        ({"hidden_size": 0}, "`hidden_size` is 0, not at least 1"),
        ({"vocab_size": 2**40}, "no model is so large"),
        ({"hidden_size": 2**20, "intermediate_size": 2**21}, "of memory"),
        ({"num_attention_heads": 7}, "cannot be built"),
        ({"model_type": {}}, "`model_type` is {}, not a name"),
        ({"model_type": "lama"}, "knows no model_type `lama`"),
    ],
)
def test_a_new_model_of_impossible_sizes_is_refused_before_anything_is_allocated(tmp_path, sizes, says):
    spec = Spec(init={**LLAMA, "vocab_size": 400, **sizes}, tokenizer=None)
    with pytest.raises(ModelError) as error:
        read(spec)
    assert says in error.value.message and error.value.hint


def test_the_memory_of_this_machine_is_known():
    found = memory_bytes()
    assert found is None or found > 2**28


@pytest.mark.case("D6")
def test_a_regular_expression_that_never_ends_is_refused(tmp_path):
    file = tokenizer(tmp_path) / "tokenizer.json"
    held = json.loads(file.read_text())
    check_patterns(held, file)
    held["pre_tokenizer"] = {"type": "Split", "pattern": {"Regex": "(a|aa)+$"}, "behavior": "Isolated", "invert": False}
    file.write_text(json.dumps(held))
    with pytest.raises(ModelError, match="takes for ever on some texts"):
        check_folder(tmp_path)


@pytest.mark.case("D6")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.json", "[]"), ("config.json", "{"), ("config.json", '{"architectures": [5]}'),
        ("config.json", '{"architectures": "X"}'), ("tokenizer_config.json", "null"), ("adapter_config.json", "3"),
        ("adapter_config.json", '{"peft_type": "NONE"}'), ("adapter_config.json", '{"base_model_name_or_path": []}'),
        ("model.safetensors.index.json", "{}"), ("model.safetensors", "cut"), ("model.safetensors", ""),
    ],
)  # fmt: skip
def test_a_damaged_file_is_named_with_what_to_do(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(ModelError) as error:
        check_folder(tmp_path)
    assert name in error.value.at and error.value.hint

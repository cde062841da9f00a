"""The config of a model's text: one place answers, for every type that transformers has, or refuses by name."""

import pytest
from transformers import CONFIG_MAPPING, MusicgenConfig, Qwen2Config

from whet.base.errors import ModelError
from whet.models.loading.classes import LANGUAGE
from whet.models.loading.reading import published_config, read
from whet.models.loading.spec import Spec
from whet.models.text import text_config


@pytest.mark.case("D")
def test_a_folder_of_several_models_is_refused_with_their_names(tmp_path):
    MusicgenConfig().save_pretrained(tmp_path)
    for refused in (lambda: read(Spec(path=str(tmp_path))), lambda: published_config({"model_type": "musicgen"}, "c")):
        with pytest.raises(ModelError, match="`musicgen` is no language model: it holds text_encoder") as caught:
            refused()
        assert "decoder" in caught.value.message and caught.value.hint


def test_every_type_has_a_text_or_is_refused_by_name():
    known = {config for kind in LANGUAGE.values() for config in kind.configs}
    refused = {}
    for name in [name for name, config in CONFIG_MAPPING.items() if config in known]:
        try:
            config = CONFIG_MAPPING[name]()
        except Exception:  # some types have no defaults that go together
            continue
        try:
            assert isinstance(text_config(config).vocab_size, int), name
        except ModelError as error:
            assert error.hint and f"`{config.model_type}`" in error.message
            refused[name] = error.message
    assert {"musicgen", "musicgen_melody"} <= refused.keys() and len(refused) < 6  # ESM has no tokens by default


def test_the_part_that_is_told_of_is_the_one_that_is_changed():
    config = CONFIG_MAPPING["gemma3"]()
    text_config(config).vocab_size = 77
    assert config.text_config.vocab_size == 77
    plain = Qwen2Config()
    assert text_config(plain) is plain

"""Loading a model to be used."""

import pytest

from tests.generate import tiny
from whet.base.errors import ModelError
from whet.generate.models import load_model


@pytest.fixture
def runs(tmp_path):
    """A finished run."""
    (tmp_path / "runs" / "sft-tiny").mkdir(parents=True)
    (tmp_path / "runs" / "sft-tiny" / "config.yaml").touch()
    tiny.folder(tmp_path / "runs" / "sft-tiny" / "model")
    return tmp_path / "runs"


def test_a_run_is_loaded_by_its_name(runs):
    assert load_model("sft-tiny", device="cpu", root=runs).module.config.hidden_size == 32


def test_a_model_without_tokenizer_is_refused(tmp_path):
    tiny.module().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="holds no tokenizer") as error:
        load_model(str(tmp_path), device="cpu")
    assert error.value.hint


@pytest.mark.parametrize(("how", "message"), [({"device": "gpu"}, "`gpu` is no device"), ({"dtype": "fp8"}, "`fp8`")])
def test_a_wrong_device_or_dtype_is_refused(runs, how, message):
    with pytest.raises(ModelError, match=message):
        load_model("sft-tiny", root=runs, **how)


def test_weights_take_the_dtype_that_was_asked_for(runs):
    loaded = load_model("sft-tiny", device="cpu", dtype="bf16", root=runs)
    assert {str(p.dtype) for p in loaded.module.parameters()} == {"torch.bfloat16"}

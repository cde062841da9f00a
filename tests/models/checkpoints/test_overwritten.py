"""What transformers writes over as it loads: foretold on meta, read as it reads it, and never trained in vain."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.architectures.small import KINDS, small_config, small_model, tokenizer
from tests.models.checkpoints.test_direct import same
from whet.base.catalogue import model_source
from whet.export.weights import skeleton
from whet.export.writing import write_model
from whet.models.checkpoints.direct import direct
from whet.models.checkpoints.overwritten import overwritten
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.models.probing.probes import Verdict


def stored(kind, name, folder):
    """A model whose every value is random, padding's row too, as a folder."""
    module = small_model(kind, name)
    module.save_pretrained(folder)
    return module


def lost(kind, name, folder):
    """Names of the tensors that transformers loads otherwise than they are stored."""
    module = stored(kind, name, folder)
    read = dict(KINDS[kind].auto.from_pretrained(folder).named_parameters())
    return {name for name, value in module.named_parameters() if not torch.equal(value, read[name])}


@pytest.mark.parametrize(
    ("kind", "name"), [("causal", "youtu"), ("masked", "funnel"), ("causal", "llama"), ("causal", "gpt2")]
)
def test_what_loading_writes_over_is_foretold(kind, name, tmp_path):
    with torch.device("meta"):
        empty = KINDS[kind].auto.from_config(small_config(kind, name))
    assert overwritten(empty).keys() == lost(kind, name, tmp_path)
    assert bool(overwritten(empty)) == (name in ("youtu", "funnel"))


def test_a_model_keeps_its_marks(tmp_path):
    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(small_config("causal", "youtu"))
    before = [sorted(vars(part)) for part in (*empty.modules(), *empty.parameters())]
    overwritten(empty)
    assert [sorted(vars(part)) for part in (*empty.modules(), *empty.parameters())] == before


@pytest.mark.case("G14")
def test_the_row_of_the_padding_is_read_as_transformers_reads_it(tmp_path):
    stored("causal", "youtu", tmp_path)
    tokenizer().save_pretrained(tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path)
    context = BuildContext(verdict=Verdict(False, "keep", ()))
    ours = filled(model_source.get("hf").build(context, path=str(tmp_path)))
    same(ours.module, theirs)
    assert not ours.module.model.embed_tokens.weight[0].any()
    with torch.device("meta"):
        assert direct(str(tmp_path), AutoModelForCausalLM.from_config(theirs.config)) == {}


def test_a_config_keeps_a_padding_token_that_is_not_to_blame(tmp_path):
    """Zaya's last bias of a router is a constant, which transformers writes again at every load."""
    module = small_model("causal", "zaya")
    assert overwritten(skeleton(module.config))
    write_model(tmp_path / "written", module, module.config, tokenizer())
    read = AutoModelForCausalLM.from_pretrained(tmp_path / "written")
    same(read, module)
    assert read.config.pad_token_id == 0


@pytest.mark.case("G14")
@pytest.mark.parametrize("is_trained", [True, False])
def test_a_trained_row_of_the_padding_is_read_back(is_trained, tmp_path):
    module = small_model("causal", "youtu")
    with torch.no_grad():
        module.model.embed_tokens.weight[0] *= is_trained  # tied, so that the head moves it
    write_model(tmp_path / "written", module, module.config, tokenizer())
    read = AutoModelForCausalLM.from_pretrained(tmp_path / "written")
    same(read, module)
    assert read.config.pad_token_id == (None if is_trained else 0)
    assert read.generation_config.pad_token_id == 0 and module.config.pad_token_id == 0
    assert not overwritten(skeleton(read.config)) or not is_trained

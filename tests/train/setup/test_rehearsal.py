"""The end of a run is tried before its first step: what would be lost then is said at the door."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from tests.models.architectures import SIZES
from tests.tiny import config
from tests.train.test_rollouts import bits
from whet.base.config import from_mapping
from whet.base.errors import ModelError
from whet.train.build import assemble
from whet.train.setup import rehearsal

pytest.importorskip("peft")
LOSING = """\
from whet.base.catalogue import tuner

@tuner("losing")
def losing(*, how: str = "name"):
    '''An adapter that cannot be stored as it is trained.'''
    from whet.models.tuning.peft_tuner import PeftTuner

    class Losing(PeftTuner):
        def saved_names(self, module):
            names = dict(super().saved_names(module))
            if how == "name":
                del names[next(iter(names))]
            return names

        def written(self, module, name, tensor):
            if how == "write":
                raise RuntimeError("no room in the ark")
            return tensor

        def before_step(self, module, step):
            if how == "step":
                raise ValueError("not like this")

    return Losing("lora", {"r": 2, "target_modules": ["q_proj"]})
"""


@pytest.fixture(scope="module", autouse=True)
def rehearsed_once():
    """Here every run is rehearsed."""


@pytest.fixture
def base(tmp_path, monkeypatch):
    """A model in a folder, by its architecture; and a cache in which nothing has been rehearsed."""
    monkeypatch.setenv("WHET_CACHE", str(tmp_path / "cache"))

    def make(kind, **values):
        config(tmp_path)
        words = AutoTokenizer.from_pretrained(tmp_path / "tokenizer")
        with torch.random.fork_rng():
            torch.manual_seed(0)
            sizes = {**SIZES, "vocab_size": len(words), "max_position_embeddings": 256, **values}
            module = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **sizes), dtype=torch.float32)
        module.save_pretrained(tmp_path / kind)
        words.save_pretrained(tmp_path / kind)
        return {"path": str(tmp_path / kind), "init": None, "tokenizer": None}

    return make


def refusal(folder, **sections):
    with pytest.raises(ModelError) as error:
        assemble(from_mapping(config(folder, name="door", **sections)))
    assert not (folder / "runs" / "door").exists(), "the name of a run that was refused is free"
    assert error.value.hint
    return error.value


@pytest.mark.slow
@pytest.mark.case("G7")
def test_an_adapter_that_peft_would_not_load_whole_is_refused_at_the_door(tmp_path, base):
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "head_dim": 8}
    model = base("laguna", **experts, shared_expert_intermediate_size=16)
    error = refusal(tmp_path, model=model, tuner={"kind": "lora", "rank": 2})
    assert "tensors of the adapter are lost when PEFT loads it" in error.message
    assert error.hint == 'tuner.exclude=".*shared_experts.*"'
    whole = {"kind": "lora", "rank": 2, "exclude": ".*shared_experts.*"}
    assemble(from_mapping(config(tmp_path, name="door", model=model, tuner=whole))).close()


@pytest.mark.case("A1")
@pytest.mark.parametrize(
    ("how", "said"),
    [("name", "lost when PEFT loads it"), ("write", "no room in the ark"), ("step", "not like this")],
)
def test_what_would_raise_at_the_end_is_a_sentence_at_the_door(tmp_path, base, how, said):
    (tmp_path / "losing.py").write_text(LOSING)
    tuner = {"kind": "losing", "how": how}
    error = refusal(tmp_path, model=base("llama"), tuner=tuner, plugins=[str(tmp_path / "losing.py")])
    assert said in error.message


def test_a_model_is_rehearsed_as_it_runs(tmp_path):
    """MPT takes no other attention than its own: a rehearsal under ours would fail."""
    init = {"model_type": "mpt", "d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 256}
    built = assemble(from_mapping(config(tmp_path, model={"init": init})))
    assert built.loaded.capabilities.packed and built.loaded.capabilities.attention is None
    built.close()


def test_a_rehearsal_changes_no_number_and_is_not_repeated(tmp_path, base):
    sections = {"model": base("llama"), "tuner": {"kind": "lora", "rank": 2, "dropout": 0.1}}
    losses = []
    for name in ("first", "again"):
        built = assemble(from_mapping(config(tmp_path, name=name, **sections)))
        marks = list((tmp_path / "cache" / "rehearsed").iterdir())
        for _ in range(2):
            built.loop.advance(built.loop.source.next(built.loop.progress.step))
        losses.append(bits(built.folder.path))
        built.close()
    assert len(marks) == 1 and losses[0] == losses[1] and len(losses[0]) == 2


def test_a_rehearsal_that_cannot_build_its_twin_says_so_and_the_run_begins(tmp_path, base, monkeypatch):
    def broken(config, **how):
        raise ValueError("a width of 7 heads")

    monkeypatch.setattr(rehearsal, "twin_config", broken)
    assemble(from_mapping(config(tmp_path, name="untried", model=base("llama")))).close()
    said = "no small model of its type could be built (ValueError: a width of 7 heads)"
    records = (tmp_path / "runs" / "untried" / "records.jsonl").read_text()
    assert f"the end of the run could not be rehearsed, and may fail: {said}" in records

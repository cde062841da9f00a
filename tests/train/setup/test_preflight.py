"""Settings that do not go together are refused before anything is read; what is trained is always stored."""

from __future__ import annotations

import pytest

from tests.tiny import LLAMA, config
from tests.train.test_rollouts import bits, settings
from whet.base.config import from_mapping, load
from whet.base.errors import ConfigError
from whet.train.build import assemble
from whet.train.setup.preflight import enter
from whet.train.source_kind import source_of


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory):
    """A tiny llama with its tokenizer."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path_factory.mktemp("base")
    config(folder)
    words = AutoTokenizer.from_pretrained(folder / "tokenizer")
    values = {name: value for name, value in LLAMA.items() if name != "model_type"}
    shape = AutoConfig.for_model("llama", vocab_size=len(words), **values)
    AutoModelForCausalLM.from_config(shape).save_pretrained(folder / "model")
    words.save_pretrained(folder / "model")
    return str(folder / "model")


@pytest.mark.parametrize(
    ("sections", "at"),
    [
        pytest.param({"tuner": "p-tuning", "train": {"group": 8}}, "train.group", marks=pytest.mark.case("H8")),
        pytest.param({"tuner": "prompt", "optimizer": "muonclip"}, "optimizer.kind", marks=pytest.mark.case("H3")),
        pytest.param({"tuner": "prefix", "optimizer": "muonclip"}, "optimizer.kind", marks=pytest.mark.case("H3")),
    ],
)
def test_pairs_that_do_not_go_together_are_refused_at_the_door(tmp_path, sections, at):
    with pytest.raises(ConfigError) as error:
        run = from_mapping(config(tmp_path, name="pair", **sections)).run
        enter(run, source_of(run), is_new=True)
    assert error.value.at == at and error.value.hint


@pytest.mark.case("H1")
@pytest.mark.parametrize(
    "tuner",
    [{"kind": "p-tuning", "tokens": 2}, pytest.param({"kind": "prompt", "tokens": 2}, marks=pytest.mark.slow)],
    ids=str,
)
def test_a_value_head_beside_virtual_tokens_is_stored_and_goes_on_to_the_bit(tmp_path, base_folder, tuner):
    def made(name):
        found = settings(tmp_path, name, objective="ppo", tuner=tuner, optimizer={"lr": 1e-2}, train={"steps": 4})
        return {**found, "model": {"path": base_folder}}

    def run(built, steps):
        for _ in range(steps):
            built.loop.advance(built.loop.source.next(built.loop.progress.step))

    whole = assemble(from_mapping(made("whole")))
    run(whole, 4)
    broken = assemble(from_mapping(made("broken")))
    run(broken, 2)
    broken.loop._checkpoint()
    whole.close()
    broken.close()
    again = assemble(load(broken.folder.config), broken.folder)
    run(again, 2)
    again.close()
    assert bits(again.folder.path) == bits(whole.folder.path)

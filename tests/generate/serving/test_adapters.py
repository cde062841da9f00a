"""Adapters by name beside one base."""

from __future__ import annotations

import pytest

from tests.generate import tiny
from tests.generate.serving.asked import asked, ids_of
from tests.generate.test_decode import GREEDY, PROMPTS, generated, generated_by
from whet.base.errors import ModelError
from whet.models.tuning.several import Several


def test_adapters_by_name_answer_side_by_side(tmp_path, serving):
    from peft import LoraConfig, get_peft_model

    from whet.base.seeds import forked

    expected = {None: generated_by("llama")[0]}
    for name in ("one", "two"):
        with forked(name, "adapter"):
            tuned = get_peft_model(tiny.module(), LoraConfig(r=4, init_lora_weights=False, target_modules=["q_proj"]))
        tuned.save_pretrained(tmp_path / name)
        expected[name] = generated(tuned.eval(), ids_of(PROMPTS[0]), GREEDY)
    assert len({tuple(ids) for ids in expected.values()}) == 3
    names = [None, "one", "two", "one", None]
    for is_shared in (True, False):  # in one forward, and one after the other
        module = tiny.module()
        adapters = Several(module, {name: str(tmp_path / name) for name in ("one", "two")})
        assert adapters.is_shared
        adapters.is_shared = is_shared
        engine = serving(module, adapters)
        handles = [engine.submit(asked(PROMPTS[0], adapter=name)) for name in names]
        found = [[piece.token.id for piece in handle.pieces()] for handle in handles]
        assert found == [expected[name] for name in names]
    tuned = get_peft_model(tiny.module(), LoraConfig(target_modules=["q_proj"], bias="all"))
    tuned.save_pretrained(tmp_path / "biased")
    with pytest.raises(ModelError, match="biases of its own"):
        Several(tiny.module(), {"biased": str(tmp_path / "biased")})
    with pytest.raises(ModelError, match="does not fit|another model"):
        Several(tiny.module(hidden_size=64), {"one": str(tmp_path / "one")})


@pytest.mark.parametrize(
    ("kind", "changes"),
    [("llama", {"use_dora": True}), ("gpt2", {}), ("llama", {"target_modules": ["embed_tokens"]})],
    ids=["dora", "fan-in", "embeddings"],
)
def test_adapters_that_do_more_than_add_a_product_go_one_after_the_other(tmp_path, serving, kind, changes):
    from peft import LoraConfig, get_peft_model

    from whet.base.seeds import forked

    targets = {"target_modules": ["c_attn"] if kind == "gpt2" else ["q_proj"]}
    with forked("more", "adapter"):
        tuned = get_peft_model(tiny.module(kind), LoraConfig(r=4, init_lora_weights=False, **targets | changes))
    tuned.save_pretrained(tmp_path)
    expected = generated(tuned.eval(), ids_of(PROMPTS[0]), GREEDY)
    adapters = Several(module := tiny.module(kind), {"one": str(tmp_path)})
    assert not adapters.is_shared
    handle = serving(module, adapters).submit(asked(PROMPTS[0], adapter="one"))
    assert [piece.token.id for piece in handle.pieces()] == expected

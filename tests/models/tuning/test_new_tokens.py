"""New tokens: their ids, their first embeddings, and what trains and stores them."""

from __future__ import annotations

import pytest
import torch

from tests.models.loading.test_pretrained import build, folder, refusal, tokenizer  # noqa: F401  (fixtures)
from tests.tiny import LLAMA
from whet.base.catalogue import tuner
from whet.base.errors import ModelError
from whet.models.loading.context import BuildContext
from whet.models.tuning.adapters import stored_adapter

NEW = ("<tool>", "</tool>")


def with_tuner(name, **settings):
    kind = tuner.get(name)
    return BuildContext(tuner=kind.build(**kind.settings(**settings).values()))


def test_spare_rows_become_the_mean_of_the_pieces_the_tokens_were_written_with(folder):  # noqa: F811
    plain, loaded = build(path=str(folder)), build(path=str(folder), new_tokens=NEW)
    ids = loaded.processor.convert_tokens_to_ids(list(NEW))
    assert ids == [40, 41]
    assert loaded.processor.encode("<tool>", add_special_tokens=False) == [40]
    old = plain.processor.encode("<tool>", add_special_tokens=False)
    before = plain.module.get_input_embeddings().weight
    after = loaded.module.get_input_embeddings().weight
    assert torch.allclose(after[40], before[old].mean(0))
    assert torch.equal(after[:40], before[:40])
    assert torch.allclose(loaded.module.lm_head.weight[40], plain.module.lm_head.weight[old].mean(0))


def test_a_token_without_a_letter_is_refused(folder):  # noqa: F811
    assert "is empty" in refusal(path=str(folder), new_tokens=("",))


def test_an_embedding_without_spare_rows_grows_for_full_tuning_alone(folder):  # noqa: F811
    many = tuple(f"<new{i}>" for i in range(30))
    loaded = build(with_tuner("full"), path=str(folder), new_tokens=many)
    assert loaded.module.config.vocab_size == loaded.module.get_input_embeddings().weight.shape[0] == 70
    with pytest.raises(Exception, match="no spare embeddings"):
        build(with_tuner("lora"), path=str(folder), new_tokens=many)


def test_lora_trains_and_stores_the_rows_of_new_tokens_and_no_others(folder):  # noqa: F811
    from peft import PeftModel
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM

    loaded = build(with_tuner("lora", rank=2, targets=["q_proj"]), path=str(folder), new_tokens=NEW)
    trained = {n: p for n, p in loaded.module.named_parameters() if p.requires_grad}
    rows = [p for n, p in trained.items() if "trainable_tokens" in n]
    assert rows and all(p.shape == (2, 32) for p in rows)
    with torch.no_grad():
        for parameter in trained.values():
            parameter.add_(0.1)
    config, tensors = stored_adapter(loaded.module, {n: p.detach() for n, p in loaded.module.named_parameters()})
    out = folder.parent / "adapter"
    config.save_pretrained(out)
    save_file({n: t.contiguous().clone() for n, t in tensors.items()}, out / "adapter_model.safetensors")
    theirs = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder), out)
    ids = torch.tensor([[5, 40, 7, 41]])
    with torch.no_grad():
        ours, plain = (m.eval()(input_ids=ids, use_cache=False).logits for m in (loaded.module, theirs))
    assert torch.allclose(ours, plain, atol=1e-5)


def test_adapters_that_train_no_embeddings_are_refused(folder):  # noqa: F811
    with pytest.raises(Exception, match="trains no embeddings of new tokens"):
        build(with_tuner("vera"), path=str(folder), new_tokens=NEW)


@pytest.mark.case("A1")
@pytest.mark.parametrize("end", ["lm_head", "embed_tokens"])
def test_an_end_that_is_trained_whole_beside_new_rows_is_refused_with_a_way_out(folder, end):  # noqa: F811
    with pytest.raises(ModelError, match=f"`{end}` cannot be trained whole") as error:
        build(with_tuner("lora", rank=2, modules_to_save=[end]), path=str(folder), new_tokens=NEW)
    assert "tuner.modules_to_save=[]" in str(error.value)


def test_a_known_token_is_not_added_again(folder):  # noqa: F811
    assert len(build(path=str(folder), new_tokens=["w3"]).processor) == 40


def test_a_model_without_tokenizer_is_refused():
    assert "new tokens need a tokenizer" in refusal(init=LLAMA, new_tokens=["x"])

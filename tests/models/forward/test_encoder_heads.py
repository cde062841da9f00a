"""Scores of encoders' heads over our hidden states are those of each class's own forward, in a packed batch too."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from transformers import AutoConfig

from tests.sweeps import in_turn
from whet.base.errors import ModelError
from whet.contracts.batch import Batch
from whet.contracts.model import Head
from whet.models.forward import attention
from whet.models.forward.encoder_heads import check, sequence_scores
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.models.loading.pretrained import on_meta
from whet.models.loading.spec import Spec
from whet.models.probing.probe_cases import random_tokens, stream_of

SMALL = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 96,
    "max_position_embeddings": 64, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1,
    "sep_token_id": 2,
}  # fmt: skip
POOLED = ("bert", "roberta", "distilbert", "albert", "electra", "deberta-v2", "mpnet", "modernbert", "big_bird", "luke")


def config(kind, **more):
    return AutoConfig.for_model(kind, **SMALL, **more)


@pytest.mark.parametrize(("kind", "head"), in_turn(product(POOLED, ["sequence", "token"]), 3))
def test_a_head_scores_as_its_own_forward_does(kind, head):
    check(config(kind), Head(head, ("a", "b", "c")))


def test_modernbert_may_pool_the_mean():
    check(config("modernbert", classifier_pooling="mean"), Head("sequence", ("a", "b")))


def test_a_pooler_with_an_adapter_pools_as_its_own_forward_does():
    loaded = filled(on_meta(Spec(init={"model_type": "albert", **SMALL}), BuildContext(head=Head("sequence", ("a",)))))
    module = inject_adapter_in_model(LoraConfig(target_modules=["pooler"], init_lora_weights=False), loaded.module)
    (ids,) = random_tokens(module.config, (9,))
    with torch.no_grad():
        own = module.eval()(input_ids=ids[None])
        hidden_TD = module.albert(input_ids=ids[None]).last_hidden_state[0]
        found = sequence_scores(module, hidden_TD, stream_of([ids], ids, torch.ones(len(ids)), "bidirectional"))
    torch.testing.assert_close(found, own.logits)


def test_a_class_that_looks_elsewhere_is_refused():
    with pytest.raises(ModelError, match="longformer cannot be trained with this head"):
        check(config("longformer"), Head("sequence", ("a", "b")))


def test_packed_texts_and_pairs_score_as_each_alone():
    attention.register()
    loaded = filled(
        on_meta(Spec(init={"model_type": "bert", **SMALL}), BuildContext(head=Head("sequence", ("a", "b", "c"))))
    )
    module = loaded.module.eval()
    samples = random_tokens(module.config, (7, 12, 5))
    types = [torch.arange(len(ids)) // 4 % 2 for ids in samples]
    ids = torch.cat(samples)
    stream = stream_of(samples, ids, torch.ones(len(ids)), "bidirectional")
    stream.values["token_types"] = torch.cat(types)
    with torch.no_grad():
        found = loaded.model.run(Batch({"text": stream}, 3, {"weight": torch.ones(3)}), frozenset({"scores"}))["scores"]
        own = [module(input_ids=i[None], token_type_ids=t[None]).logits for i, t in zip(samples, types, strict=True)]
    torch.testing.assert_close(found, torch.cat(own), rtol=1e-5, atol=1e-6)

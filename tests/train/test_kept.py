"""What the backward pass keeps of each layer: without values it is what hooks see of tensors that have some."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.plan.saved import hooked
from tests.train.test_foreseen import BERT, GPT2, LLAMA, run_of, with_values
from whet.plan.tracing.live import Timeline, Watch, storages, watched
from whet.train.foreseen import Hollow, example_batch, hollow_run

ENDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
SMALL = {**LLAMA, "num_hidden_layers": 2, "vocab_size": 300}
GEMMA3 = {
    **SMALL, "model_type": "gemma3_text", "head_dim": 16, "sliding_window": 16,
    "layer_types": ["sliding_attention", "full_attention"], **ENDS,
}  # fmt: skip
T5 = {
    "model_type": "t5", "d_model": 64, "d_ff": 96, "d_kv": 16, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4,
    "vocab_size": 300, "dropout_rate": 0.0, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False,
    "decoder_start_token_id": 0, "pad_token_id": 0,
}  # fmt: skip
STATE_SPACE = {"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 300, "state_size": 8, **ENDS}
MAMBA2 = {**STATE_SPACE, "model_type": "mamba2", "head_dim": 16, "num_heads": 8, "n_groups": 1, "chunk_size": 16}
EXPERTS = {
    **SMALL, "model_type": "deepseek_v3", "moe_intermediate_size": 48, "n_routed_experts": 8, "n_shared_experts": 1,
    "num_experts_per_tok": 3, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1, "num_key_value_heads": 4,
    "kv_lora_rank": 40, "q_lora_rank": 24, "qk_rope_head_dim": 8, "qk_nope_head_dim": 12, "v_head_dim": 16,
}  # fmt: skip
CASES = {
    "llama": SMALL, "gemma3": GEMMA3, "phi3": {**SMALL, "model_type": "phi3", **ENDS}, "gpt2": GPT2,
    "gpt2 with dropout": {**GPT2, "resid_pdrop": 0.1, "embd_pdrop": 0.1}, "bert": BERT, "t5": T5,
    "mamba": {**STATE_SPACE, "model_type": "mamba"}, "mamba2": MAMBA2, "deepseek_v3": EXPERTS,
}  # fmt: skip
# One precision of each: that in which its norms and products mix dtypes, or the plain one.
FAST = {("gemma3", "bf16"), ("phi3", "fp32"), ("bert", "bf16"), ("t5", "fp32"), ("mamba", "bf16")}
EACH = [(name, precision) for name in CASES for precision in ("fp32", "bf16")]


@pytest.mark.parametrize(
    ("name", "precision"), [pytest.param(*one, marks=[pytest.mark.slow] * (one not in FAST)) for one in EACH]
)
def test_a_step_without_values_keeps_of_each_layer_what_hooks_see_with_values(name, precision, monkeypatch):
    objective = {"objective": "mlm"} if name == "bert" else {}
    run = run_of(CASES[name], {"train": {"precision": precision}, **objective})
    made, real = hollow_run(run, CASES[name]), with_values(run, CASES[name], monkeypatch)
    with made.mode, watched(Timeline()) as watch:
        kept_by_layers(made)  # what is made once and kept is made
        found = kept_by_layers(made, watch)
    with watched(Timeline()):
        kept_by_layers(real)
        assert kept_by_layers(real) == found
    assert len(found) >= 3 and min(found[1:]) > 50 * 64 * 4  # each layer keeps more than its input


def kept_by_layers(run: Hollow, watch: Watch | None = None) -> Sequence[int]:
    """Bytes of the tensors that autograd keeps before the first layer, and from the beginning of each to the next one;
    weights are left out. What a `watch` has written down has these bytes."""
    trained, batch = run.trained, example_batch(run.trained, (50,), run.reference)
    module, executor = trained.loaded.module, trained.executor
    outside = {storage._cdata for one in (*module.parameters(), *module.buffers()) for storage in storages(one)}
    layers = [module.get_submodule(name) for name in trained.loaded.layers]
    with hooked() as saved, executor._precision():
        handles = [layer.register_forward_pre_hook(lambda *given: saved.begin()) for layer in layers]
        terms = executor.objective(executor.models, batch, {})
        found = [{key: size for key, size in part.items() if key not in outside} for part in saved.kept()]
        if watch is not None:
            noted = {key: watch.timeline.pieces[number][0] for key, number in watch.numbers.items()}
            assert all(noted[key] == part[key] for part in found for key in noted.keys() & part)
    del terms
    for handle in handles:
        handle.remove()
    return [sum(part.values()) for part in found]

"""Configurations whose memory is foreseen and measured: models, tuners, optimizers, precisions, lengths, objectives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LLAMA = {
    "model_type": "llama", "hidden_size": 384, "intermediate_size": 1024, "num_hidden_layers": 6,
    "num_attention_heads": 6, "num_key_value_heads": 2, "vocab_size": 16000, "tie_word_embeddings": False,
    "max_position_embeddings": 4096, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
TIED = {**LLAMA, "tie_word_embeddings": True}
WIDE = {
    **LLAMA, "hidden_size": 768, "intermediate_size": 2048, "num_attention_heads": 12, "num_key_value_heads": 4,
    "num_hidden_layers": 3,
}  # fmt: skip
QWEN3 = {**LLAMA, "model_type": "qwen3", "head_dim": 64, "tie_word_embeddings": True, "layer_types": None}
MIXTRAL = {
    **LLAMA, "model_type": "mixtral", "intermediate_size": 512, "num_local_experts": 4, "num_experts_per_tok": 2,
    "num_hidden_layers": 4,
}  # fmt: skip
GPT2 = {
    "model_type": "gpt2", "n_embd": 384, "n_layer": 6, "n_head": 6, "vocab_size": 16000, "n_positions": 2048,
    "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
BERT = {
    "model_type": "bert", "hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 6,
    "num_attention_heads": 6, "vocab_size": 16000, "max_position_embeddings": 1024, "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}  # fmt: skip
T5 = {
    "model_type": "t5", "d_model": 384, "d_ff": 1024, "d_kv": 64, "num_layers": 4, "num_decoder_layers": 4,
    "num_heads": 6, "vocab_size": 16000, "dropout_rate": 0.0, "feed_forward_proj": "gated-gelu",
    "tie_word_embeddings": False, "decoder_start_token_id": 0, "pad_token_id": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One configuration: `lengths` are those of the samples of a micro-batch, of which a step has two."""

    name: str
    config: Mapping[str, Any]
    lengths: Sequence[int] = (256,)
    sections: Mapping[str, Any] = field(default_factory=dict)
    reference: str = "stored"

    @property
    def is_adapter(self) -> bool:
        return self.sections.get("tuner", {"kind": "full"})["kind"] == "lora"

    def run(self, folder: str | None) -> dict[str, Any]:
        """The run's config; an adapter's base lies in `folder`."""
        model: dict[str, Any] = {"path": folder} if folder else {"init": dict(self.config)}
        given = dict(self.sections)
        train = {"precision": "fp32", "steps": 2, "batch_tokens": 2 * sum(self.lengths), **given.pop("train", {})}
        return {"model": {**model, **given.pop("model", {})}, "tuner": {"kind": "full"}, "train": train, **given}


def _with(**sections: Any) -> dict[str, Any]:
    return {name: {"kind": value} if isinstance(value, str) else value for name, value in sections.items()}


OFF = "adapters"
LORA = {"kind": "lora", "rank": 16}
LENGTH = {"rewards": [{"kind": "length"}]}
KL = {"kind": "grpo", "kl": 0.05, "reference": "copy"}
TAUGHT = {"kind": "distill", "teacher": {"init": LLAMA}, "precision": "bf16"}
ROWS = [
    Row("llama full adamw", LLAMA),
    Row("llama tied", TIED, (128, 128)),
    Row("llama bf16", LLAMA, (128,), _with(train={"precision": "bf16"})),
    Row("llama bf16-pure", LLAMA, (128,), _with(train={"precision": "bf16-pure"})),
    Row("llama recompute", LLAMA, (1024,), _with(train={"recompute": True})),
    Row("llama long rows", LLAMA, (512, 512), _with(optimizer="sgd")),
    Row("llama packed short", LLAMA, (64,) * 12, _with(optimizer="sgd")),
    Row("llama adamw 8bit", WIDE, (256,), _with(optimizer={"kind": "adamw", "state": "8bit"})),
    Row("llama muon", LLAMA, (128,), _with(optimizer="muon")),
    Row("llama galore", LLAMA, (256,), _with(optimizer={"kind": "galore", "rank": 64})),
    Row("llama adam-mini", LLAMA, (256,), _with(optimizer="adam-mini")),
    Row("llama lion", LLAMA, (256,), _with(optimizer="lion")),
    Row("llama adafactor", LLAMA, (256,), _with(optimizer="adafactor")),
    Row("llama lora", WIDE, (256,), _with(tuner=LORA)),
    Row("llama lora recompute", WIDE, (512,), _with(tuner=LORA, train={"recompute": True})),
    Row("llama lora bf16", LLAMA, (128,), _with(tuner=LORA, train={"precision": "bf16"})),
    Row("llama qlora nf4", WIDE, (256,), _with(tuner=LORA, model={"quantize": "nf4"})),
    Row("llama freeze", WIDE, (256,), _with(tuner={"kind": "freeze", "last": 2})),
    Row("llama dpo", LLAMA, (256,), _with(objective="dpo")),
    Row("llama dpo copy", LLAMA, (256,), _with(objective={"kind": "dpo", "reference": "copy"}), "copy"),
    Row("llama dpo lora", WIDE, (256,), _with(objective={"kind": "dpo", "reference": "adapters"}, tuner=LORA), OFF),
    Row("llama grpo", LLAMA, (128, 128), _with(objective="grpo", rewards=[{"kind": "length"}])),
    Row("llama reward", LLAMA, (256,), _with(objective="reward")),
    Row("llama classify", LLAMA, (128, 128), _with(objective="sequence-classification")),
    Row("llama process reward", LLAMA, (128, 128), _with(objective="process-reward")),
    Row("llama embedding", LLAMA, (128, 128), _with(objective="embedding")),
    Row("llama reranker", LLAMA, (128, 128), _with(objective="reranker")),
    Row("llama distill", LLAMA, (256,), _with(objective={"kind": "distill", "teacher": {"init": WIDE}})),
    Row("llama distill bf16", TIED, (256,), _with(objective=TAUGHT)),
    Row("llama distill stored", LLAMA, (256,), _with(objective={**TAUGHT, "top": 64})),
    Row("llama ppo", LLAMA, (128, 128), _with(objective="ppo", **LENGTH)),
    Row("llama online dpo", LLAMA, (128,), _with(objective="online-dpo", **LENGTH)),
    Row("llama grpo copy", LLAMA, (128, 128), _with(objective=KL, **LENGTH), "copy"),
    Row("llama grpo lora", WIDE, (128, 128), _with(objective=KL | {"reference": OFF}, tuner=LORA, **LENGTH), OFF),
    Row("qwen3 full adamw", QWEN3),
    Row("qwen3 recompute lion", QWEN3, (512,), _with(optimizer="lion", train={"recompute": True})),
    Row("mixtral full adamw", MIXTRAL, (256,)),
    Row("gpt2 full adamw", GPT2, (256,)),
    Row("gpt2 muon recompute", GPT2, (512,), _with(optimizer="muon", train={"recompute": True})),
    Row("bert mlm", BERT, (128, 128), _with(objective="mlm")),
    Row("t5 sft", T5, (256,), _with(objective="sft")),
]  # fmt: skip

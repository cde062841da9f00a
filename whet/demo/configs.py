"""The two runs of the demo as YAML that a reader can change and run again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Scale:
    """How large everything is: the real demo, or the seconds-long one of the test-suite.

    `vocabulary` tokens, `hidden` width, `layers`, tokens a step while pre-training and fine-tuning, and the steps of a
    speed measurement.
    """

    vocabulary: int
    hidden: int
    layers: int
    pretrain_batch: int
    sft_batch: int
    probe_steps: int


SMALL = Scale(vocabulary=2048, hidden=128, layers=4, pretrain_batch=1024, sft_batch=1024, probe_steps=8)
TINY = Scale(vocabulary=512, hidden=32, layers=2, pretrain_batch=512, sft_batch=512, probe_steps=2)

PRETRAIN = """\
# Pre-training: a small decoder from random weights learns to continue the source code of the standard library.
# Written by `whet demo`. Run it again with: whet train {folder}/pretrain.yaml name=again

name: pretrain
objective: pretrain

model:
  init:
    model_type: llama
    hidden_size: {hidden}
    num_hidden_layers: {layers}
    num_attention_heads: {heads}
    num_key_value_heads: {heads}
    intermediate_size: {inner}
    max_position_embeddings: 512
    tie_word_embeddings: true
  tokenizer: {folder}/tokenizer

data:
  train: [{folder}/corpus.jsonl]
  max_length: 256          # longer files are cut into samples of so many tokens

optimizer: {{kind: adamw, lr: 4e-3}}
train: {{steps: {steps}, batch_tokens: {batch}}}
track: {{folder: {folder}/runs}}
"""

SFT = """\
# Fine-tuning: the pre-trained model learns to answer what a function or class does; only the answers are trained.
# Written by `whet demo`. Run it again with: whet train {folder}/sft.yaml name=again

name: sft
objective: sft

model: {folder}/runs/pretrain/model

data:
  train: [{folder}/questions.jsonl]
  held_out: [{folder}/held_out.jsonl]

optimizer: {{kind: adamw, lr: 1e-3}}
train: {{steps: {steps}, batch_tokens: {batch}}}
evaluate: {{every: {every}}}
track: {{folder: {folder}/runs}}
"""


def pretrain_yaml(folder: Path, scale: Scale, steps: int) -> str:
    """The config of pre-training for `steps`."""
    heads, inner = max(1, scale.hidden // 32), 3 * scale.hidden
    return PRETRAIN.format(
        folder=folder.as_posix(),
        hidden=scale.hidden,
        layers=scale.layers,
        heads=heads,
        inner=inner,
        steps=steps,
        batch=scale.pretrain_batch,
    )


def sft_yaml(folder: Path, scale: Scale, steps: int) -> str:
    """The config of fine-tuning for `steps`, measured on held-out questions four times."""
    every = max(1, steps // 4)
    return SFT.format(folder=folder.as_posix(), steps=steps, batch=scale.sft_batch, every=every)

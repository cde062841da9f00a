"""Train the shared rows with TRL's SFTTrainer, in TRL's own environment, and print one line of JSON.

    python benchmarks/sft/run_trl.py FOLDER padded --micro 4 --steps 2

`padded` is SFTTrainer's default collator; `packed` is `packing=True` (best fit, padding-free) with blocks of
`MAX_TOKENS`. `--micro` is `per_device_train_batch_size`: rows when padded, blocks when packed.

Set in TRL's favour on CPU: no gradient checkpointing (its default costs a second forward), fp32 instead of
its bf16 default, SDPA attention, fused AdamW, no logging, saving or evaluation, no worker processes. TRL 1.16
has one loss path, `add_fused_lm_head`, which never holds all logits; the full-logits path is gone.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", HF_DATASETS_DISABLE_PROGRESS_BARS="1")

import torch
from datasets import Dataset
from measure import print_result, rss_bytes
from setting import (
    BETAS,
    CLIP_NORM,
    EPSILON,
    LEARNING_RATE,
    MAX_TOKENS,
    SEED,
    WEIGHT_DECAY,
)
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer


class Stopwatch(TrainerCallback):
    """Seconds from the start of training to the end of the last step."""

    def on_train_begin(self, *_, **__) -> None:
        self.start = time.perf_counter()

    def on_step_end(self, *_, **__) -> None:
        self.seconds = time.perf_counter() - self.start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("mode", choices=["padded", "packed"])
    parser.add_argument("--micro", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32", help="bf16: Trainer's autocast")
    parser.add_argument("--sampling", default="random", help="TRL's train_sampling_strategy, when padded")
    arguments = parser.parse_args()
    baseline = rss_bytes()
    rows = [json.loads(line) for line in (arguments.folder / "rows.jsonl").read_text().splitlines()]
    with tempfile.TemporaryDirectory() as output:
        settings = sft_config(arguments, len(rows), output)
        trainer = SFTTrainer(
            model=AutoModelForCausalLM.from_pretrained(
                arguments.folder / "model", dtype=torch.float32, attn_implementation="sdpa"
            ),
            args=settings,
            train_dataset=Dataset.from_list(rows),
            processing_class=AutoTokenizer.from_pretrained(arguments.folder / "model"),
            callbacks=[stopwatch := Stopwatch()],
        )
        outcome = trainer.train()
    row_tokens, trained_tokens = count_tokens(trainer.train_dataset)
    print_result(
        row_tokens=row_tokens,
        trained_tokens=trained_tokens,
        steps=outcome.global_step,
        seconds=stopwatch.seconds,
        loss=outcome.training_loss,
        baseline_bytes=baseline,
    )


def sft_config(arguments: argparse.Namespace, num_rows: int, output: str) -> SFTConfig:
    return SFTConfig(
        output_dir=output,
        max_length=MAX_TOKENS,
        packing=arguments.mode == "packed",
        per_device_train_batch_size=arguments.micro,
        # More than there are micro-batches: each epoch is one step, whatever number of blocks packing makes.
        gradient_accumulation_steps=num_rows,
        num_train_epochs=arguments.steps,
        train_sampling_strategy=arguments.sampling,
        learning_rate=LEARNING_RATE,
        lr_scheduler_type="constant",
        warmup_steps=0,
        adam_beta1=BETAS[0],
        adam_beta2=BETAS[1],
        adam_epsilon=EPSILON,
        weight_decay=WEIGHT_DECAY,
        max_grad_norm=CLIP_NORM,
        optim="adamw_torch_fused",
        bf16=arguments.precision == "bf16",
        use_cpu=True,
        gradient_checkpointing=False,
        logging_strategy="no",
        save_strategy="no",
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        seed=SEED,
    )


def count_tokens(dataset: Dataset) -> tuple[int, int]:
    """Tokens and trained tokens of the prepared rows; the first token of a sample has nothing before it."""
    row_tokens = sum(len(ids) for ids in dataset["input_ids"])
    trained_tokens = sum(label != -100 for labels in dataset["labels"] for label in labels)
    return row_tokens, trained_tokens


if __name__ == "__main__":
    main()

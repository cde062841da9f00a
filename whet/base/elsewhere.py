"""Names of settings that are not, or no more, ours: what earlier versions and other trainers called them, and their
name now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Renamed:
    """The setting that `now` says what another one said, and what each of its values is called there."""

    now: str
    values: Mapping[Any, Any] = field(default_factory=dict)


# What earlier versions of whet took, and wrote into run folders.
BEFORE = {"parallel.reshard": Renamed("parallel.zero", {True: 3, False: 2})}
# What transformers, TRL, LLaMA-Factory, Axolotl, Unsloth and ms-swift call it, wherever it stands there; with a value
# where ours is another.
OTHERS = {
    "learning_rate": "optimizer.lr", "weight_decay": "optimizer.weight_decay", "optim": "optimizer",
    "adam_beta1": "optimizer.betas=[0.9,0.95]", "adam_beta2": "optimizer.betas=[0.9,0.95]",
    "adam_epsilon": "optimizer.eps",
    "lr_scheduler": "schedule", "lr_scheduler_type": "schedule", "warmup_steps": "schedule.warmup",
    "warmup_ratio": "schedule.warmup", "num_train_epochs": "train.epochs", "num_epochs": "train.epochs",
    "max_steps": "train.steps", "max_grad_norm": "train.clip", "gradient_checkpointing": "train.recompute",
    "fp8_recipe": "train.fp8", "float8": "train.fp8", "fp8_param": "train.fp8",
    "activation_checkpoint": "train.recompute", "recompute_granularity": "train.recompute",
    "activation_offloading": "train.offload.activations=true", "cpu_offloading": "train.offload.activations=true",
    "enable_activation_offloading": "train.offload.activations=true", "offload_optimizer": "train.offload.optimizer=1",
    "optimizer_cpu_offload": "train.offload.optimizer=1", "optimizer_offload_fraction": "train.offload.optimizer",
    "offload_param": "train.offload.weights=true", "enable_cpu_offload": "train.offload.weights=true",
    "fsdp_cpu_offload": "train.offload.weights=true", "offload_params": "train.offload.weights=true",
    "neftune_noise_alpha": "train.neftune", "bf16": "train.precision=bf16", "fp16": "train.precision=bf16",
    "per_device_train_batch_size": "train.micro_batch", "micro_batch_size": "train.micro_batch",
    "gradient_accumulation_steps": "train.batch_tokens", "batch_size": "train.batch_tokens",
    "save_steps": "train.checkpoint_every", "save_total_limit": "train.keep", "logging_steps": "track.log_every",
    "report_to": "track.tee", "output_dir": "track.folder", "run_name": "name", "eval_steps": "evaluate.every",
    "max_seq_length": "data.max_length", "max_seq_len": "data.max_length", "sequence_len": "data.max_length",
    "seq_length": "data.max_length", "cutoff_len": "data.max_length", "val_set_size": "data.held_out",
    "val_size": "data.held_out", "dataset": "data.train", "datasets": "data.train", "train_file": "data.train",
    "chat_template": "data.template", "model_name_or_path": "model.path", "base_model": "model.path",
    "lora_r": "tuner.rank", "lora_rank": "tuner.rank", "lora_alpha": "tuner.alpha", "lora_dropout": "tuner.dropout",
    "target_modules": "tuner.targets", "lora_target": "tuner.targets", "lora_target_modules": "tuner.targets",
    "load_in_4bit": "model.quantize=nf4", "load_in_8bit": "model.quantize=int8",
    "rl": "objective", "stage": "objective",
    "num_generations": "rollout.completions", "max_completion_length": "rollout.max_new_tokens",
    "tensor_parallel_size": "parallel.tensor", "pipeline_parallel_size": "parallel.pipeline",
}  # fmt: skip


def named_now(keys: tuple[str | int, ...], value: Any) -> str | None:
    """A hint with the setting that an unknown one means, by what earlier versions or other trainers call it."""
    if (renamed := BEFORE.get(".".join(map(str, keys)))) is not None:
        said = renamed.values.get(value) if isinstance(value, bool | int | str) else None
        section, _, name = renamed.now.rpartition(".")
        line = f"{name}: {'...' if said is None else said}"
        return f"write `{line}` in its place, under `{section}`: it is called {renamed.now} now"
    return f"did you mean `{OTHERS[str(keys[-1])]}`?" if str(keys[-1]) in OTHERS else None

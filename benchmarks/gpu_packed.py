"""A Llama of 1.2 B parameters, 4,096 tokens a step in bf16: whet beside transformers' Trainer on the same rows.

    python benchmarks/gpu_packed.py

Both hold fp32 weights under bf16 autocast, update with torch's fused AdamW, and see rows of 4,096 tokens made of
samples of 64 to 2,048 tokens. whet keeps the samples of a row apart; Trainer lets them see each other, which is more
work for its attention and none for its user. `share` is model FLOPs (6 a parameter and token, and causal attention
of the row) over the rate of an 8,192-cubed bf16 matrix product measured in the same run.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable

import torch
import transformers
from transformers import AutoModelForCausalLM, Trainer, TrainerCallback, TrainingArguments

from whet.base.catalogue import model_source, objective, optimizer, tuner
from whet.contracts.batch import Batch
from whet.contracts.model import Models
from whet.contracts.sample import Sample
from whet.data.order.collate import collate
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.optim.adapted import adapted
from whet.optim.groups import ParamGroups
from whet.parallel.world import World
from whet.train.step.executor import DataParallel

ROW, STEPS, WARMUP = 4096, 12, 4
INIT = {
    "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128_256, "tie_word_embeddings": True,
    "max_position_embeddings": 8192,
}  # fmt: skip


def main() -> None:
    device = torch.device("cuda")
    print(f"{torch.cuda.get_device_name(0)}, torch {torch.__version__}, transformers {transformers.__version__}")
    rate = matrix_rate(device)
    print(f"bf16 matrix product 8192^3: {rate / 1e12:.0f} TFLOP/s\n")
    rows = make_rows()
    for name, measure in (("whet", whet_steps), ("Trainer", trainer_steps)):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        seconds, parameters = measure(rows, device)
        show(name, seconds, parameters, rate)


def make_rows() -> list[list[list[int]]]:
    """STEPS rows, each a list of samples that together have ROW tokens."""
    rng = random.Random(0)
    rows = []
    for _ in range(STEPS):
        left, row = ROW, []
        while left:
            length = min(left, rng.randint(64, 2048))
            row.append([rng.randrange(INIT["vocab_size"]) for _ in range(length)])
            left -= length
        rows.append(row)
    return rows


def whet_steps(rows: list[list[list[int]]], device: torch.device) -> tuple[list[float], int]:
    context = BuildContext(torch.float32, tuner=tuner.get("full").build())
    loaded = filled(model_source.get("hf").build(context, init=INIT), device)
    update = adapted(optimizer.get("adamw").build(ParamGroups.of(loaded.module, loaded.roles)))
    executor = DataParallel(
        World(device),
        Models(loaded.model),
        objective.get("pretrain").build(),
        update,
        loaded.module,
        0,
        1.0,
        torch.bfloat16,
    )
    batches = [as_batch(row) for row in rows]
    weights = [executor.weigh([batch], {})[0] for batch in batches]
    seconds = [timed(lambda n=n: executor.step(n, [batches[n]], weights[n], 1.0)) for n in range(STEPS)]
    return seconds[WARMUP:], sum(p.numel() for p in loaded.module.parameters())


def as_batch(row: list[list[int]]) -> Batch:
    import numpy as np

    return collate([Sample(np.array(s, np.int32), np.ones(len(s), np.float32)) for s in row])


class Stopwatch(TrainerCallback):
    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_step_begin(self, *_: object, **__: object) -> None:
        torch.cuda.synchronize()
        self.began = time.perf_counter()

    def on_step_end(self, *_: object, **__: object) -> None:
        torch.cuda.synchronize()
        self.seconds.append(time.perf_counter() - self.began)


def trainer_steps(rows: list[list[list[int]]], device: torch.device) -> tuple[list[float], int]:
    flat = [[token for sample in row for token in sample] for row in rows]
    data = [{"input_ids": torch.tensor(ids), "labels": torch.tensor(ids)} for ids in flat]
    config = transformers.AutoConfig.for_model(**INIT)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa", dtype=torch.float32)
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, per_device_train_batch_size=1, max_steps=STEPS, bf16=True, optim="adamw_torch_fused",
            logging_strategy="no", save_strategy="no", report_to="none", disable_tqdm=True,
        )  # fmt: skip
        Trainer(model=model, args=arguments, train_dataset=data, callbacks=[watch]).train()
    return watch.seconds[WARMUP:], sum(p.numel() for p in model.parameters())


def timed(step: Callable[[], object]) -> float:
    torch.cuda.synchronize()
    began = time.perf_counter()
    step()
    torch.cuda.synchronize()
    return time.perf_counter() - began


def matrix_rate(device: torch.device) -> float:
    """FLOP/s of a large bf16 matrix product: the median of ten after three."""
    a, b = (torch.randn(8192, 8192, device=device, dtype=torch.bfloat16) for _ in range(2))
    seconds = [timed(lambda: a @ b) for _ in range(13)][3:]
    return 2 * 8192**3 / statistics.median(seconds)


def show(name: str, seconds: list[float], parameters: int, rate: float) -> None:
    median = statistics.median(seconds)
    attention = 6 * INIT["num_hidden_layers"] * INIT["hidden_size"] * ROW  # causal: half of 12 L D T, a token
    share = (6 * parameters + attention) * ROW / median / rate
    peak = torch.cuda.max_memory_allocated() / 2**30
    spread = f"{ROW / max(seconds):,.0f} to {ROW / min(seconds):,.0f}"
    print(f"{name:<8} {ROW / median:>9,.0f} tokens/s ({spread})  {peak:5.1f} GiB  {share:.0%} of the matrix rate")


if __name__ == "__main__":
    main()

"""What answers cost in rollouts and evaluation: processor time a generated token, and seconds.

    python benchmarks/generate/answering.py

A random Llama (8 layers of 384, vocabulary 32,000) in fp32, loaded as a run loads it, and drawn from at temperature 1,
so that answers end by themselves. `rollouts`: 8 prompts of 300 tokens with 8 answers each, of 96 tokens on average and
256 at most, as GRPO draws them; `evaluation`: 200 prompts of 20 to 400 tokens, answers of 32 and 128; `equal`: 64
prompts of 128 tokens whose answers all have 64. Prints median and range of `--rounds` rounds. The same script runs with
an older commit of whet before it in PYTHONPATH, which is what a figure is compared with.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from whet.contracts.rewards import questions
from whet.generate.decode import complete
from whet.generate.groups import Groups
from whet.generate.models import load_model
from whet.generate.protocol import GenerateSettings
from whet.models.tokenizers.training import train_tokenizer

VOCABULARY = 32_000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", choices=["rollouts", "evaluation", "equal"])
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = _model(Path(folder))
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; {vars(given)}")
    cases: dict[str, Callable[[int], int]] = {
        "rollouts": lambda seed: _rollouts(model, seed),
        "evaluation": lambda seed: _evaluation(model, seed),
        "equal": lambda seed: _equal(model, seed),
    }
    for name, case in cases.items():
        if given.only in (None, name):
            _measure(name, case, given.rounds)


def _measure(name: str, case: Callable[[int], int], rounds: int) -> None:
    found: list[tuple[float, float]] = []
    tokens = 0
    for seed in range(rounds):
        processor, wall = time.process_time(), time.perf_counter()
        count = case(seed)
        found.append(((time.process_time() - processor) / count, time.perf_counter() - wall))
        tokens += count
    costs, seconds = [1e3 * cost for cost, _ in found], [wall for _, wall in found]
    print(f"{name:10} {statistics.median(costs):6.3f} ms of processor a token ({min(costs):.3f} to {max(costs):.3f}), "
          f"{statistics.median(seconds):6.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), "
          f"{tokens // rounds:,} tokens a round", flush=True)  # fmt: skip


def _model(folder: Path) -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=VOCABULARY, hidden_size=384, intermediate_size=1024, num_hidden_layers=8,
                         num_attention_heads=6, num_key_value_heads=2, max_position_embeddings=2048)  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    train_tokenizer(["what is asked, and what is said"], 300, chat=True).save_pretrained(folder)
    return load_model(str(folder), device="cpu")


def _ends(model: Any, mean: int | None) -> None:
    """Let a token of so many end an answer; none where all answers are to be as long."""
    model.module.generation_config.eos_token_id = [] if mean is None else list(range(0, VOCABULARY, mean))


def _prompts(lengths: list[int], seed: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(300, VOCABULARY, (length,), generator=generator).tolist() for length in lengths]


def _rollouts(model: Any, seed: int) -> int:
    _ends(model, 96)
    settings = GenerateSettings(max_new_tokens=256, temperature=1.0)
    prompts = _prompts([300] * 8, seed)
    found = Groups(model.module, model.processor, settings)(questions(prompts), 8, seed=seed)
    return sum(len(one.ids) for group in found for one in group)


def _evaluation(model: Any, seed: int) -> int:
    _ends(model, 32)
    settings = GenerateSettings(max_new_tokens=128, temperature=1.0, seed=seed)
    prompts = _prompts([20 + 380 * (i * 37 % 200) // 199 for i in range(200)], seed)
    return sum(len(one.tokens) for one in complete(model.module, model.processor, prompts, settings))


def _equal(model: Any, seed: int) -> int:
    _ends(model, None)
    settings = GenerateSettings(max_new_tokens=64, temperature=1.0, seed=seed)
    return sum(len(one.tokens) for one in complete(model.module, model.processor, _prompts([128] * 64, seed), settings))


if __name__ == "__main__":
    main()

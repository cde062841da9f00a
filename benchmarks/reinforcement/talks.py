"""Conversations in turns with our engine: going on from the KV cache, against reading all of them at every turn.

    python benchmarks/reinforcement/talks.py

`--prompts` of `--prompt-tokens` tokens, `--completions` conversations from each, `--turns` turns of the model, of
`--said` tokens on average, and `--fed` tokens of a tool behind each. A random Llama (8 layers of 384, vocabulary
32,000) in fp32, drawn from at temperature 1 with the same numbers, so that both say the same. Prints seconds and the
tokens that the model reads before it says something, median and range of `--rounds` interleaved rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from whet.generate.decode import complete
from whet.generate.kv_sessions import LiveTalk
from whet.generate.protocol import Asked, GenerateSettings, Turn
from whet.models.forward import attention
from whet.models.tokenizers.training import train_tokenizer

VOCABULARY = 32_000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("prompts", 2), ("prompt-tokens", 256), ("completions", 4), ("turns", 4), ("said", 32),
                        ("fed", 64), ("rounds", 3)):  # fmt: skip
        options.add_argument(f"--{name}", type=int, default=value)
    given = options.parse_args()
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=VOCABULARY, hidden_size=384, intermediate_size=1024, num_hidden_layers=8,
                         num_attention_heads=6, num_key_value_heads=2, max_position_embeddings=8192)  # fmt: skip
    module, tokenizer = LlamaForCausalLM(config).eval(), train_tokenizer(["a tool and what it gave"], 300, chat=True)
    attention.register()  # as a run has it
    module.set_attn_implementation(attention.NAME)
    module.generation_config.eos_token_id = list(range(0, VOCABULARY, given.said))
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; {vars(given)}")
    found: dict[str, list[tuple[float, int, Any]]] = {"goes on": [], "reads all": []}
    for _ in range(given.rounds):
        talk = LiveTalk(module, tokenizer, batch_tokens=65536)
        ways: dict[str, Callable[[Sequence[Asked], GenerateSettings], list[Turn]]] = {
            "goes on": talk.turn,
            "reads all": lambda asked, settings: _whole(module, tokenizer, asked, settings),
        }
        for name, turn in ways.items():
            found[name].append(_played(module, turn, given))
    assert len({str(said) for rounds in found.values() for _, _, said in rounds}) == 1, "they say different things"
    for name, rounds in found.items():
        seconds = [s for s, _, _ in rounds]
        print(f"{name:10} {statistics.median(seconds):7.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), "
              f"{rounds[0][1]:,} tokens read")  # fmt: skip


def _whole(module: Any, tokenizer: Any, asked: Sequence[Asked], settings: GenerateSettings) -> list[Turn]:
    prompts, numbers = [one.context for one in asked], [one.number for one in asked]
    answers = complete(module, tokenizer, prompts, settings, batch_tokens=65536, numbers=numbers)
    return [Turn(tuple(answer.ids), None, answer.finish) for answer in answers]


def _played(module: Any, turn: Any, given: argparse.Namespace) -> tuple[float, int, Any]:
    """Seconds of all turns, tokens that were read and are not chosen by the model, and what was said."""
    generator, read = torch.Generator().manual_seed(1), [0]

    def count(_: Any, inputs: Any) -> None:
        read[0] += inputs[0].numel()

    handle = module.get_input_embeddings().register_forward_pre_hook(count)
    draw: Callable[[int], list[int]] = lambda n: torch.randint(3, 300, (n,), generator=generator).tolist()  # noqa: E731
    prompts = [draw(given.prompt_tokens) for _ in range(given.prompts)]
    talks = dict(enumerate(list(prompt) for prompt in prompts for _ in range(given.completions)))
    settings, said = GenerateSettings(max_new_tokens=8 * given.said, temperature=1.0), []
    began = time.perf_counter()
    for number in range(given.turns):
        asked = [Asked(i, list(ids), settings.max_new_tokens, 1000 * number + i) for i, ids in talks.items()]
        for one, answer in zip(asked, turn(asked, settings), strict=True):
            said.append(answer.ids)
            talks[one.talk] += [*answer.ids, *draw(given.fed)]
            if answer.finish == "length":
                del talks[one.talk]
    handle.remove()
    return time.perf_counter() - began, read[0] - sum(map(len, said)), said


if __name__ == "__main__":
    main()

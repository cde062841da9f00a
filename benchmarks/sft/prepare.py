"""Write what all workers share into a folder: `model/` (weights and tokenizer), `rows.jsonl`, `facts.json`.

python benchmarks/sft/prepare.py FOLDER --data ../shared/data
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import torch
from setting import MAX_TOKENS, MODELS, NUM_ROWS, SEED, VOCAB_SIZE
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

END, PAD = "<|end|>", "<|pad|>"
CORPUS = (
    "instruct/alpaca_en_demo.json",
    "instruct/dpo_en_demo.json",
    "instruct/c4_demo.jsonl",
    "instruct/wiki_demo.txt",
    "wikitext-2/valid.txt",
    "wikitext-2/test.txt",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder with instruct/ and wikitext-2/")
    parser.add_argument("--rows", type=int, default=NUM_ROWS, help="how many of the first; 0 for all")
    parser.add_argument("--size", choices=MODELS, default="21m", help="of the model")
    arguments = parser.parse_args()
    prepare(arguments.folder, arguments.data, arguments.rows or None, arguments.size)


def prepare(folder: Path, data: Path, num_rows: int | None, size: str) -> None:
    """Build tokenizer, rows and model from `data` alone; nothing is downloaded."""
    tokenizer = train_tokenizer(data)
    rows = list(prompt_and_completion(data, num_rows))
    facts = count_tokens(tokenizer, rows)
    model = build_model(tokenizer, size)
    facts["flops"] = step_flops(model, facts, lengths_of(tokenizer, rows))
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "facts.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(json.dumps(facts))


def train_tokenizer(data: Path) -> PreTrainedTokenizerFast:
    """A byte-level BPE of up to 32,000 tokens; the model's vocabulary is 32,000 even if the corpus yields fewer."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=[END, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train([str(data / name) for name in CORPUS if (data / name).exists()], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token=END, pad_token=PAD)


def prompt_and_completion(data: Path, num_rows: int | None) -> Iterator[dict[str, str]]:
    """Alpaca rows as plain prompt and completion; the completion ends with the end token in its text."""
    for row in json.loads((data / "instruct/alpaca_en_demo.json").read_text())[:num_rows]:
        question = "\n\n".join(part for part in (row["instruction"].strip(), row["input"].strip()) if part)
        prompt = f"### Instruction:\n{question}\n\n### Response:\n"
        yield {"prompt": prompt, "completion": row["output"].strip() + END}


def count_tokens(tokenizer: PreTrainedTokenizerFast, rows: list[dict[str, str]]) -> dict[str, int]:
    """What a tool must report to have trained on these rows; refuses rows that tools could cut differently."""
    row_tokens = trained_tokens = longest = 0
    for number, row in enumerate(rows):
        prompt = tokenizer(row["prompt"])["input_ids"]
        whole = tokenizer(row["prompt"] + row["completion"])["input_ids"]
        if whole[: len(prompt)] != prompt:
            raise SystemExit(f"row {number}: the prompt's tokens are not a prefix of the row's")
        kept = min(len(whole), MAX_TOKENS)
        longest = max(longest, len(whole))
        row_tokens += kept
        trained_tokens += max(0, kept - len(prompt))
    return {
        "rows": len(rows),
        "row_tokens": row_tokens,
        "trained_tokens": trained_tokens,
        "longest_row": longest,
        "tokenizer_size": len(tokenizer),
    }


def lengths_of(tokenizer: PreTrainedTokenizerFast, rows: list[dict[str, str]]) -> list[int]:
    """Tokens of each row, as they are trained on."""
    return [min(len(tokenizer(row["prompt"] + row["completion"])["input_ids"]), MAX_TOKENS) for row in rows]


def step_flops(model: LlamaForCausalLM, facts: dict[str, int], lengths: list[int]) -> int:
    """Multiplications and additions of matrix products that one step needs: forward, and twice that backward.

    Layers see each token, the head those that are trained, attention the tokens before: half of T x T.
    """
    config = model.config
    layers = sum(p.numel() for n, p in model.named_parameters() if ".layers." in n and p.dim() == 2)
    heads = config.num_attention_heads * config.head_dim * config.num_hidden_layers
    head = config.vocab_size * config.hidden_size
    attention = 6 * heads * sum(length**2 for length in lengths)
    return 6 * (layers * facts["row_tokens"] + head * facts["trained_tokens"]) + attention


def build_model(tokenizer: PreTrainedTokenizerFast, size: str) -> LlamaForCausalLM:
    """Random fp32 weights from a fixed seed."""
    torch.manual_seed(SEED)
    end, pad = tokenizer.convert_tokens_to_ids([END, PAD])
    return LlamaForCausalLM(LlamaConfig(**MODELS[size], eos_token_id=end, pad_token_id=pad, bos_token_id=None)).float()


if __name__ == "__main__":
    main()

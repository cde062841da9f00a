"""An encoder and an encoder-decoder, with whet and with transformers' trainers: time of a step, peak memory, loss.

    python benchmarks/encoders/compare.py --rival-python .venv-rival/bin/python

`mlm`: a BERT of 22 M parameters on instructions of Alpaca, one a row, against `Trainer` with
`DataCollatorForLanguageModeling`; both hide 15 % of the tokens, each by its own draws. `pairs`: a T5 of 25 M parameters
on instructions and their answers, against `Seq2SeqTrainer` with `DataCollatorForSeq2Seq`; both learn the same tokens.
The trainers pad to the longest row of a micro-batch; they are measured with one row, which pads nothing, and with
eight. `beside_trl.py` says how each is measured.

Over several micro-batches transformers' `Trainer` (5.23) adds up the means of these models' losses instead of averaging
them, in what it reports and in the gradient; here its report is divided by their number. That is a mean of means, so
losses agree only about.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import beside_trl as beside

CASES = ("mlm", "pairs")
TOOLS = {
    name: (tool, f"{case} {micro}")
    for case in CASES
    for name, tool, micro in (
        (f"{case}: whet", "whet", 0), (f"{case}: trainer, 1 at once", "trainer", 1),
        (f"{case}: trainer, 8 at once", "trainer", 8),
    )
}  # fmt: skip
LONGEST = 256
SHAPES = {
    "mlm": {
        "model_type": "bert", "hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 6,
        "num_attention_heads": 6, "max_position_embeddings": 512, "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    },
    "pairs": {
        "model_type": "t5", "d_model": 384, "d_ff": 1024, "d_kv": 64, "num_layers": 4, "num_heads": 6,
        "dropout_rate": 0.0, "decoder_start_token_id": 0,
    },
}  # fmt: skip


def main() -> None:
    options = beside.parser(__doc__)
    options.add_argument("--rows", type=int, default=32)
    ratios = [(f"{case}: whet", f"{case}: trainer, {micro} at once") for case in CASES for micro in (1, 8)]
    beside.compare(
        __file__, options.parse_args(), workers={"whet": whet, "trainer": trainer}, tools=TOOLS, prepare=prepare,
        ratios=ratios, check=same_loss,
    )  # fmt: skip


def same_loss(found: beside.Round) -> str | None:
    """What is wrong where the tools of a case do not learn about the same."""
    checks = (beside.same_loss([name for name in TOOLS if name.startswith(case)], 0.03) for case in CASES)
    return next(filter(None, (check(found) for check in checks)), None)


def prepare(folder: Path, arguments: argparse.Namespace) -> None:
    """A tokenizer for both with their marks, both models, and rows that fit."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import AutoConfig, AutoModelForMaskedLM, AutoModelForSeq2SeqLM, PreTrainedTokenizerFast

    rows = json.loads((arguments.data / "instruct" / "alpaca_en_demo.json").read_text())
    texts = [part for row in rows for part in (row["instruction"], row["input"], row["output"]) if part]
    backend = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    backend.train_from_iterator(
        texts, trainers.WordPieceTrainer(vocab_size=30_000, special_tokens=marks, show_progress=False)
    )
    for case, frame in (("mlm", "[CLS] $A [SEP]"), ("pairs", "$A [SEP]")):
        backend.post_processor = processors.TemplateProcessing(
            single=frame, special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
            mask_token="[MASK]", eos_token="[SEP]",
        )  # fmt: skip
        tokenizer.save_pretrained(folder / case)
        shape = dict(SHAPES[case])
        config = AutoConfig.for_model(
            shape.pop("model_type"), vocab_size=len(tokenizer), pad_token_id=0, eos_token_id=3, **shape
        )
        kind = AutoModelForMaskedLM if case == "mlm" else AutoModelForSeq2SeqLM
        _seed()
        kind.from_config(config).save_pretrained(folder / case)
    kept = []
    for row in rows:
        pair = {"prompt": row["instruction"] + " " + row["input"], "completion": row["output"]}
        lengths = [len(tokenizer(side)["input_ids"]) for side in pair.values()]
        if sum(lengths) <= LONGEST and min(lengths) > 4:
            kept.append(pair)
    kept = kept[: arguments.rows]
    beside.write_rows(folder / "pairs.jsonl", kept)
    beside.write_rows(folder / "mlm.jsonl", [{"text": " ".join(row.values())} for row in kept])
    print(f"{len(kept)} rows a step, of at most {LONGEST} tokens, fp32, 2 threads", flush=True)


def _seed() -> None:
    """So that both tools begin at the same weights."""
    import torch

    torch.manual_seed(0)


def whet(folder: Path, way: str, arguments: argparse.Namespace) -> beside.Result:
    case = way.split()[0]
    sections = {
        "model": str(folder / case),
        "objective": {"mlm": "mlm", "pairs": "sft"}[case],
        "data": {"train": [str(folder / f"{case}.jsonl")], "max_length": 512},
        "train": {"epochs": arguments.steps, "batch_samples": arguments.rows},
    }
    return beside.whet_steps(folder, sections, arguments)[0]


def trainer(folder: Path, way: str, arguments: argparse.Namespace) -> beside.Result:
    import transformers
    from datasets import Dataset

    case, micro = way.split()
    arguments.trl_micro = int(micro)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / case)
    rows = beside.read_rows(folder / f"{case}.jsonl")
    settings = {**beside.trl_settings("", len(rows), arguments), "num_train_epochs": arguments.steps}

    def build(output: str) -> Any:
        settings["output_dir"] = output
        if case == "mlm":
            model = transformers.AutoModelForMaskedLM.from_pretrained(folder / case, attn_implementation="sdpa")
            return transformers.Trainer(
                model=model, args=transformers.TrainingArguments(**settings),
                train_dataset=Dataset.from_list([tokenizer(row["text"]) for row in rows]),
                data_collator=transformers.DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15),
            )  # fmt: skip
        model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder / case)
        pairs = [tokenizer(row["prompt"], text_target=row["completion"]) for row in rows]
        return transformers.Seq2SeqTrainer(
            model=model, args=transformers.Seq2SeqTrainingArguments(**settings), train_dataset=Dataset.from_list(pairs),
            data_collator=transformers.DataCollatorForSeq2Seq(tokenizer, model=model),
        )  # fmt: skip

    found = beside.trl_steps(build, arguments)
    return {**found, "loss": found["loss"] / -(-len(rows) // int(micro))}


if __name__ == "__main__":
    main()

"""Time TRL's dataset preparation (tokenise, mask, pack) of the shared rows and print one line of JSON.

python benchmarks/sft/tokenise_trl.py FOLDER --processes 2
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", HF_DATASETS_DISABLE_PROGRESS_BARS="1")

from datasets import Dataset
from setting import MAX_TOKENS
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer


class Timed(SFTTrainer):
    """SFTTrainer that notes how long it prepares its data set; the method is the one its constructor calls."""

    seconds = 0.0

    def _prepare_dataset(self, *arguments, **named):
        start = time.perf_counter()
        prepared = super()._prepare_dataset(*arguments, **named)
        self.seconds = time.perf_counter() - start
        return prepared


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    rows = [json.loads(line) for line in (arguments.folder / "rows.jsonl").read_text().splitlines()]
    with tempfile.TemporaryDirectory() as output:
        trainer = Timed(
            model=AutoModelForCausalLM.from_pretrained(arguments.folder / "model"),
            args=SFTConfig(
                output_dir=output,
                max_length=MAX_TOKENS,
                packing=True,
                dataset_num_proc=arguments.processes if arguments.processes > 1 else None,
                bf16=False,
                use_cpu=True,
                report_to="none",
            ),
            train_dataset=Dataset.from_list(rows),
            processing_class=AutoTokenizer.from_pretrained(arguments.folder / "model"),
        )
    blocks = trainer.train_dataset
    tokens = sum(len(ids) for ids in blocks["input_ids"])
    print(json.dumps({"rows": len(rows), "seconds": trainer.seconds, "blocks": len(blocks), "tokens": tokens}))


if __name__ == "__main__":
    main()

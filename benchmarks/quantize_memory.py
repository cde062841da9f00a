"""Peak memory of `whet quantize` on a model of 12 layers of 1,024 in bf16, a process for each way.

    python benchmarks/dated.py bench-quantize -- python benchmarks/quantize_memory.py

Weights are random, since memory does not depend on them. The peak is above the imports; beside it stands what has to be
held: one block in fp32, what is between two blocks, and a shard. No report is made, which loads the model whole.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from memory import Peak
from merge_memory import SHAPE, SHARD_BYTES

ROOT = Path(__file__).resolve().parent.parent
WAYS = ("int4", "awq", "gptq")
ROWS = {"samples": 32, "length": 512}
QUICK: dict[str, Any] = {"hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 3}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worker", nargs=3, metavar=("WAY", "FOLDER", "OUTPUT"))
    parser.add_argument("--quick", action="store_true", help="a model of 3 layers of 256")
    args = parser.parse_args()
    if args.worker:
        work(args.worker[0], Path(args.worker[1]), Path(args.worker[2]))
        return
    with tempfile.TemporaryDirectory() as name:
        shape = {**SHAPE, **(QUICK if args.quick else {})}
        whole, block = prepare(Path(name), shape)
        between = ROWS["samples"] * ROWS["length"] * shape["hidden_size"] * 4
        print(
            f"{whole / 1e6:.0f} MB of weights in bf16; a block in fp32 {block / 1e6:.0f} MB, between blocks "
            f"{between / 1e6:.0f} MB ({ROWS['samples']} samples of {ROWS['length']}), "
            f"shards of {SHARD_BYTES / 1e6:.0f} MB"
        )
        for way in WAYS:
            command = [sys.executable, __file__, "--worker", way, name, f"{name}/{way}"]
            done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
            if done.returncode:
                sys.exit(done.stderr)
            one = json.loads(done.stdout.splitlines()[-1])
            print(f"{way:<5} peak {one['peak'] / 1e6:>6.0f} MB {one['seconds']:>7.1f} s", flush=True)


def prepare(folder: Path, shape: dict[str, Any]) -> tuple[int, int]:
    """A random model and something to calibrate on; bytes of its weights, and of a block in fp32."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    sys.path.insert(0, str(ROOT))
    from whet.models.tokenizers.training import train_tokenizer

    torch.manual_seed(0)
    model: Any = AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", **shape), dtype=torch.bfloat16)
    model.save_pretrained(folder / "base")
    text = "the quick brown fox jumps over the lazy dog"
    train_tokenizer([text] * 3, 300).save_pretrained(folder / "base")
    row = json.dumps({"text": " ".join([text] * ROWS["length"])})
    (folder / "text.jsonl").write_text("\n".join([row] * ROWS["samples"]))
    block = sum(parameter.numel() * 4 for parameter in model.model.layers[0].parameters())
    return sum(parameter.numel() * 2 for parameter in model.parameters()), block


def work(way: str, folder: Path, output: Path) -> None:
    """Quantize in this process and print its peak."""
    sys.path.insert(0, str(ROOT))
    import peft  # noqa: F401
    import transformers  # noqa: F401

    from whet.base.catalogue import quantizer
    from whet.export.quantizing.calibration import Rows
    from whet.export.quantizing.quantize import Wanted, quantize

    kind = quantizer.get(way)
    method = kind.build(**kind.settings().values())
    wanted = Wanted(Rows([str(folder / "text.jsonl")], **ROWS), shard_bytes=SHARD_BYTES, check=False)
    with Peak() as peak:
        quantize(str(folder / "base"), method, output, wanted)
    print(json.dumps({"peak": peak.num_bytes, "seconds": peak.seconds}))


if __name__ == "__main__":
    main()

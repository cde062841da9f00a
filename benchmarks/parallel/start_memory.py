"""What ranks take of memory while a model is read from files: each at most its shard and the largest tensor.

    python benchmarks/dated.py parallel-start-memory -- python benchmarks/parallel/start_memory.py [--ranks 4]

As `benchmarks/loading_memory.py`, for the start of a run from a stored model (`read`), with the bound beside it. Above
what a rank has before it is filled; sampled every 2 ms.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from loading_memory import MIB, _apart, _store, measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ranks", type=int, default=4)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=12)
    args = parser.parse_args()
    init = {
        "model_type": "llama", "hidden_size": args.width, "intermediate_size": 3 * args.width, "vocab_size": 8192,
        "num_hidden_layers": args.layers, "num_attention_heads": args.width // 64, "tie_word_embeddings": False,
    }  # fmt: skip
    folder = Path(tempfile.mkdtemp())
    try:
        weights = _apart(_store, init, folder)
        _, most, _ = measured("read", init, folder, args.ranks)
    finally:
        shutil.rmtree(folder)
    largest = 4 * args.width * 8192
    bound = weights / args.ranks + largest
    print(f"{weights / MIB:.0f} MiB of weights, {args.ranks} ranks: a rank takes {most / MIB:.1f} MiB at most")
    print(
        f"a shard and the largest tensor are {weights / args.ranks / MIB:.1f} + {largest / MIB:.1f} = "
        f"{bound / MIB:.1f} MiB: it takes {most / bound:.2f} of that"
    )


if __name__ == "__main__":
    main()

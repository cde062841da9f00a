"""Time whet's data preparation (read, tokenise, mask, store, pack) of the shared rows and print one line of JSON.

python benchmarks/sft/tokenise_whet.py FOLDER
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from setting import MAX_TOKENS
from transformers import AutoTokenizer

from whet.base.catalogue import data_format
from whet.data.order.pack import pack
from whet.data.render.renderer import Renderer
from whet.data.sources.files import Source
from whet.data.store.ledger import Ledger
from whet.data.store.token_store import build_store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(arguments.folder / "model")
    source = Source.parse(str(arguments.folder / "rows.jsonl"), Path.cwd())
    for name in data_format.names():
        data_format.get(name)  # imports, which the clock of TRL's worker leaves out too
    with tempfile.TemporaryDirectory() as cache:
        start = time.perf_counter()
        store = build_store(
            [source], Renderer(tokenizer), takes=frozenset({"completion"}), ledger=Ledger(), cache=Path(cache),
            max_length=MAX_TOKENS, truncation="cut",
        )  # fmt: skip
        blocks = pack(store.lengths.tolist(), MAX_TOKENS)
        seconds = time.perf_counter() - start
    tokens = int(store.lengths.sum())
    print(json.dumps({"rows": len(store), "seconds": seconds, "blocks": len(blocks), "tokens": tokens}))


if __name__ == "__main__":
    main()

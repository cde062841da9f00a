"""`whet predict`: what a model says of the rows of a file, as a file."""

from __future__ import annotations

import argparse
import sys

from whet.cli.answering import add_tensor, answering
from whet.cli.arguments import add_root, number, typed_path, whole
from whet.cli.progress import progress
from whet.cli.written import check_writable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="model folder, run, name of a run, RUN@STEP, registry:NAME@ALIAS, or hub id")
    parser.add_argument("file", help="rows: csv, jsonl, json or parquet")
    parser.add_argument(
        "--output", type=typed_path, required=True, metavar="FILE", help="a .jsonl, .csv or .parquet file"
    )
    parser.add_argument(
        "--column", metavar="NAME", help="what is read of a row: a text, or messages (default: by its usual names)"
    )
    parser.add_argument("--second", metavar="NAME", help="a second text, of classifiers of pairs and rerankers")
    parser.add_argument("--system", default="", metavar="TEXT", help="of language models: a system message")
    parser.add_argument(
        "--max-new-tokens", type=whole(1), default=256, metavar="N", help="... longest answer (default: 256)"
    )
    parser.add_argument("--temperature", type=number(0), default=0.0, metavar="X", help="... 0 is greedy (default: 0)")
    parser.add_argument(
        "--seed", type=whole(0), default=0, metavar="N", help="... the same seed gives the same answers"
    )
    parser.add_argument(
        "--side", choices=("document", "query"), default="document", help="of embeddings: what texts are read as"
    )
    parser.add_argument(
        "--too-long", choices=("cut", "refuse"), default="cut",
        help="texts beyond a classifier's or an embedder's context: read their beginning, and say how many, or stop "
        "(default: cut)",
    )  # fmt: skip
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps (default: a GPU where there is one)")
    add_tensor(parser)
    parser.add_argument("--dtype", default="auto", help="fp32, bf16, fp16 (default: the weights' own; fp32 on a CPU)")
    add_root(parser)


def main(args: argparse.Namespace) -> int:
    from whet.evaluate.predicting import Taken, predictor_of
    from whet.evaluate.prediction_files import check_ending, predict_file
    from whet.generate.protocol import GenerateSettings

    check_ending(args.output)
    check_writable(args.output, is_file=True)
    settings = GenerateSettings(max_new_tokens=args.max_new_tokens, temperature=args.temperature, seed=args.seed)
    taken = Taken(refuses_long=args.too_long == "refuse")
    with answering(args, "whet predict") as (loaded, engine):
        predictor = predictor_of(loaded, settings, args.side, args.system, taken, engine)
        with progress("predicting") as watch:
            count = predict_file(args.file, args.output, predictor, column=args.column, second=args.second, watch=watch)
    print(f"{args.output}: {count:,} rows", file=sys.stderr)
    if taken.num_anew:
        print(f"{taken.num_anew:,} conversations end with an answer: it was left out, and said anew", file=sys.stderr)
    if taken.num_cut:
        cut = f"{taken.num_cut:,} texts were cut at {loaded.capabilities.context or 0:,} tokens, the model's context"
        print(f"{cut} (--too-long refuse stops at the first)", file=sys.stderr)
    return 0

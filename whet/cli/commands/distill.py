"""`whet distill`: write a teacher's answers as rows that a student is fine-tuned on."""

from __future__ import annotations

import argparse
from pathlib import Path

from whet.cli.arguments import add_root, number, typed_path, whole
from whet.cli.plugins import add_plugin_argument
from whet.cli.progress import waiting
from whet.cli.written import check_writable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("teacher", help="model folder, run folder, name of a run, or hub id")
    parser.add_argument(
        "--data", nargs="+", action="extend", required=True, metavar="FILE", help="rows whose prompts are answered"
    )
    parser.add_argument("--output", type=typed_path, required=True, metavar="FILE", help="JSON lines to fine-tune on")
    parser.add_argument(
        "--max-new-tokens", type=whole(1), default=1024, metavar="N", help="longest answer (default: 1024)"
    )
    parser.add_argument("--temperature", type=number(0), default=0.0, metavar="X", help="0 is greedy (default)")
    parser.add_argument(
        "--top-p", type=number(0, 1), default=1.0, metavar="P", help="draw from the likeliest P (default: all)"
    )
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="the same seed gives the same answers")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps (default: a GPU where there is one)")
    parser.add_argument("--dtype", default="auto", help="fp32, bf16, fp16 (default: the weights' own; fp32 on a CPU)")
    add_root(parser)
    add_plugin_argument(parser)


def main(args: argparse.Namespace) -> int:
    import sys

    from whet.base.catalogue import engine
    from whet.data.sources.files import Source
    from whet.generate.answering import write_answers
    from whet.generate.models import load_model
    from whet.generate.protocol import GenerateSettings

    check_writable(args.output, is_file=True)
    settings = GenerateSettings(
        max_new_tokens=args.max_new_tokens, temperature=args.temperature, top_p=args.top_p, seed=args.seed
    )
    sources = [Source.parse({"path": path}, Path.cwd()) for path in args.data]
    loaded = load_model(args.teacher, device=args.device, dtype=args.dtype, root=args.root)
    with waiting("answering") as told:
        ledger = write_answers(
            engine.usual().build(loaded), sources, args.output, settings,
            lambda count: told(f"{count:,} rows"),
        )  # fmt: skip
    print(f"{args.output}: {ledger.summary()}", file=sys.stderr)
    return 0

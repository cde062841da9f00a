"""`whet best-of`: answer prompts several times and keep the best answers as rows to fine-tune on."""

from __future__ import annotations

import argparse
from pathlib import Path

from whet.cli.arguments import add_root, number, typed_path, whole
from whet.cli.plugins import add_plugin_argument
from whet.cli.progress import waiting
from whet.cli.rewards import add_reward_arguments, rewards_of
from whet.cli.written import check_writable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="model folder, run folder, name of a run, or hub id")
    parser.add_argument(
        "--data", nargs="+", action="extend", required=True, metavar="FILE", help="rows whose prompts are answered"
    )
    add_reward_arguments(parser)
    parser.add_argument("--output", type=typed_path, required=True, metavar="FILE", help="JSON lines to fine-tune on")
    parser.add_argument(
        "--completions", type=whole(1), default=8, metavar="N", help="answers to each prompt (default: 8)"
    )
    parser.add_argument("--at-least", type=number(), metavar="X", help="keep no answer below this reward")
    parser.add_argument(
        "--max-new-tokens", type=whole(1), default=1024, metavar="N", help="longest answer (default: 1024)"
    )
    parser.add_argument("--temperature", type=number(0), default=1.0, metavar="X", help="of the draws (default: 1)")
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="the same seed gives the same answers")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps (default: a GPU where there is one)")
    parser.add_argument("--dtype", default="auto", help="fp32, bf16, fp16 (default: the weights' own; fp32 on a CPU)")
    add_root(parser)
    add_plugin_argument(parser)


def main(args: argparse.Namespace) -> int:
    import sys

    from whet.data.render.prompts import read_prompts
    from whet.data.sources.files import Source
    from whet.data.store.ledger import Ledger
    from whet.generate.groups import Groups
    from whet.generate.models import load_model
    from whet.generate.protocol import GenerateSettings
    from whet.rewards.best_of import write_best
    from whet.rewards.build import build_grader

    check_writable(args.output, is_file=True)
    settings = GenerateSettings(max_new_tokens=args.max_new_tokens, temperature=args.temperature)
    grader = build_grader(rewards_of(args))
    sources, ledger = [Source.parse({"path": path}, Path.cwd()) for path in args.data], Ledger()
    takes = frozenset({"prompt", "conversation", "completion", "preference", "labelled"})
    asked = read_prompts(sources, takes, ledger, seed=args.seed, max_skipped=1.0)
    loaded = load_model(args.model, device=args.device, dtype=args.dtype, root=args.root)
    player = Groups(loaded.module, loaded.processor, settings)
    try:
        with waiting("answering") as told:
            chosen = write_best(
                asked, player, grader, args.output, num=args.completions, at_least=args.at_least, seed=args.seed,
                report=lambda count: told(f"{count:,} of {len(asked):,} prompts"),
            )  # fmt: skip
    finally:
        grader.close()
    print(f"{args.output}: {chosen.summary()}", file=sys.stderr)
    if ledger.num("skipped"):
        print(f"of the rows read: {ledger.summary()}", file=sys.stderr)
    return 0 if chosen.written or chosen.below else 1  # nothing was graded

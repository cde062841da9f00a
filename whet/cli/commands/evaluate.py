"""`whet evaluate`: measure a model with a task."""

from __future__ import annotations

import argparse
import sys

from whet.cli.arguments import add_root, typed_path
from whet.cli.kinds import add_kind_argument, named
from whet.cli.plugins import add_plugin_argument
from whet.cli.progress import progress
from whet.cli.streams import can_say
from whet.cli.written import check_writable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="model folder, run, name of a run, RUN@STEP, or hub id")
    add_kind_argument(parser, "--task", "task", None, "such as `--task perplexity limit=10`")
    parser.add_argument("--file", help="the text or data to measure on")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--output", type=typed_path, metavar="FILE", help="write the result as JSON")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps (default: a GPU where there is one)")
    parser.add_argument("--dtype", default="auto", help="fp32, bf16, fp16 (default: the weights' own; fp32 on a CPU)")
    add_root(parser)
    add_plugin_argument(parser)


def main(args: argparse.Namespace) -> int:
    from whet.base.catalogue import task
    from whet.base.chosen import checked
    from whet.base.paths import from_here
    from whet.evaluate.run import evaluate, keep, keep_of_version, write
    from whet.models.loading.find import find_run
    from whet.track.registry.evaluations import brief
    from whet.track.registry.names import is_reference
    from whet.track.registry.registry import exact
    from whet.track.script.plain import to_json
    from whet.train.checkpoint_model import load_any

    name, settings = named(args.task, "limit=10")
    name, settings = name.replace("_", "-"), {**({"file": args.file} if args.file else {}), **settings}
    checked(task.get(name), settings)  # before the model is loaded
    if args.output:
        check_writable(args.output, is_file=True)
    model = exact(args.model, args.root)
    loaded = load_any(model, device=args.device, dtype=args.dtype, root=args.root)
    with progress("scoring") as watch:
        result = evaluate(name, settings, loaded, model=model, watch=watch)
    if args.output:
        write(result, args.output)
    run = find_run(model, args.root)
    if run is not None:
        print(f"kept in {from_here(keep(result, run))}", file=sys.stderr)
    if is_reference(model):
        print(f"kept with {keep_of_version(result, model, args.root)}", file=sys.stderr)
    print(to_json(brief(result.to_dict())).decode() if args.json else _sayable(result.table()))
    return 0


def _sayable(table: str) -> str:
    return table if can_say("±") else table.replace("±", "+-")

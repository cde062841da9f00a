"""The model that a command answers with: in this process, or shared by several."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from whet.cli.arguments import whole

if TYPE_CHECKING:
    from whet.contracts.model import Loaded
    from whet.generate.protocol import Engine


def add_tensor(parser: argparse.ArgumentParser) -> None:
    """`--tensor N`."""
    parser.add_argument(
        "--tensor", type=whole(1), default=1, metavar="N",
        help="processes that share each matrix of the model, one a GPU (default: 1)",
    )  # fmt: skip


@contextmanager
def answering(args: argparse.Namespace, command: str) -> Iterator[tuple[Loaded, Engine | None]]:
    """The model as it was asked for, and what answers with it where several processes share it; None elsewhere."""
    how = {"device": args.device, "dtype": args.dtype, "root": args.root}
    if args.tensor == 1:
        from whet.track.registry.registry import exact
        from whet.train.checkpoint_model import load_any

        yield load_any(exact(args.model, args.root), **how), None
        return
    from whet.generate.ranks.shared import shared

    with shared(args.model, command, ranks=args.tensor, **how) as found:
        yield found

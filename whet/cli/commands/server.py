"""`whet server`: the runs of a folder over HTTP."""

from __future__ import annotations

import argparse
from functools import partial

from whet.cli.arguments import add_root, whole


def add_arguments(parser: argparse.ArgumentParser, port: int = 8000) -> None:
    add_root(parser)
    parser.add_argument("--port", type=whole(0, 65535), default=port, help=f"0 is any that is free (default: {port})")
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="whose requests are heard (default: 127.0.0.1)"
    )
    parser.add_argument(
        "--name", action="append", default=[], metavar="HOST", help="a name by which others ask for it; again for more"
    )
    parser.add_argument(
        "--team", action="store_true", help="accounts, roles and keys instead of one token (`whet team`)"
    )
    parser.add_argument(
        "--public", action="store_true", help="let everybody read boards, without a token (`whet boards`)"
    )
    parser.add_argument(
        "--engine", action="append", default=[], metavar="NAME=URL",
        help="a server of a model that the page talks to, its key in WHET_ENGINE_KEY; again for more",
    )  # fmt: skip
    parser.add_argument(
        "--oidc", default="", metavar="ISSUER", help="a team that signs in by OpenID Connect (https://...)"
    )


def main(args: argparse.Namespace) -> int:
    from whet.server.routes import health

    return run(args, [health.directions])


def run(args: argparse.Namespace, pages: list) -> int:
    """Serve the API and these pages, opened as was asked for. Raises ConfigError where that is two things."""
    from whet.base.errors import ConfigError
    from whet.server.access import opening
    from whet.server.playground.connected import connected
    from whet.server.serving import serve

    is_team = args.team or args.oidc
    if is_team and args.public:
        hint = "whet boards export public, for a web server that everybody may read"
        raise ConfigError("a team's boards are for those who sign in", at="--public", hint=hint)
    opened = partial(opening.team, args.root, args.oidc) if is_team else partial(opening.own, is_public=args.public)
    serve(args.root, args.host, args.port, args.name, pages, opened, connected(args.engine))
    return 0

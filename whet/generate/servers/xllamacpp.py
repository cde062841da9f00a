"""llama.cpp's server as the package `xllamacpp` ships it, with those arguments of `llama-server` that we give.

`python -m whet.generate.servers.xllamacpp --model FILE --port 8081` serves until a signal ends it.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
from pathlib import Path

from whet.base.errors import missing_package


def main() -> int:
    try:
        import xllamacpp
    except ImportError:
        raise missing_package("xllamacpp", "gguf", "llama.cpp's server") from None
    args = _arguments().parse_args()
    params = xllamacpp.CommonParams()
    params.model.path = args.model
    params.hostnames, params.port = [args.host], args.port
    params.model_alias = {args.alias}
    params.n_ctx, params.n_parallel = args.ctx_size, args.parallel
    params.use_jinja, params.embedding, params.ui = args.jinja, args.embedding, False
    if args.chat_template_file is not None:
        params.chat_template = args.chat_template_file.read_text(encoding="utf-8")
    if args.pooling is not None:
        params.pooling_type = getattr(xllamacpp.llama_pooling_type, f"LLAMA_POOLING_TYPE_{args.pooling.upper()}")
    if key := os.environ.get("LLAMA_API_KEY"):
        params.api_keys = [key]
    ended = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: ended.set())
    server = xllamacpp.Server(params)
    print(f"llama.cpp listens on {server.listening_address}", flush=True)
    ended.wait()
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="whet.generate.servers.xllamacpp")
    parser.add_argument("--model", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--alias", required=True)
    parser.add_argument("--ctx-size", type=int, default=0)
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("--embedding", action="store_true")
    parser.add_argument("--pooling", choices=("mean", "cls", "last"))
    parser.add_argument("--jinja", action="store_true")
    parser.add_argument("--chat-template-file", type=Path)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())

"""`whet serve`: a model over HTTP, for whoever speaks OpenAI's API."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from whet.cli.answering import add_tensor
from whet.cli.arguments import add_root, number, typed_path, whole
from whet.cli.engine_arguments import add_engine_arguments, check_engine_arguments

if TYPE_CHECKING:
    from whet.server.openai.observing.opening import Observing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="model folder, run, name of a run, RUN@STEP, registry:NAME@ALIAS, or hub id")
    parser.add_argument(
        "--adapter", action="append", default=[], metavar="NAME=MODEL",
        help="an adapter of the model, asked for by this name; again for more",
    )  # fmt: skip
    parser.add_argument(
        "--draft", metavar="MODEL", help="a smaller model of the same tokens, which guesses what comes next"
    )
    parser.add_argument("--called", metavar="NAME", help="what clients call the model (default: as it is typed here)")
    parser.add_argument("--port", type=whole(0, 65535), default=8080, help="0 is any that is free (default: 8080)")
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="whose requests are heard (default: 127.0.0.1)"
    )
    parser.add_argument(
        "--name", action="append", default=[], metavar="HOST", help="a name by which others ask for it; again for more"
    )
    parser.add_argument(
        "--api-key",
        default="",
        metavar="KEY",
        help="default: WHET_API_KEY, which `ps` does not show; else a random one",
    )
    parser.add_argument(
        "--keys", type=typed_path, metavar="FILE",
        help="keys with limits of their own, which `whet keys` writes, instead of one",
    )  # fmt: skip
    parser.add_argument(
        "--no-key", action="store_true", help="ask for none: where only a proxy that knows who asks reaches the server"
    )
    parser.add_argument(
        "--feedback", type=typed_path, metavar="DIR", help="keep what people say of answers there, as rows to train on"
    )
    _add_observation(parser)
    _add_limits(parser)
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps (default: a GPU where there is one)")
    add_tensor(parser)
    parser.add_argument(
        "--quantize", choices=("nf4", "int8"), help="pack the linear layers while they are read: 4.1 or 8 bits a weight"
    )
    parser.add_argument(
        "--weights", choices=("memory", "mapped"), default="memory",
        help="mapped: they stay in their files, and may be larger than the memory (default: memory)",
    )  # fmt: skip
    parser.add_argument("--dtype", default="auto", help="fp32, bf16, fp16 (default: the weights' own; fp32 on a CPU)")
    add_engine_arguments(parser)
    add_root(parser)


def _add_observation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--record", metavar="PROJECT", help="keep a trace of each request in the run of that name, which the page shows"
    )
    parser.add_argument(
        "--sample", type=number(0, 1), default=1.0, metavar="SHARE", help="of so many requests (default: 1, of all)"
    )
    parser.add_argument(
        "--record-text", action="store_true", help="with prompts and answers; without it no text is kept or sent"
    )
    parser.add_argument("--otlp", metavar="URL", help="send the same traces to a collector of OpenTelemetry")
    parser.add_argument(
        "--price", metavar="PROMPT,ANSWER", help="money for a million tokens, from which a trace has its cost"
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sequences", type=whole(1), default=64, metavar="N", help="answers in the making at once (default: 64)"
    )
    parser.add_argument(
        "--waiting", type=whole(0), default=1024, metavar="N",
        help="requests that wait beside them; the next is answered 429 (default: 1024)",
    )  # fmt: skip
    parser.add_argument(
        "--step-tokens", type=whole(1), default=256, metavar="N", help="tokens of prompts read in a step (default: 256)"
    )
    parser.add_argument(
        "--cache-tokens", type=whole(0), default=0, metavar="N",
        help="tokens of all sequences together (default: a quarter of the free memory)",
    )  # fmt: skip
    parser.add_argument(
        "--guesses", type=whole(0, 64), metavar="N",
        help="tokens that are read ahead of an answer: what came before in its text, or the draft's "
        "(default: 0; with --draft 4)",
    )  # fmt: skip
    parser.add_argument(
        "--threads", type=whole(1), metavar="N",
        help="that compute on a CPU (default: OMP_NUM_THREADS, or all processors for large products and one less for "
        "all else)",
    )  # fmt: skip
    parser.add_argument(
        "--timeout", type=number(0), default=600.0, metavar="S", help="seconds that an answer may take (default: 600)"
    )


def main(args: argparse.Namespace) -> int:
    from whet.base.errors import ConfigError
    from whet.generate.serving.request import Limits
    from whet.server.openai.serving import KEY, entry_of, serve

    if not args.timeout:
        raise ConfigError("no answer can be whole after 0 s", at="--timeout", hint="--timeout 600")
    check_engine_arguments(args)
    given = args.api_key or ("" if args.keys else os.environ.get(KEY, ""))
    entry = entry_of(given, args.keys, is_open=args.no_key)
    adapters = adapters_of(args.adapter)
    if args.engine:
        from whet.cli.engine_arguments import passing

        serve(passing(args, adapters), args.host, args.port, args.name, entry)
        return 0
    observing = observing_of(args)
    limits = Limits(
        sequences=args.sequences, waiting=args.waiting, step_tokens=args.step_tokens, cache_tokens=args.cache_tokens,
        guesses=guesses_of(args.guesses, args.draft),
    )  # fmt: skip

    def opened():
        from whet.server.openai import opening

        large = set_threads(args.threads)
        return opening.opened(
            opening.Opening(
                model=args.model, name=args.called, adapters=adapters, device=args.device, dtype=args.dtype,
                root=args.root, limits=replace(limits, threads=large), timeout_s=args.timeout, feedback=args.feedback,
                draft=args.draft, quantize=args.quantize, is_mapped=args.weights == "mapped", tensor=args.tensor,
                observing=observing,
            )
        )  # fmt: skip

    serve(opened, args.host, args.port, args.name, entry)
    return 0


def set_threads(given: int | None) -> int:
    """Let so many threads compute, and give how many large products are made on. By itself those are made on all
    processors, and of all else one is left to what takes requests and sends answers: what is done in microseconds waits
    for the thread that has to share its processor."""
    import torch

    own = torch.get_num_threads()
    few = given or (own if os.environ.get("OMP_NUM_THREADS") else max(1, own - 1))
    torch.set_num_threads(few)
    return given or own


def guesses_of(given: int | None, draft: str | None) -> int:
    """How many tokens are read ahead. Raises ConfigError for a draft that would not be asked."""
    from whet.base.errors import ConfigError

    if draft and given == 0:
        raise ConfigError("a draft that guesses 0 tokens is of no use", at="--guesses", hint="--guesses 4")
    return given if given is not None else 4 if draft else 0


def observing_of(args: argparse.Namespace) -> Observing:
    """What is to be observed. Raises ConfigError for what belongs to it and is asked for without it."""
    from whet.base.errors import ConfigError
    from whet.server.openai.observing.opening import Observing, price_of

    if args.record is None and args.otlp is None:
        given = {"--sample": args.sample != 1.0, "--record-text": args.record_text, "--price": args.price is not None}
        if word := next((word for word, is_given in given.items() if is_given), None):
            said = f"{word} is of requests that are observed, and none are"
            raise ConfigError(said, at=word, hint="--record shop, which keeps their traces in the run `shop`")
    if args.price is not None:
        price_of(args.price)
    return Observing(
        project=args.record, collector=args.otlp, sample=args.sample, keeps_text=args.record_text, price=args.price
    )


def adapters_of(given: Sequence[str]) -> dict[str, str]:
    """Where each adapter is, by its name. Raises ConfigError for what names none, and for a name that two have."""
    from whet.base.errors import ConfigError

    found: dict[str, str] = {}
    for one in given:
        name, equals, place = one.partition("=")
        if not (name and equals and place):
            raise ConfigError(f"`{one}` names no adapter", at="--adapter", hint="--adapter polite=runs/polite")
        if name in found:
            raise ConfigError(
                f"two adapters are called `{name}`: {found[name]} and {place}", at="--adapter",
                hint=f"--adapter {name}-2={place}",
            )  # fmt: skip
        found[name] = place
    return found

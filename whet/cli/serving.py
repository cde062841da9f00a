"""What `whet plan --serve` is asked with, and what it prints."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from whet.cli import exit_codes

if TYPE_CHECKING:
    from whet.cli.asked import Asked

DTYPES = ("bf16", "fp16", "fp32", "fp8")
USUAL_PROMPT = 0.75  # of a conversation, what is given


def add_serving_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("of serving")
    group.add_argument("--serve", action="store_true", help="plan the model as it answers, and not as it is trained")
    group.add_argument("--concurrency", type=int, metavar="N", help="conversations at once (default: 1)")
    group.add_argument("--prompt", type=int, metavar="TOKENS", help="of --length, what is given (default: 3/4)")
    group.add_argument("--dtype", choices=DTYPES, help="of the weights that are not quantized (default: bf16)")
    group.add_argument(
        "--kv-cache-dtype", choices=DTYPES, help="of keys and values (default: as weights, at least 16 bits)"
    )


def check_serving_arguments(args: argparse.Namespace) -> None:
    """Raise ConfigError for what belongs to serving without `--serve`, and for counts that are none."""
    from whet.base.errors import ConfigError

    names = ("concurrency", "prompt", "dtype", "kv_cache_dtype")
    given = [(name, value) for name in names if (value := getattr(args, name)) is not None]
    if given and not args.serve:
        word = f"--{given[0][0].replace('_', '-')}"
        raise ConfigError(f"{word} is of serving", at=word, hint=f"--serve {word} {given[0][1]}")
    for name in ("concurrency", "prompt"):
        if (value := getattr(args, name)) is not None and not 0 < value < 2**31:
            raise ConfigError(f"--{name} is {value}, not at least 1", at=f"--{name}", hint=f"--{name} 1")


def planned_serving(args: argparse.Namespace, asked: Asked) -> int:
    """Print the plan. Raises ConfigError and ModelError for what cannot be served."""
    from whet.base.errors import ConfigError
    from whet.plan.mesh import read_mesh
    from whet.plan.serving.memory import ServingPlan
    from whet.plan.serving.report import lines, to_dict
    from whet.plan.serving.served import ServedModel, Serving, check_serving, serving_mesh

    model = ServedModel.of(asked.name, asked.config)
    length = asked.length or min(model.context or 8192, 8192)
    prompt = args.prompt or max(1, int(USUAL_PROMPT * length))
    if prompt > length:
        raise ConfigError(
            f"--prompt {prompt} is longer than a conversation of {length} tokens", at="--prompt",
            hint=f"--prompt {max(1, int(USUAL_PROMPT * length))}, or --length {2 * prompt}",
        )  # fmt: skip
    if model.context and length > model.context:
        raise ConfigError(
            f"--length is {length}, and `{asked.name}` is made for {model.context} tokens", at="--length",
            hint=f"--length {model.context}",
        )  # fmt: skip
    mesh = read_mesh(asked.mesh, 1) if asked.mesh else serving_mesh(model, asked.card, asked.gpus)
    check_serving(mesh, model, asked.gpus)
    dtype = args.dtype or ("fp32" if asked.card.kind == "cpu" else "bf16" if asked.card.rate("bf16") else "fp16")
    plan = ServingPlan(
        Serving(
            model, asked.card, mesh, args.concurrency or 1, length, prompt, dtype,
            asked.run.model.values().get("quantize"), args.kv_cache_dtype or (dtype if dtype != "fp8" else "bf16"),
        )
    )  # fmt: skip
    print(json.dumps(to_dict(plan), indent=1) if args.json else "\n".join(lines(plan)))
    return exit_codes.DONE if plan.fits else exit_codes.OUT_OF_MEMORY

"""`whet deploy`: a folder from which a served model is built and run elsewhere."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from whet.cli.arguments import add_root, typed_path, whole

if TYPE_CHECKING:
    from whet.server.deploying.deployment import Deployment

PLACES = ("docker", "compose", "k8s", "sagemaker")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="model folder, run, name of a run, or registry:NAME@ALIAS")
    parser.add_argument("--on", choices=PLACES, required=True, help="what is to run it")
    parser.add_argument("--output", type=typed_path, metavar="DIR", help="a new folder (default: deploy-PLACE)")
    parser.add_argument("--service", metavar="NAME", help="what the service is called (default: the model's folder)")
    parser.add_argument("--called", metavar="NAME", help="what clients call the model (default: as the service)")
    parser.add_argument(
        "--name", action="append", default=[], metavar="HOST", help="a name by which others ask for it; again for more"
    )
    parser.add_argument("--gpu", metavar="CARD", help="serve on this card: `whet plan --cards` (default: on CPUs)")
    parser.add_argument("--replicas", type=whole(1), default=1, metavar="N", help="copies (default: 1)")
    parser.add_argument(
        "--concurrency", type=whole(1), default=16, metavar="N", help="answers in the making at once (default: 16)"
    )
    parser.add_argument(
        "--length", type=whole(1), metavar="TOKENS", help="of a conversation (default: the model's, at most 4096)"
    )
    add_root(parser)


def main(args: argparse.Namespace) -> int:
    from whet.base.units import size
    from whet.server.deploying.writing import write

    given, said = deployment_of(args)
    folder: Path = args.output or Path(f"deploy-{args.on}")
    commands = write(given, args.on, folder)
    print("\n".join(commands))
    print(f"{folder} serves `{given.called}` ({size(given.model_bytes)}); {said}")
    return 0


def deployment_of(args: argparse.Namespace) -> tuple[Deployment, str]:
    """What was asked for, and where its memory comes from. Raises WhetError for what cannot be deployed."""
    from whet.base.errors import ModelError
    from whet.base.units import size
    from whet.models.loading.find import find_model
    from whet.models.tuning.adapter_files import is_adapter
    from whet.server.deploying.deployment import Deployment, files_of, pinned
    from whet.server.openai.serving import DRAIN_S
    from whet.track.registry.registry import exact

    found = find_model(exact(args.model, args.root), args.root)
    folder = Path(found).resolve()
    if is_adapter(found):
        raise ModelError(f"{args.model} is an adapter", at="MODEL", hint=f"whet merge {args.model}, and deploy that")
    if not folder.is_dir():
        raise ModelError(f"{args.model} is not here", at="MODEL", hint=f"whet export {args.model} --output model")
    digests, num_bytes = files_of(folder)
    service = service_of(args.service, folder)
    memory, options = _memory(args, folder)
    if memory is None:
        memory = 2 * num_bytes
        said = f"it keeps no cache, and is given twice its weights of memory, {size(memory)}"
    else:
        said = f"by the plan it takes {size(memory)} for {args.concurrency} conversations at once"
    hosts = (service, f"{service}.default", f"{service}.default.svc.cluster.local") if args.on == "k8s" else (service,)
    hosts = ("*",) if args.on == "sagemaker" else (*hosts, *args.name)
    given = Deployment(
        name=service, called=args.called or service, folder=folder, digests=digests, model_bytes=num_bytes,
        memory_bytes=memory, gpus=1 if args.gpu else 0, replicas=args.replicas, drain_s=DRAIN_S, versions=pinned(),
        hosts=hosts, options=options,
    )  # fmt: skip
    return given, said


def service_of(given: str | None, folder: Path) -> str:
    """A name that Kubernetes and Docker take. Raises ConfigError for one that they do not."""
    from whet.base.errors import ConfigError

    parts = (folder.parent.name, folder.name) if folder.name == "model" else (folder.name,)
    made = re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")[:50].strip("-") or "model"
    made = made if made[0].isalpha() else f"m-{made}"
    if given is not None and not re.fullmatch(r"[a-z]([a-z0-9-]{0,48}[a-z0-9])?", given):
        raise ConfigError(
            f"`{given}` names no service: small letters, digits and dashes", at="--service", hint=f"--service {made}"
        )
    return given or made


def _memory(args: argparse.Namespace, folder: Path) -> tuple[int | None, tuple[str, ...]]:
    """Bytes by the plan, and the options that keep the server to it; None for a model that continues no texts."""
    from whet.base.documents import read_object
    from whet.base.errors import ConfigError, ModelError
    from whet.base.mesh import Mesh
    from whet.models.forward.heads import kind_of
    from whet.models.sentence_transformers import is_sentence
    from whet.plan.hardware.cards import card
    from whet.plan.hardware.detected import detected
    from whet.plan.serving.memory import ServingPlan
    from whet.plan.serving.served import ServedModel, Serving

    config = read_object(folder / "config.json", error=ModelError)
    if is_sentence(folder) or kind_of(str((config.get("architectures") or [""])[0])) is not None:
        return None, ("--device", "cuda" if args.gpu else "cpu")
    model = ServedModel.of(folder.name, config)
    length = args.length or min(model.context or 4096, 4096)
    if model.context and length > model.context:
        said = f"--length is {length}, and the model is made for {model.context} tokens"
        raise ConfigError(said, at="--length", hint=f"--length {model.context}")
    chosen = card(args.gpu) if args.gpu else detected()[0]
    dtype = "bf16" if args.gpu else "fp32"
    plan = ServingPlan(Serving(model, chosen, Mesh(), args.concurrency, length, length, dtype, None, dtype))
    if args.gpu and not plan.fits:
        raise ConfigError(
            f"{args.concurrency} conversations of {length} tokens do not fit on {chosen.name}", at="--concurrency",
            hint=f"--concurrency {max(1, plan.most_conversations())}",
        )  # fmt: skip
    options = ("--device", "cuda" if args.gpu else "cpu", "--dtype", dtype, "--sequences", str(args.concurrency))
    return int(plan.peak), (*options, "--cache-tokens", str(args.concurrency * length))

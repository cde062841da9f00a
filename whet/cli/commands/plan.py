"""`whet plan`: what a run takes of memory, on which card, before anything is downloaded or started."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.cli import exit_codes
from whet.cli.arguments import typed_path, whole
from whet.cli.asked import Asked
from whet.cli.plugins import add_plugin_argument
from whet.cli.serving import add_serving_arguments, check_serving_arguments, planned_serving

if TYPE_CHECKING:
    from whet.base.run import Run
    from whet.plan.subject import Plan

MOST_GPUS = 2**20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", nargs="*",
        help="a config (run.yaml) or a model (folder, config.json, name, hub id), and section.key=value overrides",
    )  # fmt: skip
    parser.add_argument("--gpu", metavar="NAME", help="such as rtx-4090 (default: what this machine has)")
    parser.add_argument(
        "--gpus", type=whole(1, MOST_GPUS), metavar="N",
        help="how many of them (default: 1, or all of this machine)",
    )  # fmt: skip
    parser.add_argument(
        "--mesh", nargs="+", default=[], metavar="AXIS=N", help="such as tensor=8 pipeline=4 (default: one that fits)"
    )
    parser.add_argument("--length", type=whole(1), metavar="TOKENS", help="of the longest sample (default: 2048)")
    parser.add_argument(
        "--export",
        type=typed_path,
        metavar="FOLDER",
        help="write the screen of the plan as a page that needs no server, for a website",
    )
    parser.add_argument("--cards", action="store_true", help="list the cards that are known")
    parser.add_argument("--json", action="store_true", help="print the plan for programs")
    add_measured_argument(parser)
    add_serving_arguments(parser)
    add_plugin_argument(parser)


def add_measured_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--unmeasured", action="store_true", help="leave out what finished runs have measured on this machine"
    )


def main(args: argparse.Namespace) -> int:
    from whet.plan.report import lines, to_dict

    if args.cards:
        return _cards(args.target)
    if args.export is not None:
        return _export(args.export)
    check_serving_arguments(args)
    if args.serve:
        return planned_serving(args, asked_of(args))
    found = planned(args)
    if args.json:
        print(json.dumps(to_dict(found), indent=1))
    else:
        print("\n".join(lines(found)))
    return exit_codes.DONE if found.fits else exit_codes.OUT_OF_MEMORY


def planned(args: argparse.Namespace) -> Plan:
    """The plan for what was typed. Raises ConfigError or ModelError for what cannot be."""
    from whet.plan.job import is_covered

    asked = asked_of(args)
    return _by_formulas(asked) if is_covered(asked.run, asked.config) else _by_a_step(asked)


def asked_of(args: argparse.Namespace) -> Asked:
    """Raises ConfigError or ModelError for what is no run, model or card."""
    from whet.plan.hardware.cards import card
    from whet.plan.hardware.detected import detected
    from whet.plan.models.find import check_class, find_config

    mesh = vars(args).get("mesh") or []
    late = [word for word in mesh if "." in word.partition("=")[0]]  # settings behind the last axis
    run, model = _run(*told_apart([*args.target, *late]))
    chosen, count = (card(args.gpu), 1) if args.gpu is not None else detected()
    name, config = model if isinstance(model, tuple) else find_config(model)
    check_class(name, config)
    return Asked(
        run, name, config, chosen, args.gpus or count, args.length, [word for word in mesh if word not in late],
        not args.unmeasured,
    )  # fmt: skip


def _by_formulas(asked: Asked) -> Plan:
    from whet.base.mesh import Mesh
    from whet.plan.decide import decided, with_mesh, with_micro
    from whet.plan.job import Job
    from whet.plan.mesh import check_mesh, check_packed, mesh_of, read_mesh
    from whet.plan.models.planned import PlannedModel

    model = PlannedModel.of(asked.name, asked.config)
    length, micro = asked.longest(model.context), asked.run.train.micro_batch
    job = Job.of(asked.run, model, asked.card, Mesh(), length=length, micro=length if micro == "auto" else micro)
    job = job.calibrated() if asked.measured else job
    mesh = read_mesh(asked.mesh, asked.gpus) if asked.mesh else mesh_of(asked.run.parallel, asked.gpus)
    if mesh is not None:
        check_mesh(mesh, model, asked.gpus)
        check_packed(mesh, job.quantize)
        job = job.on(mesh)
    elif asked.gpus > 1:
        job = with_mesh(job, asked.gpus, asked.run.parallel)
    return (with_micro(job) if micro == "auto" else decided(job)).plan()


def _by_a_step(asked: Asked) -> Plan:
    from whet.models.loading.reading import check_kind
    from whet.plan.models.planned import context_of
    from whet.train.planned import Wanted, planned

    run = _on_its_mesh(asked)
    check_kind(asked.config.get("model_type"), asked.name)
    print("no formulas tell of this: a step is taken on tensors without values, which takes a while", file=sys.stderr)
    micro = asked.run.train.micro_batch
    length = asked.longest(context_of(asked.config))
    given = None if micro == "auto" else micro
    return planned(Wanted(run, asked.name, asked.config, asked.card, length, given, asked.measured, asked.gpus))


def _on_its_mesh(asked: Asked) -> Run:
    """The run with the mesh of `--mesh`, or its own; by default ranks share the weights, as they do while training."""
    from whet.base.catalogue import objective
    from whet.base.errors import ConfigError
    from whet.base.mesh import ORDER
    from whet.plan.layers import experts
    from whet.plan.mesh import check_ranks, mesh_of, read_mesh

    run = asked.run
    if run.parallel.mesh == "auto" and not asked.mesh:
        raise ConfigError(
            "`parallel: auto` is chosen by a plan, and none can be made: no formulas were traced from "
            f"`{asked.config.get('model_type')}`, trained like this", at="parallel",
            hint=f"parallel.mesh=given parallel.shard={asked.gpus}",
        )  # fmt: skip
    mesh = read_mesh(asked.mesh, asked.gpus) if asked.mesh else mesh_of(run.parallel, asked.gpus)
    if mesh is not None:
        check_ranks(mesh, asked.gpus)
        if mesh.pieces("model") > 1 and experts(asked.config):
            raise ConfigError(
                "how many tokens a rank's experts get follows from their values: no formulas tell of a run like this, "
                "and a step without values has none", at="--mesh", hint=f"--mesh shard={asked.gpus}",
            )  # fmt: skip
    if asked.gpus > 1 and objective.get(run.objective.kind).facts.rollouts:
        raise ConfigError(
            f"of `objective: {run.objective.kind}` a plan knows one rank alone: it draws answers between steps",
            at="--gpus", hint="--gpus 1",
        )  # fmt: skip
    if mesh is None:
        return run
    told = {axis: getattr(mesh, axis) for axis in ORDER}
    told["zero"] = mesh.zero if any("zero" in word for word in asked.mesh) else run.parallel.zero
    return run.model_copy(update={"parallel": run.parallel.model_copy(update=told)})


def _run(target: str, words: list[str]) -> tuple[Run, str | tuple[str, dict]]:
    """The run that is meant, and its model: a name, or a config that is written out in `model.init`."""
    from whet.base.config import load
    from whet.base.errors import ConfigError

    if not is_config(target):
        return load(None, words, {("model", "path"): target}).run, target
    run = load(Path(target), words).run
    told = run.model.values()
    if isinstance(told.get("init"), dict):
        return run, ("model.init", _with_vocabulary(told["init"], told.get("tokenizer")))
    named = told.get("init") or told.get("path")
    if not named:
        raise ConfigError(
            "a plan reads the config of a model of transformers", at="model", hint="model=Qwen/Qwen3-0.6B"
        )
    return run, named


def is_config(target: str) -> bool:
    """Whether a run's config is meant, and no model."""
    return Path(target).suffix in (".yaml", ".yml")


def _with_vocabulary(init: dict[str, Any], tokenizer: str | None) -> dict[str, Any]:
    """A new model has as many tokens as its tokenizer, where its config does not say: so a run has it."""
    if tokenizer is None or "vocab_size" in init:
        return init
    from whet.models.loading.reading import read
    from whet.models.loading.spec import Spec
    from whet.models.text import text_config

    config, _ = read(Spec(init=init, tokenizer=tokenizer))
    return {**init, "vocab_size": text_config(config).vocab_size}


def told_apart(words: list[str]) -> tuple[str, list[str]]:
    """What is planned, and the overrides among the words. Raises ConfigError for none or several."""
    from whet.base.errors import ConfigError

    overrides = [word for word in words if re.match(r"\w+(\.\w+)*=", word) and not Path(word).exists()]
    targets = [word for word in words if word not in overrides]
    if len(targets) != 1:
        what = "no model and no config was named" if not targets else f"one model at a time, not {len(targets)}"
        raise ConfigError(what, at="command line", hint=f"whet plan {(targets or ['llama-3.1-8b'])[0]} --gpu rtx-4090")
    return targets[0], overrides


def _export(folder: Path) -> int:
    """Write the page: its script, its styles, and tables of the engine in its HTML."""
    from whet.base.errors import ConfigError
    from whet.plan.screen.site import site
    from whet.server.bundle import planner

    files = site(*planner())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be written: {error.strerror}", at="--export", hint="--export plan-page"
        ) from None
    num_bytes = sum(len(text.encode()) for text in files.values())
    print(f"written: {folder / 'index.html'} and {len(files) - 1} files beside it, {num_bytes / 2**20:.2f} MiB")
    return exit_codes.DONE


def _cards(words: list[str]) -> int:
    """List the cards that have all of these words in their names. Raises ConfigError where none has."""
    from whet.base.errors import ConfigError
    from whet.plan.hardware.cards import cards

    found = [one for name, one in cards().items() if all(word.lower() in name for word in words)]
    if not found:
        raise ConfigError(f"no card is called like `{' '.join(words)}`", at="--cards", hint="whet plan --cards")
    for one in found:
        bandwidth, rate = one.figures.get("bandwidth_gbs"), one.rate("bf16") or one.rate("fp16") or one.rate("fp32")
        told = [f"{one.figures['memory'].value:.4g} GB"]
        told += [f"{bandwidth.value:.4g} GB/s"] if bandwidth else []
        told += [f"{rate.value:.4g} TFLOP/s ({rate.how})"] if rate else []
        print(f"{one.name:<28}{one.kind:<13}{one.vendor:<8}{', '.join(told)}")
    return 0

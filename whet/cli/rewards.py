"""The rewards that a command is told: by name with their settings, or those of a config."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from whet.cli.arguments import typed_path
from whet.cli.kinds import named

if TYPE_CHECKING:
    from whet.base.rewards import Rewards


def add_reward_arguments(parser: argparse.ArgumentParser) -> None:
    """`--reward NAME KEY=VALUE ...`, as often as there are rewards, or `--config`."""
    parser.add_argument(
        "--reward",
        nargs="+",
        action="append",
        default=[],
        metavar=("NAME", "KEY=VALUE"),
        help="such as `--reward rewards.py:score` or `--reward length most=400 weight=0.2`; repeatable",
    )
    parser.add_argument("--config", type=typed_path, metavar="RUN.yaml", help="take the rewards of this config")


def rewards_of(args: argparse.Namespace) -> Rewards:
    """The rewards that were typed, else those of the config. Mistakes are told as those of a config."""
    from whet.base.config import load
    from whet.base.errors import ConfigError

    if args.config is not None and not args.reward:
        return load(args.config).run.rewards
    entries = []
    for name, settings in (named(words, "most=400", texts=_texts) for words in args.reward):
        entries.append({"kind": name, **settings} if settings else name)
    if not entries:
        raise ConfigError(
            "no reward was named", hint="--reward math, or --config run.yaml; `whet slots reward` lists them"
        )
    return load(None, extra={("model",): "none", ("rewards",): entries}).run.rewards


def _texts(name: str) -> frozenset[str]:
    """Settings of a reward that are text: `pattern=[0-9]` is no list."""
    from whet.base.catalogue import reward

    fields = reward.get(name).settings.model_fields if name in reward.names() else {}
    return frozenset(key for key, field in fields.items() if field.annotation is str)

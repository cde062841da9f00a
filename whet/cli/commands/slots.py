"""`whet slots`: every kind of a slot with its purpose, its declared facts and its settings."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from whet.base.slots import Kind

from whet.cli.plugins import add_plugin_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("slot", nargs="?", help="such as optimizer; without it all slots are listed")
    parser.add_argument("kind", nargs="?", help="show the settings of one kind")
    add_plugin_argument(parser)


def main(args: argparse.Namespace) -> int:
    from whet.base.catalogue import SLOTS
    from whet.base.errors import ConfigError
    from whet.base.nearest import nearest

    if args.slot is None:
        for slot in SLOTS.values():
            print(f"{slot.name:<14}{', '.join(slot.names())}")
        return 0
    if args.slot not in SLOTS:
        near = nearest(args.slot, SLOTS)
        hint = f"did you mean `{near}`?" if near else f"one of: {', '.join(SLOTS)}"
        raise ConfigError(f"unknown slot `{args.slot}`", hint=hint)
    slot = SLOTS[args.slot]
    if args.kind is None:
        for name in slot.names():
            kind = slot.get(name)
            facts = " ".join(f"{k}={_shown(v)}" for k, v in _facts(kind) if not callable(v))
            print(f"{name:<16}{kind.doc}  {facts}".rstrip())
        return 0
    kind = slot.get(args.kind)
    print(f"{kind.name}: {kind.doc}\nsource: {kind.source}\n")
    for name, field in kind.settings.model_fields.items():
        if name != "kind":
            default = "required" if field.is_required() else _shown(_default(field))
            print(f"  {name:<18}{default:<24}{field.description or ''}".rstrip())
    _print_apart(kind)
    return 0


def _print_apart(kind: Kind) -> None:
    """What the kind does not go with (docs/reference/combinations.md has all pairs)."""
    from whet.train.setup.combinations import apart

    refused = dict(apart(kind))
    if refused:
        print("\nnot with")
    for feature, reason in refused.items():
        print(f"  {feature:<32}{reason}")


def _facts(kind: Kind) -> Iterable[tuple[str, object]]:
    """What the kind declares; an optimizer's state is shown in bytes a weight of a 4096 x 11008 matrix."""
    from whet.optim.costs import per_parameter

    for name, value in kind.facts.declared().items():
        yield (name, f"{per_parameter(kind):.4g}") if name == "state_bytes" else (name, value)


def _default(field: FieldInfo) -> object:
    """What holds where the setting is not given; of one that takes a kind, the kind's name."""
    from whet.base.settings import Choice

    chosen = next((part.default for part in field.metadata if isinstance(part, Choice)), None)
    return field.default if chosen is None else chosen


def _shown(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple | list | frozenset) else str(value)

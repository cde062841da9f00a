"""`whet registry`: models with versions and aliases: list, show, compare, add, alias, promote, tag, verify, remove."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from whet.cli.arguments import add_root, typed_path

if TYPE_CHECKING:
    from whet.track.registry.registry import Registry

_WHICH = "NAME/3, NAME@alias, or NAME for the newest version"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, about: str) -> argparse.ArgumentParser:
        one = actions.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
        add_root(one)
        one.add_argument(
            "--registry", type=typed_path, metavar="DIR",
            help="the registry's folder (default: WHET_REGISTRY, else .registry in --root)",
        )  # fmt: skip
        return one

    listing = action("list", "list models by their newest version, or all versions")
    listing.add_argument("words", nargs="*", metavar="FILTER", help='such as `kind == "adapter" and accuracy > 0.8`')
    listing.add_argument("--versions", action="store_true", help="every version a line")
    listing.add_argument("--json", action="store_true", help="print a JSON list")
    show = action("show", "show a model with its versions and history, or a version with its manifest")
    show.add_argument("model", metavar="MODEL", help="NAME, NAME/3 or NAME@alias")
    show.add_argument("--json", action="store_true", help="print as JSON")
    compare = action("compare", "show what differs between two versions, and by how much their figures do")
    compare.add_argument("first", metavar="MODEL", help=_WHICH)
    compare.add_argument("second", metavar="MODEL", help=_WHICH)
    compare.add_argument("--json", action="store_true", help="print as JSON")
    _add_add(action("add", "add the model of a run or a folder as a new version; its files are linked"))
    alias = action("alias", "let an alias mean a version; nothing is checked but its policy")
    alias.add_argument("name", metavar="NAME")
    alias.add_argument("alias", metavar="ALIAS")
    alias.add_argument("version", nargs="?", metavar="VERSION", help="its number; without one the alias is taken away")
    policy = action("policy", "show or set what every promotion to an alias requires")
    policy.add_argument("name", metavar="NAME")
    policy.add_argument("alias", metavar="ALIAS")
    policy.add_argument("require", nargs="?", metavar="FILTER", help="without one the policy is shown")
    policy.add_argument("--remove", action="store_true", help="take the policy away")
    promote = action("promote", "let an alias mean a version whose evaluations hold what is required")
    promote.add_argument("model", metavar="MODEL", help=_WHICH)
    promote.add_argument("--to", required=True, metavar="ALIAS", help="the alias that moves")
    promote.add_argument("--require", default="", metavar="FILTER", help="such as `accuracy >= 0.8 and loss < 2`")
    promote.add_argument("--keep", action="store_true", help="make what is required the policy of the alias")
    promote.add_argument("--json", action="store_true", help="print as JSON")
    for one in (alias, promote):
        one.add_argument("--past-policy", action="store_true", help="whatever the policy of the alias requires")
    tag = action("tag", "set tags of a model or a version, or take them away")
    tag.add_argument("model", metavar="MODEL", help="NAME for the model, NAME/3 or NAME@alias for a version")
    tag.add_argument("tags", nargs="+", metavar="KEY=VALUE", help="`KEY=` takes a tag away")
    tag.add_argument("--description", metavar="TEXT", help="what is said of it")
    verify = action("verify", "compare the files of versions with their manifests")
    verify.add_argument("models", nargs="*", metavar="MODEL", help=f"{_WHICH} (default: every version)")
    verify.add_argument("--rebuild", action="store_true", help="first write the journal anew from what is whole")
    remove = action("remove", "remove a version, or a whole model")
    remove.add_argument("model", metavar="MODEL", help="NAME/3 or NAME@alias; NAME for the model with all versions")
    remove.add_argument("--force", action="store_true", help="also what aliases, versions or runs refer to")


def _add_add(parser: argparse.ArgumentParser) -> None:
    from whet.track.registry.described import KINDS

    parser.add_argument("source", metavar="RUN|FOLDER", help="a run, its name, a model's folder or an MLmodel package")
    parser.add_argument("--name", required=True, help="the model; it is made where there is none")
    parser.add_argument("--kind", choices=KINDS, help="what it is (default: as its files tell)")
    parser.add_argument("--base", metavar="MODEL", help="what it was made from (default: as the run or adapter tells)")
    parser.add_argument("--licence", help="its licence (default: as its README.md tells)")
    parser.add_argument("--alias", metavar="ALIAS", help="an alias for the new version")
    parser.add_argument("--description", metavar="TEXT", help="what is said of it")
    parser.add_argument("--json", action="store_true", help="print the version as JSON")


def main(args: argparse.Namespace) -> int:
    from whet.track.registry.registry import Registry, folder_of

    registry = Registry(args.registry or folder_of(args.root))
    return _ACTIONS[args.action](registry, args)


def _list(registry: Registry, args: argparse.Namespace) -> int:
    from whet.track.reading.query import parse
    from whet.track.registry.pages import table
    from whet.track.registry.rows import check_names, row_of

    query = parse(" ".join(args.words))
    models = sorted(registry.state().models.values(), key=lambda model: model.name)
    found = [
        (model, version)
        for model in models
        for version in sorted(model.versions.values(), key=lambda one: -one.number)[: None if args.versions else 1]
    ]
    rows = [row_of(*pair) for pair in found]
    check_names(query, rows)
    chosen = [(pair, row) for pair, row in zip(found, rows, strict=True) if query.takes(row)]
    if args.json:
        _print([{**row, "policies": model.policies} for (model, _), row in chosen])
    elif chosen:
        print(table([pair for pair, _ in chosen]))
        for model in {model.name: model for (model, _), _ in chosen}.values():
            for alias, require in sorted(model.policies.items()):
                print(f"{model.name}@{alias} requires {require}", file=sys.stderr)
    else:
        lost = "the journal has lost what lies here; whet registry verify --rebuild brings it back"
        nothing = lost if registry.has_lost() else "no models; `whet registry add RUN --name NAME` adds one"
        said = "no version is so" if found else nothing
        print(f"{registry.folder}: {said}", file=sys.stderr)
    if registry.damaged:
        said = f"{registry.damaged} lines of the journal are damaged and left out: whet registry verify --rebuild"
        print(said, file=sys.stderr)
    return 0


def _show(registry: Registry, args: argparse.Namespace) -> int:
    from whet.track.registry.names import parse_reference
    from whet.track.registry.pages import model_page, version_page
    from whet.track.registry.rows import row_of

    wanted = parse_reference(args.model)
    model = registry.model(wanted.name)
    if wanted.number is None and wanted.alias is None:
        versions = [row_of(model, version) for version in model.versions.values()]
        told = {"name": model.name, "description": model.description, "tags": model.tags, "aliases": model.aliases}
        told["policies"] = model.policies
        as_json = {**told, "versions": versions, "history": registry.history(model.name)}
        _print(as_json) if args.json else print(model_page(registry, model))
        return 0
    version = registry.resolve(wanted)
    whole = {**row_of(model, version), "folder": str(registry.files(version)), "manifest": registry.manifest(version)}
    _print(whole) if args.json else print(version_page(registry, version))
    return 0


def _compare(registry: Registry, args: argparse.Namespace) -> int:
    from whet.track.registry.comparing import comparison, comparison_page

    found = comparison(registry, args.first, args.second)
    _print(found.to_dict()) if args.json else print(comparison_page(found))
    return 0


def _add(registry: Registry, args: argparse.Namespace) -> int:
    from whet.base.units import size
    from whet.track.registry.adding import add
    from whet.track.registry.described import candidate, check_model, place_of
    from whet.track.registry.pages import said_of_links
    from whet.track.registry.rows import row_of

    folder, run = place_of(args.source, args.root)
    found = candidate(folder, run, kind=args.kind, base=args.base, licence=args.licence)
    check_model(found, folder)
    added = add(registry, args.name, found.contents, found.about, found.evaluations, found.package, args.alias)
    version = added.version
    if args.description:
        registry.describe(args.name, version.number, args.description)
    told = "; ".join(said_of_links(added.held))
    print(f"{size(version.num_bytes)}: {told}; nothing was copied", file=sys.stderr)
    if added.same:
        removed = f"whet registry remove {args.name}/{version.number}"
        print(f"these are the files of {added.same}: {removed} takes the new version away", file=sys.stderr)
    model = registry.model(args.name)
    if args.json:
        _print({**row_of(model, version), "held": added.held, "folder": str(registry.files(version))})
    else:
        print(f"registry:{args.name}/{version.number}")
    return 0


def _alias(registry: Registry, args: argparse.Namespace) -> int:
    from whet.base.errors import ConfigError

    number = args.version and args.version.removeprefix(f"{args.name}/")
    if number is not None and not number.isdigit():
        raise ConfigError(
            f"`{number}` is no version", at="command line", hint=f"whet registry alias {args.name} prod 1"
        )
    registry.alias(args.name, args.alias, None if number is None else int(number), past_policy=args.past_policy)
    print(f"registry:{args.name}@{args.alias} is {f'{args.name}/{number}' if number else 'no more'}", file=sys.stderr)
    return 0


def _policy(registry: Registry, args: argparse.Namespace) -> int:
    from whet.base.errors import ConfigError
    from whet.track.reading.query import parse

    if args.require is not None and args.remove:
        raise ConfigError(
            "a policy is set or taken away",
            at="--remove",
            hint=f"whet registry policy {args.name} {args.alias} --remove",
        )
    if args.require is not None or args.remove:
        parse(args.require or "")
        registry.policy(args.name, args.alias, args.require)
    require = registry.model(args.name).policies.get(args.alias)
    print(f"@{args.alias} of {args.name} requires {f'`{require}`' if require else 'nothing of itself'}")
    return 0


def _promote(registry: Registry, args: argparse.Namespace) -> int:
    from whet.base.units import figure
    from whet.track.registry.promoting import promote

    done = promote(registry, args.model, args.to, args.require, keep=args.keep, past_policy=args.past_policy)
    if args.json:
        _print(done.to_dict())
        return 0
    for one in done.compared:
        print(
            f"{one.name}: {figure(one.difference)} above {done.name}/{done.before} "
            f"(95 % {figure(one.low)} to {figure(one.high)}, {one.n} pairs)",
            file=sys.stderr,
        )
    print(f"registry:{done.name}@{done.alias} is {done.name}/{done.number}")
    return 0


def _tag(registry: Registry, args: argparse.Namespace) -> int:
    from whet.base.errors import ConfigError
    from whet.track.registry.names import parse_reference

    wanted = parse_reference(args.model)
    number = None if wanted.number is wanted.alias else registry.resolve(wanted).number
    for text in args.tags:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ConfigError(f"`{text}` is no tag", at="command line", hint="stage=tested, or stage= to take it away")
        registry.tag(wanted.name, number, key, value or None)
    if args.description is not None:
        registry.describe(wanted.name, number, args.description)
    return 0


def _verify(registry: Registry, args: argparse.Namespace) -> int:
    from whet.cli import exit_codes
    from whet.track.registry.rebuilding import rebuild
    from whet.track.registry.verifying import damage

    if args.rebuild:
        lost, again = rebuild(registry)
        print(f"journal written anew: {lost} damaged lines left out, {again} versions found again", file=sys.stderr)
    found = [registry.resolve(name) for name in args.models] or [v for _, v in registry.state().all_versions()]
    wrong = 0
    for version in found:
        said = damage(registry, version)
        wrong += bool(said)
        print(f"{registry.name_of(version)}: {'; '.join(said) or 'as it was'}")
    return exit_codes.MISTAKE if wrong else exit_codes.DONE


def _remove(registry: Registry, args: argparse.Namespace) -> int:
    from whet.base.units import size
    from whet.track.registry.names import parse_reference
    from whet.track.registry.referring import remove, remove_model

    wanted = parse_reference(args.model)
    if wanted.number is None and wanted.alias is None:
        done = remove_model(registry, wanted.name, args.root, force=args.force)
    else:
        version = registry.resolve(wanted)
        done = remove(registry, wanted.name, version.number, args.root, force=args.force)
    told = f"; it was referred to: {'; '.join(done.referring)}" if done.referring else ""
    print(f"{done.name} removed: {size(done.num_bytes)}, of which {size(done.freed_bytes)} are free now{told}")
    return 0


def _print(value: Any) -> None:
    from whet.track.script.plain import to_json

    print(to_json(value).decode())


_ACTIONS = {
    "list": _list, "show": _show, "compare": _compare, "add": _add, "alias": _alias, "policy": _policy,
    "promote": _promote, "tag": _tag, "verify": _verify, "remove": _remove,
}  # fmt: skip

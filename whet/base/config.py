"""Load a run's config: YAML and command-line overrides in, a frozen Run with the provenance of every value out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from whet.base.elsewhere import OTHERS
from whet.base.errors import STARTS, ConfigError
from whet.base.mistakes import KeyPath, dotted, explained, inside, place
from whet.base.paths import user_path
from whet.base.run import Run
from whet.base.settings import CONFIG_FOLDER, Choice
from whet.base.slots import load_plugin
from whet.base.yaml import dump_value, parse, parse_value

# Levels of a config, and bytes of its file: what is beyond was not meant.
DEEPEST = 16
LARGEST_BYTES = 2**18


@dataclass(frozen=True, slots=True)
class Loaded:
    """A validated run and where each given value came from; a path that is missing has its default."""

    run: Run
    origins: Mapping[KeyPath, str]

    def to_yaml(self) -> str:
        """The whole resolved config as YAML, each value followed by its provenance as a comment."""
        return "".join(_lines(self.run.model_dump(mode="json"), (), self.origins))

    def short_yaml(self) -> str:
        """What was given and nothing else, as YAML: the shortest config of the same run."""
        given = dict(_given(self.run.model_dump(mode="json", exclude_defaults=True), (), self.origins))
        return "".join(_lines(given, (), None))


def load(path: Path | None, overrides: Sequence[str] = (), extra: Mapping[KeyPath, Any] | None = None) -> Loaded:
    """Read the YAML at `path` (or nothing), lay `extra` and `section.key=value` overrides over it, and validate.

    Raises ConfigError that lists every mistake with its place and, where one is near, the name that was meant.
    """
    data, origins = _read(path)
    for keys, value in [*(extra or {}).items(), *map(_split_override, overrides)]:
        _put(data, keys, value)
        origins |= dict.fromkeys([keys, *(inner for inner, _ in _items(value, keys))], "command line")
    return _validate(data, origins, base=path.parent if path else Path())


def from_mapping(data: Mapping[str, Any]) -> Loaded:
    """Validate a config that a program made."""
    return _validate(dict(data), dict.fromkeys((keys for keys, _ in _items(data)), "program"), base=Path())


def setting_called(name: str) -> str | None:
    """The setting that is called so somewhere: `train.steps` for `steps`, or for what other trainers call `max_steps`.

    None where nothing is, also for what may be a dotted name already.
    """
    return OTHERS.get(name) or inside(Run).get(name)


def _validate(data: dict[str, Any], origins: dict[KeyPath, str], base: Path) -> Loaded:
    for keys, value in _items(data):
        _check_plain(keys, value, origins)
    plugins = data.get("plugins") or []
    if isinstance(plugins, str | list) and plugins:
        named = [plugins] if isinstance(plugins, str) else plugins
        at = origins.get(("plugins",))
        data["plugins"] = [_plugin(plugin, base, at) for plugin in named]
        for plugin in data["plugins"]:
            load_plugin(Path(plugin))
    _refuse_null(data, origins)
    token = CONFIG_FOLDER.set(base)
    try:
        run = Run.model_validate(data)
    except ValidationError as error:
        raise explained(error.errors(), Run, origins) from None
    finally:
        CONFIG_FOLDER.reset(token)
    meant = {keys: place(keys, origins) for keys in _shorthands(data, run.model_dump(), ())}
    return Loaded(run, {**meant, **origins})


def _refuse_null(data: Mapping[str, Any], origins: Mapping[KeyPath, str]) -> None:
    """Raise ConfigError for a section that is null and would be its default: none at all may have been meant."""
    for name, field in Run.model_fields.items():
        chosen = next((mark for mark in field.metadata if isinstance(mark, Choice)), None)
        if chosen is not None and chosen.default is not None and not field.is_required() and data.get(name, "") is None:
            hint = f"{name}={chosen.default}, or leave it out"
            raise ConfigError(f"`{name}` is null, and a run has one", at=place((name,), origins) or None, hint=hint)


def _check_plain(keys: KeyPath, value: Any, origins: Mapping[KeyPath, str]) -> None:
    """Raise ConfigError for what no file could hold: half a surrogate pair in a text or a name, endless nesting."""
    at = place(keys, origins) or None
    if len(keys) > DEEPEST:
        raise ConfigError("the config is nested too deeply", at=at, hint=f"at most {DEEPEST} levels")
    for text in (keys[-1], value):
        if isinstance(text, str) and not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
            raise ConfigError(f"{ascii(text)[:60]} is no text that can be encoded", at=at, hint="write it in UTF-8")


def _plugin(given: Any, base: Path, at: str | None) -> str:
    """The file in full: beside the config that names it, or else in the working folder."""
    if not isinstance(given, str):
        raise ConfigError("`plugins` is a list of Python files", at=at, hint="plugins: [plugin.py]")
    path = user_path(given, at=at)
    if (base / path).exists():
        return str((base / path).resolve())
    if not path.exists():
        where = f"beside the config ({base.resolve()}) or in the working folder ({Path.cwd()})"
        alone = path.is_absolute() or base.resolve() == Path.cwd()
        raise ConfigError(
            f"the plugin {path} does not exist" if alone else f"the plugin {path} does not exist {where}",
            at=at, hint=f"ls {(base / path).resolve().parent}",
        )  # fmt: skip
    return str(path.resolve())


def _read(path: Path | None) -> tuple[dict[str, Any], dict[KeyPath, str]]:
    if path is None:
        return {}, {}
    path = user_path(path)
    try:
        with open(path, "rb") as file:  # perhaps a pipe, or a device without end
            content = file.read(LARGEST_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        near = difflib.get_close_matches(path.name, _configs_beside(path), n=1)
        hint = f"did you mean `{path.with_name(near[0])}`?" if near else f"{STARTS}, or a file that there is"
        raise ConfigError(f"cannot read the config {path}: {error.strerror}", hint=hint) from None
    except UnicodeDecodeError:
        hint = "the YAML file of a run" if b"\0" in content else f"iconv -f LATIN1 -t UTF-8 {path} > {path}.utf8"
        raise ConfigError(f"the config {path} is not UTF-8 text", hint=hint) from None
    if len(content) > LARGEST_BYTES:
        raise ConfigError(f"the config {path} has more than {LARGEST_BYTES:,} bytes", hint="the YAML file of a run")
    data, lines = parse(text, str(path))
    if not isinstance(data, dict):
        raise ConfigError(
            "a config is a mapping of sections", at=f"{path}:1", hint="start with `model: Qwen/Qwen3-0.6B`"
        )
    return data, {keys: f"{path}:{line}" for keys, line in lines.items()}


def _configs_beside(path: Path) -> list[str]:
    with suppress(OSError):
        return [other.name for other in path.parent.iterdir() if other.suffix in (".yaml", ".yml")]
    return []


def _split_override(text: str) -> tuple[KeyPath, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigError(
            f"`{_cut(text)}` is not an override",
            at="command line",
            hint="write section.key=value, such as train.steps=100",
        )
    keys = tuple(int(part) if part.isdecimal() and len(part) < 10 else part for part in name.split("."))
    if len(keys) > DEEPEST or len(name) > 1000 or not all(part != "" for part in keys):
        raise ConfigError(
            f"`{_cut(name)}` is no setting", at="command line", hint="write section.key=value, such as train.steps=100"
        )
    return keys, parse_value(value, f"command line, {name}")


def _put(data: Any, keys: KeyPath, value: Any) -> None:
    """Set one value, turning a shorthand on the way (`optimizer: lion`) into its mapping."""
    whole = dotted(keys)
    for key, after in zip(keys[:-1], keys[1:], strict=True):
        _check_index(data, key, whole)
        current = data[int(key)] if isinstance(data, list) else data.get(key)
        if isinstance(current, str | list) and isinstance(after, str):
            current = _expand(key, current)
        if isinstance(after, int) and not isinstance(current, list):
            current = []
        if not isinstance(current, dict | list):
            current = {}
        data[key] = current
        data = current
    _check_index(data, keys[-1], whole)
    data[keys[-1]] = value


def _check_index(data: Any, key: str | int, whole: str) -> None:
    if isinstance(data, list) and not (isinstance(key, int) and key < len(data)):
        raise ConfigError(
            f"`{whole}` names an entry that is not there: the list has {len(data)}",
            at="command line",
            hint="count from 0, or give the whole list",
        )


def _expand(section: str | int, value: Any) -> dict[str, Any]:
    from whet.base.catalogue import SLOTS

    if section == "data":
        return {"train": value if isinstance(value, list) else [value]}
    if section == "rewards":
        return {"functions": value if isinstance(value, list) else [value]}
    if section == "parallel":
        return {"mesh": value}
    slot = SLOTS.get("model_source" if section == "model" else str(section))
    if slot is not None and slot.shorthand and value not in slot.names():
        return {slot.shorthand: value}
    return {"kind": value}


def _items(value: Any, keys: KeyPath = ()) -> Iterable[tuple[KeyPath, Any]]:
    """The path of every value inside a nested one, and the value; not below DEEPEST + 1."""
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items if len(keys) <= DEEPEST else ():
        yield (*keys, key), inner
        yield from _items(inner, (*keys, key))


def _shorthands(given: Mapping[str, Any], resolved: Mapping[str, Any], keys: KeyPath) -> Iterable[KeyPath]:
    """The paths of what shorthands stand for: of `model: m` it is `model.path`."""
    for key, value in given.items():
        whole = resolved.get(key)
        if isinstance(whole, dict) and isinstance(value, Mapping):
            yield from _shorthands(value, whole, (*keys, key))
        elif isinstance(whole, dict):
            yield from ((*keys, key, part) for part in _expand(key, value))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _given(value: Mapping[str, Any], keys: KeyPath, origins: Mapping[KeyPath, str]) -> Iterable[tuple[str, Any]]:
    """Of a config what somebody has said."""
    for name, inner in value.items():
        path = (*keys, name)
        if isinstance(inner, dict) and inner:
            if kept := dict(_given(inner, path, origins)):
                yield name, kept
        elif path in origins:
            yield name, inner


def _lines(value: Any, keys: KeyPath, origins: Mapping[KeyPath, str] | None) -> Iterable[str]:
    """YAML, each value with where it came from, if that is to be said."""
    indent = "  " * len(keys)
    for name, inner in value.items():
        path = (*keys, name)
        if isinstance(inner, dict) and inner:
            yield f"{indent}{name}:\n"
            yield from _lines(inner, path, origins)
        else:
            note = "" if origins is None else f"  # {origins.get(path, 'default')}"
            yield f"{indent}{name}: {dump_value(inner)}{note}\n"

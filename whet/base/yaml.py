"""YAML 1.2 values with the line of every key, so that errors can name their place.

PyYAML follows YAML 1.1, where `1e-4` is a string, `yes`, `no`, `on`, `off` are booleans, `2024-01-01` is a date,
`12:30` is 750 and `017` is 15.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import yaml

from whet.base.errors import ConfigError

Path = tuple[str | int, ...]
Lines = dict[Path, int]
# Values of a document, those of aliases counted as often as they are used, and levels: what is beyond is an attack.
MOST_NODES = 50_000
DEEPEST = 64
# A tenth of a second of PyYAML's own reader.
_SHORT = 2**13
_PLAIN = (str, int, float, bool)
_TAG = "tag:yaml.org,2002:"
_OURS = {_TAG + name for name in ("float", "bool", "int", "timestamp", "value")}


class _Refused(yaml.constructor.ConstructorError):
    """What YAML has and a config may not, with what to write."""

    def __init__(self, problem: str, node: yaml.Node, hint: str) -> None:
        super().__init__(None, None, problem, node.start_mark)
        self.hint = hint


def _whole(loader: Any, node: yaml.ScalarNode) -> int:
    """Decimal, `0x` and `0o`; `_` may stand between digits."""
    text = loader.construct_scalar(node).replace("_", "")
    try:
        return int(text, 0 if text.lstrip("+-")[:2] in ("0x", "0o") else 10)
    except ValueError:  # by a tag, or more digits than Python reads
        raise _Refused("this is no whole number", node, "a whole number, or quotes around a text") from None


def _reader(kind: Any) -> Any:
    """A loader with the resolvers of YAML 1.2's core schema, refusing duplicate keys."""

    class Loader(kind):
        yaml_implicit_resolvers = {
            first: [(tag, pattern) for tag, pattern in rules if tag not in _OURS]
            for first, rules in kind.yaml_implicit_resolvers.items()
        }

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
            seen: set[Any] = set()
            for key_node, _ in node.value:
                if key_node.tag == _TAG + "merge":
                    raise _Refused("`<<` takes keys over in YAML 1.1, and this is YAML 1.2", key_node, "write them out")
                key = self.construct_object(key_node, deep=True)
                if not isinstance(key, str | int | float | bool | None):
                    raise _Refused("a key is no plain value", key_node, "a word as the key")
                if key in seen:
                    raise _Refused(f"the key `{key}` stands twice", key_node, f"keep one `{key}`")
                seen.add(key)
            return super().construct_mapping(node, deep)

    Loader.add_implicit_resolver(
        _TAG + "int", re.compile(r"^[-+]?(?:[0-9][0-9_]*|0x[0-9a-fA-F]+|0o[0-7]+)$"), list("-+0123456789")
    )
    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(
            r"^[-+]?(?:(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|\.inf|\.Inf|\.INF)$|^(?:\.nan|\.NaN|\.NAN)$"
        ),
        list("-+0123456789."),
    )
    Loader.add_constructor(_TAG + "int", _whole)
    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
    )
    return Loader


def _of_libyaml() -> Any:
    """libyaml's scanner and parser under PyYAML's composer: libyaml's own overflows the stack where levels are many."""
    if not yaml.__with_libyaml__:
        return yaml.SafeLoader

    from yaml._yaml import CParser

    class Scanned(yaml.composer.Composer, CParser, yaml.constructor.SafeConstructor, yaml.resolver.Resolver):
        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            for part in (yaml.composer.Composer, yaml.constructor.SafeConstructor, yaml.resolver.Resolver):
                part.__init__(self)

    return Scanned


# PyYAML's own reader, whose words for mistakes are told, and one that is several times as fast.
_Loader, _Quick = _reader(yaml.SafeLoader), _reader(_of_libyaml())


class _Dumper(yaml.SafeDumper):
    """SafeDumper that quotes what `_Loader` would not read back as a string."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


def parse(text: str, name: str) -> tuple[Any, Lines]:
    """The value of a YAML document and the line (from 1) of each path in it.

    `name` is the file as errors show it. Raises ConfigError with the place on broken YAML.
    """
    try:
        return _read_quickly(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"{name}:{mark.line + 1}" if mark else name
        hint = error.hint if isinstance(error, _Refused) else "check indentation and quotes"
        raise ConfigError(f"cannot read the YAML: {error.problem}", at=at, hint=hint) from None
    except yaml.reader.ReaderError as error:
        raise _unreadable(error, name) from None
    except (RecursionError, _TooLarge):
        raise ConfigError(
            "cannot read the YAML: it is nested too deeply, or repeats itself too often", at=name,
            hint=f"at most {DEEPEST} levels and {MOST_NODES:,} values",
        ) from None  # fmt: skip
    except (yaml.YAMLError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:  # of odd tags
        raise ConfigError(f"cannot read the YAML: {error}", at=name, hint="check indentation and quotes") from None


def _read_quickly(text: str) -> tuple[Any, Lines]:
    """The value and its lines by libyaml; only a short text that it cannot parse is read again, for PyYAML's words."""
    try:
        return _read(_Quick, text)
    except (yaml.scanner.ScannerError, yaml.parser.ParserError, yaml.reader.ReaderError):
        if len(text) > _SHORT:
            raise
        return _read(_Loader, text)


def _read(kind: Any, text: str) -> tuple[Any, Lines]:
    loader = kind(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return {}, {}
        lines: Lines = {}
        _record_lines(node, (), lines, [0])
        return loader.construct_document(node), lines
    finally:
        loader.dispose()


def parse_value(text: str, name: str = "command line") -> Any:
    """One value from the command line, read as YAML: `3`, `1e-4`, `[a, b]`, `{kind: lion}`; `#5` is text."""
    if not text.strip() or text.lstrip().startswith("#"):
        return text.strip()
    return parse(text, name)[0]


def dump_value(value: Any) -> str:
    """A value in one line of YAML."""
    return _dumped(value) if value is None or type(value) in _PLAIN else _dump(value)


@lru_cache(maxsize=4096, typed=True)  # 1 is not true
def _dumped(value: str | int | float | bool | None) -> str:
    """A config says the same few values again and again, and a writer of YAML is made for each."""
    return _dump(value)


def _dump(value: Any) -> str:
    text = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=float("inf"), sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")


class _TooLarge(Exception):
    """A document with too many values or levels."""


def _unreadable(error: yaml.reader.ReaderError, name: str) -> ConfigError:
    letter = ascii(error.character if isinstance(error.character, str) else chr(error.character))
    return ConfigError(
        f"cannot read the YAML: it holds the character {letter}, which YAML does not allow", at=name,
        hint=f'remove it, or write it within double quotes: "{letter[1:-1]}"',
    )  # fmt: skip


def _record_lines(node: yaml.Node, path: Path, lines: Lines, count: list[int]) -> None:
    count[0] += 1
    if count[0] > MOST_NODES or len(path) > DEEPEST:
        raise _TooLarge
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            lines[(*path, name)] = key.start_mark.line + 1
            _record_lines(value, (*path, name), lines, count)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _record_lines(value, (*path, index), lines, count)

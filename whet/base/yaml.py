"""YAML 1.2 values with the line of every key, so that errors can name their place.

PyYAML follows YAML 1.1, where `1e-4` is a string and `yes`, `no`, `on`, `off` are booleans.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from whet.base.errors import ConfigError

Path = tuple[str | int, ...]
Lines = dict[Path, int]


class _Loader(yaml.SafeLoader):
    """SafeLoader with the resolvers of YAML 1.2's core schema, refusing duplicate keys."""

    yaml_implicit_resolvers = {
        first: [
            (tag, pattern) for tag, pattern in rules if tag not in {"tag:yaml.org,2002:float", "tag:yaml.org,2002:bool"}
        ]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key `{key}` stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """SafeDumper that quotes what `_Loader` would not read back as a string."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(?:(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|\.inf|\.Inf|\.INF)$|^(?:\.nan|\.NaN|\.NAN)$"
    ),
    list("-+0123456789."),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def parse(text: str, name: str) -> tuple[Any, Lines]:
    """The value of a YAML document and the line (from 1) of each path in it.

    `name` is the file as errors show it. Raises ConfigError with the place on broken YAML.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return {}, {}
        lines: Lines = {}
        _record_lines(node, (), lines)
        return loader.construct_document(node), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"{name}:{mark.line + 1}" if mark else name
        raise ConfigError(
            f"cannot read the YAML: {error.problem}", at=at, hint="check indentation and quotes"
        ) from None
    except yaml.YAMLError as error:
        raise ConfigError(f"cannot read the YAML: {error}", at=name) from None
    finally:
        loader.dispose()


def parse_value(text: str) -> Any:
    """One value from the command line, read as YAML: `3`, `1e-4`, `[a, b]`, `{kind: lion}`."""
    return parse(text, "command line")[0] if text.strip() else ""


def dump_value(value: Any) -> str:
    """A value in one line of YAML."""
    text = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=float("inf"), sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")


def _record_lines(node: yaml.Node, path: Path, lines: Lines) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            lines[(*path, key.value)] = key.start_mark.line + 1
            _record_lines(value, (*path, key.value), lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _record_lines(value, (*path, index), lines)

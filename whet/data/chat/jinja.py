"""Jinja as transformers renders chat templates with it, within limits of time, memory and size.

A template comes with a model, from strangers. transformers' sandbox keeps it from files and from Python's insides, and
neither from loops without end nor from texts of gigabytes. The environment here is transformers' own with these ends:
what one operation can make large is refused before it is made, and a watch looks at renders that take longer than any
template should.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache, wraps
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.runtime import Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace, pass_context
from jinja2.visitor import NodeTransformer

from whet.data.chat.limits import DEADLINE_S, GROWTH_BYTES, Stopped, watched
from whet.data.chat.value_sizes import (
    ITEMS,
    SCALARS,
    TEXT_LENGTH,
    TooMuch,
    install,
    measure,
    measured,
    measured_comparison,
)

SOURCE_BYTES = 2**18  # of a template; published ones have up to some 30,000
_NUMBER = 10**7  # as a width, an indentation, a count
_BITS = 4096  # of a whole number
_WIDTHS = re.compile(r"\d{8,}")
_TRACKER, _JOINED, _ADDED = "whet tracker", "whet joined", "whet added"


class Tracker:
    """What was written so far, and the (start, end) characters of generation tags in it."""

    def __init__(self) -> None:
        self.size = 0
        self.spans: list[tuple[int, int]] = []


@lru_cache(maxsize=64)
def compiled(text: str) -> jinja2.Template:
    """The template of a text. Raises TemplateSyntaxError, and TooMuch for one that cannot be compiled."""
    if len(text.encode("utf-8", "replace")) > SOURCE_BYTES:
        raise TooMuch(f"it has more than {SOURCE_BYTES // 1024} KiB")
    try:
        with watched():
            return environment().from_string(text)
    except (jinja2.TemplateSyntaxError, TooMuch):
        raise
    except Stopped:
        raise TooMuch("it takes too long to compile") from None
    except Exception as error:  # the compiler's: RecursionError, Python's own SyntaxError for deep loops, OverflowError
        raise TooMuch(f"it cannot be compiled ({type(error).__name__})") from None


def render(
    template: jinja2.Template,
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]],
    variables: Mapping[str, Any],
) -> tuple[str, list[tuple[int, int]]]:
    """The text, and the spans of its generation tags. Raises whatever the template raises, and TooMuch."""
    tracker, chunks = Tracker(), []
    given = {
        "messages": [_plain_message(message) for message in messages],
        "tools": plain(list(tools)) or None,
        "documents": None,
        **variables,
        _TRACKER: tracker,
    }
    try:
        with watched():
            for chunk in template.root_render_func(template.new_context(given)):
                chunks.append(chunk)
                tracker.size += len(chunk)
                if tracker.size > TEXT_LENGTH:
                    raise TooMuch(f"it writes more than {TEXT_LENGTH:,} characters")
    except Stopped:
        limits = f"{DEADLINE_S:g} seconds or {GROWTH_BYTES / 2**30:g} GiB"
        raise TooMuch(f"it takes more than {limits}") from None
    return "".join(chunks), tracker.spans


@lru_cache(maxsize=1)
def environment() -> ImmutableSandboxedEnvironment:
    """transformers' environment of chat templates, with limits."""
    env = _Environment(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
    env.filters["tojson"] = _tojson
    for name in ("center", "indent", "wordwrap", "batch", "slice", "truncate", "format", "join", "replace"):
        env.filters[name] = _limited(env.filters[name], name)
    install(env)
    env.filters |= {_JOINED: _joined, _ADDED: _added}
    env.globals |= {
        "raise_exception": _raise_exception,
        "strftime_now": _strftime_now,
        "dict": _Dict(),
        "namespace": _Namespace,
    }
    return env


def plain(value: Any) -> Any:
    """The value in JSON's types, as transformers hands it to templates; of anything else its type's name."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    for kind in (str, bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    return f"<{type(value).__name__}>"


def _plain_message(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """A message, its reasoning under all names that templates read it by."""
    if not all(type(value) is str for value in message.values()):
        message = plain(message)
    for name in ("reasoning_content", "thinking", "reasoning"):
        if message.get(name) is not None:
            return {"thinking": message[name], **message, "reasoning_content": message[name]}
    return message


class _Environment(ImmutableSandboxedEnvironment):
    """Operations and calls that make something large out of something small are measured before they are done."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "%":
            if isinstance(left, str):
                measured(right)
                _check_format(left, right)
        elif operator == "**":
            if isinstance(left, int) and isinstance(right, int) and left.bit_length() * abs(right) > _BITS:
                raise TooMuch("a power is too large")
        else:
            _check_product(left, right)
        return super().call_binop(context, operator, left, right)

    def wrap_str_format(self, value: Any) -> Any:
        if isinstance(text := getattr(value, "__self__", None), str):
            _check_format(text, ())
        return super().wrap_str_format(value)

    def _generate(self, source: nodes.Template, *given: Any, **named: Any) -> Any:
        return super()._generate(_Measured().visit(source), *given, **named)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        for value in (*args, *kwargs.values()) if kwargs else args:
            if type(value) is int and abs(value) > _NUMBER:
                raise TooMuch(f"`{getattr(__obj, '__name__', '?')}` is given the number {_shown(value)}")
            if type(value) not in SCALARS and type(__obj) is not Macro:
                measured(value)
        owner = getattr(__obj, "__self__", None)
        if type(owner) is str:
            _check_method(owner, __obj.__name__, args)
        elif args and isinstance(owner, list | tuple):
            measured(owner)
        return super().call(__context, __obj, *args, **kwargs)


class _Measured(NodeTransformer):
    """`~` and `+` as functions of ours, and what is compared measured.

    As `intercepted_binops` every sum would cost several times as much.
    """

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        items = nodes.Tuple(node.nodes, "load").set_lineno(node.lineno)
        return nodes.Filter(items, _JOINED, [], [], None, None).set_lineno(node.lineno)

    def visit_Add(self, node: nodes.Add) -> nodes.Node:
        self.generic_visit(node)
        return nodes.Filter(node.left, _ADDED, [node.right], [], None, None).set_lineno(node.lineno)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        self.generic_visit(node)
        return measured_comparison(node)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        if not isinstance(node.arg, nodes.Slice):
            node.arg = measure(node.arg)
        return node

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:
        self.generic_visit(node)
        for pair in node.items:
            pair.key = measure(pair.key)
        return node


class _Generation(Extension):
    """The tags around what the assistant writes, `{% generation %}` and `{% endgeneration %}`."""

    tags = {"generation"}

    def parse(self, parser: Any) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_written"), [], [], body).set_lineno(line)

    @pass_context
    def _written(self, context: Any, caller: Any) -> str:
        tracker, text = context.parent[_TRACKER], caller()
        tracker.spans.append((tracker.size, tracker.size + len(text)))
        return text


class _Dict:
    """`dict` without the attributes of the type."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict:
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any, **kwargs: Any) -> dict:
        return dict.fromkeys(*args, **kwargs)


class _Namespace(Namespace):
    """Values that loops can set, under names without a leading underscore."""

    def __init__(*args: Any, **kwargs: Any) -> None:
        self, given = args[0], dict(*args[1:], **kwargs)
        for name in given:
            _check_name(name)
        Namespace.__init__(self, given)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name)
        super().__setitem__(name, value)


def _check_name(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise jinja2.exceptions.SecurityError(f"a namespace holds no name with an underscore first, such as {name!r}")


def _raise_exception(message: str) -> None:
    raise jinja2.TemplateError(message)


def _strftime_now(form: str) -> str:
    if _WIDTHS.search(form):
        raise TooMuch("a width in a date is too large")
    return datetime.now().strftime(form)


def _tojson(
    value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    if indent is not None and (indent if isinstance(indent, int) else len(indent)) > 1000:
        raise TooMuch("an indentation is too large")
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _joined(items: Sequence[Any]) -> str:
    texts = [item if type(item) is str else str(measured(item)) for item in items]
    _check_length(sum(map(len, texts)))
    return "".join(texts)


def _added(left: Any, right: Any) -> Any:
    result = left + right
    if type(result) is str:
        if len(result) > TEXT_LENGTH:
            _check_length(len(result))
    elif isinstance(result, list | tuple) and len(result) > ITEMS:
        raise TooMuch(f"a list would have {len(result):,} items")
    return result


def _limited(apply: Any, name: str) -> Any:
    """The filter, its arguments measured first."""

    @wraps(apply)  # keeps the marks by which jinja2 knows that it wants its environment
    def checked(*args: Any, **kwargs: Any) -> Any:
        given = [*args, *kwargs.values()]
        if any(type(value) is int and abs(value) > _NUMBER for value in given):
            raise TooMuch(f"`{name}` is given a number over {_NUMBER:,}")
        texts = [value for value in given if isinstance(value, str)]
        if name == "replace" and len(texts) >= 3:
            _check_replace(*texts[:3])
        elif name == "join":
            items = next((value for value in given if isinstance(value, list | tuple)), ())
            _check_join(max(map(len, texts), default=0), items)
        elif name == "format" and texts:
            _check_format(texts[0], tuple(given))
        elif name == "indent" and len(texts) > 1:
            _check_length(len(texts[1]) * (texts[0].count("\n") + 1))
        return apply(*args, **kwargs)

    return checked


def _check_method(text: str, name: str, args: Sequence[Any]) -> None:
    """Raise TooMuch where a method of a text would make a very long one."""
    if name == "replace" and len(args) >= 2 and isinstance(args[0], str) and isinstance(args[1], str):
        _check_replace(text, args[0], args[1])
    elif name == "join" and args and isinstance(args[0], list | tuple):
        _check_join(len(text), args[0])
    elif name == "expandtabs" and args and isinstance(args[0], int):
        _check_length(text.count("\t") * args[0])


def _check_replace(text: str, old: str, new: str) -> None:
    if len(new) > len(old) and len(text) * len(new) > TEXT_LENGTH:
        _check_length(text.count(old) * len(new))


def _check_join(between: int, items: Sequence[Any]) -> None:
    if between * len(items) > TEXT_LENGTH or len(items) > 1000:
        _check_length(between * len(items) + sum(len(item) for item in items if isinstance(item, str)))


def _check_format(text: str, values: Any) -> None:
    if _WIDTHS.search(text):
        raise TooMuch("a width in a format is too large")
    for value in values if isinstance(values, tuple | list) else (values,):
        if type(value) is int and abs(value) > _NUMBER and ("*" in text or "{" in text):
            raise TooMuch("a width in a format is too large")


def _check_product(left: Any, right: Any) -> None:
    for many, few in ((left, right), (right, left)):
        if isinstance(many, str | list | tuple) and isinstance(few, int):
            _check_length(len(many) * few)
            if not isinstance(many, str) and len(many) * few > ITEMS:
                raise TooMuch(f"a list would have {_shown(len(many) * few)} items")
    if type(left) is int and type(right) is int and left.bit_length() + right.bit_length() > _BITS:
        raise TooMuch("a product is too large")


def _check_length(length: int) -> None:
    if length > TEXT_LENGTH:
        raise TooMuch(f"a text would have {_shown(length)} characters")


def _shown(number: int) -> str:
    return f"{number:,}" if number.bit_length() < 64 else "of more than 19 digits"

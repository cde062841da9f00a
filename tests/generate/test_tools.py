"""Tools: schemas as transformers derives them, and what a call gives whatever happens."""

from __future__ import annotations

import json

import pytest
from transformers.utils import get_json_schema

from whet.base.errors import ConfigError
from whet.generate.tools import Call, load_tools, schema_of


def test_schemas_are_those_that_transformers_derives():
    def search(query: str, limit: int = 5, tags: list[str] | None = None, exact: bool = False):
        """Search the web.

        Args:
            query: what to look for
            limit: how many results
            tags: only these
            exact: as it is written
        """

    def plain(x: float, table: dict[str, int]):
        """Plot x.

        Args:
            x: where
            table: counts
        """

    for function in (search, plain):
        theirs = get_json_schema(function)
        theirs["function"].pop("return", None)
        assert schema_of(function) == theirs


def test_a_file_gives_its_public_functions_and_names_pick_one(tools, tmp_path):
    assert [tool.name for tool in tools] == ["add", "look", "wait", "leave", "fail"]
    properties = tools[0].schema["function"]["parameters"]["properties"]
    assert properties["b"] == {"type": "integer", "description": "the second, which goes on here"}
    path = tmp_path / "more.py"
    path.write_text('def one(x: int):\n    """One."""\ndef two(x: int):\n    """Two."""\n')
    assert [tool.name for tool in load_tools([f"{path}:two"])] == ["two"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def f(x: int): return x", "has no docstring"),
        ('def f(x):\n    """F."""', "`x` of the tool `f` has no type"),
        ('def f(*x: int):\n    """F."""', "which no schema can say"),
        ('def f(x: complex):\n    """F."""', "which JSON cannot say"),
        ("1 / 0", "cannot be imported: ZeroDivisionError"),
        ("raise SystemExit(0)", "cannot be imported: SystemExit"),
        ("", "there are no tools"),
    ],
)
def test_functions_that_no_model_could_call_are_refused(tmp_path, source, said):
    path = tmp_path / "bad.py"
    path.write_text(source + "\n")
    with pytest.raises(ConfigError, match=said):
        load_tools([str(path)])


def test_names_that_are_not_there_are_refused(tmp_path):
    (tmp_path / "t.py").write_text('def look(x: int):\n    """Look."""\n')
    for given, said in [
        ("none.py", "there is no file"),
        ("tools", "names no tools"),
        (f"{tmp_path}/t.py:lok", "no function"),
    ]:
        with pytest.raises(ConfigError, match=said):
            load_tools([given])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (Call("add", {"a": 1, "b": 5}), "6"),
        (Call("add", {"a": 1}), "3"),
        (Call("look", {"city": "Köln"}), '{"city": "Köln", "degrees": 20, "unit": "C"}'),
        (Call("look", {"city": "a", "unit": "K"}), 'error: `unit` of `look` is "K", not one of "C", "F"'),
        (Call("add", {"a": "1"}), 'error: `a` of `add` is "1", not integer'),
        (Call("add", {"a": True}), "error: `a` of `add` is true, not integer"),
        (Call("add", {"c": 1}), "error: `add` has no argument `c`; it takes: a, b"),
        (Call("add", {}), "error: `add` needs the argument `a`"),
        (Call("sub", {}), "error: there is no tool `sub`; there are: add, look, wait, leave, fail"),
        (Call("fail", {"reason": "no luck"}), "error: ValueError: no luck"),
        (Call("leave", {"reason": ""}), "error: its process ended with 1 (EOFError)"),
        (Call("?", {}, "the call is not JSON"), "error: the call is not JSON"),
    ],
    ids=lambda value: value.name if isinstance(value, Call) else "",
)
def test_what_a_call_gives_is_an_observation_whatever_happens(toolbox, call, text):
    found = toolbox.run([call])[0]
    assert found.text == text and found.is_error == text.startswith("error")


def test_a_tool_that_hangs_is_an_observation_too_and_costs_no_other(toolbox):
    hung, fine = toolbox.run([Call("wait", {"seconds": 60.0}), Call("add", {"a": 1})])
    assert hung.text == "error: no answer after 3 s" and fine.text == "3"


def test_a_dotted_name_is_a_tool():
    tool = load_tools(["tests.generate.test_tools:dotted"])[0]
    assert tool.name == "dotted" and json.dumps(tool.schema)


def dotted(x: int) -> int:
    """A tool of a module."""
    return x

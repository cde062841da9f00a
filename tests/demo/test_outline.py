"""Outlines: definitions with their signatures and docstrings."""

from __future__ import annotations

import ast

import pytest

from whet.demo.outline import arguments, definitions, outline


def test_definitions_have_dotted_names_and_those_inside_functions_are_left_out() -> None:
    tree = ast.parse("class A:\n class B:\n  def f(self): ...\ndef g():\n def inner(): ...\n")
    assert [name for name, _ in definitions(tree)] == ["A", "A.B", "A.B.f", "g"]


@pytest.mark.parametrize(
    ("written", "bare"),
    [
        ("self", ""),
        ("self, a: int = 1, *, b: str", "a=1, *, b"),
        ("cls, *args, **kwargs", "*args, **kwargs"),
        ("selfish, b", "selfish, b"),
        ("a, /, b={'self': 1}", "a, /, b={'self': 1}"),
    ],
)
def test_arguments_are_as_written_without_annotations_and_self(written: str, bare: str) -> None:
    definition = ast.parse(f"def f({written}): ...").body[0]
    assert isinstance(definition, ast.FunctionDef)
    assert arguments(definition) == bare


def test_an_outline_holds_every_docstring_and_no_code() -> None:
    tree = ast.parse(
        '"""Top."""\nclass A:\n    """One."""\n    def f(self, x):\n        """Two."""\n        return x\n'
    )
    assert outline(tree) == 'Top.\nclass A:\n    """One."""\n\ndef f(x):\n    """Two."""'
    assert outline(ast.parse("x = 1")) == ""

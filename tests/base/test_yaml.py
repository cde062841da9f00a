from __future__ import annotations

import math

import pytest

from whet.base.errors import ConfigError
from whet.base.yaml import dump_value, parse, parse_value


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-4", 1e-4), ("1.5E3", 1500.0), ("5.", 5.0), (".5", 0.5), ("-2", -2), ("yes", "yes"), ("off", "off"),
     ("true", True), (".inf", math.inf), ("12e", "12e"), ("1_000", 1000), ("[1, a]", [1, "a"]), ("null", None)],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text, value):
    assert parse_value(text) == value


def test_every_key_knows_its_line():
    data, lines = parse("a: 1\nb:\n  - x\n  - c: 2\n", "f.yaml")
    assert data == {"a": 1, "b": ["x", {"c": 2}]}
    assert (lines["a",], lines["b", 1, "c"]) == (1, 4)


@pytest.mark.parametrize("text", ["a: [1,\nb: 2", "a: 1\na: 2", "a:\n\t- b"])
def test_broken_yaml_names_its_line(text):
    with pytest.raises(ConfigError) as error:
        parse(text, "f.yaml")
    assert error.value.at.startswith("f.yaml:")


@pytest.mark.parametrize(
    "value", [1e-4, "1e-4", "true", None, [1, "a: b"], {"k": [1.5]}, "line\nbreak", "", 10**20, 1e22]
)
def test_a_dumped_value_reads_back_equal(value):
    assert parse_value(dump_value(value)) == value


@pytest.mark.case("D8")
@pytest.mark.parametrize(
    ("text", "value"),
    [("2024-01-01", "2024-01-01"), ("12:30", "12:30"), ("1:2:3", "1:2:3"), ("017", 17), ("0o17", 15), ("0x1f", 31),
     ("=", "="), ("0b11", "0b11"), ("#5", "#5"), ("-7", -7), ("+7", 7)],
)  # fmt: skip
def test_what_yaml_1_1_would_read_as_something_else_is_what_it_looks_like(text, value):
    read = parse_value(text)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    ["a: &a [*a]", "[" * 500, "- " * 100_000, "x: " + "9" * 5000, "a\0b", "? [1]\n: 2", "!!int x", "!!timestamp x",
     "!!python/name:os.x",
     "a: &a [1, 1, 1, 1]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b]\n"
     "d: &d [*c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d]\nf: [*e, *e, *e, *e, *e, *e]"],
)  # fmt: skip
def test_a_document_that_attacks_is_refused_with_a_hint(text):
    with pytest.raises(ConfigError) as error:
        parse(text, "f.yaml")
    assert error.value.hint and error.value.at


@pytest.mark.case("D8")
@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [("a: &b {x: 1}\nc:\n  <<: *b\n", 3, "write them out"), ("a: 1\nb: 2\na: 3", 3, "keep one `a`"),
     ("{<<: {lr: 1}}", 1, "write them out")],
)  # fmt: skip
def test_what_a_mapping_may_not_have_says_what_to_write(text, line, hint):
    with pytest.raises(ConfigError) as error:
        parse(text, "f.yaml")
    assert (error.value.at, error.value.hint) == (f"f.yaml:{line}", hint)

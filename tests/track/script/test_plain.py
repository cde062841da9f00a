"""plain: every value becomes standard JSON, and what JSON can say is not changed."""

import json
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from whet.track.script.plain import plain, to_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON)
def test_json_values_are_not_changed(value):
    assert json.loads(to_json(value)) == value


def test_numbers_that_json_lacks_become_strings():
    def refuse(constant):
        raise AssertionError(constant)

    text = to_json([float("nan"), {"a": float("inf")}, (-float("inf"),)])
    assert json.loads(text, parse_constant=refuse) == ["NaN", {"a": "Infinity"}, ["-Infinity"]]


def test_arrays_mappings_and_strange_objects_are_said():
    @dataclass
    class Odd:
        number: int = 3

    value = {1: np.float32(0.5), "a": np.arange(2), "m": MappingProxyType({"x": {2}}), "o": Odd()}
    assert plain(value) == {"1": 0.5, "a": [0, 1], "m": {"x": [2]}, "o": str(Odd())}

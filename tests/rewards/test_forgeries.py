"""Code that does not do what is asked and would pass for code that does: none of it scores, and honest code does."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rewards.programs import FORGED, FORMS, HONEST, PAIRS, PROGRAMS, SETUP, TREES
from whet.rewards.sandbox.running import Limits, Sandbox, protections

pytestmark = [
    pytest.mark.case("B2"),
    pytest.mark.skipif(set(protections()) < {"no-network", "no-writes"}, reason="this machine cannot shut in code"),
]


@pytest.fixture(scope="module")
def sandbox():
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


def failed(sandbox, code, form, timeout_s=1.0, **job):
    entry = {"entry_point": "add"} if form == "check" else {}
    job = {"code": code, "setup": SETUP, "tests": FORMS[form], **entry, **job}
    return sandbox.run(job, Limits(timeout_s=timeout_s)).tests


@pytest.mark.parametrize("name", FORGED)
def test_no_forgery_scores(sandbox, name):
    assert None not in failed(sandbox, FORGED[name], "equal")


@settings(max_examples=25)
@given(name=st.sampled_from(sorted(set(FORGED) - {"endless", "sleeps", "much"})), form=st.sampled_from(sorted(FORMS)))
def test_no_forgery_scores_in_any_form_of_test(sandbox, name, form):
    assert None not in failed(sandbox, FORGED[name], form), (name, form)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_every_forgery_fails_in_every_form_of_test(sandbox, form):
    passed = {name for name, code in FORGED.items() if None in failed(sandbox, code, form)}
    assert passed == set()


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_forged_program_scores(sandbox, name):
    cases = [{"input": "1 2", "output": "3"}, {"input": "-5 2", "output": "-3"}]
    job = {"code": PROGRAMS[name], "setup": "", "cases": cases}
    assert None not in sandbox.run(job, Limits(timeout_s=5.0)).tests


@settings(max_examples=25)
@given(name=st.sampled_from(sorted(HONEST)), form=st.sampled_from(sorted(FORMS)))
def test_honest_code_of_any_form_scores_in_any_form_of_test(sandbox, name, form):
    assert set(failed(sandbox, HONEST[name], form, timeout_s=20.0)) == {None}, (name, form)


@pytest.mark.parametrize("name", HONEST)
def test_honest_code_of_any_form_scores(sandbox, name):
    assert set(failed(sandbox, HONEST[name], "equal", timeout_s=20.0)) == {None}


def test_code_after_a_setup_begins_a_file_of_its_own(sandbox):
    """As a program too, and without what the sandbox's own files import from the future."""
    code = "from __future__ import generator_stop\ndef add(a: int, b: int):\n"
    code += "    return a + b if add.__annotations__['a'] is int else 0\n"
    asked = ["assert add(1, 2) == 3"]
    assert sandbox.run({"code": code, "setup": SETUP, "tests": asked}, Limits(timeout_s=20.0)).tests == (None,)
    cases = [{"input": "", "output": "3"}]
    job = {"code": f"{code}print(add(1, 2))", "setup": SETUP, "cases": cases}
    assert sandbox.run(job, Limits(timeout_s=20.0)).tests == (None,)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4) | st.binary(max_size=4)
    | st.fractions() | st.decimals(allow_nan=False) | st.dates() | st.datetimes()
    | st.complex_numbers(allow_nan=False, allow_infinity=False),  # `infj` is no Python
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner)
    | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    | st.sets(st.integers(), max_size=3) | st.frozensets(st.text(max_size=2), max_size=2),
    max_leaves=12,
)  # fmt: skip
IMPORTS = "inf = float('inf')\nimport datetime\nfrom decimal import Decimal\nfrom fractions import Fraction\n"


def test_an_object_of_a_class_of_the_tests_has_the_methods_of_the_tests(sandbox):
    job = {"setup": SETUP, "tests": ["assert boxed(3).holds(3)", "assert boxed(4).holds(4) and boxed(4).v == 4"]}
    honest = {**job, "code": "def boxed(v): return Box(v)"}
    assert set(sandbox.run(honest, Limits(timeout_s=20.0)).tests) == {None}
    for code in (
        "def boxed(v):\n    box = Box(0)\n    box.holds = lambda o: True\n    return box",
        "class Box:\n    holds = lambda s, o: True\ndef boxed(v): return Box()",
        "Box.holds = lambda s, o: True\ndef boxed(v): return Box(0)",
        "class More(Box):\n    holds = lambda s, o: s.v == 0\ndef boxed(v): return More(-1)",
    ):
        assert None not in sandbox.run({**job, "code": code}, Limits(timeout_s=20.0)).tests, code


@settings(max_examples=15)
@given(values=st.lists(st.tuples(plain, plain), min_size=1, max_size=8))
def test_values_are_compared_as_python_compares_them(sandbox, values):
    """What the function gives back is what it was given, and equality is that of this process."""
    tests = [
        f"{IMPORTS}assert (echo({a!r}) == {b!r}) is {a == b} and type(echo({a!r})) is type({a!r})" for a, b in values
    ]
    job = {"code": "def echo(x): return x", "setup": "", "tests": tests}
    assert set(sandbox.run(job, Limits(timeout_s=20.0)).tests) == {None}


@pytest.mark.parametrize("name", PAIRS)
def test_honest_code_passes_its_tests_and_no_others(sandbox, name):
    code, right, wrong = PAIRS[name]
    job = {"code": code, "setup": TREES, "tests": [*right, *wrong]}
    tests = sandbox.run(job, Limits(timeout_s=30.0)).tests
    assert dict(zip(right, tests, strict=False)) == dict.fromkeys(right)
    assert None not in tests[len(right) :], tests[len(right) :]


@pytest.mark.filterwarnings("ignore:coroutine")
def test_every_pair_agrees_with_python_itself():
    """The oracle: in one process, as Python runs them, the right tests pass and the wrong ones do not."""
    for name, (code, right, wrong) in PAIRS.items():
        for test in [*right, *wrong]:
            text = f"{TREES}\n{code}\n{test}"
            space = {"__name__": "__oracle__"}
            passes = True
            try:
                with _kept_input():
                    exec(compile(text, name, "exec"), space)
            except Exception:
                passes = False
            assert passes == (test in right), (name, test)


def _kept_input():
    import contextlib
    import sys

    @contextlib.contextmanager
    def kept():
        stdin = sys.stdin
        try:
            yield
        finally:
            sys.stdin = stdin

    return kept()


@pytest.mark.case("A6")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tests": ["assert add(1, 2) =="]}, "no Python: SyntaxError"),
        ({"tests": ["assert\0"]}, "no Python"),
        ({"setup": "import no_such_module"}, "fails by itself: ModuleNotFoundError"),
        ({"setup": "def (:"}, "fails by itself: SyntaxError"),
    ],
)
def test_tests_that_cannot_run_are_the_row_s_failure_and_not_the_code_s(sandbox, change, said):
    job = {"code": textwrap.dedent(HONEST["function"]), "setup": "", "tests": ["assert add(1, 2) == 3"]}
    with pytest.raises(ValueError, match=said):
        sandbox.run({**job, **change}, Limits())

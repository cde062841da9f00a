"""Every model type of the installed transformers that can be made small, in every column of the table of the docs.

`make test-architectures` runs all of them and writes the table; one type:
`pytest tests/architectures -m architecture -k qwen3_next`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architectures.columns import measure
from tests.architectures.page import PAGE, page
from tests.architectures.small import all_types
from tests.architectures.sweep import RESULTS, Sweep, store
from whet.base.documents import read_object

# What a column may never begin with: nothing wrong in silence, no traceback, and a way out of every refusal.
FAULTS = ("wrong", "traceback", "no hint")
QUICK = [("causal", "gpt2")]
LATER = [
    pytest.param(case, marks=pytest.mark.slow)
    for case in (("masked", "electra"), ("seq2seq", "bart"), ("token", "mistral"))
]


@pytest.fixture(scope="session")
def sweep(request: pytest.FixtureRequest) -> Iterator[Sweep]:
    """The types that were asked for, measured in the background; a whole sweep is stored and its page written."""
    asked = [item.callspec.params["case"] for item in request.session.items if "sweep" in item.fixturenames]  # type: ignore[attr-defined]
    found = Sweep(asked, Path(request.config.cache.mkdir("architectures")))  # type: ignore[union-attr]
    yield found
    found.close()
    if (results := found.whole()) is not None:
        store(results)
        PAGE.write_text(page(read_object(RESULTS)), encoding="utf-8")


def faults(columns: dict[str, str]) -> dict[str, str]:
    return {name: said for name, said in columns.items() if said.startswith(FAULTS)}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every type, looked up in transformers only where the sweep was asked for: that alone takes seconds."""
    if "sweep" in metafunc.fixturenames:
        is_asked = "not architecture" not in metafunc.config.getoption("markexpr")
        metafunc.parametrize("case", list(all_types()) if is_asked else [], ids="-".join)


@pytest.mark.architecture
def test_nothing_is_wrong_in_silence(sweep, case, record_property):
    columns = sweep.result(case)
    if "made" in columns:
        pytest.skip(columns["made"])
    record_property("printed", "; ".join(f"{name}: {said}" for name, said in columns.items()))
    assert not faults(columns)


@pytest.mark.parametrize("case", [*QUICK, *LATER], ids="-".join)
def test_a_few_quick_ones_do_everything(case, tmp_path):
    columns = measure(*case, tmp_path)
    assert set(columns.values()) == {"yes"}, columns


def test_the_page_is_that_of_the_last_sweep():
    assert PAGE.read_text(encoding="utf-8") == page(read_object(RESULTS)), "run: python -m tests.architectures.page"

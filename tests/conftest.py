"""What every test stands on: no network, capped threads, the shared data, and a time budget a room."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import re
import shutil
import sys
import tempfile

# What is imported and collected stays: looking through it for garbage is a twentieth of the suite's time.
gc.disable()
# Before anything imports torch or tokenizers: two workers of one thread each fill two cores.
for _threads in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")
# torch's checkpoints log hundreds of lines a save, which pytest would keep for a test that fails.
logging.getLogger("c10d-NullHandler-dcp_logger").disabled = True
os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", WANDB_MODE="offline")
# What tests start writes as a user's programs do: what is printed waits in a buffer.
os.environ.pop("PYTHONUNBUFFERED", None)
# No test pulls the plug, and what a killed process has written stays: nobody waits for the disk.
os.fsync = lambda fd: None

# One cache for the whole session, and none of the user's: what one test has rendered or rehearsed, the others find.
if "WHET_CACHE" not in os.environ:
    os.environ["WHET_CACHE"] = tempfile.mkdtemp(prefix="whet-cache-")  # workers inherit it
    atexit.register(shutil.rmtree, os.environ["WHET_CACHE"], ignore_errors=True)

# Nor is any secret of the user's read, or a key left beside them.
os.environ.setdefault("WHET_KEYRING", os.path.join(os.environ["WHET_CACHE"], "keyring.toml"))

from collections import defaultdict  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from contextlib import suppress  # noqa: E402
from importlib import import_module  # noqa: E402
from pathlib import Path  # noqa: E402

import pytest  # noqa: E402

from tests.ceiling import CEILING_S, Ceiling  # noqa: E402
from tests.named import Named  # noqa: E402

REPOSITORY = Path(__file__).resolve().parent.parent

# Seconds of processor that a room's fast tests may take together, child processes included, on two cores that nobody
# else uses: a little more than they did. `make test` takes half of the sum, 40 s to collect, and what tests wait for.
DEFAULT_BUDGET_S = 10.0
BUDGETS_S = {
    "train": 330.0,
    "models": 155.0,
    "parallel": 130.0,
    "optim": 85.0,
    "track": 80.0,
    "docs": 60.0,
    "server": 85.0,
    "export": 55.0,
    "generate": 45.0,
    "rewards": 40.0,
    "cli": 40.0,
    "data": 35.0,
    "objectives": 25.0,
    "fuzz": 20.0,
    "plan": 20.0,
    "house": 12.0,
}
_BEGAN, _PROCESSOR, _CASE = pytest.StashKey[float](), "processor", "case"

try:
    from hypothesis import HealthCheck, settings
except ImportError:  # a GPU machine may hold torch and pytest alone
    pass
else:
    # The same examples everywhere, and no deadline: tests do not assert times.
    slow = [HealthCheck.too_slow]  # how fast a machine draws says nothing of the law
    settings.register_profile("whet", deadline=None, derandomize=True, max_examples=50, suppress_health_check=slow)
    settings.load_profile("whet")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the repository (or WHET_TEST_DATA); the test skips where it is missing."""
    folder = Path(os.environ.get("WHET_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no test data at {folder}; set WHET_TEST_DATA to a folder that has it")
    return folder


@pytest.fixture(autouse=True)
def _plugins_end_with_their_test() -> Iterator[None]:
    """Kinds of plugins stay registered as long as the process lives, which other tests share."""
    yield
    from whet.base.catalogue import SLOTS

    for slot in SLOTS.values():
        for name in [n for n, kind in slot._kinds.items() if not kind.build.__module__.startswith("whet.")]:
            del slot._kinds[name]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz", default="small", help="how much fuzzers try: small, full, or a number of tries")
    parser.addoption(
        "--ceiling", type=float, default=CEILING_S, help="seconds after which a test fails as one that hangs"
    )


@pytest.hookimpl(trylast=True)  # once there is somebody who prints
def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Ceiling())
    if (terminal := config.pluginmanager.get_plugin("terminalreporter")) is not None:  # not in a worker
        config.pluginmanager.register(Named(terminal))


def pytest_collection(session: pytest.Session) -> None:
    """Each worker begins with a part of the files of its own.

    pytest writes the asserts of a file anew where no other worker has done so before, which takes it 10 s of processor
    for all of them. What is wrong with a file is said when it is collected.
    """
    if (number := os.environ.get("PYTEST_XDIST_WORKER")) is None:
        return
    places = [Path(one.partition("::")[0]).resolve() for one in session.config.args]
    files = sorted({file for place in places for file in (place.rglob("test_*.py") if place.is_dir() else [place])})
    first = len(files) * int(number.removeprefix("gw")) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    for file in files[first:] + files[:first]:
        with suppress(Exception, pytest.skip.Exception, pytest.fail.Exception):
            import_module(".".join(file.relative_to(REPOSITORY).with_suffix("").parts))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Rooms that take longest come first, so that workers end together."""
    items.sort(key=lambda item: -BUDGETS_S.get(_room(item.nodeid), DEFAULT_BUDGET_S))


def pytest_collection_finish() -> None:
    """From here on garbage is collected again, of what tests make; and those fork who want a process that ran none."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()
    if "tests.nursery" in sys.modules:
        sys.modules["tests.nursery"].open_nursery()


@pytest.fixture
def tries(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """`tries(small, full)`: how often a fuzzer tries, by `--fuzz`; the seed is the fuzzer's own and fixed."""
    asked = request.config.getoption("--fuzz")
    return lambda small, full: {"small": small, "full": full}.get(asked) or int(asked)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    item.stash[_BEGAN] = _processor_s()
    yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Tell the seconds of processor that a test took, fixtures included, in its last report."""
    if call.when == "teardown":
        item.user_properties.append((_PROCESSOR, _processor_s() - item.stash[_BEGAN]))
        item.user_properties += [(_CASE, name) for mark in item.iter_markers("case") for name in mark.args]
    yield


def _processor_s() -> float:
    """Of this process, and of its children that have ended, those of the nursery among them."""
    times, nursery = os.times(), sys.modules.get("tests.nursery")
    of_nursery = nursery.spent_s() if nursery else 0.0
    return times.user + times.system + times.children_user + times.children_system + of_nursery


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests recorded under `printed`, and each room's seconds beside its budget."""
    reports = [r for group in terminalreporter.stats.values() for r in group if isinstance(r, pytest.TestReport)]
    for report in reports:
        for name, text in report.user_properties if report.when == "call" else ():
            if name == "printed":
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {text}")
    if terminalreporter.config.getoption("markexpr") == "case":
        _print_cases(terminalreporter, reports)
    _print_budgets(terminalreporter, reports)


def _print_cases(reporter: pytest.TerminalReporter, reports: list[pytest.TestReport]) -> None:
    """For each case of `tests/cases.md` how many tests stand for it, and which of them failed."""
    cases: dict[str, set[str]] = defaultdict(set)
    for report in reports:
        for case in [text for name, text in report.user_properties if name == _CASE]:
            cases[case].add(report.nodeid)
    failed = {report.nodeid for report in reports if report.failed}
    skipped = {report.nodeid for report in reports if report.skipped}
    reporter.section("cases", sep="-")
    for case in sorted(cases, key=lambda name: (name.rstrip("0123456789"), int(re.sub(r"\D", "", name) or 0))):
        tests = cases[case]
        told = f"FAILED {', '.join(sorted(tests & failed))}" if tests & failed else "passed"
        beside = f", {len(tests & skipped)} skipped" if tests & skipped else ""
        reporter.write_line(f"{case:<5} {len(tests):>3} tests{beside}  {told}")


def _print_budgets(reporter: pytest.TerminalReporter, reports: list[pytest.TestReport]) -> None:
    """Of each room the tests, their seconds of processor, and how long they took; slow ones have no budget."""
    used: dict[str, float] = defaultdict(float)
    slow: dict[str, float] = defaultdict(float)
    elapsed: dict[str, float] = defaultdict(float)
    tests: dict[str, set[str]] = defaultdict(set)
    for report in reports:
        room = _room(report.nodeid)
        elapsed[room] += report.duration
        tests[room].add(report.nodeid)
        if report.when == "teardown":
            (slow if "slow" in report.keywords else used)[room] += dict(report.user_properties).get(_PROCESSOR, 0.0)
    reporter.section("seconds of processor a room, child processes included", sep="-")
    for room in sorted(tests, key=used.__getitem__, reverse=True):
        budget = BUDGETS_S.get(room, DEFAULT_BUDGET_S)
        took = f"{used[room]:>8.1f} s of {budget:>3.0f} s, in {elapsed[room]:.1f} s"
        more = f", slow ones {slow[room]:.1f} s" if slow[room] else ""
        flag = "  OVER BUDGET" if used[room] > budget else ""
        reporter.write_line(f"{room:<12} {len(tests[room]):>5} tests {took}{more}{flag}")


def _room(nodeid: str) -> str:
    """`tests/data/order/test_pack.py::test_x` belongs to `data`; a file straight under tests/ to `house`."""
    parts = nodeid.split("::")[0].split("/")
    return parts[1] if len(parts) > 2 else "house"

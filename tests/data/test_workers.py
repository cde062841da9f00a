"""Worker processes: results in order, errors as here, no trace left."""

import math
import os
import subprocess
import sys

import pytest

from whet.base.errors import DataError, RunError
from whet.data.workers import apply_in_order


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_results_come_in_the_order_of_the_items(workers):
    assert list(apply_in_order(math.sqrt, (i * i for i in range(8)), workers)) == list(range(8))


def test_items_and_results_larger_than_a_pipe_pass():
    blocks = [bytes([i]) * 1_000_000 for i in range(5)]
    assert list(apply_in_order(bytes.swapcase, blocks, 2)) == [b.swapcase() for b in blocks]


def test_what_the_function_raises_is_raised_here_whole():
    with pytest.raises(ValueError, match="math domain error"):
        list(apply_in_order(math.sqrt, [1, -1], 1))
    with pytest.raises(DataError) as error:
        list(apply_in_order(raise_data_error, ["row"], 1))
    assert (error.value.message, error.value.at, error.value.hint) == ("bad", "row", "mend it")


def raise_data_error(at):
    raise DataError("bad", at=at, hint="mend it")


def test_a_process_that_dies_is_an_error_with_a_way_out():
    with pytest.raises(RunError, match="died with exit code 3") as error:
        list(apply_in_order(os._exit, [3], 1))
    assert "data.workers=0" in error.value.hint


def test_what_a_function_prints_does_not_disturb(capfd):
    assert list(apply_in_order(print, ["hello"], 1)) == [None]
    assert "hello" in capfd.readouterr().err


UNGUARDED = """
import math
from whet.data.workers import apply_in_order
print(list(apply_in_order(math.sqrt, [4.0, 9.0], 2)))
"""


def test_a_script_without_a_main_guard_works(tmp_path):
    (tmp_path / "script.py").write_text(UNGUARDED)
    done = subprocess.run(
        [sys.executable, tmp_path / "script.py"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "[2.0, 3.0]\n", done.stderr


def test_processes_end_with_the_iterator():
    results = apply_in_order(pid, range(100), 2)
    workers = {next(results), next(results)}
    results.close()
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


def pid(_):
    return os.getpid()


def test_rendering_in_a_process_imports_no_torch():
    names = list(apply_in_order(imported, ["whet.data.store.token_store"], 1))[0]
    assert "whet.data.store.token_store" in names and "torch" not in names


def imported(name):
    __import__(name)
    return set(sys.modules)

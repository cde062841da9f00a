"""Scripts for other trackers with nothing but the import changed; test_scripts.py runs ten of each."""

import runpy
from pathlib import Path

import pytest

from whet.track.reading.catalogue import runs
from whet.track.reading.store import history

SCRIPTS = Path(__file__).parents[1] / "script" / "scripts"


def _row(name: str):
    mark = pytest.mark.integration(f"{name} (import changed)", packages=(), through=f"import whet.track as {name}")
    return pytest.param(name, marks=mark)


@pytest.mark.parametrize("library", [_row("wandb"), _row("swanlab")])
def test_first_steps_with_the_import_changed(root, library):
    script = SCRIPTS / library / "quickstart.py"
    assert script.read_text(encoding="utf-8").count(f"import whet.track as {library}") == 1
    told = runpy.run_path(str(script), run_name="__main__")
    (run,) = runs(root)
    logs = history(run.folder)
    assert run.status == "done" and logs.scalar("loss")[1][-1] == told["loss"]
    assert len(logs.scalar("acc")[0]) == 8


def test_no_file_of_the_package_takes_the_name_of_a_function():
    import whet.track

    folder = Path(whet.track.__file__).parent
    files = {path.stem for path in folder.iterdir()}
    assert files & set(whet.track.__all__) <= {"plot"}  # which is a module for its users too

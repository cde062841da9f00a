"""Run each script of some folders in this one process, each with a root of runs of its own, ROOT/<folder>/<script>."""

import json
import os
import runpy
import traceback
from pathlib import Path

import whet.track

HERE = Path(__file__).resolve().parent


def run_all(root: Path, *folders: str) -> None:
    """Writes ROOT/went.json: by `<folder>/<script>` nothing, or how the script failed."""
    went = {}
    for folder in folders:
        for script in sorted((HERE / folder).glob("*.py")):
            name = f"{folder}/{script.stem}"
            os.environ["WHET_RUNS"] = str(root / name)
            try:
                runpy.run_path(str(script), run_name="__main__")
                went[name] = "" if whet.track.run is None else "left its run open"
            except BaseException:
                went[name] = traceback.format_exc()
            whet.track.finish()
    (root / "went.json").write_text(json.dumps(went))

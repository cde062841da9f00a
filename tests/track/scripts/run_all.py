"""Run each script of the folders that are named, in this one process, and print how each went as JSON.

    python tests/track/scripts/run_all.py ROOT_OF_RUNS wandb swanlab

Each script has a root of its own, ROOT/<folder>/<script>.
"""

import json
import os
import runpy
import sys
import traceback
from pathlib import Path

import whet.track

HERE = Path(__file__).resolve().parent
root, *folders = sys.argv[1:]
went = {}
for folder in folders:
    for script in sorted((HERE / folder).glob("*.py")):
        name = f"{folder}/{script.stem}"
        os.environ["WHET_RUNS"] = str(Path(root, name))
        try:
            runpy.run_path(str(script), run_name="__main__")
            went[name] = "" if whet.track.run is None else "left its run open"
        except BaseException:
            went[name] = traceback.format_exc()
        whet.track.finish()
print(json.dumps(went))

"""What rules find in runs that were made to fail, and what they say of healthy ones: hits, misses, false alarms.

    python benchmarks/dated.py diagnosis -- python benchmarks/track/diagnosis.py
    python benchmarks/dated.py diagnosis -- python benchmarks/track/diagnosis.py --further

Seconds are of processor time: to make the run, and to ask all rules of it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ["WHET_RECORD"] = "never"

from tests.probed import probed
from tests.track.diagnosis.failing import FAILING
from tests.track.diagnosis.healthy import FURTHER, HEALTHY
from whet.track.diagnosis.diagnose import diagnose, what
from whet.track.diagnosis.finding import Finding
from whet.track.diagnosis.recorded_run import RecordedRun


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--further", action="store_true", help="the healthy runs of the slow tests too")
    healthy = {**HEALTHY, **(FURTHER if parser.parse_args().further else {})}
    with probed(), tempfile.TemporaryDirectory() as place:
        diagnose(RecordedRun(Path(place)))  # imports are no part of what is measured
        misses, beside = _failing(Path(place))
        alarms = _healthy(Path(place), healthy)
    print(
        f"\n{len(FAILING) - misses} of {len(FAILING)} faults found, {beside} findings beside them; "
        f"{alarms} false alarms in {len(healthy)} healthy runs"
    )
    return int(bool(misses or alarms))


def _failing(place: Path) -> tuple[int, int]:
    """Asks of each fault; returns misses, and findings of rules that were not meant and are not expected beside it."""
    misses = beside = 0
    print(f"{'fault':<22}{'rule':<18}{'':<6}{'made s':>7}{'asked s':>9}  what was said")
    for number, (name, case) in enumerate(FAILING.items()):
        found, made_s, asked_s = _asked(place / f"failing-{number}", case.make)
        hits = [one for one in found if one.what.id == case.message]
        others = [one for one in found if one.kind not in (case.kind, *case.others)]
        misses, beside = misses + (not hits), beside + len(others)
        said = what((hits or found)[0]) if found else ""
        print(
            f"{name:<22}{case.kind:<18}{'hit' if hits else 'MISS':<6}{made_s:>7.2f}{asked_s:>9.3f}  {said}", flush=True
        )
    return misses, beside


def _healthy(place: Path, healthy: dict[str, Callable[[Path], Path]]) -> int:
    """Asks of each run in which nothing is wrong; returns how many are said something of."""
    alarms = 0
    print(f"\n{'healthy run':<34}{'':<8}{'made s':>7}{'asked s':>9}")
    for number, (name, make) in enumerate(healthy.items()):
        found, made_s, asked_s = _asked(place / f"healthy-{number}", make)
        alarms += bool(found)
        said = "; ".join(what(one) for one in found)
        print(
            f"{name:<34}{'FALSE' if found else 'silent':<8}{made_s:>7.2f}{asked_s:>9.3f}  {said}".rstrip(), flush=True
        )
    return alarms


def _asked(folder: Path, make: Callable[[Path], Path]) -> tuple[list[Finding], float, float]:
    """What is found in a run, and the processor seconds that it took to make it and to ask."""
    folder.mkdir()
    began = time.process_time()
    path = make(folder)
    made = time.process_time()
    found = diagnose(RecordedRun(path))
    return found, made - began, time.process_time() - made


if __name__ == "__main__":
    sys.exit(main())

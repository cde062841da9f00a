"""What Prometheus scrapes: last values of runs that run, in the grammar of its text format."""

import math
import re
from pathlib import Path

import whet.track as track
from tests.server.world import serving

LINE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\} (\S+)')
LABEL = re.compile(r'(\w+)="((?:[^"\\\n]|\\[\\"n])*)"')


def parsed(text: str) -> dict[tuple[str, ...], float]:
    """Samples by name and labels, by the grammar of the exposition format (prometheus.io, `exposition_formats`)."""
    found = {}
    for line in text.split("\n"):
        if not line or line.startswith("# "):
            continue
        match = LINE.fullmatch(line)
        assert match, line
        unescaped = {
            key: re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), value)
            for key, value in LABEL.findall(match[2])
        }
        found[(match[1], *unescaped.values())] = float(match[3].replace("Inf", "inf"))
    return found


def test_last_values_of_live_runs_alone(tmp_path: Path):
    odd = 'a "b"\\c\nd\r{}=,'
    live = track.init(project='p"\n', name="live", dir=tmp_path, reinit="create_new")
    for step in range(5):
        live.log({"loss": 1.0 / (step + 1), odd: math.nan, "up": math.inf, "down": -math.inf}, step=step)
    with track.init(name="over", dir=tmp_path, reinit="create_new") as over:
        over.log({"loss": 9.0})
    with serving(tmp_path) as server:
        answer = server.ask("GET", "/metrics")
        live.finish()
        later = parsed(server.ask("GET", "/metrics").body.decode())
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = parsed(answer.body.decode())
    project = 'p"\n'
    assert found[("whet_metric", "live", project, "loss")] == 0.2
    assert math.isnan(found[("whet_metric", "live", project, odd.replace("\r", "?"))])
    assert found[("whet_metric", "live", project, "up")] == math.inf
    assert found[("whet_metric", "live", project, "down")] == -math.inf
    assert found[("whet_step", "live", project)] == 4
    assert found[("whet_runs", "running")] == 1 and found[("whet_runs", "done")] == 1
    assert not any("over" in key for key in found)
    assert later[("whet_runs", "done")] == 2 and not any(key[0] == "whet_metric" for key in later)


def test_a_live_run_of_an_odd_name_hides_no_other(tmp_path: Path):
    live = [track.init(name=name, dir=tmp_path, reinit="create_new") for name in ("good", "odd")]
    for run in live:
        run.log({"loss": 1.0}, step=1)
    (tmp_path / "odd").rename(tmp_path / "-odd")
    with serving(tmp_path) as server:
        found = server.ask("GET", "/metrics")
    (tmp_path / "-odd").rename(tmp_path / "odd")
    for run in live:
        run.finish()
    assert found.status == 200 and parsed(found.body.decode())[("whet_metric", "good", "", "loss")] == 1.0

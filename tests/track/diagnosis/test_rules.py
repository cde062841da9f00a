"""Runs that were made to fail are told why, and runs in which nothing is wrong are told nothing."""

from __future__ import annotations

import json
import re
import string
from pathlib import Path
from urllib.parse import parse_qsl, unquote

import pytest

from tests.sweeps import some
from tests.track.diagnosis.failing import FAILING
from tests.track.diagnosis.healthy import FURTHER, HEALTHY
from whet.base.catalogue import diagnosis
from whet.track.diagnosis.diagnose import diagnose, finding_dict
from whet.track.diagnosis.finding import Finding
from whet.track.diagnosis.page import page
from whet.track.diagnosis.recorded_run import RecordedRun
from whet.track.diagnosis.texts import FIGURES, LANGUAGES, TEXTS
from whet.track.script.plain import to_json

# What takes seconds and is told of by a quicker one as well.
LATER = ("spike of the rate", "diverging", "rate changed", "nothing learned", "end untrained", "weights not finite")
LATER_HEALTHY = (
    "another seed", "LoRA", "Muon, layers watched", "warm-up and decay", "the demo's pre-training", "resumed twice",
    "preferences", "pre-training",
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    """The folder of a run that was made to fail, made once."""
    known: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in known:
            known[name] = FAILING[name].make(tmp_path_factory.mktemp("failing"))
        return known[name]

    return make


def names_in(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def found_in(path: Path, **settings) -> tuple[RecordedRun, list[Finding]]:
    run = RecordedRun(path)
    return run, diagnose(run, settings=settings)


WEB = Path(__file__).parents[3] / "web/src"
# Tabs of the run page that are no features, and the file in which each tab reads its address.
READ_IN = {"charts": "run/charts/view.ts", "overview": "run/overview/Overview.tsx"}


def leads_somewhere(link: str, run: str) -> bool:
    """Whether a link is a tab of the run page that reads every parameter that the link has."""
    tab, _, query = link.removeprefix(f"/runs/{run}/").partition("?")
    tabs = set(re.findall(r"id: '(\w+)'", (WEB / "run/tabs.ts").read_text()))
    if tab not in tabs | set(READ_IN):
        return False
    read = set(re.findall(r"address\.(\w+)", (WEB / READ_IN.get(tab, f"{tab}/route.tsx")).read_text()))
    return {name for name, _ in parse_qsl(query, strict_parsing=bool(query))} <= read


def shows_something(link: str, run: RecordedRun) -> bool:
    """Whether every curve that a link names has points, as the page asks for it: without saying of which writer."""
    named = dict(parse_qsl(link.partition("?")[2])).get("names", "")
    names = [unquote(name) for name in named.split(",") if name]
    return all(len(run.logs.curve(name, writer=run.logs.teller(name))) for name in names)


def test_a_link_to_nowhere_is_seen():
    assert leads_somewhere("/runs/a/samples?step=3", "a") and leads_somewhere("/runs/a/system", "a")
    assert not leads_somewhere("/runs/a/curves?names=loss", "a")
    assert not leads_somewhere("/runs/a/samples?place=3", "a")


@pytest.mark.parametrize("name", some(list(FAILING), [one for one in FAILING if one not in LATER]))
def test_a_fault_is_found_with_evidence_a_remedy_and_a_link(name: str, made):
    case = FAILING[name]
    run, found = found_in(made(name))
    assert case.message in [one.what.id for one in found if one.kind == case.kind]
    assert {one.kind for one in found} <= {case.kind, *case.others}, "something else is told as well"
    for one in found:
        assert one.figures and one.typed and one.view and one.first_step <= one.last_step
        told = json.loads(to_json(finding_dict(run.name, one)))
        assert leads_somewhere(told["link"], run.name) and shows_something(told["link"], run), told["link"]
        for text in (*told["what"]["text"].values(), *told["remedy"]["text"].values()):
            assert text and "{" not in text
    assert page(run.name, found) != page(run.name, found, "zh")


@pytest.mark.parametrize("name", some(list(HEALTHY), [one for one in HEALTHY if one not in LATER_HEALTHY]))
def test_nothing_is_found_where_nothing_is_wrong(name: str, tmp_path: Path):
    run, found = found_in(HEALTHY[name](tmp_path))
    assert found == [], page(run.name, found)


@pytest.mark.slow
def test_no_alarm_is_false_over_many_more_runs(tmp_path: Path, record_property):
    alarms = {}
    for name, make in FURTHER.items():
        (tmp_path / name).mkdir()
        if found := found_in(make(tmp_path / name))[1]:
            alarms[name] = [one.what.id for one in found]
    record_property("printed", f"{len(alarms)} false alarms in {len(FURTHER)} healthy runs")
    assert alarms == {}


def test_a_row_that_made_a_spike_is_named_with_its_share(made):
    [one] = found_in(made("spike of a row"))[1]
    assert (one.rows[0].row, one.rows[0].step) == (130, one.first_step)
    assert one.what.parameters["row"] == 130 and one.what.parameters["blame_share"] > 0.9
    assert max(row.loss for row in one.rows) == one.rows[0].loss


def test_rows_that_were_trained_and_measured_are_named(made):
    [one] = found_in(made("contamination"))[1]
    assert {(Path(row.source).name, row.row) for row in one.rows} == {("held.jsonl", 0), ("held.jsonl", 1)}
    assert one.what.parameters["count"] == 2 and one.what.parameters["total"] == 8
    assert "loss" not in "".join(line for line in page("x", [one]).splitlines() if "held.jsonl" in line)


def test_settings_of_a_rule_change_what_it_tells(made):
    path = made("data stall")
    assert found_in(path)[1] and found_in(path, **{"data-stall": {"share": 0.9}})[1] == []
    assert found_in(path, **{"data-stall": {"least_s": 1000.0}})[1] == []


def test_rules_that_go_over_all_rows_wait_for_the_end(made):
    run = RecordedRun(made("contamination"))
    assert diagnose(run, is_live=True) == [] and diagnose(run)


def test_every_text_is_there_in_both_languages_with_the_same_parameters():
    names = {
        key: {
            language: {name for _, name, _, _ in string.Formatter().parse(text) if name}
            for language, text in of.items()
        }
        for key, of in TEXTS.items()
    }
    assert all(tuple(of) == LANGUAGES for of in TEXTS.values())
    # Chinese may leave out what a reader knows, and puts in nothing else.
    assert [key for key, of in names.items() if not of["zh"] <= of["en"]] == []
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in text) for text in FIGURES.values() if text != "占比")


def test_a_rule_of_a_third_party_comes_by_the_same_door(made, tmp_path: Path):
    (tmp_path / "mine.py").write_text(THIRD)
    from whet.base.slots import load_plugin

    load_plugin(tmp_path / "mine.py")
    try:
        run, found = found_in(made("data stall"))
        assert [one.kind for one in found] == ["data-stall", "short"]
        assert "only 60 steps" in page(run.name, found)
        assert finding_dict(run.name, found[1])["what"]["text"]["zh"] == "only 60 steps"  # the language that it has
    finally:
        diagnosis._kinds.pop("short", None)


THIRD = '''
from whet.base.catalogue import diagnosis
from whet.track.diagnosis.finding import Figure, Finding, Message

TEXTS = {"short": {"en": "only {steps} steps"}, "short.remedy": {"en": "train longer"}}


@diagnosis("short", texts=TEXTS)
def short(run, *, least: int = 100):
    """The run is short.

    least: how many steps it should have
    """
    last = run.logs.last_step or 0
    if last < least:
        what, remedy = Message("short", {"steps": last}), Message("short.remedy")
        yield Finding("info", 0, last, what, remedy, f"train.steps={least}", "curves", [Figure("steps", last)])
'''

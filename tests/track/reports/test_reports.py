"""Reports: kept with their versions, frozen with what they show, and one file in which nothing else runs."""

import json
import re
import threading

import pytest

import whet.track as track
from whet.base.errors import RunError
from whet.cli.main import main
from whet.track.reports.blocks import Chart, Content, Picture, Table, Text
from whet.track.reports.frozen import frozen, of_root
from whet.track.reports.page import DATA, page
from whet.track.reports.store import FOLDER, Changed, Reports


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    with track.init(project="p", name="first", config={"lr": 0.1}, dir=folder) as run:
        for step in range(5000):
            run.log({"loss": 1000.0 if step == 4321 else 1.0 / (step + 1)}, step=step)
    return folder


CHART = Chart(title="loss", runs=["first", "gone"], metrics=["loss", "absent"])


class TestStore:
    def test_ids_come_from_titles_and_are_never_taken_twice(self, tmp_path):
        kept = Reports(tmp_path)
        assert [kept.make(Content(title="Two rates!")).id for _ in range(2)] == ["two-rates", "two-rates-2"]
        assert kept.make(Content(title="学习率")).id == "report"

    def test_a_new_report_has_no_past_of_a_removed_one(self, tmp_path):
        kept = Reports(tmp_path)
        kept.make(Content(title="a"), "ada")
        kept.remove("a")
        new = kept.make(Content(title="a"), "ben")
        assert [(one.id, one.author) for one in kept.versions(new.id)] == [("a-2", "ben")]
        assert [one.author for one in kept.versions("a")] == ["ada"]

    def test_who_read_an_older_version_loses_nobodys_work(self, tmp_path):
        kept = Reports(tmp_path)
        first = kept.make(Content(title="a"), "ada")
        kept.change(first.id, Content(title="b"), 1, "ben")
        with pytest.raises(Changed, match="by ben"):
            kept.change(first.id, Content(title="c"), 1, "ada")
        assert [(one.title, one.author) for one in kept.versions(first.id)] == [("a", "ada"), ("b", "ben")]

    def test_of_many_who_write_at_once_one_succeeds(self, tmp_path):
        kept = Reports(tmp_path)
        kept.make(Content(title="a"))
        outcomes = []

        def write(number):
            try:
                outcomes.append(Reports(tmp_path).change("a", Content(title=str(number)), 1).version)
            except Changed:
                outcomes.append(None)

        threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes, key=str) == [2] + [None] * 7

    @pytest.mark.parametrize("id", ["../x", "", "A", ".lock", "a/b", "a" * 100, "x\0"])
    def test_what_is_no_id(self, tmp_path, id):
        with pytest.raises(RunError, match="no id"):
            Reports(tmp_path).find(id)

    def test_damaged_files_are_left_out(self, tmp_path):
        kept = Reports(tmp_path)
        kept.make(Content(title="a"))
        (tmp_path / FOLDER / "bad.json").write_bytes(b"\xff{")
        (tmp_path / FOLDER / "worse.json").write_text("[" * 100_000)
        assert [one.id for one in kept.listed()] == ["a"]


class TestFrozen:
    def test_no_spike_is_lost_and_what_is_missing_is_said(self, root):
        report = Reports(root).make(Content(title="spike", blocks=[CHART]))
        series = frozen(report, of_root(root))["shown"][0]["series"]
        assert max(series[0]["high"]) == 1000.0 and len(series[0]["mean"]) <= 1100
        assert "no curve `absent`" in series[1]["missing"]
        assert "no run `gone`" in series[2]["missing"]

    def test_tables_and_pictures(self, root):
        (root / "first" / "media").mkdir(exist_ok=True)
        (root / "first" / "media" / "a.png").write_bytes(b"\x89PNG")
        (root / "secret.png").write_bytes(b"secret")
        blocks = [
            Table(runs=["first"], columns=["lr", "loss", "nothing"]),
            Picture(run="first", path="media/a.png"),
            Picture(run="first", path="../secret.png"),
            Picture(run="first", path="track/r0.a1.tlog"),
        ]
        shown = frozen(Reports(root).make(Content(title="t", blocks=blocks)), of_root(root))["shown"]
        assert shown[0]["rows"][0]["values"] == [0.1, 1.0 / 5000, None]
        assert shown[1]["source"].startswith("data:image/png;base64,")
        assert "missing" in shown[2] and "missing" in shown[3]


class TestPage:
    def test_texts_of_a_report_are_data_and_no_html(self, root):
        evil = "</script><script>alert(1)</script><!--\u2028"
        report = Reports(root).make(Content(title=evil, blocks=[Text(text=evil)]))
        text = page(frozen(report, of_root(root)), "draw('</script>')", "b{}")
        assert text.count("<script") == 2 and text.count("</script>") == 2 and "<!--" not in text
        data = re.search(rf'id="{DATA}">(.*?)</script>', text)[1]
        assert json.loads(data)["report"]["blocks"][0]["text"] == evil

    def test_it_asks_no_network(self, root):
        policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page(
            frozen(Reports(root).make(Content(title="x")), of_root(root)), "1", "b{}"
        ))[1]  # fmt: skip
        assert "default-src &#x27;none&#x27;" in policy and "unsafe" not in policy and "http" not in policy


def test_the_command(root, tmp_path, capsys):
    given = tmp_path / "report.json"
    given.write_text(json.dumps({"title": "By hand", "blocks": [{"kind": "text", "text": "hello"}]}))
    assert main(["reports", "add", str(given), "--root", str(tmp_path)]) == 0
    assert main(["reports", "show", "by-hand", "--root", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out.partition("\n")[2])["blocks"] == [{"kind": "text", "text": "hello"}]
    given.write_text('{"title": "x", "blocks": [{"kind": "chart", "runs": []}]}')
    assert main(["reports", "add", str(given), "--root", str(tmp_path)]) == 2
    assert "blocks.0.chart" in capsys.readouterr().err

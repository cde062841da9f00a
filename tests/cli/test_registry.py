"""`whet registry`: what is typed, and what stands on stdout."""

import json

import pytest

from tests.generate import tiny
from tests.track.registry.models import folder, result
from whet.cli.main import main
from whet.track.registry.registry import Registry


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    tiny.folder(root / "sft" / "model")
    (root / "sft" / "config.yaml").write_text("model: some/base\n")
    kept = root / "sft" / "evaluations" / "classification-1.json"
    kept.parent.mkdir()
    kept.write_text(json.dumps(result("classification", accuracy=0.75)))
    (root / "page.jsonl").write_text('{"text": "The quick brown fox."}\n{"text": "A lazy dog."}\n')
    assert main(["registry", "add", "sft", "--name", "chat", "--alias", "candidate", "--root", str(root)]) == 0
    return root


def registry(runs, *words):
    return main(["registry", *words, "--root", str(runs)])


def test_a_run_is_added_with_what_it_knows_of_itself(runs, capsys):
    assert registry(runs, "show", "chat/1", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["version"], found["alias"]) == ("chat", 1, ["candidate"])
    assert found["run"] == "sft" and found["base"] == "some/base" and found["classification/accuracy"] == 0.75
    assert "model.safetensors" in found["manifest"]["contents"]
    assert registry(runs, "show", "chat/1") == 0
    page = capsys.readouterr().out
    assert page.startswith("chat/1 @candidate\n") and "model.safetensors" in page and "0.75" in page


def test_what_is_done_with_files_is_said(runs, capsys, tmp_path):
    assert registry(runs, "add", str(folder(tmp_path / "m")), "--name", "other", "--licence", "mit") == 0
    said = capsys.readouterr()
    assert said.out == "registry:other/1\n" and "4 files" in said.err and "nothing was copied" in said.err


def test_versions_are_listed_by_a_filter(runs, capsys):
    assert registry(runs, "list", 'accuracy > 0.7 and alias == "candidate"', "--json") == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["chat"]
    assert registry(runs, "list", "accuracy > 0.8", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []
    assert registry(runs, "list", "acuracy > 0.8") == 2
    assert "did you mean `accuracy`" in capsys.readouterr().err
    assert registry(runs, "list") == 0
    assert capsys.readouterr().out.split()[:3] == ["NAME", "VERSION", "ALIASES"]


def test_a_promotion_that_misses_says_which_figure(runs, capsys):
    assert registry(runs, "promote", "chat@candidate", "--to", "prod", "--require", "accuracy >= 0.8") == 2
    assert "`accuracy >= 0.8`: accuracy is 0.75" in capsys.readouterr().err
    assert registry(runs, "promote", "chat@candidate", "--to", "prod", "--require", "accuracy >= 0.7") == 0
    assert capsys.readouterr().out == "registry:chat@prod is chat/1\n"
    assert registry(runs, "show", "chat") == 0
    assert "@prod means version 1, required: accuracy >= 0.7" in capsys.readouterr().out


def test_a_version_is_measured_and_the_result_kept_with_it(runs, capsys):
    words = ["evaluate", "registry:chat@candidate", "--root", str(runs), "--device", "cpu", "--json"]
    assert main([*words, "--task", "loss", "--file", str(runs / "page.jsonl")]) == 0
    printed = capsys.readouterr()
    assert "kept with chat/1" in printed.err
    loss = json.loads(printed.out)["figures"]["loss"]["value"]
    version = Registry(runs / ".registry").version("chat", 1)
    kept = version.evaluations[-1]
    assert kept["figures"]["loss"]["value"] == loss and kept["model"] == "registry:chat/1"
    whole = json.loads((Registry(runs / ".registry").place(version) / "evaluations" / kept["file"]).read_text())
    units = whole["units"]["loss"]
    assert sum(units["parts"]) / sum(units["wholes"]) == pytest.approx(loss)


def test_tags_aliases_and_removal(runs, capsys, tmp_path):
    assert registry(runs, "add", str(folder(tmp_path / "m")), "--name", "short") == 0
    assert registry(runs, "tag", "short/1", "team=a", "--description", "for tests") == 0
    assert registry(runs, "alias", "short", "try", "1") == 0
    capsys.readouterr()
    assert registry(runs, "list", '`tag.team` == "a" and alias == "try"', "--json") == 0
    assert [row["description"] for row in json.loads(capsys.readouterr().out)] == ["for tests"]
    assert registry(runs, "remove", "short/1") == 2
    assert "referred to: @try" in capsys.readouterr().err
    assert registry(runs, "alias", "short", "try") == 0
    assert registry(runs, "remove", "short/1") == 0
    assert "short/1 removed" in capsys.readouterr().out


def test_verify_ends_with_an_error_where_a_file_has_changed(runs, capsys, tmp_path):
    source = folder(tmp_path / "m")
    elsewhere = ["--registry", str(tmp_path / "store")]
    assert registry(runs, "add", str(source), "--name", "kept", *elsewhere) == 0
    assert registry(runs, "verify", *elsewhere) == 0
    held = tmp_path / "store" / "models" / "kept" / "1" / "kept" / "tokenizer.json"
    held.write_text("[]")
    capsys.readouterr()
    assert registry(runs, "verify", "kept/1", *elsewhere) == 2
    assert "kept/1: `tokenizer.json` is not as it was" in capsys.readouterr().out


def test_the_same_files_again_are_said_and_policies_are_listed(runs, capsys, tmp_path):
    place = folder(tmp_path / "twice", b"twice")
    for name in ("first", "second"):
        assert registry(runs, "add", str(place), "--name", name) == 0
    assert "these are the files of first/1: whet registry remove second/1 takes" in capsys.readouterr().err
    assert registry(runs, "add", str(folder(tmp_path / "else", b"other")), "--name", "second") == 0
    assert "these are the files" not in capsys.readouterr().err
    assert registry(runs, "policy", "second", "prod", "accuracy > 0.5") == 0
    capsys.readouterr()
    assert registry(runs, "list") == 0
    assert "second@prod requires accuracy > 0.5\n" in capsys.readouterr().err
    assert registry(runs, "list", 'name == "second"', "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["policies"] == {"prod": "accuracy > 0.5"}
    assert registry(runs, "promote", "second/1", "--to", "prod") == 2
    said = capsys.readouterr().err
    assert "whet evaluate registry:second/1 --task classification --file held_out.jsonl" in said
    assert "whet registry policy second prod shows" in said


def test_the_lineage_of_a_run_goes_on_to_its_versions(runs, capsys):
    assert main(["show", "sft", "--root", str(runs), "--part", "lineage"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "registry:chat/1" in line)
    assert line.startswith("model") and "@candidate" in line and "of model" in line

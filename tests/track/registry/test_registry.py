"""Models, immutable versions, aliases: in one process, in several at once, and after damage."""

import hashlib
import json
import os
import subprocess
import sys

import pytest

from tests.track.registry.models import added, folder, result
from whet.base.errors import ConfigError, RunError
from whet.track.registry.adding import add
from whet.track.registry.linking import linked
from whet.track.registry.names import Reference, parse_reference
from whet.track.registry.rebuilding import rebuild
from whet.track.registry.referring import remove, remove_model
from whet.track.registry.registry import Registry, exact
from whet.track.registry.verifying import damage

ADDER = """
import sys
from pathlib import Path
from whet.track.registry.adding import add
from whet.track.registry.described import candidate
from whet.track.registry.registry import Registry
registry = Registry(Path(sys.argv[1]))
found = candidate(Path(sys.argv[2]), None)
for _ in range(5):
    number = add(registry, "chat", found.contents, found.about).version.number
    registry.alias("chat", "last-of-" + sys.argv[3], number)
    print(number)
"""


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "runs" / ".registry")


@pytest.fixture
def model(tmp_path):
    return folder(tmp_path / "model")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("registry:chat", Reference("chat")),
        ("registry:chat/3", Reference("chat", 3)),
        ("chat@prod", Reference("chat", None, "prod")),
        ("registry:a b@x.y-z_1", Reference("a b", None, "x.y-z_1")),
    ],
)
def test_a_reference_is_read(text, wanted):
    assert parse_reference(text) == wanted


@pytest.mark.parametrize("text", ["", "a/b/1", "../x", "a/0", "a/-1", "a/x", "a@", "a@b@c", "a@3", "a@v2", "a@latest",
                                  "registry:", "a:b", "a@x/1", ".a", "a/" + "9" * 40])  # fmt: skip
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(ConfigError):
        parse_reference(text)


def test_versions_are_numbered_and_an_alias_means_one_of_them(registry, model):
    first, second = added(registry, model), added(registry, model)
    registry.alias("chat", "prod", 1)
    assert (first.number, second.number) == (1, 2)
    means = {name: registry.resolve(name).number for name in ("registry:chat", "registry:chat/1", "registry:chat@prod")}
    assert means == {"registry:chat": 2, "registry:chat/1": 1, "registry:chat@prod": 1}
    registry.alias("chat", "prod", 2)
    registry.alias("chat", "prod", None)
    with pytest.raises(RunError, match="no alias `prod`"):
        registry.resolve("registry:chat@prod")
    with pytest.raises(RunError, match="never been"):
        registry.alias("chat", "prod", 9)


def test_a_manifest_has_the_sha256_of_every_file_and_what_the_folder_tells(registry, model):
    (model / "README.md").write_text("---\nlicense: apache-2.0\n---\n# chat\n")
    version = added(registry, model, base="Qwen/Qwen3-0.6B")
    contents = registry.manifest(version)["contents"]
    told = {name: one["sha256"] for name, one in contents.items()}
    assert told == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in model.iterdir()}
    about = version.about
    assert about["licence"] == "apache-2.0" and about["base"] == "Qwen/Qwen3-0.6B" and version.kind == "full"
    assert (
        about["template"] == hashlib.sha256(b"{{ messages }}").hexdigest()
        and about["tokenizer"] == told["tokenizer.json"]
    )
    assert version.num_bytes == sum(path.stat().st_size for path in model.iterdir())


def test_kinds_are_told_by_the_files(registry, tmp_path):
    adapter = folder(tmp_path / "adapter")
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "a/b"}))
    packed = folder(tmp_path / "packed", quantization_config={"quant_method": "gptq"})
    gguf = tmp_path / "gguf"
    gguf.mkdir()
    (gguf / "model.gguf").write_bytes(b"GGUF")
    found = [added(registry, place) for place in (adapter, packed, gguf)]
    assert [version.kind for version in found] == ["adapter", "quantized", "exported"]
    assert found[0].about["base"] == "a/b"


def test_files_are_held_without_a_copy(registry, model):
    version = added(registry, model)
    held = {name: one["held"] for name, one in registry.manifest(version)["contents"].items()}
    for name, how in held.items():
        copy, original = registry.files(version) / name, model / name
        assert copy.read_bytes() == original.read_bytes()
        assert how == "reflink" or os.path.samefile(copy, original)


def test_where_no_second_name_can_be_had_the_file_is_referred_to_in_place(tmp_path, monkeypatch):
    def refused(*args):
        raise OSError(18, "Invalid cross-device link")

    (tmp_path / "a").write_text("a")
    monkeypatch.setattr(os, "link", refused)
    monkeypatch.setattr("fcntl.ioctl", refused)
    assert linked(tmp_path / "a", tmp_path / "b") == "reference"
    assert (tmp_path / "b").readlink() == (tmp_path / "a").resolve()


def test_a_changed_and_a_lost_file_are_found(registry, model):
    version = added(registry, model)
    assert damage(registry, version) == []
    place = registry.files(version)
    (place / "tokenizer.json").write_text("[]")
    (place / "config.json").unlink()
    (place / "model.safetensors").unlink()
    (place / "model.safetensors").symlink_to("/nowhere/model.safetensors")
    assert damage(registry, version) == [
        "`config.json` is gone",
        "`model.safetensors` is gone: it was held in place, at /nowhere/model.safetensors",
        "`tokenizer.json` is not as it was",
    ]
    (registry.place(version) / "manifest.json").write_text("{}")
    assert len(damage(registry, version)) == 1


def test_what_fails_leaves_nothing_behind(registry, model):
    found = {"config.json": model / "config.json", "gone": model / "gone"}
    with pytest.raises(RunError, match="cannot be added"):
        add(registry, "chat", found, {})
    assert registry.state().models == {} and [path.name for path in registry.folder.iterdir()] == []


def test_a_rename_changes_no_place(registry, model):
    version = added(registry, model)
    before = registry.files(version)
    registry.rename("chat", "talk")
    assert registry.files(registry.resolve("registry:talk/1")) == before
    with pytest.raises(RunError, match="did you mean `talk`"):
        registry.model("tlk")
    added(registry, model, name="chat")
    with pytest.raises(RunError, match="already"):
        registry.rename("talk", "chat")
    assert registry.files(registry.resolve("chat")) != before


def test_tags_and_descriptions_are_of_a_model_or_of_a_version(registry, model):
    added(registry, model)
    registry.tag("chat", None, "team", "a")
    registry.tag("chat", 1, "team", "b")
    registry.describe("chat", 1, "good")
    again = Registry(registry.folder)
    assert again.model("chat").tags == {"team": "a"} and again.version("chat", 1).tags == {"team": "b"}
    assert again.version("chat", 1).description == "good" and again.model("chat").description == ""
    registry.tag("chat", 1, "team", None)
    assert again.version("chat", 1).tags == {}


def test_a_removed_number_is_never_given_again(registry, model):
    added(registry, model), added(registry, model)
    registry.remove("chat", 2)
    assert added(registry, model).number == 3
    with pytest.raises(RunError, match="has been removed"):
        registry.version("chat", 2)


def test_a_removal_says_who_refers_and_how_much_is_free(registry, model, tmp_path):
    version = added(registry, model)
    registry.alias("chat", "prod", 1)
    adapter = folder(tmp_path / "adapter")
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(registry.files(version))}))
    built = added(registry, adapter, name="tuned")
    assert built.about["base"] == "registry:chat/1"
    run = tmp_path / "runs" / "first"
    run.mkdir()
    (run / "config.yaml").touch()
    path = str(registry.files(version))
    (run / "dependencies.json").write_text(json.dumps({"depends_on": {"model.path": {"path": path, "files": {}}}}))
    with pytest.raises(RunError) as refused:
        remove(registry, "chat", 1, tmp_path / "runs")
    for said in ("@prod", "tuned/1 is built on it", "the run `first` depends on it"):
        assert said in refused.value.message
    done = remove(registry, "chat", 1, tmp_path / "runs", force=True)
    assert done.num_bytes == version.num_bytes and len(done.referring) == 3
    assert not registry.place(version).exists() and (model / "model.safetensors").exists()
    held = {path.name for path in adapter.iterdir()}
    for path in adapter.iterdir():
        path.unlink()  # now the registry alone has them
    done = remove_model(registry, "tuned", tmp_path / "runs")
    assert done.freed_bytes == done.num_bytes > 0 and held and registry.state().named("tuned") is None


def test_processes_that_add_at_once_get_numbers_of_their_own(registry, model):
    own = [
        subprocess.Popen([sys.executable, "-c", ADDER, registry.folder, model, who], stdout=subprocess.PIPE, text=True)
        for who in "abc"
    ]
    given = {
        who: [int(word) for word in process.communicate()[0].split()] for who, process in zip("abc", own, strict=True)
    }
    assert sorted(number for numbers in given.values() for number in numbers) == list(range(1, 16))
    found = registry.model("chat")
    assert found.aliases == {f"last-of-{who}": numbers[-1] for who, numbers in given.items()}
    assert all(damage(registry, version) == [] for version in found.versions.values())
    assert not [path for path in registry.folder.iterdir() if path.name.startswith(".adding")]


def test_what_the_journal_has_lost_is_found_again_by_the_manifests(registry, model):
    second = [added(registry, model) for _ in range(2)][1]
    registry.alias("chat", "prod", 2)
    registry.remove("chat", 1)
    before = registry.manifest(second)
    text = registry.journal.path.read_bytes()
    lines = text.splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines) if b'"version": 2' in line and b'"op": "version"' in line)
    lines[place] = b"0" + lines[place][1:] if lines[place][:1] != b"0" else b"1" + lines[place][1:]
    registry.journal.path.write_bytes(b"".join(lines))
    assert rebuild(registry) == (1, 1)
    again = Registry(registry.folder)
    assert sorted(again.model("chat").versions) == [2] and again.manifest(again.version("chat", 2)) == before
    registry.journal.path.unlink()
    assert rebuild(registry) == (0, 1)
    assert Registry(registry.folder).resolve("registry:chat/2").manifest == second.manifest


def test_journals_of_others_end_no_reading(registry, model):
    added(registry, model)
    with registry.journal.writing():
        registry.journal.append([
            {"op": "new in the next version", "model": "chat"}, {"op": "alias", "model": "chat"}, {"op": "version"},
            {"op": "tag", "model": "none", "key": "a"}, {"op": "stage", "model": "chat", "version": "x"}, {},
        ])  # fmt: skip
    assert sorted(Registry(registry.folder).model("chat").versions) == [1]


def test_an_evaluation_is_kept_whole_beside_the_version_and_brief_in_the_journal(registry, model):
    version = added(registry, model)
    registry.evaluated(version, result("loss", units={"loss": [1.0, 2.0]}, loss=1.5))
    (kept,) = registry.version("chat", 1).evaluations
    assert kept["figures"]["loss"]["value"] == 1.5 and "units" not in kept
    whole = json.loads((registry.place(version) / "evaluations" / kept["file"]).read_text())
    assert whole["units"]["loss"]["parts"] == [1.0, 2.0]


def test_an_exact_name_means_the_same_when_an_alias_has_moved(registry, model):
    added(registry, model), added(registry, model)
    registry.alias("chat", "prod", 1)
    name = exact("registry:chat@prod", registry.folder.parent)
    registry.alias("chat", "prod", 2)
    assert name == "registry:chat/1" and exact("some/folder", registry.folder.parent) == "some/folder"

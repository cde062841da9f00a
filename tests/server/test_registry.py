"""The registry over HTTP: listed by a filter, promoted on figures, changed and told what was done."""

from pathlib import Path

import pytest

from tests.server.inside import Inside, inside
from tests.track.registry.models import added, folder, result
from whet.track.registry.registry import Registry

MODELS = "/api/v1/registry/models"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """`chat` with two versions, the second better; `other` with one."""
    registry = Registry(tmp_path / ".registry")
    place = folder(tmp_path / "run" / "model")
    (tmp_path / "run" / "config.yaml").touch()
    for name, accuracy in (("chat", 0.7), ("chat", 0.9), ("other", 0.5)):
        registry.evaluated(added(registry, place, name), result("classification", accuracy=accuracy))
    return registry


@pytest.fixture
def server(tmp_path: Path, registry: Registry):
    with inside(tmp_path) as client:
        yield client


def ask(server: Inside, method: str, path: str, body=None, **query) -> tuple[int, dict]:
    found = server.ask(method, f"{MODELS}{path}", body, {"Content-Type": "application/json"}, **query)
    return found.status, found.json()


def test_models_are_listed_by_their_newest_version_or_by_all(server: Inside, tmp_path: Path):
    found = server.get(MODELS)
    assert [(row["name"], row["version"], row["accuracy"]) for row in found["versions"]] == [
        ("chat", 2, 0.9), ("other", 1, 0.5),
    ]  # fmt: skip
    assert {"accuracy", "alias", "classification/accuracy"} <= set(found["names"])
    page = server.get(MODELS, versions=True, filter='name == "chat"', limit=1, offset=1)
    assert page["total"] == 2 and [row["version"] for row in page["versions"]] == [1]
    assert server.get(MODELS, filter="accuracy > 0.95")["versions"] == []
    assert ask(server, "GET", "", filter="acuracy > 1")[0] == 400
    assert str(tmp_path) not in server.ask("GET", MODELS).body.decode()


def test_a_promotion_moves_the_alias_or_says_which_figure_missed(server: Inside):
    status, refused = ask(server, "POST", "/chat/promotions", {"version": 1, "to": "prod", "require": "accuracy > 0.8"})
    assert status == 409 and "accuracy is 0.7" in refused["message"]
    status, done = ask(server, "POST", "/chat/promotions", {"version": 2, "to": "prod", "require": "accuracy > 0.8"})
    assert status == 200 and (done["before"], done["figures"]) == (None, {"accuracy": 0.9})
    assert server.get(f"{MODELS}/chat")["aliases"] == {"prod": 2}
    status, done = ask(server, "POST", "/chat/promotions", {"version": "prod", "to": "best"})
    assert status == 200 and done["number"] == 2
    last = server.get(f"{MODELS}/chat/history", limit=2)["changes"][1]
    assert last["op"] == "alias" and "required: accuracy > 0.8" in last["text"]


def test_a_version_tells_all_of_itself_and_is_verified(server: Inside, registry: Registry):
    found = server.get(f"{MODELS}/chat/versions/1")
    assert {one["path"] for one in found["files"]} >= {"config.json", "model.safetensors"}
    assert found["evaluations"][0]["task"] == "classification" and found["referring"] == []
    assert ask(server, "POST", "/chat/versions/1/verify") == (200, {"damage": []})
    (registry.files(registry.version("chat", 1)) / "tokenizer.json").unlink()
    assert ask(server, "POST", "/chat/versions/1/verify")[1]["damage"] == ["`tokenizer.json` is gone"]


def test_aliases_tags_and_descriptions_are_changed(server: Inside):
    assert ask(server, "PUT", "/chat/aliases/try", {"version": 1})[1]["aliases"] == {"try": 1}
    assert ask(server, "PATCH", "/chat", {"description": "talks", "tags": {"a": "b"}})[1]["tags"] == {"a": "b"}
    status, found = ask(server, "PATCH", "/chat/versions/1", {"tags": {"stage": "dev", "none": None}})
    assert status == 200 and found["row"]["tag.stage"] == "dev" and found["row"]["alias"] == ["try"]
    assert ask(server, "DELETE", "/chat/versions/1")[0] == 409
    status, gone = ask(server, "DELETE", "/chat/versions/1", force=True)
    assert status == 200 and gone["referring"] == ["@try"] and server.get(f"{MODELS}/chat")["aliases"] == {}


def test_a_runs_model_is_added_by_the_runs_name(server: Inside, tmp_path: Path):
    status, found = ask(server, "POST", "/chat/versions", {"run": "run", "description": "again"})
    assert status == 200 and found["row"]["version"] == 3 and found["row"]["run"] == "run"
    for run, inner in (("none", ""), ("run", "../.."), ("run", "gone"), ("../run", "")):
        assert ask(server, "POST", "/chat/versions", {"run": run, "folder": inner})[0] in (400, 404), (run, inner)


def test_what_is_not_there_is_said(server: Inside):
    for method, path, body in (
        ("GET", "/none", None), ("GET", "/chat/versions/9", None), ("GET", "/none/history", None),
        ("POST", "/none/promotions", {"version": 1, "to": "x"}), ("DELETE", "/chat/aliases/none", None),
        ("PUT", "/chat/aliases/x", {"version": 9}),
    ):  # fmt: skip
        assert ask(server, method, path, body)[0] == 404, path
    assert ask(server, "PUT", "/chat/aliases/latest", {"version": 1})[0] == 400
    assert ask(server, "PUT", "/chat/aliases/x", {"version": "one"})[0] == 400


def test_answers_have_the_types_that_the_schema_gives(server: Inside):
    from whet.server.answers import registry as answers

    for path, form in (
        ("", answers.VersionList), ("/chat", answers.RegisteredModel), ("/chat/history", answers.ModelHistory),
        ("/chat/versions/1", answers.VersionPage),
    ):  # fmt: skip
        form.model_validate(server.get(f"{MODELS}{path}"))


def test_two_versions_are_compared(server: Inside):
    status, found = ask(server, "GET", "/chat/compare", first=1, second=2)
    assert status == 200 and (found["first"], found["second"], found["changed"]) == ("chat/1", "chat/2", [])
    assert {"name": "classification/accuracy", "first": 0.7, "second": 0.9, "paired": None} in found["figures"]
    assert ask(server, "GET", "/chat/compare", first=1, second=9)[0] == 404


def test_a_version_is_added_with_an_alias_or_not_at_all(server: Inside):
    status, _ = ask(server, "POST", "/fresh/versions", {"run": "run", "alias": "v3"})
    assert status == 400 and ask(server, "GET", "/fresh")[0] == 404
    status, added = ask(server, "POST", "/fresh/versions", {"run": "run", "alias": "first"})
    assert status == 200 and added["row"]["alias"] == ["first"]

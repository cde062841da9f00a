"""A team's server: who sees what, and who may change what."""

import base64

import pytest

from tests.server.access.members import with_key
from tests.server.world import Client
from tests.track.registry.models import added, folder
from whet.server.access.asked import Asked
from whet.server.access.rules import needed
from whet.track.registry.registry import Registry


def names(client: Client) -> set[str]:
    return {run["name"] for run in client.get("/api/v1/runs")["runs"]}


class TestWhoSeesWhat:
    def test_runs_of_projects_with_a_role(self, server, team):
        assert names(with_key(server, team, "ada")) == {"in-birds", "in-fish"}
        vic = with_key(server, team, "vic")
        assert names(vic) == {"in-birds"}
        assert vic.ask("GET", "/api/v1/runs/in-birds").status == 200
        assert vic.ask("GET", "/api/v1/runs/in-fish").status == 404
        assert vic.ask("GET", "/api/v1/runs/in-fish/curves", names="loss").status == 404

    def test_a_run_that_may_not_be_seen_is_like_none(self, server, team):
        vic = with_key(server, team, "vic")
        hidden, absent = vic.ask("GET", "/api/v1/runs/in-fish"), vic.ask("GET", "/api/v1/runs/in-dish")
        assert hidden.body == absent.body.replace(b"in-dish", b"in-fish")

    def test_mlflows_door_shows_no_more(self, server, team):
        vic = with_key(server, team, "vic")
        found = vic.post("/api/2.0/mlflow/experiments/search", {"max_results": 100})["experiments"]
        assert {one["name"] for one in found} == {"birds"}
        ids = [one["experiment_id"] for one in with_key(server, team, "ada").post(
            "/api/2.0/mlflow/experiments/search", {"max_results": 100})["experiments"]]  # fmt: skip
        runs = vic.post("/api/2.0/mlflow/runs/search", {"experiment_ids": ids})["runs"]
        assert {run["info"]["run_id"] for run in runs} == {"in-birds"}

    def test_what_is_of_all_projects_needs_a_role_in_all(self, server, team):
        assert with_key(server, team, "vic").ask("GET", "/metrics").status == 403
        assert with_key(server, team, "ada").ask("GET", "/metrics").status == 200


@pytest.fixture(scope="module")
def ids(server, team) -> dict[str, str]:
    """A logged model in each project."""
    ada = with_key(server, team, "ada")
    found = ada.post("/api/2.0/mlflow/experiments/search", {"max_results": 100})["experiments"]
    experiments = {one["name"]: one["experiment_id"] for one in found}
    made = {}
    for project in ("birds", "fish"):
        asked = {"experiment_id": experiments[project], "name": f"of-{project}"}
        made[project] = ada.post("/api/2.0/mlflow/logged-models", asked)["model"]["info"]["model_id"]
    return made


class TestModels:
    """Models of the registry are of all projects, logged models of one."""

    def test_the_registry_needs_a_role_in_all_projects(self, server, team, root):
        added(Registry(root / ".registry"), folder(root / "in-birds" / "model"))
        eve, ada = with_key(server, team, "eve"), with_key(server, team, "ada")
        download = "mlflow-artifacts/artifacts/.registry/chat/1/config.json"
        for prefix in ("/api/2.0/", "/ajax-api/2.0/"):
            assert ada.ask("GET", prefix + download).status == 200
            for method, path, body in (
                ("POST", "mlflow/registered-models/create", {"name": "x"}), ("GET", download, None),
                ("GET", "mlflow/registered-models/search", None), ("GET", download.replace("/.reg", "//.reg"), None),
                ("POST", "mlflow/model-versions/create", {"name": "chat", "source": "s3://x/y"}),
                ("GET", "mlflow-artifacts/artifacts?path=.registry/chat/1", None),
            ):  # fmt: skip
                assert eve.ask(method, prefix + path, body).status in (403, 404), path
        assert eve.ask("GET", "/api/v1/registry/models").status == 403
        assert Registry(root / ".registry").state().named("x") is None

    def test_a_logged_model_is_seen_and_changed_like_its_project(self, server, team, ids):
        eve, vic = with_key(server, team, "eve"), with_key(server, team, "vic")
        route, files = "/api/2.0/mlflow/logged-models", "/api/2.0/mlflow-artifacts/artifacts/.models"
        assert eve.ask("PUT", f"{files}/{ids['birds']}/artifacts/a", b"a").status == 200
        assert vic.ask("GET", f"{files}/{ids['birds']}/artifacts/a").body == b"a"
        assert vic.ask("GET", f"{route}/{ids['birds']}").status == 200
        assert vic.ask("PUT", f"{files}/{ids['birds']}/artifacts/a", b"b").status == 403
        assert vic.ask("PATCH", f"{route}/{ids['birds']}", {"status": "LOGGED_MODEL_READY"}).status == 403
        for method, path, body in (
            ("GET", f"{route}/{ids['fish']}", None), ("DELETE", f"{route}/{ids['fish']}", None),
            ("PUT", f"{files}/{ids['fish']}/artifacts/a", b"a"), ("GET", f"{files}/{ids['fish']}/artifacts/a", None),
        ):  # fmt: skip
            assert eve.ask(method, path, body).status == 404, (method, path)

    def test_a_point_reaches_no_model_of_another_project(self, server, team, ids):
        eve = with_key(server, team, "eve")
        found = eve.post("/api/2.0/mlflow/experiments/search", {"max_results": 100})["experiments"]
        birds = next(one["experiment_id"] for one in found if one["name"] == "birds")
        run = eve.post("/api/2.0/mlflow/runs/create", {"experiment_id": birds, "run_name": "owl"})["run"]["info"]
        point = {"run_id": run["run_id"], "key": "k", "value": 1, "timestamp": 1, "model_id": ids["fish"]}
        assert eve.ask("POST", "/api/2.0/mlflow/runs/log-metric", point).status == 404
        outputs = {"run_id": run["run_id"], "models": [{"model_id": ids["fish"]}]}
        assert eve.ask("POST", "/api/2.0/mlflow/runs/outputs", outputs).status == 404
        seen = with_key(server, team, "ada").get(f"/api/2.0/mlflow/logged-models/{ids['fish']}")["model"]
        assert seen["data"]["metrics"] == []


class TestWhoMayChangeWhat:
    def test_a_viewer_changes_nothing(self, server, team):
        vic = with_key(server, team, "vic")
        assert vic.ask("POST", "/api/2.0/mlflow/experiments/create", {"name": "birds-2"}).status == 403
        assert vic.ask("POST", "/api/v1/push/new", {"logs": {}}).status == 403
        assert vic.ask("POST", "/v1/traces", b"").status == 403

    def test_an_editor_works_in_their_project(self, server, team):
        eve = with_key(server, team, "eve")
        ids = {e["name"]: e["experiment_id"] for e in with_key(server, team, "ada").post(
            "/api/2.0/mlflow/experiments/search", {"max_results": 100})["experiments"]}  # fmt: skip
        created = eve.ask("POST", "/api/2.0/mlflow/runs/create", {"experiment_id": ids["birds"], "run_name": "wren"})
        assert created.status == 200, created.body
        assert eve.ask("POST", "/api/2.0/mlflow/runs/create", {"experiment_id": ids["fish"]}).status in (403, 404)
        assert eve.ask("POST", "/api/2.0/mlflow/experiments/create", {"name": "cats"}).status == 403
        assert "wren" in " ".join(names(with_key(server, team, "vic")))

    def test_a_pushed_run_lies_in_a_project_of_who_pushes_it(self, server, team):
        eve, birth = with_key(server, team, "eve"), base64.b64encode(b"x" * 100).decode()
        body = {"logs": {"track/r0.a1.tlog": birth}, "project": "fish"}
        assert eve.ask("POST", "/api/v1/push/carp", body).status == 403
        assert eve.ask("POST", "/api/v1/push/carp", {**body, "project": "birds"}).status == 200

    def test_nobody_adds_to_a_run_that_somebody_else_has_pushed(self, server, team):
        """Not who may edit it, not who may do everything; what they push under its name is kept apart."""
        eve, ada = with_key(server, team, "eve"), with_key(server, team, "ada")
        body = {"logs": {"track/r0.a1.tlog": base64.b64encode(b"y" * 100).decode()}, "project": "birds"}
        assert eve.post("/api/v1/push/gull", body) == {"run": "gull", "is_new": True}
        assert eve.post("/api/v1/push/gull", body) == {"run": "gull", "is_new": False}
        assert ada.post("/api/v1/push/gull", body) == {"run": "gull-2", "is_new": True}
        assert ada.ask("GET", "/api/v1/push/gull/logs").status == 404
        assert eve.get("/api/v1/push/gull/logs") == {"track/r0.a1.tlog": 100}

    def test_a_push_does_not_tell_whether_a_hidden_run_is_the_same(self, root, server, team):
        eve = with_key(server, team, "eve")
        birth = (root / "in-fish/track/r0.a1.tlog").read_bytes()[:256]
        for number, told in ((2, birth), (3, birth[::-1])):
            body = {"logs": {"track/r0.a1.tlog": base64.b64encode(told).decode()}, "project": "birds"}
            assert eve.post("/api/v1/push/in-fish", body) == {"run": f"in-fish-{number}", "is_new": True}

    def test_a_run_that_is_open_for_mlflow_is_written_by_its_project_alone(self, server, team):
        ada, eve = with_key(server, team, "ada"), with_key(server, team, "eve")
        found = ada.post("/api/2.0/mlflow/experiments/search", {"max_results": 100})["experiments"]
        fish = next(one["experiment_id"] for one in found if one["name"] == "fish")
        run = ada.post("/api/2.0/mlflow/runs/create", {"experiment_id": fish, "run_name": "perch"})["run"]["info"]
        point = {"run_id": run["run_id"], "key": "loss", "value": 1.0, "timestamp": 1, "step": 1}
        for path, body in (
            ("log-metric", point), ("set-tag", {"run_id": run["run_id"], "key": "a", "value": "b"}),
            ("update", {"run_id": run["run_id"], "status": "FAILED"}), ("delete", {"run_id": run["run_id"]}),
        ):  # fmt: skip
            assert eve.ask("POST", f"/api/2.0/mlflow/runs/{path}", body).status == 404, path
        told = ada.get("/api/2.0/mlflow/runs/get", run_id=run["run_id"])["run"]
        assert (told["info"]["status"], told["data"]["metrics"]) == ("RUNNING", [])

    def test_what_only_ends_like_a_search_is_a_change(self, server, team, root):
        """A file, a board, a model may be called `search`."""
        vic = with_key(server, team, "vic")
        for method, path, body in (
            ("POST", "/api/v1/push/in-birds/files/model/search", {"blocks": []}),
            ("PUT", "/api/2.0/mlflow-artifacts/artifacts/0/in-birds/artifacts/search", b"x"),
            ("DELETE", "/api/v1/boards/search", None), ("DELETE", "/api/v1/reports/search", None),
            ("PATCH", "/api/v1/registry/models/search", {}), ("DELETE", "/api/2.0/mlflow/runs/search", None),
        ):  # fmt: skip
            assert vic.ask(method, path, body).status == 403, path
            assert needed(Asked(method, path, {}, [], ""))[0].word == "editor", path
        assert not (root / "in-birds/model/search").exists()

    def test_people_are_for_admins(self, server, team):
        eve, ada = with_key(server, team, "eve"), with_key(server, team, "ada")
        for path in ("/api/v1/users", "/api/v1/audit"):
            assert eve.ask("GET", path).status == 403
            assert ada.ask("GET", path).status == 200
        assert eve.ask("PUT", "/api/v1/users/eve/role", {"role": "admin"}).status == 403

    def test_a_key_may_do_no_more_than_its_role(self, server, team):
        low = with_key(server, team, "ada", "viewer")
        assert low.ask("GET", "/api/v1/runs").status == 200
        assert low.ask("POST", "/api/v1/users", {"name": "new"}).status == 403

    def test_a_key_makes_no_key_that_may_do_more(self, server, team):
        low = with_key(server, team, "ada", "viewer")
        assert low.ask("POST", "/api/v1/keys", {"role": "admin"}).status == 403
        assert low.ask("POST", "/api/v1/keys", {"role": "viewer"}).status == 200

    def test_a_route_that_no_rule_names_is_for_admins(self):
        asked = Asked("GET", "/api/v1/something-new", {}, [], "")
        role, is_everywhere = needed(asked)
        assert (role.word, is_everywhere) == ("admin", True)

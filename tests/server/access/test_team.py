"""A team's server: who sees what, who may change what, and what somebody who is not known gets."""

import base64
import re
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

import whet.track as track
from tests.server.world import Client, serving
from tests.track.registry.models import added, folder
from whet.base.errors import ConfigError, RunError
from whet.server.access import audit as audit_file
from whet.server.access import people as people_file
from whet.server.access.asked import Asked
from whet.server.access.database import FILE, Database
from whet.server.access.placed import Placed
from whet.server.access.rules import needed
from whet.server.access.team import COOKIE, Team
from whet.track.registry.registry import Registry

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("team")
    for project in ("birds", "fish"):
        with track.init(project=project, name=f"in-{project}", dir=folder) as run:
            run.log({"loss": 1.0}, step=0)
    return folder


@pytest.fixture(scope="module")
def team(root):
    team = Team(root)
    for name, role, project in (("ada", "admin", "*"), ("eve", "editor", "birds"), ("vic", "viewer", "birds")):
        team.people.accept(team.people.add(name, role, project), PASSWORD)
    return team


@pytest.fixture(scope="module")
def server(root, team):
    with serving(root, team) as client:
        yield Client(client.port, headers={})


def with_key(server: Client, team: Team, name: str, role: str = "admin") -> Client:
    return Client(server.port, {"Authorization": f"Bearer {team.keys.make(name, 'test', role)}"})


def signed_in(server: Client, name: str) -> Client:
    answer = server.ask("POST", "/api/v1/session", {"name": name, "password": PASSWORD})
    assert answer.status == 200, answer.body
    cookie = re.match(rf"{COOKIE}=([^;]+)", answer.headers["set-cookie"])[1]
    return Client(server.port, {"Cookie": f"{COOKIE}={cookie}", "X-Whet-Word": answer.json()["word"]})


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


class TestTheFirst:
    def test_is_invited_at_each_start_until_somebody_has_come_in(self, tmp_path):
        team = Team(tmp_path)
        first, again = team.people.first("ada"), team.people.first("ada")
        assert first and again and team.people.accept(first, PASSWORD) is None  # the newest one holds
        assert team.people.accept(again, PASSWORD) == "ada"
        assert team.people.first("ada") is None and team.people.first("root") is None

    def test_invitations_that_somebody_was_sent_are_left_alone(self, tmp_path):
        team = Team(tmp_path)
        sent = team.people.add("ada", "admin")
        assert team.people.first("root") is None
        assert team.people.accept(sent, PASSWORD) == "ada"


class TestSessions:
    def test_strangers_see_the_page_and_nothing_else(self, server):
        for path in ("/api/v1/runs", "/metrics", "/api/v1/openapi.json", "/api/2.0/mlflow/experiments/search"):
            assert server.ask("GET", path).status == 401, path
        assert server.get("/api/v1/session") == {
            "is_team": True,
            "person": None,
            "roles": {},
            "word": None,
            "has_oidc": False,
            "root": None,
        }

    def test_sign_in_and_out(self, server):
        ada = signed_in(server, "ada")
        assert ada.get("/api/v1/session")["person"] == "ada"
        assert ada.ask("DELETE", "/api/v1/session").status == 200
        assert ada.ask("GET", "/api/v1/runs").status == 401

    def test_a_change_needs_the_word_of_the_session(self, server):
        ada = signed_in(server, "ada")
        forged = Client(server.port, {"Cookie": ada.headers["Cookie"]})
        assert forged.ask("GET", "/api/v1/runs").status == 200
        assert forged.ask("POST", "/api/v1/keys", {"label": "stolen"}).status == 403
        assert ada.ask("POST", "/api/v1/keys", {"label": "mine"}).status == 200
        evil = {"Origin": "https://evil.example"}
        assert ada.ask("POST", "/api/v1/keys", {"label": "stolen"}, headers=evil).status == 403

    def test_guessing_has_to_wait(self, root, tmp_path):
        team = Team(tmp_path)
        team.people.accept(team.people.add("ada", "admin"), PASSWORD)
        with serving(tmp_path, team) as client:
            client.headers = {}
            wrong = {"name": "ada", "password": "wrong password"}
            assert [client.ask("POST", "/api/v1/session", wrong).status for _ in range(6)] == [401] * 5 + [429]
            right = client.ask("POST", "/api/v1/session", {"name": "ada", "password": PASSWORD})
            assert right.status == 429 and right.json()["wait_s"] > 0

    def test_guesses_at_once_are_no_more_than_one_after_another(self, tmp_path, monkeypatch):
        """All of them are under way before the first is found to be wrong."""
        team = Team(tmp_path)
        team.people.add("ada", "admin")
        checked, answers = threading.Semaphore(0), []
        monkeypatch.setattr(team.people, "is_password", lambda name, password: checked.acquire() and False)
        with serving(tmp_path, team) as client:
            wrong = {"name": "ada", "password": "wrong password"}

            def guess() -> None:
                answers.append(client.ask("POST", "/api/v1/session", wrong, headers={"Authorization": ""}).status)

            threads = [threading.Thread(target=guess) for _ in range(12)]
            for thread in threads:
                thread.start()
            while len(answers) < 7:  # those that may not even be looked at
                threads[-1].join(0.01)
            checked.release(12)
            for thread in threads:
                thread.join()
        assert sorted(answers) == [401] * 5 + [429] * 7

    def test_cookies_are_for_this_site_and_no_script(self, server):
        answer = server.ask("POST", "/api/v1/session", {"name": "vic", "password": PASSWORD})
        assert {"httponly", "samesite=strict"} <= {
            part.strip().lower() for part in answer.headers["set-cookie"].split(";")
        }

    def test_what_was_changed_is_in_the_audit_log(self, server, team):
        ada = signed_in(server, "ada")
        ada.post("/api/v1/keys", {"label": "for the log"})
        entry = ada.get("/api/v1/audit")["entries"][0]
        assert (entry["person"], entry["action"], entry["status"]) == ("ada", "POST /api/v1/keys", 200)

    def test_strangers_push_nothing_out_of_the_audit_log(self, tmp_path, monkeypatch):
        monkeypatch.setattr(audit_file, "_KEPT", 4)
        monkeypatch.setattr(audit_file, "_STRANGERS", 2)
        monkeypatch.setattr(audit_file, "_EVERY", 1)
        audit = audit_file.Audit(Database(tmp_path))
        for person in ("ada", "", "", "", "eve", ""):
            audit.note(person, "127.0.0.1", "POST /", 200)
        assert [one["person"] for one in audit.listed(10)] == ["", "eve", "", "ada"]
        for _ in range(4):
            audit.note("eve", "127.0.0.1", "POST /", 200)
        assert [one["person"] for one in audit.listed(10)] == [*["eve"] * 4, "", ""]

    def test_a_stranger_sends_no_large_body(self, server):
        body = {"name": "ada", "password": "x" * (1 << 17)}
        assert server.ask("POST", "/api/v1/session", body).status == 413


class TestAccounts:
    def test_an_invitation_holds_once_and_not_for_ever(self, tmp_path, monkeypatch):
        team = Team(tmp_path)
        word = team.people.add("ada", "admin")
        assert team.people.invited(word) == "ada"
        assert team.people.accept(word, PASSWORD) == "ada"
        assert team.people.accept(word, PASSWORD) is None
        monkeypatch.setattr(people_file, "INVITATION_S", -1.0)
        assert team.people.accept(team.people.invite("ada"), PASSWORD) is None

    def test_a_change_that_fails_leaves_the_accounts_usable(self, tmp_path):
        """Also one that is refused as it is committed, and one that sqlite has taken back by itself."""
        database = Database(tmp_path)
        with pytest.raises(sqlite3.IntegrityError), database.writing() as db:
            db.execute("pragma defer_foreign_keys = on")
            db.execute("insert into roles values ('nobody', '*', 3)")
        with pytest.raises(RuntimeError, match="the first error"), database.writing() as db:
            db.execute("rollback")
            raise RuntimeError("the first error")
        Placed(database).put("run", "birds")
        assert Placed(database).find("run") == "birds"

    def test_an_admin_is_always_left(self, tmp_path):
        team = Team(tmp_path)
        with pytest.raises(ConfigError, match="nobody would be left"):
            team.people.add("eve", "editor")
        assert team.people.listed() == []
        team.people.add("ada", "admin")
        for change in (lambda: team.people.give("ada", "*", "viewer"), lambda: team.people.remove("ada")):
            with pytest.raises(ConfigError, match="nobody would be left"):
                change()
        assert team.people.find("ada").everywhere.word == "admin"

    def test_a_new_password_ends_sessions(self, tmp_path):
        team = Team(tmp_path)
        team.people.accept(team.people.add("ada", "admin"), PASSWORD)
        cookie, _ = team.sessions.begin("ada")
        team.people.accept(team.people.invite("ada"), PASSWORD + "!")
        assert team.sessions.find(cookie) is None
        assert not team.people.is_password("ada", PASSWORD) and team.people.is_password("ada", PASSWORD + "!")

    @pytest.mark.parametrize("password", ["short", "a" * 20, "x" * 2000])
    def test_passwords_that_are_none(self, tmp_path, password):
        team = Team(tmp_path)
        with pytest.raises(ConfigError):
            team.people.accept(team.people.add("ada", "admin"), password)

    def test_nothing_in_the_file_lets_anybody_in(self, tmp_path):
        team = Team(tmp_path)
        secrets = [team.people.add("ada", "admin")]
        team.people.accept(secrets[0], PASSWORD)
        secrets += [
            PASSWORD,
            team.keys.make("ada", "", "admin"),
            *team.sessions.begin("ada")[:1],
            team.people.invite("ada"),
        ]
        with closing(sqlite3.connect(tmp_path / FILE)) as database:
            kept = "\n".join(database.iterdump())
        assert not [secret for secret in secrets if secret in kept]
        assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600

    def test_damaged_accounts_are_named(self, tmp_path):
        (tmp_path / FILE).write_bytes(b"no database at all" * 1000)
        with pytest.raises(RunError, match="damaged"):
            Team(tmp_path)

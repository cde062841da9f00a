"""Who is not known sees the page alone; who has signed in changes nothing by another's hand."""

import threading

from tests.server.access.members import PASSWORD, signed_in
from tests.server.world import Client, serving
from whet.server.access import audit as audit_file
from whet.server.access.database import Database
from whet.server.access.team import Team


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

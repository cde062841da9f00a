"""Accounts: invitations, passwords, the admin who is always left, and a file that lets nobody in."""

import sqlite3
from contextlib import closing

import pytest

from tests.server.access.members import PASSWORD
from whet.base.errors import ConfigError, RunError
from whet.server.access import people as people_file
from whet.server.access.database import FILE, Database
from whet.server.access.placed import Placed
from whet.server.access.team import Team


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

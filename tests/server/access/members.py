"""How somebody of a team comes in: with a key, or with a password."""

import re

from tests.server.world import Client
from whet.server.access.team import COOKIE, Team

PASSWORD = "correct horse battery staple"


def with_key(server: Client, team: Team, name: str, role: str = "admin") -> Client:
    return Client(server.port, {"Authorization": f"Bearer {team.keys.make(name, 'test', role)}"})


def signed_in(server: Client, name: str) -> Client:
    answer = server.ask("POST", "/api/v1/session", {"name": name, "password": PASSWORD})
    assert answer.status == 200, answer.body
    cookie = re.match(rf"{COOKIE}=([^;]+)", answer.headers["set-cookie"])[1]
    return Client(server.port, {"Cookie": f"{COOKIE}={cookie}", "X-Whet-Word": answer.json()["word"]})

"""A team's server with two projects, an admin, an editor and a viewer."""

from pathlib import Path

import pytest

import whet.track as track
from tests.server.access.members import PASSWORD
from tests.server.world import Client, serving
from whet.server.access.team import Team


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

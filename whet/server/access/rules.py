"""What a request needs before it is answered. A route that no line here speaks of is for those who rule everywhere."""

from __future__ import annotations

from dataclasses import dataclass

from whet.server.access.asked import Asked
from whet.server.access.person import Role


@dataclass(frozen=True, slots=True)
class Rule:
    """The roles to read and to change; `everywhere`: in all projects, where a route is not about the runs of one."""

    read: Role = Role.VIEWER
    change: Role = Role.EDITOR
    everywhere: bool = False


_OWN = Rule(Role.NONE, Role.NONE)  # what concerns only whoever asks
_RUNS = Rule()  # each run is checked where it is opened
_ALL = Rule(everywhere=True)
_TALK = Rule(Role.VIEWER, Role.VIEWER)  # a model that is served, of which it is checked whose it is
_RULERS = Rule(Role.ADMIN, Role.ADMIN, everywhere=True)
# The longest prefix that fits is taken.
_RULES = {
    "/": Rule(Role.NONE, Role.ADMIN),
    "/api/": _RULERS, "/ajax-api/": _RULERS, "/v1/": _RULERS,
    "/api/v1/openapi.json": Rule(Role.NONE),
    "/api/v1/health": _OWN, "/health": _OWN,
    "/api/v1/session": _OWN, "/api/v1/oidc": _OWN, "/api/v1/invitation": _OWN, "/api/v1/keys": _OWN,
    "/api/v1/runs": _RUNS, "/api/v1/curves": _RUNS, "/api/v1/compare": _RUNS, "/api/v1/live": _RUNS,
    "/api/v1/push": _RUNS,
    "/api/v1/registry": _ALL, "/api/v1/reports": _ALL, "/api/v1/boards": Rule(Role.NONE, Role.EDITOR, everywhere=True),
    "/api/2.0/mlflow": _RUNS, "/ajax-api/2.0/mlflow": _RUNS,
    "/api/2.0/mlflow-artifacts": _RUNS, "/ajax-api/2.0/mlflow-artifacts": _RUNS,
    "/api/2.0/mlflow/registered-models": _ALL, "/ajax-api/2.0/mlflow/registered-models": _ALL,
    "/api/2.0/mlflow/model-versions": _ALL, "/ajax-api/2.0/mlflow/model-versions": _ALL,
    "/api/2.0/mlflow-artifacts/artifacts/.registry": _ALL, "/ajax-api/2.0/mlflow-artifacts/artifacts/.registry": _ALL,
    "/api/v1/playground": _RUNS, "/api/v1/playground/ask": _TALK, "/api/v1/playground/votes": _TALK,
    "/v1/traces": _ALL, "/metrics": _ALL,
}  # fmt: skip
# Searches whose question is a body: they read. By their whole paths, since a file or a model may be called `search`.
_SEARCHES = frozenset(
    f"/{door}/2.0/mlflow/{search}"
    for door in ("api", "ajax-api")
    for search in (
        "experiments/search", "runs/search", "logged-models/search", "registered-models/search",
        "registered-models/get-latest-versions", "model-versions/search",
    )
) | {"/api/v1/plan/fit"}  # fmt: skip


def rule_of(path: str) -> Rule:
    """The rule for a path."""
    return _RULES[max((prefix for prefix in _RULES if _is_within(path, prefix)), key=len, default="/api/")]


def needed(asked: Asked) -> tuple[Role, bool]:
    """The role that a request needs, and whether it needs it everywhere."""
    rule = rule_of(asked.path)
    is_reading = asked.is_safe or (asked.method == "POST" and asked.path in _SEARCHES)
    return (rule.read if is_reading else rule.change), rule.everywhere


def _is_within(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix if prefix.endswith("/") else f"{prefix}/")

"""schemathesis over our OpenAPI: nothing that it makes up fails the server, and refusals are as they are described."""

from __future__ import annotations

import pytest

from tests.generate import tiny
from tests.server.openai.conftest import KEY

schemathesis = pytest.importorskip("schemathesis", reason="`make test-clients` has it")
EXAMPLES = 30


@pytest.fixture(scope="module")
def small(serve, tokenizer):
    """A server whose answers are short."""
    with serve(tiny.module("llama", max_position_embeddings=64), tokenizer) as found:
        yield found


@pytest.mark.parametrize("kind", ["POSITIVE", "NEGATIVE"])
def test_all_that_is_asked_has_a_described_answer(small, kind):
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis.errors import Unsatisfiable
    from schemathesis.checks import CHECKS, load_all_checks

    load_all_checks()
    checks = [
        CHECKS.get_one(name)
        for name in ("not_a_server_error", "status_code_conformance", "response_schema_conformance")
    ]
    root = small.url.removesuffix("/v1")
    key = {"Authorization": f"Bearer {KEY}"}
    schema = schemathesis.openapi.from_url(f"{root}/openapi.json", headers=key)
    asked = set()

    def check(case):
        if isinstance(case.body, dict) and "model" in case.body and kind == "POSITIVE":
            case.body["model"] = "tiny"  # else nearly all would end at a name that is not served
        asked.add(case.operation.label)
        case.call_and_validate(headers=key, base_url=root, checks=checks, timeout=60)

    few = settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    for found in schema.get_all_operations():
        cases = found.ok().as_strategy(generation_mode=schemathesis.GenerationMode[kind])
        try:
            few(given(case=cases)(check))()
        except Unsatisfiable:  # of a route that takes nothing, nothing is wrong
            assert kind == "NEGATIVE"
    assert {"POST /v1/chat/completions", "POST /v1/messages", "POST /api/chat", "POST /v1/embeddings"} <= asked

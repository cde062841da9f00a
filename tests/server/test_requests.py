"""Requests of a run: rows with what was said of them, one as a waterfall, and drift by a stated statistic."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from tests.server.world import serving
from whet.cli.main import main
from whet.track.logs.event_log import EventLog
from whet.track.reading.drift import COLUMNS, LEAST, _chance, distance, divergence, drift
from whet.track.reading.languages import language_of
from whet.track.reading.requests import FEEDBACK, requests
from whet.track.reading.spans import KIND, WRITER, Span
from whet.track.reading.store import LOGS

SECOND = 1_000_000_000


def span(number: int, name: str = "chat m", parent: str = "", about: Mapping[str, Any] | None = None, **more) -> Span:
    start = 1_700_000_000 * SECOND + number * SECOND
    ids = (f"{number:032x}", f"{number:08x}{len(name):08x}", parent)
    return Span(*ids, name, "server", start, start + SECOND // 2, attributes=about or {}, **more)


def request(number: int, tokens: int = 5, **more: Any) -> Span:
    texts = json.dumps([{"role": "user", "parts": [{"type": "text", "content": f"question {number}"}]}])
    about = {
        "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": tokens, "gen_ai.response.id": f"chatcmpl-{number}",
        "gen_ai.response.finish_reasons": ["stop"], "gen_ai.input.messages": texts,
    }  # fmt: skip
    return span(number, about=about, **more)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("requests")
    root_span = request(1)
    said = {"gen_ai.response.id": "chatcmpl-2", "whet.feedback.label": False, "whet.feedback.key": "ada"}
    log = EventLog(root / "shop" / LOGS, WRITER)
    for one in (
        root_span, span(1, "wait", root_span.span_id), request(2), request(3, 9, status="error", message="too late"),
        span(9, FEEDBACK, about=said),
    ):  # fmt: skip
        log.event_at(one.end_ns / 1e9, KIND, 0, one.to_dict())
    log.close("done", "")
    return root


@pytest.fixture(scope="module")
def client(root):
    with serving(root) as found:
        yield found


def test_rows_are_filtered_and_have_what_was_said(client):
    found = client.get("/api/v1/runs/shop/requests")
    assert [row["asked"] for row in found["requests"]] == ["question 3", "question 2", "question 1"]
    assert [row["said"] for row in found["requests"]] == ["", "bad", ""]
    [failed] = client.get("/api/v1/runs/shop/requests", filter='status == "error"')["requests"]
    assert failed["reason"] == "too late" and failed["prompt_tokens"] == 9
    wrong = client.ask("GET", "/api/v1/runs/shop/requests", filter="promt_tokens > 3")
    assert wrong.status == 400 and "prompt_tokens" in wrong.json()["hint"]


def test_a_training_listens_and_the_run_of_a_server_does_not(client, root):
    (root / "trained").mkdir(exist_ok=True)
    (root / "trained" / "config.yaml").write_text("model: m\n")
    assert client.get("/api/v1/runs/trained")["is_controlled"] is True
    assert client.get("/api/v1/runs/shop")["is_controlled"] is False


def test_one_is_a_waterfall_with_its_messages_and_what_was_said(client):
    found = client.get(f"/api/v1/runs/shop/requests/{1:032x}")
    assert [part["name"] for part in found["parts"]] == ["chat m", "wait"] and found["said"] == []
    assert found["asked"] == [{"role": "user", "parts": [{"type": "text", "content": "question 1"}]}]
    assert all("gen_ai.input.messages" not in part["attributes"] for part in found["parts"])
    assert client.get(f"/api/v1/runs/shop/requests/{2:032x}")["said"][0]["whet.feedback.key"] == "ada"
    assert client.ask("GET", "/api/v1/runs/shop/requests/none").status == 404


def test_traces_of_other_programs_and_odd_ones_are_rows_too():
    odd = {"gen_ai.input.messages": "[{", "gen_ai.response.finish_reasons": "stop"}
    lost = span(5, "child", "ffffffffffffffff", odd)
    [row] = requests([lost])
    assert (row["name"], row["asked"], row["finish"], row["model"]) == ("child", "", "stop", None)


def test_a_list_is_sorted_over_all_requests_before_it_is_cut(client):
    found = client.get("/api/v1/runs/shop/requests", sort="prompt_tokens:desc", limit=1)
    assert found["requests"][0]["prompt_tokens"] == 9 and found["total"] == found["of"] == 3
    wrong = client.ask("GET", "/api/v1/runs/shop/requests", sort="promt_tokens")
    assert wrong.status == 400 and "prompt_tokens" in wrong.json()["hint"]


def test_the_terminal_shows_the_same(root, capsys):
    assert main(["show", "shop", "--part", "requests", "--find", "question 2", "--root", str(root)]) == 0
    out = capsys.readouterr().out
    assert "question 2" in out and "bad" in out and "question 1" not in out


class TestDrift:
    def test_the_distance_is_the_largest_gap_between_the_shares_below_a_value(self):
        draws = np.random.default_rng(1)
        one, two = draws.normal(size=90).round(1), draws.normal(0.3, size=60).round(1)
        gaps = [abs(float(np.mean(one <= value) - np.mean(two <= value))) for value in (*one, *two)]
        assert distance(one, two)[0] == pytest.approx(max(gaps), abs=1e-12)
        assert distance(one, one) == (0.0, 1.0) and distance(one, one + 100)[0] == 1.0

    @pytest.mark.parametrize(("scaled", "chance"), [(1.2238, 0.1), (1.3581, 0.05), (1.6276, 0.01), (1.9495, 0.001)])
    def test_the_chance_is_that_of_the_tables(self, scaled, chance):
        assert _chance(scaled) == pytest.approx(chance, rel=1e-3)

    def test_alike_is_no_drift_and_longer_prompts_are(self):
        draws = np.random.default_rng(0)
        rows = requests([request(n, int(draws.integers(3, 9)) + (20 if n >= 80 else 0)) for n in range(120)])
        found = drift(columns(rows), 3)["windows"]
        assert [one["count"] for one in found] == [40, 40, 40]
        chances = [one["fields"]["prompt_tokens"]["chance"] for one in found]
        assert chances[0] == 1.0 and chances[1] > 0.01 and chances[2] < 1e-6
        assert found[0]["fields"]["first_token_s"]["distance"] is None

    def test_few_requests_are_one_stretch(self):
        assert len(drift(columns(requests([request(n) for n in range(2 * LEAST - 1)])), 20)["windows"]) == 1
        assert drift(columns([]), 20)["windows"] == []

    def test_the_divergence_is_that_of_the_definition(self):
        first, second = np.array([[3, 1, 0], [0, 2, 0]]), np.array([[0, 1, 4]])
        p, q = first.sum(0) / 6, second.sum(0) / 5
        m = (p + q) / 2
        kl = [sum(float(x * np.log2(x / y)) for x, y in zip(one, m, strict=True) if x) for one in (p, q)]
        assert divergence(first, second, 9)[0] == pytest.approx(sum(kl) / 2)

    def test_noise_cries_wolf_no_oftener_than_it_says(self):
        draws = np.random.default_rng(3)
        chances = []
        for _ in range(120):  # words that come in bursts: each request is of one of four topics
            topics = draws.integers(0, 4, 120)
            counts = np.stack([draws.multinomial(20, np.roll([0.7, 0.1, 0.1, 0.1], topic)) for topic in topics])
            chances.append(divergence(counts[:60], counts[60:], 199)[2])
        assert np.mean(np.array(chances) <= 0.05) < 0.12  # 0.05 is expected, and two standard errors are 0.04

    def test_another_language_and_other_words_are_drift(self):
        texts = [f"how do I bake the bread number {n}?" for n in range(40)]
        texts += [f"wie backe ich das Brot und was kostet das? {n}" for n in range(40)]
        found = drift({**columns([]), "time": [float(n) for n in range(80)], "asked": texts}, 2)["windows"][1]["fields"]
        assert found["language"]["told"] == "de 100%"
        assert found["language"]["distance"] == pytest.approx(1)
        assert found["language"]["chance"] < 1e-3 > found["words"]["chance"]
        assert found["words"]["distance"] > found["words"]["usual"] and "das" in found["words"]["told"]


def columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    found = {name: [row[name] for row in reversed(rows)] for name in COLUMNS}
    empty = [None] * 80 if not rows else found["asked"]
    return {name: values or empty for name, values in found.items()} | {"time": found["time"]}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the capital of France?", "en"), ("Was ist die Hauptstadt von Frankreich?", "de"),
        ("Quelle est la capitale de la France ?", "fr"), ("¿Cuál es la capital de Francia?", "es"),
        ("法国的首都是什么？", "zh"), ("フランスの首都はどこですか", "ja"), ("프랑스의 수도는?", "ko"),
        ("Какая столица Франции?", "Cyrillic"), ("ما هي عاصمة فرنسا؟", "Arabic"), ("12 + 30 = \0", "none"),
    ],
)  # fmt: skip
def test_a_language_is_told_by_script_and_common_words(text, language):
    assert language_of(text) == language

"""Feedback becomes rows that the trainer reads as preferences and labels, with where they came from."""

from __future__ import annotations

import json
import resource
import stat
from functools import partial

import pytest

from tests.nursery import Child
from tests.server.openai.conftest import own, running
from tests.server.openai.test_client import HELLO
from tests.server.openai.tools import Scripted
from whet.data.rows.detect import parse_rows
from whet.data.sources.files import Source
from whet.server.openai.feedback import LABELS, PREFERENCES, FeedbackFiles
from whet.server.openai.service import Service

ASKED = {"model": "tiny", "messages": HELLO, "store": True, "max_tokens": 20}


@pytest.fixture
def server(module, tokenizer, tmp_path):
    engine = Scripted(tokenizer, ["one", "two", "three", "three", "four"])
    files = FeedbackFiles(tmp_path / "said")
    with running(Service(own(module, tokenizer), ("tiny",), engine=engine, feedback=files)) as found:
        yield found


def chat(server, **more) -> str:
    return server.ask("POST", "/v1/chat/completions", ASKED | more)[2]["id"]


def told(server, **body):
    return server.ask("POST", "/v1/feedback", body)


def rows_of(path):
    source = Source.parse({"path": str(path)}, path.parent)
    return [row for _, row in parse_rows(source, takes={"preference", "labelled"})]


def test_what_is_said_becomes_rows_to_train_on(server, tmp_path):
    both, other = chat(server, n=2), chat(server)
    assert told(server, id=both, index=1, better_than_index=0, comment="kinder")[0] == 200
    assert told(server, id=both, better_than=other)[0] == 200
    assert told(server, id=other, correction="Hello!")[0] == 200
    assert told(server, id=other, label=False)[2] == {"object": "feedback", "id": other, "file": LABELS}
    path = tmp_path / "said" / PREFERENCES
    found = [(row.chosen[0]["content"], row.rejected[0]["content"]) for row in rows_of(path)]
    texts = {found[0][0], found[0][1]}
    assert texts == {"one", "two"} and found[1] == (found[0][1], "three") and found[2] == ("Hello!", "three")
    [label] = rows_of(tmp_path / "said" / LABELS)
    assert label.label is False and label.messages[-1]["content"] == "three"
    first = json.loads(path.read_text().splitlines()[0])
    assert first["prompt"] == HELLO and first["source"]["comment"] == "kinder" and first["source"]["model"] == "tiny"
    assert first["source"]["id"] == both and stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_says_nothing_is_refused(server, module, tokenizer):
    both, other = chat(server, n=2), chat(server, messages=[{"role": "user", "content": "x"}])
    for body, param in (
        ({"id": "nothing", "label": True}, "id"),
        ({"id": both, "index": 2, "label": True}, "index"),
        ({"id": both}, "label"),
        ({"id": both, "better_than": other}, "better_than"),
        ({"id": both, "label": True, "correction": "x"}, "label"),
        ({"id": both, "correction": ""}, "correction"),
    ):
        status, _, said = told(server, **body)
        assert status in (400, 404) and said["error"]["param"] == param, body
    engine = Scripted(tokenizer, [])
    with running(Service(own(module, tokenizer), ("tiny",), engine=engine)) as without:
        assert "--feedback" in told(without, id=both, label=True)[2]["error"]["message"]


def test_a_disk_that_is_full_is_told(server, tmp_path, capfd):
    (tmp_path / "said" / LABELS).symlink_to("/dev/full")
    status, _, body = told(server, id=chat(server), label=True)
    assert (status, body["error"]["code"]) == (507, "not_kept") and "No space left" in body["error"]["message"]
    assert "Traceback" not in capfd.readouterr().err


def until_full(folder) -> int:
    """Rows that fit into files of 1,000 bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    files, count = FeedbackFiles(folder), 0
    with pytest.raises(OSError):
        while True:
            files.add(LABELS, {"text": "x" * 300})
            count += 1
    files.add(LABELS, {"text": ""})
    return count


def test_of_a_row_that_a_disk_takes_a_part_of_nothing_stays(tmp_path):
    count = Child(partial(until_full, tmp_path)).wait()
    lines = (tmp_path / LABELS).read_text().splitlines()
    assert [len(json.loads(line)["text"]) for line in lines] == [300] * count + [0] and count == 3

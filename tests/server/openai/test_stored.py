"""Chats that were asked to be stored: read again, labelled, listed, forgotten, and nobody else's."""

from __future__ import annotations

import pytest

from tests.lazily import Lazily
from tests.server.openai.conftest import KEY
from tests.server.openai.test_client import HELLO
from whet.server.openai.kept import Kept
from whet.server.openai.refused import Refused

openai = Lazily("openai")


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=server.url, api_key=KEY, max_retries=0) as found:
        yield found


def test_what_is_stored_is_read_labelled_listed_and_forgotten(client):
    asked = {"model": "tiny", "messages": HELLO, "max_tokens": 6, "temperature": 0}
    first = client.chat.completions.create(**asked, store=True, metadata={"turn": "1"})
    chunks = list(client.chat.completions.create(**asked, store=True, metadata={"turn": "2"}, stream=True))
    other = client.chat.completions.create(**asked)
    same = client.chat.completions.retrieve(first.id)
    assert same.choices == first.choices and same.metadata == {"turn": "1"}
    streamed = client.chat.completions.retrieve(chunks[0].id)
    assert streamed.choices == first.choices and streamed.usage.completion_tokens == 6
    assert [m.content for m in client.chat.completions.messages.list(first.id)] == [HELLO[0]["content"]]
    client.chat.completions.update(first.id, metadata={"turn": "one"})
    listed = list(client.chat.completions.list(limit=1, order="desc"))
    assert [one.id for one in listed] == [chunks[0].id, first.id]
    assert [one.id for one in client.chat.completions.list(metadata={"turn": "one"})] == [first.id]
    assert client.chat.completions.delete(first.id).deleted
    for gone in (first.id, other.id):
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.retrieve(gone)


@pytest.mark.parametrize("query", ["order=up", "limit=0", "limit=999", "limit=x", "after=nobody"])
def test_lists_that_cannot_be_given_are_refused(server, query):
    status, _, told = server.ask("GET", f"/v1/chat/completions?{query}")
    assert status == 400 and told["error"]["param"] == query.partition("=")[0]


def test_the_oldest_make_room_and_strangers_see_nothing():
    kept = Kept("response", most_bytes=400)
    for number in range(10):
        kept.put("me", str(number), {"id": str(number), "text": "x" * 80})
    found = [one["id"] for one in kept.listed("me")]
    assert found == ["6", "7", "8", "9"][-len(found) :] and len(found) >= 3
    kept.put("me", "large", {"text": "x" * 500})
    assert [one["id"] for one in kept.listed("me")] == found and kept.listed("you") == []
    for owner, id in (("you", "9"), ("me", "0"), ("me", "large")):
        with pytest.raises(Refused, match="there is no response"):
            kept.get(owner, id)

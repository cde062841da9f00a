"""Contents in parts: texts, thoughts, calls, results and media, in the spellings of those who write them so."""

import pytest

from tests.data.rows.spelled import MESSAGES, read
from whet.contracts.rows import (
    Conversation,
    Multimodal,
)
from whet.data.refusal import Refused


def test_media_are_collected_from_columns_and_parts():
    part = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "2.png"}}]}
    row = read({"messages": [part, MESSAGES[1]], "images": ["1.png"]})
    assert isinstance(row, Multimodal) and row.media == {"images": ["1.png", "2.png"]}
    assert isinstance(read({"messages": MESSAGES, "images": []}), Conversation)


V1 = [{"role": "user", "content": [{"type": "text", "value": "a"}], "loss_weight": 0.0}]


@pytest.mark.case("C3")
def test_contents_in_parts_are_texts_reasoning_calls_and_results():
    call = {"type": "tool_call", "value": '{"name": "f", "arguments": {"n": 1}}'}
    parts = [{"type": "reasoning", "value": "hm"}, {"type": "text", "value": "b"}, call]
    row = read({"messages": [*V1, {"role": "assistant", "content": parts, "loss_weight": 0.5}]})
    user, reply = row.messages
    assert user == {"role": "user", "content": "a", "weight": 0}
    assert (reply["content"], reply["reasoning_content"], reply["weight"]) == ("b", "hm", 0.5)
    assert reply["tool_calls"][0]["function"] == {"name": "f", "arguments": {"n": 1}}


@pytest.mark.case("C3")
def test_anthropics_parts_are_openais_messages():
    asked = [{"role": "user", "content": "time?"}]
    use = {"type": "tool_use", "id": "x", "name": "clock", "input": {"zone": "UTC"}}
    result = {"type": "tool_result", "tool_use_id": "x", "content": [{"type": "text", "text": "12:00"}]}
    row = read(
        {"messages": [
            *asked, {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, use]},
            {"role": "user", "content": [result, {"type": "text", "text": "well?"}]},
            {"role": "assistant", "content": "Noon."},
        ], "tools": [{"name": "clock", "input_schema": {"type": "object"}}]}
    )  # fmt: skip
    call = {"id": "x", "type": "function", "function": {"name": "clock", "arguments": {"zone": "UTC"}}}
    assert row.messages[1] == {"role": "assistant", "content": "", "reasoning_content": "hm", "tool_calls": [call]}
    assert row.messages[2] == {"role": "tool", "content": "12:00", "tool_call_id": "x"}
    assert row.messages[3] == {"role": "user", "content": "well?"}
    assert row.tools[0]["function"]["parameters"] == {"type": "object"}


@pytest.mark.case("C3")
def test_pairs_of_whole_conversations_in_parts():
    side = lambda text: [*V1, {"role": "assistant", "content": [{"type": "text", "value": text}], "loss_weight": 1.0}]  # noqa: E731
    row = read({"chosen_messages": side("b"), "rejected_messages": side("c")})
    assert [m["content"] for m in (*row.prompt, *row.chosen, *row.rejected)] == ["a", "b", "c"]


@pytest.mark.case("C3")
@pytest.mark.parametrize("kind", ["input_image", "video_url", "file", "hologram"])
def test_parts_that_no_text_holds_are_refused_by_their_type(kind):
    refused = read({"messages": [{"role": "user", "content": [{"type": kind, kind: "x"}]}, MESSAGES[1]]})
    assert isinstance(refused, Refused) and kind in refused.detail and refused.hint

"""Prompts from rows of every kind: what is asked, and the columns that rewards compare with."""

from __future__ import annotations

import pytest

from tests.tiny import write_rows
from whet.base.errors import DataError
from whet.data.order.step_source import DatasetSource
from whet.data.render.prompts import Asked, Prompts, read_prompts
from whet.data.sources.files import Source
from whet.data.store.ledger import Ledger

TAKES = frozenset({"prompt", "conversation", "completion", "preference", "labelled"})
USER, REPLY = {"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Me."}


def read(tmp_path, rows, name="rows.jsonl", **given):
    sources = [Source.parse(str(write_rows(tmp_path / name, rows)), tmp_path)]
    ledger = Ledger()
    return read_prompts(sources, given.get("takes", TAKES), ledger, seed=0, max_skipped=0.9), sources, ledger


ROWS = {
    "prompt": ({"prompt": "Who?", "answer": "me", "level": 3}, [USER], {"answer": "me", "level": 3}),
    "question": ({"question": "Who?", "answer": "I\n#### me"}, [USER], {"answer": "I\n#### me"}),
    "conversation": ({"messages": [USER, REPLY]}, [USER], {"answer": "Me."}),
    "turns": ({"messages": [USER, REPLY, USER, REPLY]}, [USER, REPLY, USER], {"answer": "Me."}),
    "open": ({"messages": [USER, REPLY, USER]}, [USER, REPLY, USER], {}),
    "own answer": ({"messages": [USER, REPLY], "answer": "her"}, [USER], {"answer": "her"}),
    "completion": ({"prompt": "Once upon", "completion": " a time"}, "Once upon", {"answer": " a time"}),
    "preference": ({"prompt": "Who?", "chosen": "Me.", "rejected": "You."}, [USER], {"answer": "Me."}),
    "labelled": ({"prompt": "Who?", "completion": "Me.", "label": True}, [USER], {"answer": "Me."}),
}  # fmt: skip


@pytest.mark.parametrize("row, messages, columns", ROWS.values(), ids=ROWS)
def test_a_row_asks_what_comes_before_its_reply_and_keeps_its_columns(tmp_path, row, messages, columns):
    (asked,), _, _ = read(tmp_path, [row])
    assert asked.prompt.messages == messages and asked.origin.row == 0
    assert {key: asked.prompt.columns[key] for key in columns} == columns
    assert set(row) <= set(asked.prompt.columns)


def test_rows_that_ask_nothing_are_listed_and_other_kinds_are_an_error(tmp_path):
    asked, _, ledger = read(tmp_path, [{"prompt": "Who?"}, {"messages": [REPLY]}, {"prompt": []}])
    assert len(asked) == 1
    assert {(e.row, e.reason) for e in ledger} == {(1, "no_prompt"), (2, "bad_row")}
    with pytest.raises(DataError, match="prompts without replies"):
        read(tmp_path, [{"prompt": "Who?"}], takes=frozenset({"conversation"}))


def test_prompts_come_in_a_seeded_order_of_their_own_and_go_on_where_they_stood(tmp_path):
    asked, sources, _ = read(tmp_path, [{"prompt": f"{i}?"} for i in range(10)])
    asked = [Asked(a.prompt, a.origin, (i, i + 1)) for i, a in enumerate(asked)]

    def source(seed=1):
        return DatasetSource(Prompts(asked, sources), seed=seed, batch_samples=4, steps=1 << 40)

    def numbers(step):
        return [int(step.fetch(i).fields["number"]) for i in range(len(step.lengths))]

    order = source()
    drawn = [numbers(order.next(i)) for i in range(5)]
    assert sorted(sum(drawn[:3], [])) == list(range(10)) and drawn[3] != drawn[0]
    again = source()
    again.next(0)
    state, rest = again.state_dict(), source()
    rest.load_state_dict(state)
    assert [numbers(rest.next(i)) for i in range(1, 5)] == drawn[1:]

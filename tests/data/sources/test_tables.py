"""Tables: what Arrow adds to rows goes, and what a table says twice or leaves open is refused."""

import bz2
import gzip
import json
import lzma

import pyarrow
import pytest
from pyarrow import ipc, parquet

from tests.data.conversations import HERMES, make_tokenizer
from whet.base.errors import DataError
from whet.data.render.renderer import Renderer
from whet.data.rows.detect import parse_rows
from whet.data.sources.files import Source, count_rows, read_rows


def call(name, **arguments):
    return {"id": "call00000", "type": "function", "function": {"name": name, "arguments": arguments}}


def tool(name, **properties):
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": parameters}}


TOOLS = [tool("drive", speed={"type": "integer"}), tool("paint", color={"type": "string", "enum": ["red"]})]
USED = [call("drive", speed=3), call("paint", color="red"), call("stop"), call("go", to={"x": 1, "way": [{"leg": 2}]})]
ROWS = [
    {
        "messages": [
            {"role": "user", "content": "do it"},
            {"role": "assistant", "content": "", "tool_calls": [used]},
            {"role": "tool", "content": "done", "name": "f"},
            {"role": "assistant", "content": "It is done.", "weight": 1},
        ],
        "tools": TOOLS[: 1 + number % 2],
        "metadata": {"seen": number, "by": {"who": "x"} if number else {}},
    }
    for number, used in enumerate(USED)
]


def as_parquet(path, rows):
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)


def as_stream(path, rows):
    table = pyarrow.Table.from_pylist(rows)
    with ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table)


def as_feather(path, rows):
    table = pyarrow.Table.from_pylist(rows)
    with ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)


def parsed(path):
    return [row for _, row in parse_rows(Source.parse(str(path), path.parent))]


@pytest.mark.case("A3")
@pytest.mark.parametrize(
    ("name", "write"), [("a.parquet", as_parquet), ("data-0.arrow", as_stream), ("a.feather", as_feather)]
)
def test_structs_of_differing_keys_give_the_tokens_of_the_same_rows_as_json(name, write, tmp_path):
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    write(tmp_path / name, ROWS)
    expected, found = parsed(tmp_path / "a.jsonl"), parsed(tmp_path / name)
    assert found == expected
    assert [dict(row.messages[1]["tool_calls"][0]["function"]["arguments"]) for row in found][2] == {}
    renderer = Renderer(make_tokenizer(HERMES))
    pairs = zip(renderer.render(found), renderer.render(expected), strict=True)
    assert all(one.ids.tolist() == other.ids.tolist() and len(one.ids) > 20 for one, other in pairs)
    assert count_rows(Source.parse(name, tmp_path)) == len(ROWS)


@pytest.mark.case("A3")
def test_a_null_that_json_holds_stays_in_arguments_and_of_arrow_counts_as_not_there(tmp_path):
    rows = [{"messages": [{"role": "assistant", "content": "", "tool_calls": [call("f", color=None, speed=1)]}]}]
    (tmp_path / "a.jsonl").write_text(json.dumps(rows[0]))
    as_parquet(tmp_path / "a.parquet", rows)
    found = [parsed(tmp_path / name)[0].messages[0] for name in ("a.jsonl", "a.parquet")]
    arguments = [message["tool_calls"][0]["function"]["arguments"] for message in found]
    assert arguments == [{"color": None, "speed": 1}, {"speed": 1}]


@pytest.mark.case("A3")
def test_nulls_in_lists_stay_and_columns_without_structs_are_as_they_were(tmp_path):
    rows = [{"a": [1, None], "b": None, "c": "x"}, {"a": None, "b": 2.5, "c": None}]
    as_parquet(tmp_path / "a.parquet", rows)
    assert [row for _, row in read_rows(Source.parse("a.parquet", tmp_path))] == rows


@pytest.mark.case("A3")
def test_maps_dates_decimals_and_messages_kept_as_columns_are_what_json_holds(tmp_path):
    import datetime
    import decimal

    table = pyarrow.table(
        {
            "conversations": pyarrow.array([{"from": ["human", "gpt"], "value": ["a", "b"]}]),
            "map": pyarrow.array([[("k", 1), ("l", None)]], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
            "day": pyarrow.array([datetime.date(2024, 1, 2)]),
            "price": pyarrow.array([decimal.Decimal("2.50")]),
            "bytes": pyarrow.array([b"text"]),
        }
    )
    parquet.write_table(table, tmp_path / "a.parquet")
    [(_, row)] = read_rows(Source.parse("a.parquet", tmp_path))
    turns = [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]
    assert row == {"conversations": turns, "map": {"k": 1}, "day": "2024-01-02", "price": 2.5, "bytes": "text"}
    assert [m["content"] for m in parsed(tmp_path / "a.parquet")[0].messages] == ["a", "b"]


@pytest.mark.case("A8")
@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.jsonl", "a.json"])
def test_a_column_that_stands_twice_is_refused(name, tmp_path):
    path = tmp_path / name
    if name == "a.parquet":
        parquet.write_table(pyarrow.table([["x"], ["y"]], names=["a", "a"]), path)
    else:
        row = '{"a": 1, "b": {"a": 2, "a": 3}}'
        path.write_text({"a.csv": "a,b,a\n1,2,3\n", "a.jsonl": row, "a.json": f"[{row}]"}[name])
    with pytest.raises(DataError, match="twice") as caught:
        list(read_rows(Source.parse(name, tmp_path)))
    assert "a" in caught.value.message and caught.value.hint


@pytest.mark.case("D")
def test_a_quote_that_nothing_closes_is_refused_rather_than_swallow_rows(tmp_path):
    (tmp_path / "a.csv").write_text('a,b\n1,"x\n2,y\n3,z\n')
    with pytest.raises(DataError, match="quoted"):
        list(read_rows(Source.parse("a.csv", tmp_path)))
    (tmp_path / "a.csv").write_text('a,b\n1,"x\n2,y"\n')
    assert [row["b"] for _, row in read_rows(Source.parse("a.csv", tmp_path))] == ["x\n2,y"]


def zstd(data):
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstd}


@pytest.mark.case("D")
@pytest.mark.parametrize("ending", PACKERS)
def test_compressed_files_are_read_and_cut_or_misnamed_ones_named(ending, tmp_path):
    rows = [{"text": f"{number} {'x' * number}"} for number in range(200)]
    packed = PACKERS[ending]("".join(json.dumps(row) + "\n" for row in rows).encode())
    name = f"a.jsonl{ending}"
    (tmp_path / name).write_bytes(packed)
    assert [row for _, row in read_rows(Source.parse(name, tmp_path))] == rows
    (tmp_path / "misnamed.jsonl").write_bytes(packed)
    with pytest.raises(DataError, match="compressed") as caught:
        list(read_rows(Source.parse("misnamed.jsonl", tmp_path)))
    assert caught.value.hint == f"mv misnamed.jsonl misnamed.jsonl{ending}"
    for damaged in (packed[:-9], b"nothing of the kind" + packed):
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(DataError, match=name) as caught:
            list(read_rows(Source.parse(name, tmp_path)))
        assert caught.value.hint

"""The token store: built once from what decides it, in order, with every row accounted for."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.data.conversations import CHATML, make_tokenizer
from tests.data.memory import steps_of
from tests.data.words import WordRenderer, words, write_rows
from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Text
from whet.data.order.step_source import DatasetSource
from whet.data.render.renderer import Renderer
from whet.data.rows.detect import parse_rows
from whet.data.sources.files import Source
from whet.data.store import token_store as store_module
from whet.data.store.ledger import Ledger
from whet.data.store.token_store import build_store, rendering


@pytest.fixture
def build(tmp_path):
    """Build a store in this test's own cache; sources are files of texts."""

    def build(*files, ledger=None, renderer=None, **settings):
        sources = [file if isinstance(file, Source) else Source(str(file), file.name) for file in files]
        settings = {"takes": frozenset({"text"}), "cache": tmp_path / "cache", **settings}
        return build_store(sources, renderer or WordRenderer(), ledger=ledger or Ledger(), **settings)

    return build


def test_samples_come_in_the_order_of_sources_and_rows(build, tmp_path):
    first = write_rows(tmp_path / "a.jsonl", [words(n) for n in (5, 3, 8)])
    second = write_rows(tmp_path / "b.jsonl", [words(n) for n in (2, 4)])
    store = build(first, second)
    origins = [(store[i].origin.source, store[i].origin.row) for i in range(len(store))]
    assert origins == [("a.jsonl", 0), ("a.jsonl", 1), ("a.jsonl", 2), ("b.jsonl", 0), ("b.jsonl", 1)]
    assert store.lengths.tolist() == [5, 3, 8, 2, 4] and store.trained.tolist() == [4, 2, 7, 1, 3]
    assert [tuple(span) for span in store.spans] == [("a.jsonl", 0, 3, 1.0), ("b.jsonl", 3, 5, 1.0)]
    assert store.facts == {"rows": 5, "samples": 5, "tokens": 22, "trained_share": 17 / 22}
    with pytest.raises(IndexError):
        store[5]


def test_a_store_that_exists_is_not_rendered_again(build, tmp_path):
    path = write_rows(tmp_path / "a.jsonl", [words(5)] * 10)
    ledgers, renderer = [Ledger(), Ledger()], WordRenderer()
    one = build(path, renderer=renderer, ledger=ledgers[0])
    other = build(path, renderer=renderer, ledger=ledgers[1])
    assert renderer.num_rendered == 10 and one.hash == other.hash
    assert ledgers[0].num_rows == ledgers[1].num_rows == {"a.jsonl": 10}


def test_another_source_renders_only_that_source(build, tmp_path):
    paths = [write_rows(tmp_path / name, [words(5)] * 10) for name in ("a.jsonl", "b.jsonl")]
    renderer = WordRenderer()
    build(paths[0], renderer=renderer)
    build(*paths, renderer=renderer)
    assert renderer.num_rendered == 20


@pytest.mark.parametrize("change", ["rows", "renderer", "length", "truncation", "takes", "code"])
def test_whatever_decides_the_samples_makes_another_shard(build, tmp_path, monkeypatch, change):
    path = write_rows(tmp_path / "a.jsonl", [words(5)] * 3)
    build(path)
    renderer, settings = WordRenderer(), {}
    if change == "rows":
        write_rows(path, [words(5)] * 4)
    if change == "renderer":
        renderer.fingerprint = "other words"
    if change == "length":
        settings = {"max_length": 9}
    if change == "truncation":
        settings = {"truncation": "skip"}
    if change == "takes":
        settings = {"takes": frozenset({"text", "completion"})}
    if change == "code":
        monkeypatch.setattr(store_module, "_code", lambda recipe: "other code")
    build(path, renderer=renderer, **settings)
    assert renderer.num_rendered


def test_a_changed_plugin_format_makes_another_shard(build, tmp_path, monkeypatch):
    monkeypatch.setattr(data_format, "_kinds", dict(data_format._kinds))
    plugin, path, counts = tmp_path / "plugin.py", write_rows(tmp_path / "a.jsonl", [words(5)] * 3), []
    for version in (1, 1, 2):
        plugin.write_text(f"def shout(row):\n    'Version {version}.'\n")
        spec = importlib.util.spec_from_file_location("plugin", plugin)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        data_format("shout")(module.shout)
        renderer = WordRenderer()
        build(path, renderer=renderer)
        counts.append(renderer.num_rendered)
    assert counts == [3, 0, 3]


def test_the_hash_is_that_of_samples_and_weights_not_of_names_and_times(build, tmp_path):
    path = write_rows(tmp_path / "a.jsonl", [words(5), words(3)])
    moved = write_rows(tmp_path / "b.jsonl", [words(5), words(3)])
    other = write_rows(tmp_path / "c.jsonl", [words(5), words(4)])
    weighted = Source(str(path), "a.jsonl", weight=2.0)
    assert build(path).hash == build(moved).hash
    assert len({build(path).hash, build(other).hash, build(weighted).hash, build(path, moved).hash}) == 4


def test_every_row_is_kept_or_listed(build, tmp_path):
    texts = [words(3), "bad", words(9), words(3), "bad bad", words(4)] * 50
    path = write_rows(tmp_path / "a.jsonl", texts)
    for settings in ({"truncation": "skip"}, {"truncation": "cut"}, {"truncation": "split"}):
        for _ in range(2):  # built, then read from the cache
            ledger = Ledger()
            store = build(path, ledger=ledger, max_length=5, max_skipped=1.0, **settings)
            kept = {int(row) for row in store.rows}
            skipped = {entry.row for entry in ledger if entry.action == "skipped"}
            assert kept | skipped == set(range(300)) and not kept & skipped
            assert ledger.num_rows == {"a.jsonl": 300} and ledger.num("skipped") == len(skipped)
            assert ledger.num("truncated") == (50 if settings["truncation"] == "cut" else 0)


def test_the_ledger_names_the_source_as_the_config_does_now(build, tmp_path):
    path = write_rows(tmp_path / "a.jsonl", ["bad", words(3)])
    for name in ("one name", "another"):
        ledger = Ledger()
        build(Source(str(path), name), ledger=ledger, max_skipped=0.5)
        assert [entry.source for entry in ledger] == [name]


def test_worker_processes_give_the_same_store(build, tmp_path):
    path = write_rows(tmp_path / "a.jsonl", [words(3 + i % 7, start=i) if i % 11 else "bad" for i in range(700)])
    ledgers = [Ledger(), Ledger()]
    stores = [
        build(path, ledger=ledger, workers=workers, cache=tmp_path / str(workers), max_skipped=0.2)
        for workers, ledger in zip((0, 2), ledgers, strict=True)
    ]
    assert stores[0].hash == stores[1].hash and len(stores[0]) == 700 - 64
    assert list(ledgers[0]) == list(ledgers[1])


def test_processes_start_only_for_many_rows(build, tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(store_module, "apply_in_order", lambda f, items, n: started.append(n) or map(f, items))
    monkeypatch.setattr(store_module, "_num_cpus", lambda: 4)
    monkeypatch.setattr(store_module, "_CHUNK_ROWS", 2)
    monkeypatch.setattr(store_module, "_FEW_CHUNKS", 5)
    few = build(write_rows(tmp_path / "few.jsonl", [words(3)] * 10))
    many = build(write_rows(tmp_path / "many.jsonl", [words(3)] * 11))
    assert started == [0, 4] and len(few) == 10 and len(many) == 11


def test_too_many_skipped_rows_are_an_error_also_from_the_cache(build, tmp_path):
    path = write_rows(tmp_path / "a.jsonl", ["bad", *[words(3)] * 9])
    for _ in range(2):
        with pytest.raises(DataError, match=r"1 of 10 rows were skipped, .* bad_word"):
            build(path)
    assert len(build(path, max_skipped=0.1)) == 9


def test_rows_that_are_all_refused_leave_nothing(build, tmp_path):
    with pytest.raises(DataError, match="no row is left to learn from: 2 rows; 2 skipped"):
        build(write_rows(tmp_path / "a.jsonl", ["bad", "bad"]), max_skipped=1.0)


def test_an_empty_file_is_an_error(build, tmp_path):
    with pytest.raises(DataError, match="has no rows"):
        build(write_rows(tmp_path / "a.jsonl", []))


def test_samples_without_a_trained_token_are_an_error(build, tmp_path):
    with pytest.raises(DataError, match="no token of 2 samples is trained"):
        build(write_rows(tmp_path / "a.jsonl", ["one", "two"]))


def test_a_long_row_stops_the_build_and_leaves_no_shard(build, tmp_path):
    path = write_rows(tmp_path / "a.jsonl", [words(3), words(9)])
    with pytest.raises(DataError, match="9 tokens, and 5 are allowed") as error:
        build(path, max_length=5, truncation="error")
    assert error.value.at == "a.jsonl row 1"
    assert not [p for p in (tmp_path / "cache" / "tokens").iterdir() if p.suffix != ".lock"]


def test_tables_of_numbers_are_stored_without_a_renderer(build, tmp_path):
    path = tmp_path / "table.jsonl"
    path.write_text("".join(f'{{"features": [{i}.5, 2.0], "label": {i % 3}}}\n' for i in range(9)))
    sources, takes = [Source(str(path), "table")], frozenset({"values"})
    store = build_store(sources, None, takes=takes, ledger=Ledger(), cache=tmp_path / "cache")
    assert store.lengths.tolist() == [1] * 9 and store[4].fields["features"].tolist() == [4.5, 2.0]
    assert store[4].fields["label"] == 1 and store[4].fields["label"].dtype == np.int64


def test_building_imports_no_torch(tmp_path):
    code = "import sys, whet.data.store.token_store; sys.exit('torch' in sys.modules)"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        ).returncode
        == 0
    )


def test_real_conversations_are_stored_as_the_renderer_gives_them_and_all_come_in_an_epoch(build, shared_data):
    source = Source(str(shared_data / "instruct" / "alpaca_en_demo.json"), "alpaca", samples=200)
    renderer, ledger = Renderer(make_tokenizer(CHATML)), Ledger()
    store = build(source, renderer=renderer, takes=frozenset({"conversation"}), ledger=ledger, seed=1)
    rows = dict(parse_rows(source, seed=1))
    assert len(store) + ledger.num("skipped") == ledger.num_rows["alpaca"] == len(rows) == 200
    for index in range(0, len(store), 9):
        (rendered,) = renderer.render([rows[store[index].origin.row]])
        np.testing.assert_array_equal(store[index].ids, rendered.ids)
        np.testing.assert_array_equal(store[index].weights, rendered.weights)
    steps = steps_of(DatasetSource(store, seed=0, batch_tokens=4096, epochs=1))
    assert sorted(row for step in steps for _, row, *_ in step) == store.rows.tolist()


def test_a_real_text_is_split_and_every_token_of_it_is_trained_once(build, shared_data, tmp_path):
    text = (shared_data / "tinyshakespeare" / "input.txt").read_text()[:60_000]
    (tmp_path / "plays.txt").write_text(text)
    renderer = Renderer(make_tokenizer(CHATML))
    store = build(tmp_path / "plays.txt", renderer=renderer, max_length=512, truncation="auto")
    (whole,) = renderer.render([Text(text)])
    pieces = [store[i].ids for i in range(len(store))]
    np.testing.assert_array_equal(np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])]), whole.ids)
    assert store.trained.sum() == len(whole.ids) - 1 and store.lengths.max() == 512


def test_long_documents_are_rendered_a_few_at_a_time(build, tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "_CHUNK_CHARACTERS", 50)
    sizes, renderer = [], WordRenderer()
    monkeypatch.setattr(renderer, "render", lambda rows: sizes.append(len(rows)) or WordRenderer.render(renderer, rows))
    build(write_rows(tmp_path / "a.jsonl", [words(3)] * 20 + ["x " * 100] * 3), renderer=renderer)
    assert sizes == [7, 7, 7, 1, 1]


def test_progress_counts_tokens_because_a_row_may_be_a_whole_book():
    assert rendering("book.txt", 1, 250_000, 2.5) == "rendering book.txt: 1 row, 250k tokens, 100k tokens/s"
    assert rendering("points.csv", 12_000, 0, 3.0) == "rendering points.csv: 12,000 rows, 4000 rows/s"

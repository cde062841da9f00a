"""Reader: texts become samples in place, with the ids that the tokenizer gives by itself."""

from __future__ import annotations

import pickle
from copy import deepcopy

import numpy as np
import pytest
from transformers import AutoTokenizer

from tests.tiny import tokenizer
from whet.base.errors import ConfigError, DataError
from whet.contracts.reading import Apart, Classes, Steps, Tags, Together
from whet.contracts.rows import Classified, Judged, Retrieval, Similarity, Stepwise, Tagged
from whet.contracts.sample import Origin
from whet.data.refusal import Refused
from whet.data.render.class_names import settle
from whet.data.render.task_tokenizer import Reader
from whet.data.sources.files import Source
from whet.data.store.table import SampleTable

AT = Origin("here", 0)
GROUPS = [
    Retrieval("the quick fox", ["lazy dog"], ["oak", "seven owls watch"]),
    Retrieval("wise owls", ["old oak trees", "seven"], []),
]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return AutoTokenizer.from_pretrained(tokenizer(tmp_path_factory.mktemp("plain")))


@pytest.fixture(scope="module")
def bert():
    """A tokenizer that puts [CLS] and [SEP] around texts and between them, and numbers the second one."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "a", "b", "c", "d", "query", ":"]
    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, "[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", unk_token="[UNK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )  # fmt: skip


def read(reader, row):
    made = reader([(row, AT)])[0]
    return made if isinstance(made, Refused) else made[0]


def pieces(sample):
    return [sample.ids[at].tolist() for at in sample.branches]


def test_texts_apart_have_the_tokenizers_own_ids_and_a_role_each(plain):
    sample = read(Reader(plain, Apart({"query": "find "})), GROUPS[0])
    texts = ["find the quick fox", "lazy dog", "oak", "seven owls watch"]
    assert pieces(sample) == plain(texts)["input_ids"]
    assert sample.fields["role"].tolist() == [0, 1, 2, 2] and sample.is_in_place and sample.weights.all()
    again = read(Reader(plain, Apart()), Retrieval("lazy dog", ["oak"]))
    assert again.fields["text"][0] == sample.fields["text"][1] and again.fields["text"][1] == sample.fields["text"][2]


def test_a_prompt_that_is_not_pooled_has_no_weight(bert, plain):
    reading = Apart({"query": "query : "}, pools_prompt=False)
    sample = read(Reader(bert, reading), Retrieval("a b", ["c"]))
    assert pieces(sample) == [[1, 8, 9, 4, 5, 2], [1, 6, 2]]
    assert sample.weights.tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 1]
    prompt = Apart({"query": "find "}, pools_prompt=False)
    length = len(plain("find ")["input_ids"])
    assert read(Reader(plain, prompt), GROUPS[0]).weights[: length + 1].tolist() == [0] * length + [1]


def test_groups_of_different_sizes_share_a_table(plain):
    samples = [read(Reader(plain, Apart()), row) for row in GROUPS]
    table = SampleTable.of(samples)
    for index, sample in enumerate(samples):
        again = table.sample(index, "here")
        assert again.cuts == sample.cuts and again.is_in_place
        assert {n: v.tolist() for n, v in again.fields.items()} == {n: v.tolist() for n, v in sample.fields.items()}


def test_judged_documents_are_positives_and_negatives(plain):
    row = Judged("the fox", ["oak", "lazy dog", "owls"], [0, 2, 0])
    sample = read(Reader(plain, Apart()), row)
    assert pieces(sample)[1:] == plain(["lazy dog", "oak", "owls"])["input_ids"]
    none = read(Reader(plain, Apart()), Judged("the fox", ["oak"], [0]))
    assert isinstance(none, Refused) and none.reason == "no_positive"


def test_texts_together_share_their_beginning(plain):
    sample = read(Reader(plain, Together("{query} > {document}")), GROUPS[0])
    texts = [f"the quick fox > {d}" for d in ("lazy dog", "oak", "seven owls watch")]
    shared = sample.cuts[0]
    whole = [sample.ids[:shared].tolist() + piece for piece in pieces(sample)]
    assert whole == plain(texts)["input_ids"] and shared > 2
    assert sample.fields["relevance"].tolist() == [1, 0, 0]
    ends = [at.stop - 1 for at in sample.branches]
    assert np.flatnonzero(sample.weights).tolist() == ends


def test_braces_in_texts_stay(plain):
    sample = read(Reader(plain, Together("{query}\n{document}")), Retrieval("{document}", ["{query}"]))
    assert plain.decode(sample.ids) == "{document}\n{query}"


def test_a_pair_is_what_the_tokenizer_joins(bert, plain):
    sample = read(Reader(bert, Together()), Retrieval("a b", ["c"], ["d"]))
    assert pieces(sample) == bert([["a b", "c"], ["a b", "d"]])["input_ids"]
    typed = bert([["a b", "c"], ["a b", "d"]])["token_type_ids"]
    assert sample.values["token_types"].tolist() == sum(typed, [])
    with pytest.raises(ConfigError, match="between two texts"):
        Reader(plain, Together())
    untyped = deepcopy(bert)
    untyped.model_input_names = ["input_ids", "attention_mask"]  # as DistilBERT's, whose model takes no types
    assert "token_types" not in read(Reader(untyped, Together()), Retrieval("a b", ["c"], ["d"])).values
    glued = read(Reader(plain, Classes("single", ("0", "1"))), Classified("a", 1, "b"))
    assert isinstance(glued, Refused) and "{first}" in glued.hint


def test_labels_are_names_or_numbers_of_classes(plain):
    reader = Reader(plain, Classes("single", ("no", "yes")))
    assert [read(reader, Classified("owl", label)).fields["label"] for label in ("yes", 0, 1)] == [1, 0, 1]
    unknown = read(reader, Classified("owl", "perhaps"))
    assert isinstance(unknown, Refused) and "`perhaps`" in unknown.detail and "`no`, `yes`" in unknown.detail
    many = read(Reader(plain, Classes("multi", ("a", "b", "c"))), Classified("owl", ["c", "a"]))
    assert many.fields["label"].tolist() == [1, 0, 1]
    number = read(Reader(plain, Classes("regression", ("score",))), Classified("owl", "2.5"))
    assert number.fields["label"].tolist() == [2.5]


def test_tags_stand_at_the_first_token_of_their_word_or_at_all(plain, bert):
    row = Tagged(["quick", "xylophones", "fox"], ["O", "B", -100])
    for every in (False, True):
        sample = read(Reader(plain, Tags(("B", "O"), every)), row)
        assert plain.decode(sample.ids) == "quick xylophones fox"
        texts = [plain.decode([token]) for token, weight in zip(sample.ids, sample.weights, strict=True) if weight]
        labels = sample.values["label"][sample.weights > 0].tolist()
        said = "".join(text.strip() for text in texts)
        if every:
            assert said == "quickxylophones" and labels == sorted(labels, reverse=True) and set(labels) == {0, 1}
        else:
            assert len(texts) == 2 and labels == [1, 0] and "quickxylophones".startswith(said)
    placed = read(Reader(bert, Tags(("x", "y"))), Tagged(["a", "b"], ["y", "x"]))
    assert placed.weights.tolist() == [0, 1, 1, 0] and placed.values["label"].tolist() == [0, 1, 0, 0]


def test_steps_end_with_their_label(plain):
    row = Stepwise("the fox", ["jumps", "over dog"], [1.0, 0.0])
    sample = read(Reader(plain, Steps("\n")), row)
    parts = [
        plain(text, add_special_tokens=False)["input_ids"] for text in ("the fox", "jumps", "\n", "over dog", "\n")
    ]
    assert sample.ids.tolist() == sum(parts, [])
    ends = np.cumsum([len(part) for part in parts])[[2, 4]] - 1
    assert np.flatnonzero(sample.weights).tolist() == ends.tolist()
    assert sample.values["label"][ends].tolist() == [1.0, 0.0]
    last = read(Reader(plain, Steps("\n", last_only=True)), row)
    assert np.flatnonzero(last.weights).tolist() == ends[-1:].tolist()
    short, was_cut = Reader(plain, Steps("\n"), cut=int(ends[1]))([(row, AT)])[0]
    assert was_cut and np.flatnonzero(short.weights).tolist() == ends[:1].tolist()


def test_long_texts_are_cut_around_special_tokens(bert):
    sample, was_cut = Reader(bert, Apart(), cut=4)([(Similarity("a b c d", "a", 1.0), AT)])[0]
    assert was_cut and pieces(sample) == [[1, 4, 5, 2], [1, 4, 2]]


def test_a_reader_pickles_for_worker_processes(plain):
    reader = Reader(plain, Apart({"query": "find "}))
    again = pickle.loads(pickle.dumps(reader))
    assert pieces(read(again, GROUPS[0])) == pieces(read(reader, GROUPS[0])) and again.fingerprint == reader.fingerprint


def test_numbers_with_fractions_are_no_classes(tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(f'{{"text": "a", "label": {label}}}\n' for label in (1, 2.0, 0.5)))
    sources = [Source.parse(str(rows), tmp_path)]
    with pytest.raises(DataError, match=r"the label is 0\.5, a number and no class") as error:
        settle(Classes("single"), sources, seed=0, may_be_unseen=False)
    assert error.value.at.endswith("row 2") and "objective.problem=regression" in error.value.hint
    rows.write_text('{"text": "a", "label": 1}\n{"text": "a", "label": 2.0}\n')
    assert settle(Classes("single"), sources, seed=0, may_be_unseen=False).labels == ("1", "2")


@pytest.mark.case("A16")
def test_a_class_that_is_named_twice_is_refused():
    with pytest.raises(DataError, match="`x` is named twice") as error:
        settle(Classes(labels=("x", "y", "x")), [], seed=0, may_be_unseen=False)
    assert error.value.hint == "objective.labels=[x,y]"

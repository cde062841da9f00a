"""Tasks: perplexity, last word and loss, against plain forwards of transformers and numbers counted by hand."""

import json
import math
import re

import numpy as np
import pytest
import torch

from tests.generate import tiny
from whet.base.catalogue import task
from whet.base.errors import ConfigError, DataError, ModelError
from whet.evaluate.detokenize import wikitext
from whet.evaluate.run import evaluate
from whet.evaluate.windows import rolling, split_pair

PAGES = ["The quick brown fox @-@ jumps over the lazy dog . \n Pack my box !", "hello world , how are you today ?"]


@pytest.fixture
def pages(tmp_path):
    path = tmp_path / "pages.jsonl"
    path.write_text("".join(json.dumps({"text": page}) + "\n" for page in PAGES))
    return str(path)


def logprobs(module, context, targets):
    """log p of each target after the context, from one forward."""
    ids = torch.tensor([[*context, *targets]])
    with torch.no_grad():
        table = torch.log_softmax(module(ids[:, :-1]).logits[0].double(), -1)[len(context) - 1 :]
    return table[torch.arange(len(targets)), list(targets)], table.argmax(-1)


@pytest.mark.parametrize("size", [1, 4, 7, 10, 50])
@pytest.mark.parametrize("length", [1, 7, 8, 20, 21])
def test_windows_predict_every_token_once_and_the_last_one_sees_as_much_as_fits(length, size):
    ids = list(range(100, 100 + length))
    windows = list(rolling(ids, 1, size))
    targets = [w.ids[w.weights > 0].tolist() for w in windows]
    assert [token for part in targets for token in part] == ids
    assert all(len(part) == size for part in targets[:-1]) and len(targets[-1]) <= size
    for number, window in enumerate(windows):
        context = window.ids[window.weights == 0].tolist()
        start = number * size
        assert window.num_tokens - 1 <= size
        if number == 0:
            assert context == [1]
        elif number < len(windows) - 1:
            assert context == [ids[start - 1]]
        else:
            assert context == ids[max(0, length - 1 - size) : start] and window.num_tokens - 1 == size


@pytest.mark.parametrize("detokenize", ["none", "wikitext"])
@pytest.mark.parametrize("window", [None, 10])
def test_perplexities_divide_the_same_likelihood_by_words_bytes_and_tokens(loaded, pages, window, detokenize):
    settings = {"file": pages, "window": window, "detokenize": detokenize}
    result = evaluate("perplexity", settings, loaded)
    tok, total, num_tokens = loaded.processor, 0.0, 0
    for page in PAGES:
        ids = tok.encode(wikitext(page) if detokenize == "wikitext" else page, add_special_tokens=False)
        num_tokens += len(ids)
        size = window or 32
        for start in range(0, len(ids), size):
            end = min(start + size, len(ids))
            context = ids[max(0, end - 1 - size) : start] or [tok.bos_token_id]
            total += float(logprobs(loaded.module, context, ids[start:end])[0].sum())
    words = sum(len(re.split(r"\s+", page)) for page in PAGES)
    num_bytes = sum(len(page.encode()) for page in PAGES)
    figures = {name: figure.value for name, figure in result.figures.items()}
    assert figures == pytest.approx(
        {
            "word_perplexity": math.exp(-total / words),
            "byte_perplexity": math.exp(-total / num_bytes),
            "token_perplexity": math.exp(-total / num_tokens),
            "bits_per_byte": -total / num_bytes / math.log(2),
        },
        rel=1e-5,
    )
    assert result.facts["documents"] == 2 and result.facts["tokens"] == num_tokens
    assert result.facts["loglikelihood"] == pytest.approx(total, rel=1e-5)


def test_a_model_that_gives_every_token_the_same_chance_has_the_vocabulary_as_perplexity(shared_data, tmp_path):
    flat = tiny.loaded(tiny.folder(tmp_path, max_position_embeddings=256))
    torch.nn.init.zeros_(flat.module.lm_head.weight)
    settings = {"file": str(shared_data / "wikitext-2" / "test.txt"), "limit": 3, "detokenize": "wikitext"}
    result = evaluate("perplexity", settings, flat)
    assert result.figures["token_perplexity"].value == pytest.approx(len(tiny.tokenizer()))
    bits = result.facts["tokens"] * math.log2(len(tiny.tokenizer())) / result.facts["bytes"]
    assert result.figures["bits_per_byte"].value == pytest.approx(bits)
    assert result.facts["divided_by"] == "wikitext" and result.facts["documents"] == 3


def test_batches_do_not_change_figures(loaded, pages):
    values = [
        [figure.value for figure in evaluate("perplexity", {"file": pages, "batch_tokens": n}, loaded).figures.values()]
        for n in (1, 10_000)
    ]
    assert values[0] == pytest.approx(values[1], rel=1e-5)


def test_the_last_word_is_right_when_the_model_would_have_written_it(folder, tmp_path):
    """A model that only ever says whole words, asked for its own words and for others."""
    loaded = tiny.loaded(folder)
    tok, module = loaded.processor, loaded.module
    words = [i for i in range(len(tok)) if re.fullmatch(r" \w+", tok.decode([i]))]
    with torch.no_grad():
        module.lm_head.weight[[i for i in range(len(tok)) if i not in words]] = 0
    passages, right, loglikelihoods = [], [], []
    for begin in ("hello", "The quick brown", "Pack my", "how are you"):
        for letter in "abcdefgh":
            guess = int(logprobs(module, tok.encode(f"{begin} {letter}"), [0])[1][0])
            passages += [f"{begin} {letter}{tok.decode([guess])}", f"{begin} {letter} fox"]
    for passage in passages:
        context, target = split_pair(tok, *(passage.rpartition(" ")[0], " " + passage.rpartition(" ")[2]))
        values, guesses = logprobs(module, context, target)
        loglikelihoods.append(float(values.sum()))
        right.append(guesses.tolist() == target)
    path = tmp_path / "passages.txt"
    path.write_text("\n".join(passages))
    result = evaluate("last-word", {"file": str(path)}, loaded)
    assert result.figures["accuracy"].value == pytest.approx(np.mean(right))
    assert result.figures["perplexity"].value == pytest.approx(math.exp(-np.mean(loglikelihoods)), rel=1e-4)
    assert 0.3 < np.mean(right) < 0.9


def test_a_pair_is_tokenised_together_and_the_blank_belongs_to_the_target():
    tok = tiny.tokenizer()
    context, target = split_pair(tok, "how are ", " you")
    assert (tok.decode(context), tok.decode(target)) == (tok.bos_token + "how are", "  you")
    assert split_pair(tok, "", " you") == ([tok.bos_token_id], tok.encode(" you", add_special_tokens=False))


def test_a_passage_that_is_too_long_loses_its_start(loaded, tmp_path):
    path = tmp_path / "long.txt"
    path.write_text("word " * 60 + "end")
    result = evaluate("last-word", {"file": str(path)}, loaded)
    ids = loaded.processor.encode("word " * 60 + "end")
    context, target = split_pair(loaded.processor, ("word " * 60).rstrip(), " end")
    kept = (context + target)[-33:]
    expected = float(logprobs(loaded.module, kept[: -len(target)], target)[0].sum())
    assert len(ids) > 60 and result.figures["perplexity"].value == pytest.approx(math.exp(-expected), rel=1e-4)


@pytest.fixture
def chats(tmp_path):
    rows = [
        {"messages": [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "the fox"}]},
        {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "jumps over the dog"}]},
    ]
    path = tmp_path / "chats.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows, str(path)


def test_loss_is_the_mean_over_trained_tokens_of_all_rows(loaded, chats):
    rows, path = chats
    result = evaluate("loss", {"file": path}, loaded)
    tok, nats, hits = loaded.processor, [], []
    for row in rows:
        rendered = tok.apply_chat_template(row["messages"], return_dict=True, return_assistant_tokens_mask=True)
        ids, mask = rendered["input_ids"], rendered["assistant_masks"]
        values, guesses = logprobs(loaded.module, ids[:1], ids[1:])
        trained = torch.tensor(mask[1:]).bool()
        nats += (-values[trained]).tolist()
        hits += (guesses == torch.tensor(ids[1:]))[trained].tolist()
    assert result.figures["loss"].value == pytest.approx(np.mean(nats), rel=1e-5)
    assert result.figures["perplexity"].value == pytest.approx(math.exp(np.mean(nats)), rel=1e-5)
    assert result.figures["accuracy"].value == pytest.approx(np.mean(hits))
    assert result.facts["trained_tokens"] == len(nats) and result.figures["loss"].n == 2


def test_loss_of_text_that_was_split_counts_its_row_once(loaded, tmp_path):
    path = tmp_path / "text.jsonl"
    path.write_text("".join(json.dumps({"text": "the fox jumps " * n}) + "\n" for n in (1, 12)))
    result = evaluate("loss", {"file": str(path)}, loaded)
    assert result.figures["loss"].n == 2 and result.facts["rows"] == 2
    # All tokens of the first row fit; the begin token of each row is never predicted.
    num_tokens = sum(len(loaded.processor.encode("the fox jumps " * n)) for n in (1, 12))
    assert result.facts["trained_tokens"] == num_tokens + 2 - 2


def test_rows_that_are_not_whole_are_counted_with_their_reason(loaded, tmp_path, chats):
    rows, path = chats
    long = {"messages": [*rows[0]["messages"][:1], {"role": "assistant", "content": "word " * 60}]}
    with open(path, "a") as file:
        file.write(json.dumps(long) + "\n")
    with pytest.raises(DataError, match="32 are all the model sees"):
        evaluate("loss", {"file": path}, loaded)
    result = evaluate("loss", {"file": path, "truncation": "skip"}, loaded)
    assert result.facts["not_whole"] == {"too_long": 1} and result.facts["rows"] == 2
    only_long = tmp_path / "long.jsonl"
    only_long.write_text(json.dumps(long))
    with pytest.raises(DataError, match="no row of .* can be scored.*too_long"):
        evaluate("loss", {"file": str(only_long), "truncation": "skip"}, loaded)


def test_the_turns_that_count_can_be_chosen(loaded, chats):
    _, path = chats
    counts = [
        evaluate("loss", {"file": path, "train_on": on}, loaded).facts["trained_tokens"] for on in ("assistant", "all")
    ]
    assert counts[0] < counts[1]


def test_what_cannot_be_measured_is_refused_with_a_hint(loaded, pages, tmp_path):
    (tmp_path / "empty.txt").write_text(" \n")
    cases = [
        ({"file": str(tmp_path / "empty.txt")}, DataError, "has no text"),
        ({"file": pages, "window": 33}, ModelError, "`window` is 33"),
        ({"file": pages, "windw": 3}, ConfigError, "no setting `windw`"),
        ({"file": pages, "limit": 0}, ConfigError, "`limit` of the task"),
        ({}, ConfigError, "the task `perplexity` needs `file`"),
    ]
    for settings, kind, message in cases:
        with pytest.raises(kind, match=message) as error:
            evaluate("perplexity", settings, loaded)
        assert error.value.hint
    with pytest.raises(ConfigError, match="unknown task `perplex`"):
        evaluate("perplex", {}, loaded)


def test_a_tokenizer_without_begin_and_end_cannot_predict_the_first_token(loaded, pages):
    from dataclasses import replace

    bare = type(loaded.processor)(tokenizer_object=loaded.processor.backend_tokenizer)
    with pytest.raises(ModelError, match="neither a begin nor an end token"):
        evaluate("perplexity", {"file": pages}, replace(loaded, processor=bare))


def test_a_text_of_which_the_tokenizer_knows_nothing_is_shorter_than_a_token(loaded, tmp_path):
    from dataclasses import replace

    from tokenizers import Tokenizer
    from tokenizers.models import BPE

    knows_a = type(loaded.processor)(tokenizer_object=Tokenizer(BPE(vocab={"a": 0, "#": 1}, merges=[])), eos_token="#")
    path = tmp_path / "text.txt"
    path.write_text("zzz")
    with pytest.raises(DataError, match="shorter than one token"):
        evaluate("perplexity", {"file": str(path)}, replace(loaded, processor=knows_a))


def test_every_task_says_what_each_setting_is():
    for name in task.names():
        fields = task.get(name).settings.model_fields
        assert all(field.description for key, field in fields.items() if key != "kind"), name

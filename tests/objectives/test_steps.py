"""Process reward from rows to gradients: transformers' own token classifier, with the labels of TRL's PRMTrainer."""

from __future__ import annotations

import pytest
import torch

from tests.objectives.groups import SINGLE, assert_same, built, executor, figures
from tests.objectives.texts import with_gradients
from tests.tiny import sentence, tokenizer
from whet.contracts.model import Head
from whet.contracts.rows import Stepwise
from whet.data.render.recipe import Recipe
from whet.data.render.task_tokenizer import Reader


def solved(number):
    """A task, one to four steps, and whether each is right."""
    steps = [sentence(number + k + 1, 1 + k + number % 3) for k in range(1 + number % 4)]
    return sentence(number, 2 + number), steps, [(number + k) % 3 > 0 for k in range(len(steps))]


ROWS = [solved(number) for number in range(6)]
WAYS = {"newline": {}, "two newlines": {"separator": "\n\n"}, "words": {"separator": " oak trees", "last_only": True}}


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tokenizer(tmp_path_factory.mktemp("words")))


@pytest.fixture(scope="module")
def scorer(words):
    return built(head=Head("token", ("wrong", "right")), vocab_size=len(words))


def labelled(words, row, separator="\n", last_only=False):
    """Ids and labels of a row: each text by itself, the separator's last token says whether its step is right."""
    prompt, steps, right = row

    def ids(text):
        return words(text, add_special_tokens=False)["input_ids"]

    found = ids(prompt)
    labels = [-100] * len(found)
    for number, (step, is_right) in enumerate(zip(steps, right, strict=True), 1):
        found += ids(step) + ids(separator)
        label = int(is_right) if number == len(steps) or not last_only else -100
        labels += [-100] * (len(found) - len(labels) - 1) + [label]
    return torch.tensor([found]), torch.tensor([labels])


def read(words, reading):
    """The samples of all rows, none refused."""
    rows = [Stepwise(prompt, steps, [float(is_right) for is_right in right]) for prompt, steps, right in ROWS]
    recipe = Recipe(None, frozenset({"stepwise"}), reader=Reader(words, reading))
    samples, lost = recipe("rows", list(enumerate(rows)))
    assert not lost and len(samples) == len(ROWS)
    return samples


@pytest.mark.parametrize("way", WAYS)
def test_rows_give_the_loss_and_gradients_of_transformers_own_labels(words, scorer, way):
    sums, count = [], 0
    for row in ROWS:
        ids, labels = labelled(words, row, **WAYS[way])
        own = int((labels >= 0).sum())
        sums.append(scorer.module(input_ids=ids, labels=labels).loss * own)
        count += own
    assert count == (len(ROWS) if WAYS[way].get("last_only") else sum(len(steps) for _, steps, _ in ROWS))
    expected = with_gradients(scorer.module, torch.stack(sums).sum() / count)
    train = executor("process-reward", policy=scorer, **WAYS[way])
    samples = read(words, train.objective.traits.reading)
    assert_same(figures(train, [samples[:2], samples[2:]]), expected, SINGLE)

"""Weights of messages, under every name in use: which of them are to be trained, and how much."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from whet.base.errors import DataError
from whet.data.rows.columns import what

# OpenAI, LLaMA-Factory's second version, ms-swift: numbers from 0 on.
_NUMBERS = ("weight", "loss_weight", "loss_scale")
# ms-swift and XTuner, axolotl, and files of one's own: true or false, or 1 and 0.
_TRUTHS = ("loss", "train", "training", "trainable", "loss_mask", "train_on", "is_trained")
# torchtune, and files of one's own: true where nothing is trained.
_MASKED = ("masked", "is_masked", "ignore_loss", "no_loss")
NAMES = frozenset((*_NUMBERS, *_TRUTHS, *_MASKED))
# What says something of the loss that a weight of the whole message cannot say, or says it in two ways.
REFUSED = {
    "train_detail": "spans", "training_detail": "spans", "mask": "a mask", "loss_masks": "a mask",
    "label_mask": "a mask", "token_weights": "a weight a token", "labels": "labels", "ignore": "a mask",
    "attention_mask": "a mask",
}  # fmt: skip
# The same, in columns of a row.
_OF_ROWS = frozenset((
    "loss_mask", "loss_masks", "label_mask", "labels_mask", "train_mask", "completion_mask", "response_mask",
    "assistant_mask", "assistant_masks", "loss_weight", "loss_weights", "loss_scale", "token_weights", "sample_weight",
    "train_detail", "training_detail", "train_on_input", "train_on_inputs", "train_on_prompt", "mask_history",
    "output_with_loss",
))  # fmt: skip
# Words of a key that make it speak of the loss, whoever made it up.
_SPOKEN = frozenset(
    "loss losses mask masks masked unmask weight weights train trained training trainable learn learnable "
    "supervised".split()
)
_WORDS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}
_HINT = "`weight: 0` on a message keeps it out of training, another number scales its loss"


def weight_of(message: Mapping[str, Any], number: int) -> float | None:
    """The weight that a message gives itself, None where it says nothing.

    Raises DataError where a key speaks of the loss in a way that is not read, or two keys disagree.
    """
    for key, means in REFUSED.items():
        if message.get(key) not in (None, [], {}, ""):
            raise DataError(f"message {number} has `{key}`, {means} that is not read here", hint=_HINT)
    for key, value in message.items():
        if key not in NAMES and value is not None and speaks_of_loss(key) and value not in ([], {}, ""):
            raise DataError(f"message {number} has `{key}`, which is not read and speaks of its loss", hint=_HINT)
    _refuse_inside(message, number)
    found = {key: _read(key, message[key], number) for key in message if key in NAMES and message[key] is not None}
    if len(set(found.values())) > 1:
        said = " and ".join(f"`{key}: {what(message[key])}`" for key in found)
        raise DataError(f"message {number} says two things of its loss: {said}", hint="keep one of them")
    return next(iter(found.values()), None)


def _refuse_inside(message: Mapping[str, Any], number: int) -> None:
    """Of a message's `metadata` and the like: what would keep it out of training stands one level too deep."""
    for outer, inner in message.items():
        if outer == "content" or not isinstance(inner, Mapping):
            continue
        for key, value in inner.items():
            if isinstance(key, str) and speaks_of_loss(key) and (isinstance(value, bool) or _is_said(key, value)):
                hint = f"put it on the message itself: {key}: {what(value)}; or rename it, if it means something else"
                raise DataError(f"message {number} has `{outer}.{key}`, which is not read there", hint=hint)


@cache
def speaks_of_loss(key: str) -> bool:
    """Whether one of the words of a key does: `lossMask`, `train_on_this`."""
    words = re.split(r"[_\W]+|(?<=[a-z])(?=[A-Z])", key)
    return not _SPOKEN.isdisjoint(word.lower() for word in words)


def refuse_masks(row: Mapping[str, Any]) -> None:
    """Raise DataError for a row of a conversation or text with a column that speaks of its loss: none is read."""
    for name, value in row.items():
        if not speaks_of_loss(name) and name not in _OF_ROWS:
            continue
        is_meant = name in _OF_ROWS or isinstance(value, bool | list) or _is_said(name, value)
        if is_meant and value not in (None, [], {}, ""):
            hint = f"{_HINT}; or rename the column, if it means something else: columns: {{other: {name}}}"
            raise DataError(f"the row has a column `{name}`, which is not read: all of the row would count", hint=hint)


def _is_said(name: str, value: Any) -> bool:
    """Whether a number or a text is a yes or no to training. Of measured things only a weight of 0 is: all but 0 are
    ordinary weights and losses of rows."""
    if isinstance(value, str):
        return value.strip().lower() in _WORDS
    if name in _NUMBERS:
        return isinstance(value, int | float) and value == 0
    return name in NAMES | {"mask", "masks"} and name != "loss" and isinstance(value, int) and value in (0, 1)


def _read(key: str, value: Any, number: int) -> float:
    hint = "a message's weight is a number from 0 on" if key in _NUMBERS else f"`{key}` is true or false; {_HINT}"
    read = _WORDS.get(value.lower()) if isinstance(value, str) else value
    if isinstance(value, str) and read is None and key in _NUMBERS:
        read = _float(value)
    is_fine = isinstance(read, int | float) and (0 <= read < 1e9 if key in _NUMBERS else read in (0, 1))
    if not is_fine or read is None:
        raise DataError(f"message {number} has {key} {what(value)}", hint=hint)
    return int(not read) if key in _MASKED else int(read) if isinstance(read, bool) else read


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None

"""What a row says of its messages' weights is read under every name, and refused by name where it is not."""

import pytest

from tests.data.rows.spelled import MESSAGES, read
from whet.data.refusal import Refused
from whet.data.rows.detect import Detector


def test_only_the_completion_of_a_conversational_pair_is_weighted():
    row = read({"prompt": [*MESSAGES, MESSAGES[0]], "completion": MESSAGES[1:]})
    assert [message.get("weight", 1) for message in row.messages] == [0, 0, 0, 1]


WEIGHTS = [
    ({"weight": 0}, 0), ({"loss": False}, 0), ({"loss": True}, 1), ({"train": False}, 0), ({"training": False}, 0),
    ({"training": True}, 1), ({"loss_weight": 0.0}, 0), ({"loss_weight": 0.5}, 0.5), ({"loss_scale": 2}, 2),
    ({"loss_mask": 0}, 0), ({"loss_mask": 1}, 1), ({"masked": True}, 0), ({"trainable": "false"}, 0),
    ({"loss": None}, 1), ({"train": False, "weight": 0}, 0), ({"weight": "0.25"}, 0.25), ({"train_detail": []}, 1),
]  # fmt: skip


@pytest.mark.case("A5")
@pytest.mark.parametrize(("keys", "weight"), WEIGHTS)
def test_every_name_of_a_message_s_weight_is_read(keys, weight):
    row = read({"messages": [MESSAGES[0], {**MESSAGES[1], **keys}]})
    reply = row.messages[1]
    assert reply.get("weight", 1) == weight and set(reply) - {"weight"} == {"role", "content"}


@pytest.mark.case("A5")
@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ({"train_detail": [{"begin_offset": 0, "end_offset": 3, "train": False}]}, "train_detail"),
        ({"mask": True}, "mask"),
        ({"loss": 1.37}, "loss"),
        ({"loss": "perhaps"}, "perhaps"),
        ({"weight": float("nan")}, "nan"),
        ({"weight": [0, 1]}, "list"),
        ({"metadata": {"train": False}}, "metadata.train"),
        ({"extra": {"weight": 0}}, "extra.weight"),
        ({"weight": 1, "train": False}, "two things"),
        ({"images": ["a.png"]}, "images"),
        ({"lossMask": [1]}, "lossMask"),
        ({"should_train": False}, "should_train"),
        ({"is_learnable": False}, "is_learnable"),
    ],
)
def test_what_speaks_of_the_loss_and_is_not_read_is_refused_by_name(keys, word):
    refused = read({"messages": [MESSAGES[0], {**MESSAGES[1], **keys}]})
    assert isinstance(refused, Refused) and word in refused.detail and refused.hint


@pytest.mark.case("A5")
@pytest.mark.parametrize("row", [{"messages": MESSAGES}, {"prompt": "a", "completion": "b"}, {"text": "a"}])
def test_a_row_with_a_mask_of_its_own_is_refused(row):
    spoken = ({"train": 0}, {"mask": 1}, {"trainable": "false"}, {"is_trained": "No"}, {"weight": 0}, {"weight": 0.0})
    listed = ({"loss_mask": [0, 1]}, {"train": False}, {"sample_weight": 0.5}, {"turn_weights": [1.0]})
    for column in listed + spoken:
        refused = read({**row, **column})
        assert isinstance(refused, Refused) and f"`{next(iter(column))}`" in refused.detail and refused.hint
    kept = {"loss": 1.37, "body_weight": 70, "loss_mask": None, "training": "2024 intake", "weight": 1, "mask": "N95"}
    assert not isinstance(read({**row, **kept}), Refused)


@pytest.mark.case("A5")
def test_keys_of_messages_that_nobody_reads_are_counted():
    detector = Detector()
    for number in range(3):
        detector.parse({"messages": [{**MESSAGES[0], "mood": "sad", "id": 3}, MESSAGES[1]]}, f"row {number}")
    (note,) = detector.notes
    assert (note.count, note.at) == (3, "row 0") and "`mood`" in note.what


@pytest.mark.case("C7")
def test_xtuners_turns_without_loss_are_context():
    turns = [{"input": "a", "output": "b", "output_with_loss": False}, {"input": "c", "output": "d"}]
    assert [m.get("weight", 1) for m in read({"conversation": turns}).messages] == [1, 0, 1, 1]

"""Settings given by hand: what was meant is said."""

import pytest

from whet.base.catalogue import SLOTS, exporter, quantizer, task
from whet.base.chosen import checked
from whet.base.errors import ConfigError
from whet.base.mistakes import example


def test_what_is_not_given_has_its_default():
    assert checked(quantizer.get("int4"), {"group": 32}) == {
        "group": 32, "symmetric": True, "layout": "compressed-tensors",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "settings", "says", "hint"),
    [
        (quantizer.get("gptq"), {"gruop": 32}, "has no setting `gruop`", "did you mean `group`?"),
        (quantizer.get("gptq"), {"bits": 5}, "`bits` of the quantizer `gptq`", "bits=4"),
        (quantizer.get("gptq"), {"bits": 16}, "(it is 16)", "bits=8"),
        (quantizer.get("awq"), {"layout": "gtpq"}, "(it is 'gtpq')", "did you mean layout=gptq?"),
        (exporter.get("hf"), {"shard_size": "many"}, "the value is none that it takes", "shard_size is largest file"),
        (task.get("perplexity"), {"limt": 3}, "the task `perplexity` has no setting `limt`", "did you mean `limit`?"),
    ],
)
def test_a_wrong_setting_is_told_with_the_right_one(kind, settings, says, hint):
    with pytest.raises(ConfigError) as error:
        checked(kind, settings)
    assert says in str(error.value) and error.value.hint.startswith(hint)


def test_what_is_needed_and_not_given_is_said_with_something_to_type():
    with pytest.raises(ConfigError, match="the task `loss` needs `file`") as error:
        checked(task.get("loss"), {})
    assert error.value.hint.startswith("file=held_out.jsonl  (data file or folder")


def test_every_setting_that_a_kind_needs_has_an_example_that_is_no_placeholder():
    for slot in SLOTS.values():
        for name in slot.names():
            settings = slot.get(name).settings
            for needed in (one for one, field in settings.model_fields.items() if field.is_required()):
                typed = example(settings, (needed,), (needed,)).partition("  (")[0]
                assert "TEXT" not in typed and "KEY" not in typed, (slot.name, name, typed)

"""Settings given by hand: what was meant is said."""

import pytest

from whet.base.catalogue import exporter, quantizer, task
from whet.base.chosen import checked
from whet.base.errors import ConfigError


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

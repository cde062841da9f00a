"""SGD is torch's, and looks ahead only along a momentum."""

from __future__ import annotations

import pytest

from whet.base.catalogue import optimizer
from whet.base.errors import ConfigError


def test_looking_ahead_without_momentum_is_one_message():
    with pytest.raises(ConfigError, match="nesterov") as error:
        optimizer.get("sgd").build(None, momentum=0.0, nesterov=True)
    assert error.value.hint == "optimizer.momentum=0.9"

"""Sizes with their units, and disks without room."""

import pytest

from tests.generate import tiny
from whet.base.errors import ConfigError, ModelError
from whet.export.sizes import check_room, parse_size
from whet.export.writing import write_model


@pytest.mark.parametrize(("text", "size"), [("5GB", 5 * 10**9), ("500mb", 500 * 10**6), ("1.5KB", 1500), ("7", 7)])
def test_sizes_are_read_with_their_units(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["many", "-3MB", "0", "infGB", ""])
def test_what_is_no_size_is_refused_with_one_to_type(text):
    with pytest.raises(ConfigError, match="is not a size") as error:
        parse_size(text)
    assert "5GB" in error.value.hint


def test_a_disk_without_room_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ModelError, match="GiB|TiB.* free") as error:
        check_room(tmp_path / "new" / "deep", 10**19)
    assert error.value.at == str(tmp_path) and "--output" in error.value.hint
    check_room(tmp_path / "new", 1000)
    module = tiny.module()
    with pytest.raises(ModelError, match="the disk has"):
        write_model(tmp_path / "out", iter(()), _vast(module.config), tiny.tokenizer())
    assert list(tmp_path.iterdir()) == []


def _vast(config):
    config.intermediate_size = 10**13
    return config

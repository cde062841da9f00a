"""A tiny model in its folder, and loaded."""

import pytest

from tests.generate import tiny


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tiny.folder(tmp_path_factory.mktemp("model"), max_position_embeddings=32, initializer_range=0.1)


@pytest.fixture(scope="session")
def loaded(folder):
    return tiny.loaded(folder)

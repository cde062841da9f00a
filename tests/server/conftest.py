"""Runs of these tests record nothing by themselves, unless one says so: what is compared must hold still."""

import pytest


@pytest.fixture(autouse=True, scope="package")
def nothing_by_itself():
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("WHET_RECORD", "never")
        yield

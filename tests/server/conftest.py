"""Runs of these tests record nothing by themselves, unless one says so: what is compared must hold still."""

import asyncio
from typing import Any

import pytest


@pytest.fixture(autouse=True, scope="package")
def nothing_by_itself():
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("WHET_RECORD", "never")
        yield


@pytest.fixture(autouse=True, scope="package")
def servers_end_soon():
    """Hundreds of servers begin and end here, and uvicorn sleeps a tenth of a second twice before one does."""
    import uvicorn.server

    class Soon:
        def __getattr__(self, name: str) -> Any:
            return getattr(asyncio, name)

        @staticmethod
        async def sleep(seconds: float) -> None:
            await asyncio.sleep(min(seconds, 0.005))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(uvicorn.server, "asyncio", Soon())
        yield

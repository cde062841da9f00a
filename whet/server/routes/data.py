"""The data of a run: its rows as training renders them, token by token (`whet data inspect` as JSON)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from whet.server.answers.data import DataPage
from whet.server.answers.values import Answer
from whet.server.heavy import Asking
from whet.server.heavy_calls import data_page
from whet.server.served import Runs

router = APIRouter(prefix="/api/v1/runs", tags=["data"])


@router.get("/{run}/data", response_class=Answer, response_model=DataPage)
def data(
    served: Runs,
    heavy: Asking,
    run: str,
    source: Annotated[str, Query(max_length=4000)] = "0",
    offset: Annotated[int, Query(ge=0, le=1 << 40)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    q: Annotated[str, Query(max_length=200)] = "",
) -> Answer:
    """Rows of a source from row `offset` on, or of those the ones that hold a text `q`: tokens with roles and weights.

    A source is named by its number or as the run calls it; `next` is the row to go on from. The
    libraries of training are loaded for it once, in a process of their own.
    """
    return Answer(heavy.ask(data_page, str(served.made_here(run)), source, offset, limit, q))

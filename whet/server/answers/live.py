"""Streams: what the events of a stream hold."""

from __future__ import annotations

from whet.base.stated import Stated
from whet.server.answers.curves import News
from whet.server.answers.runs import ListedRun
from whet.track.reading.read import Status


class ListingNews(Stated):
    """An event `runs`: rows that have changed, and names of runs that are gone or that the filter takes no longer."""

    runs: list[ListedRun]
    gone: list[str]
    version: int


class RunNews(News):
    """An event `news`: what has come since the cursor, and how the run stands.

    An event `reload` has only the `cursor`: so much has come that it is better to draw the curves anew.
    """

    status: Status
    reason: str

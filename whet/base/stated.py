"""Stated: what a request, an answer or a file of JSON holds, field by field, and nothing else."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Stated(BaseModel):
    """These fields and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

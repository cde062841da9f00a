"""What tokens see of each other: those before them, all of their segment, or the segment of the other stream."""

from __future__ import annotations

from typing import Literal

SampleKind = Literal["causal", "bidirectional"]
SegmentKind = SampleKind | Literal["cross"]

"""Units: numbers as people read them, at most 4 significant digits, with units."""

from __future__ import annotations

import math

_LARGE = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_SIZES = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def figure(value: float) -> str:
    """A plain number: `1.234`, `5e-5`, `12.3k`."""
    size = abs(value)
    if not math.isfinite(value):
        return str(value)
    if size >= 1e15 or 0 < size < 1e-3:
        mantissa, _, exponent = f"{value:.3e}".partition("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    if size >= 1e4:
        for unit, suffix in _LARGE:
            if size >= unit:
                return f"{value / unit:.4g}{suffix}"
    return f"{value:.4g}"


def size(num_bytes: float) -> str:
    """Bytes: `3.21 GiB`."""
    for unit, suffix in _SIZES:
        if num_bytes >= unit:
            return f"{num_bytes / unit:.4g} {suffix}"
    return f"{num_bytes:.0f} B"


def duration(seconds: float) -> str:
    """A span of time, its two largest units: `2d03h`, `1h02m`, `3m20s`, `12.3s`, `250ms`."""
    if 0 < seconds < 1:
        return f"{figure(1000 * seconds)}ms"
    if seconds < 59.95:
        return f"{seconds:.3g}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02d}h"
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"

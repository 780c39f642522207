"""Estimates how long a statement takes on production, from table sizes."""

from __future__ import annotations

# Bytes a second on a middling server; said as an estimate, and only the order of magnitude counts.
RATES = {"rewritten": 170e6, "scanned": 400e6, "built": 60e6, "written": 20e6}
UNNOTICED_SECONDS, SHORT_SECONDS = 0.2, 2.0


def duration(seconds: float) -> str:
    """Say an estimate in words: ``about 4 min``."""
    if seconds < 1:
        return "under a second"
    if seconds < 90:  # noqa: PLR2004 - seconds read well up to there
        return f"about {seconds:.0f} s"
    if seconds < 5400:  # noqa: PLR2004 - so do minutes
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.0f} h"


def data_size(size: int) -> str:
    """Give a number of bytes in the unit that reads best."""
    value, unit = float(size), "bytes"
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":  # noqa: PLR2004 - decimal units
            break
        value /= 1000
    return f"{value:.0f} {unit}"

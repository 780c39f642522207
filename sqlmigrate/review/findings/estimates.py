"""Estimates how long a statement takes in production, from the sizes of tables."""

from __future__ import annotations

# Bytes per second on an average server; the order of magnitude is what counts.
RATES = {"rewritten": 170e6, "scanned": 400e6, "built": 60e6, "written": 20e6}
UNNOTICED_SECONDS, SHORT_SECONDS = 0.2, 2.0


def duration(seconds: float) -> str:
    """Return an estimated time in words: ``about 4 min``."""
    if seconds < 1:
        return "under a second"
    if seconds < 90:  # noqa: PLR2004 - seconds read well up to there
        return f"about {seconds:.0f} s"
    if seconds < 5400:  # noqa: PLR2004 - so do minutes
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.0f} h"


def data_size(size: int) -> str:
    """Return a number of bytes with a suitable unit: ``41 GB``."""
    value, unit = float(size), "bytes"
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":  # noqa: PLR2004 - decimal units
            break
        value /= 1000
    return f"{value:.0f} {unit}"

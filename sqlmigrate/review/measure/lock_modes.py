"""The lock modes of tables, and which of them block reads and writes."""

from __future__ import annotations

from typing import Literal

# https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES, weakest first
MODES = (
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
)
_RANK = {mode: rank for rank, mode in enumerate(MODES)}
_BLOCKS_WRITERS = _RANK["SHARE"]


def rank(mode: str) -> int:
    """Return the strength of a lock mode, from 0; -1 for no lock."""
    return _RANK.get(mode, -1)


def blocks(mode: str) -> Literal["everyone", "writers", "nobody"]:
    """Return whose ordinary statements wait for a lock: those of readers and writers, those of writers, or none."""
    if mode == MODES[-1]:
        return "everyone"
    return "writers" if rank(mode) >= _BLOCKS_WRITERS else "nobody"

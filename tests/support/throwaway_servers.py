"""Throwaway servers of a review under attack: the versions at hand, and what the server answers to a script."""

from __future__ import annotations

import psycopg

from sqlmigrate.embedded import programs as embedded_programs
from sqlmigrate.shadow import installed

# The oldest and the newest at hand: 16 and 18 everywhere, and what is installed here.
_FOUND = {*embedded_programs.versions(), *(one.major for one in installed.find() if one.major >= 13)}
VERSIONS = sorted({min(_FOUND), max(_FOUND)})


def refusal(url: str, script: str) -> str | None:
    """Execute a script as the owner, cut at ``;;``; the SQLSTATE of what is refused, None where nothing is."""
    try:
        with psycopg.connect(url, autocommit=True) as conn:
            for statement in script.split(";;"):
                conn.execute(statement.encode())
    except psycopg.Error as error:
        return error.sqlstate
    return None

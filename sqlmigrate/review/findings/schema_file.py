"""Finds whether `schema.sql` shows the schema that the new migrations make."""

from __future__ import annotations

from pathlib import Path

from sqlmigrate.ddl.schema_file import differing
from sqlmigrate.files.naming import SCHEMA_FILE
from sqlmigrate.review.rules.merged_files import SCHEMA_FILE_OUTDATED
from sqlmigrate.review.rules.rule import Finding

from .listing import listed


def read(path: Path) -> str | None:
    """Return the text of a file that `sqlmigrate schema` has written; None if it has not, or if there is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    return text if text.startswith(SCHEMA_FILE) else None


def compared(path: Path, old: str, new: str) -> tuple[Finding, ...]:
    """Return the finding if the text of the file is not that of the schema.

    Args:
        path: The file.
        old: Its text.
        new: The text that shows the schema.
    """
    if old == new:
        return ()
    names = differing(old, new)
    what = f": {listed(names)}" if names else ""
    message = f"{path} does not show what the migrations make{what}"
    advice = "write it again, and commit it with the migration:\nsqlmigrate schema"
    return (Finding(SCHEMA_FILE_OUTDATED, "warning", message, path=str(path), what_now=advice),)

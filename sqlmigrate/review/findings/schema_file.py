"""Finds whether `schema.sql` shows the schema that the new migrations make."""

from __future__ import annotations

from pathlib import Path

from sqlmigrate.ddl.schema_file import FIRST_LINE, differing
from sqlmigrate.review.rules.merged_files import SCHEMA_FILE_OUTDATED
from sqlmigrate.review.rules.rule import Finding

from .listing import listed


def is_ours(path: Path) -> bool:
    """Return whether there is a file that `sqlmigrate schema` has written."""
    return _text(path).startswith(FIRST_LINE)


def of_file(path: Path, new: str) -> tuple[Finding, ...]:
    """Return the finding if the file has another text than the schema."""
    old = _text(path)
    if old == new:
        return ()
    names = differing(old, new)
    what = f": {listed(names)}" if names else ""
    message = f"{path} does not show what the migrations make{what}"
    advice = "write it again, and commit it with the migration:\nsqlmigrate schema"
    return (Finding(SCHEMA_FILE_OUTDATED, "warning", message, path=str(path), what_now=advice),)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""

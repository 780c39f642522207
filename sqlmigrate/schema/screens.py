"""What `schema` shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlmigrate.ddl.schema_file import SchemaFile
from sqlmigrate.output.excerpt import Line, printable
from sqlmigrate.output.report import Report
from sqlmigrate.shadow.built_schema import BuiltSchema
from sqlmigrate.spelling import plural

MOST_LINES = 60  # of a diff
_STYLES = {"+": "green", "-": "red", "@": "dim"}


def notes(report: Report, built: BuiltSchema, file: SchemaFile, *, is_pinned: bool = True) -> None:
    """Say what the schema lacks, and what decides how it is written."""
    for each in built.left_out:
        report.folded(f"⚠️ left out of {each.label}: {each.reason}", stream="stderr")
    for said in file.unwritten:
        report.folded(f"⚠️ {said}", stream="stderr")
    if not is_pinned:
        said = f"note: another major version than PostgreSQL {built.major} may print some definitions differently."
        cure = f"      To use it everywhere, set in the project's file: schema_postgres = {built.major}"
        for line in (said, cure):
            report.folded(line, 6, stream="stderr")


def written(report: Report, path: Path, old: str | None, new: str, built: BuiltSchema) -> None:
    """Say that the file is written."""
    count = plural(len(built.schema.catalog.objects), "object")
    said = "is up to date" if old == new else "written" if old is None else "written again"
    report.folded([("green", "✅"), ("", f" {path} {said}: {count}, by {built.server}")])


def checked(report: Report, path: Path, diff: Sequence[str], built: BuiltSchema) -> None:
    """Say whether the file has the schema that the migrations make; if not, with the diff."""
    if not diff:
        report.folded([("green", "✅"), ("", f" {path} is what the migrations make, by {built.server}")])
        return
    report.folded([("red", "❌"), ("", f" {path} is not what the migrations make, by {built.server}")])
    report.text("")
    report.text(*map(_diff_line, diff[:MOST_LINES]))
    if len(diff) > MOST_LINES:
        report.text(f"… {len(diff) - MOST_LINES:,} more lines")
    report.text("", report.next_step("sqlmigrate schema"))


def _diff_line(text: str) -> Line:
    return [(_STYLES.get(text[:1], ""), printable(text))]


def value(
    built: BuiltSchema, file: SchemaFile, path: Path | None = None, *, is_up_to_date: bool | None = None
) -> dict[str, Any]:
    """Return the schema as a value of JSON.

    Args:
        built: The schema.
        file: The file that shows it.
        path: Where the file is; None if the schema is only shown.
        is_up_to_date: Whether the file had this schema before the call.
    """
    return {
        "file": str(path) if path else None,
        "is_up_to_date": is_up_to_date,
        "server": built.server,
        "objects": [
            {"kind": each.kind, "name": each.name, "table": each.table or None, "attributes": dict(each.attributes)}
            for _, each in sorted(built.schema.catalog.objects.items())
        ],
        "left_out": [{"migration": each.label, "reason": each.reason} for each in built.left_out],
        "unwritten": list(file.unwritten),
    }

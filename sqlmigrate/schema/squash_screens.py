"""What `squash` shows: what cannot be carried over, the rows, the question, what was written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmigrate.ddl.schema_file import SchemaFile
from sqlmigrate.files.migration import Migration
from sqlmigrate.files.replaces import ARCHIVE
from sqlmigrate.output.excerpt import Line
from sqlmigrate.output.report import Report
from sqlmigrate.spelling import plural

from . import squash_carried
from .squash_proof import Made

_MOST = 20  # tables that are listed
_FEW = 3  # migrations that are named
_ROOM = 60
_NOTE = "comments in the files, and how expressions were written, are not carried over: they stay in the archive"


@dataclass(frozen=True)
class Told:
    """What a user has to know before a squashed migration is written.

    Attributes:
        lost: what the files do and the squashed one does not, a sentence each
        rows: the tables with rows, with their number
        with_data: whether the rows are written
    """

    lost: tuple[str, ...]
    rows: tuple[tuple[str, int], ...]
    with_data: bool


def told(replaced: Sequence[Migration], made: Made, *, with_data: bool) -> Told:
    """Return what has to be known."""
    rows = tuple((each.table, each.count) for each in made.rows.filled)
    return Told(tuple(_lost(replaced, made, with_data=with_data)), rows, with_data)


def _lost(replaced: Sequence[Migration], made: Made, *, with_data: bool) -> Iterator[str]:
    for each in squash_carried.outside(replaced):
        yield f"{each.label}, line {each.line}: {each.title} is not carried over: execute it by hand where it is needed"
    for left in made.left_out:
        yield f"{left.label}: the shadow has left it out: {left.reason}"
    yield from SchemaFile(made.schema).unwritten
    if irreversible := [each.label for each in replaced if each.down is None]:
        more = f" and {len(irreversible) - _FEW:,} more" if len(irreversible) > _FEW else ""
        labels = ", ".join(irreversible[:_FEW])
        yield f"no down file: {labels}{more}; the down file of the squashed one drops what they made all the same"
    if made.rows.large_objects:
        yield f"{plural(made.rows.large_objects, 'large object')}: not carried over"
    if with_data and made.changing:
        more = f" and {len(made.changing) - _MOST:,} more" if len(made.changing) > _MOST else ""
        yield (
            "values that are others each time the migrations are executed (a time, a random number), and will be the "
            f"same in each new database: {', '.join(made.changing[:_MOST])}{more}"
        )
    if not with_data and made.rows.count:
        yield f"{plural(made.rows.count, 'row')} that the migrations put in: a new database does not get them"


def show(report: Report, told: Told) -> None:
    """Say what is not carried over, and list the tables with rows."""
    for sentence in told.lost:
        report.text([("yellow", "⚠️"), ("", f" {sentence}")], stream="stderr")
    report.text(f"note: {_NOTE}", stream="stderr")
    if told.rows and told.with_data:
        width = max(len(table) for table, _ in told.rows[:_MOST])
        report.text(f"rows of {plural(len(told.rows), 'table')}:", stream="stderr")
        report.text(*(_row(table, count, min(width, _ROOM)) for table, count in told.rows[:_MOST]), stream="stderr")
        if (more := len(told.rows) - _MOST) > 0:
            report.text(f"   and {plural(more, 'more table')}", stream="stderr")


def _row(table: str, count: int, width: int) -> Line:
    return [("", f"   {table:<{width}}   {count:>9,}")]


def question(squashed: Migration, replaced: Sequence[Migration], made: Made, *, with_data: bool) -> str:
    """Return the question that is asked before the files are written."""
    rows = f" with {plural(made.rows.count, 'row')}" if with_data and made.rows.count else ""
    lost = f" without its {plural(made.rows.count, 'row')}" if not with_data and made.rows.count else ""
    return f"Replace {plural(len(replaced), 'migration')} by {squashed.label}{rows}{lost}?"


def written(report: Report, squashed: Migration, replaced: Sequence[Migration], made: Made, told: Told) -> None:
    """Say which files were written, what was proven, and where the replaced files are."""
    report.json(value(squashed, replaced, made, told))
    report.text(
        f"proven: {_proof(squashed, replaced, made, told)}",
        *([("green", "✅"), ("", f" {source.path}")] for source in (squashed.up, squashed.down) if source),
        [("green", "✅"), ("", f" {plural(len(replaced), 'migration')} moved to {_archive(squashed)}")],
        report.next_step("sqlmigrate status"),
    )


def proven(report: Report, squashed: Migration, replaced: Sequence[Migration], made: Made, told: Told) -> None:
    """Say that a squashed migration was proven again."""
    report.json({**value(squashed, replaced, made, told), "lost": []})
    report.text([("green", "✅"), ("", f" {_proof(squashed, replaced, made, told)}")])
    if made.changing:
        report.text(f"not compared, because they are others each time: {', '.join(made.changing)}")


def _proof(squashed: Migration, replaced: Sequence[Migration], made: Made, told: Told) -> str:
    objects = plural(len(made.schema.catalog.objects), "object")
    rows = f", {plural(made.rows.count, 'row')}" if told.with_data else ""
    return f"{squashed.label} makes the same as {replaced[0].label} to {replaced[-1].label}: {objects}{rows}"


def _archive(squashed: Migration) -> str:
    return f"{squashed.up.path.rpartition('/')[0]}/{ARCHIVE}/"


def value(squashed: Migration, replaced: Sequence[Migration], made: Made, told: Told) -> dict[str, Any]:
    """Return what was done as a value of JSON."""
    return {
        "up": squashed.up.path,
        "down": squashed.down.path if squashed.down else None,
        "replaces": [each.label for each in replaced],
        "archive": _archive(squashed),
        "objects": len(made.schema.catalog.objects),
        "rows": dict(told.rows) if told.with_data else {},
        "lost": [*told.lost, _NOTE],
    }

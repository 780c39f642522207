"""What `squash` shows: what cannot be carried over, the rows, the question, what was written."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmigrate.ddl.schema_file import SchemaFile
from sqlmigrate.errors import ServerError
from sqlmigrate.files.migration import Migration
from sqlmigrate.files.replaces import ARCHIVE
from sqlmigrate.output.excerpt import Line
from sqlmigrate.output.report import Report
from sqlmigrate.shadow.squash_proof import OF_DOWN, Made, Proof
from sqlmigrate.spelling import plural, some

from . import squash_carried

_MOST = 20  # tables that are listed
_FEW = 3  # migrations that are named
_ROOM = 60
_DIFFERENCES = 10  # that are named
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
        yield f"{left.label}: not executed in the throwaway database: {left.reason}"
    yield from SchemaFile(made.schema).unwritten
    if irreversible := [each.label for each in replaced if each.down is None]:
        labels = some(irreversible, _FEW)
        yield f"no down file: {labels}; the down file of the squashed one drops what they made all the same"
    if made.rows.large_objects:
        yield f"{plural(made.rows.large_objects, 'large object')}: not carried over"
    for table in (each.table for each in made.of_extensions):
        yield (
            f"{table} belongs to an extension: rows that the migrations put into it are not carried over; "
            "put them in with a migration of its own"
        )
    if changing := made.changing.said if with_data else ():
        yield (
            "values that are others each time the migrations are executed (a time, a random number), and will be the "
            f"same in each new database: {some(changing, _MOST)}"
        )
    if not with_data and made.rows.count:
        yield f"{plural(made.rows.count, 'row')} that the migrations put in: a new database does not get them"


def show(report: Report, told: Told) -> None:
    """Say what is not carried over, and list the tables with rows."""
    for sentence in told.lost:
        report.folded([("yellow", "⚠️"), ("", f" {sentence}")], stream="stderr")
    report.folded(f"note: {_NOTE}", stream="stderr")
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


def show_proof(report: Report, squashed: Migration, replaced: Sequence[Migration], made: Made, told: Told) -> None:
    """Say what was proven, before it is asked whether the files are written."""
    report.folded(f"proven: {_proof(squashed, replaced, made, told)}")


def written(report: Report, squashed: Migration, replaced: Sequence[Migration], made: Made, told: Told) -> None:
    """Say which files were written, and where the replaced files are."""
    report.json(value(squashed, replaced, made, told))
    for source in (squashed.up, squashed.down):
        if source:
            report.folded([("green", "✅"), ("", f" {source.path}")])
    report.folded([("green", "✅"), ("", f" {plural(len(replaced), 'migration')} moved to {_archive(squashed)}")])
    report.text(report.next_step("sqlmigrate status"))


def finished(report: Report, squashed: Migration, moved: Sequence[Migration]) -> None:
    """Say that the files were moved that an interrupted squash has left."""
    report.json(
        {
            "up": squashed.up.path,
            "down": squashed.down.path if squashed.down else None,
            "replaces": [each.label for each in moved],
            "archive": _archive(squashed),
            "objects": None,
            "rows": {},
            "lost": [],
            "not_compared": [],
        }
    )
    said = f" {plural(len(moved), 'migration')} that {squashed.label} replaces moved to {_archive(squashed)}"
    report.folded([("green", "✅"), ("", f"{said}: an earlier squash was interrupted")])
    report.text(report.next_step("sqlmigrate verify"))


def proven(  # noqa: PLR0913 - the proof, and what it is about
    report: Report,
    squashed: Migration,
    replaced: Sequence[Migration],
    made: Made,
    told: Told,
    *,
    not_compared: Sequence[str],
) -> None:
    """Say that a squashed migration was proven again, and what was not compared."""
    report.json({**value(squashed, replaced, made, told), "lost": [], "not_compared": list(not_compared)})
    but = ", but for what could not be compared" if not_compared else ""
    report.folded([("green", "✅"), ("", f" {_proof(squashed, replaced, made, told)}{but}")])
    if not_compared:
        report.folded("not compared, because they are not the same each time that the migrations are executed:")
        for each in not_compared[:_MOST]:
            report.folded(f"   {each}", 5)
        if (more := len(not_compared) - _MOST) > 0:
            report.text(f"   and {more:,} more")


def not_the_same(proof: Proof, made: Made, squashed: Migration, *, is_written: bool) -> ServerError:
    """Return the error that names how a squashed migration differs from what it replaces."""
    found = proof.differences
    more = [f"and {len(found) - _DIFFERENCES:,} more"] if len(found) > _DIFFERENCES else []
    is_down = all(each.startswith(OF_DOWN) for each in found)
    said = "does not undo all that it makes" if is_down else "does not make the same as the migrations that it replaces"
    path = squashed.up.path if not is_down or squashed.down is None else squashed.down.path
    return ServerError(
        f"{squashed.label} {said}" + ("" if is_written else ", so it was not written"),
        detail=[*found[:_DIFFERENCES], *more, *(_of_clock(made) if is_written else ())],
        state=None if is_written else "no file was changed",
        hint=_hint(is_down=is_down, is_written=is_written),
        next_steps=[f"git log -p -- {shlex.quote(path)}"] if is_written else [],
    )


def _of_clock(made: Made) -> list[str]:
    """Say that values may be others because the migrations use the time or random numbers."""
    if not made.changing.clocks:
        return []
    places = [f"{each.label}, line {each.line} ({each.words})" for each in made.changing.clocks]
    return [f"the time or random numbers are used in {some(places, _FEW)}"]


def _hint(*, is_down: bool, is_written: bool) -> str:
    if is_written:
        return (
            "if the file was edited after it was written, take the text back as it was written; if it was not, "
            "compare on the PostgreSQL it was written with (--shadow-url)"
        )
    return (
        "write it without a down file: --no-down" if is_down else "squash up to a version before what is named was made"
    )


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
        "not_compared": [],
    }

"""What keeps the first `up` from executing files that a database has already: another tool's history, or tables.

Each function returns errors, or none if there is nothing to say. `up` raises them, `status` notes them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Sequence

from sqlmigrate.errors import NOTHING_EXECUTED, HistoryError
from sqlmigrate.files.nearby import can_adopt
from sqlmigrate.history.surroundings import OtherHistory, Surroundings
from sqlmigrate.identifiers import displayed, last_part
from sqlmigrate.spelling import plural, some

from .rows import Row

_SHOWN = 5
_INTO_EXISTING = "sqlmigrate up --into-existing"
_ADOPT = "sqlmigrate adopt"
# `20240101_x.sql`, `V3__x.sql`, `db/20240101.sql`, `2014_10_12_000000_x`; not `1.2`, which no file here can be named.
_NUMBER = re.compile(r"(?:.*[\\/])?(?:[vVm]|Version)?(\d+(?:_\d+)*)(?!\.?\d)")


def first_run_errors(surroundings: Surroundings | None, rows: Sequence[Row]) -> list[HistoryError]:
    """Return an error for each history of another tool, or else one for the tables that exist.

    `surroundings` is None where nothing was looked for, because there is a history.
    """
    if surroundings is None:
        return []
    if surroundings.lost:
        return [_of_lost_rows(surroundings.lost)]
    if not surroundings.is_new:
        return []
    histories = [each for each in surroundings.histories if not each.is_of_a_service or _matches(each, rows)]
    histories.sort(key=lambda each: (not _matches(each, rows), not each.is_on_path))
    if histories:
        return [_of_history(each, rows) for each in histories]
    return [_of_tables(surroundings.tables, rows)] if surroundings.tables else []


def executed_since(
    histories: Sequence[OtherHistory], rows: Sequence[Row], steps: Collection[int], undone: Collection[int]
) -> list[HistoryError]:
    """Return an error for each history of another tool that has executed what `up` is about to execute.

    After an adoption the other tool may go on: `up` would execute the same a second time.

    Args:
        histories: The histories of other tools.
        rows: The migrations, with what is executed here.
        steps: The versions that are about to be executed, as numbers.
        undone: The versions that were undone here, as numbers: the other history does not know it.
    """
    errors = []
    for each in histories:
        if each.is_of_a_service or each.tool == "sqlmigrate":
            continue
        executed = _matches(each, rows)
        if each.is_one_row and (newest := baseline_of(each, rows)):
            executed = [row for row in rows if row.number <= newest.number]
        if found := [row.label for row in executed if row.number in steps and row.number not in undone]:
            errors.append(
                HistoryError(
                    f"{each.tool} has executed {some(found, _SHOWN)} since its history was taken over",
                    detail=[f"{each.table} says so; `up` would execute it again"],
                    state=NOTHING_EXECUTED,
                    hint=f"take it over, then let {each.table} refuse further writes",
                    next_steps=["sqlmigrate adopt --write", "sqlmigrate adopt --finish"],
                )
            )
    return errors


def _of_lost_rows(versions: Sequence[str]) -> HistoryError:
    return HistoryError(
        "the history has no rows, and its log says that migrations are executed on this database",
        detail=[f"executed, as the log says: {some(versions, _SHOWN)}", "`up` would execute them again"],
        state=NOTHING_EXECUTED,
        hint="restore the rows from a backup, or record the migrations; or, only if this database has nothing of them, "
        "execute all files",
        next_steps=[f"sqlmigrate baseline {max(versions, key=_order)}", f"or: {_INTO_EXISTING}"],
    )


def _order(version: str) -> int:
    return _number(version) or 0


def baseline_of(history: OtherHistory, rows: Sequence[Row]) -> Row | None:
    """Return the newest migration that another tool has executed; None if no file has a version of that tool."""
    return max(_matches(history, rows), key=lambda row: row.number, default=None)


def _of_history(history: OtherHistory, rows: Sequence[Row]) -> HistoryError:
    if history.tool == "sqlmigrate":
        return HistoryError(
            f"this database has a history of sqlmigrate already, {history.table}{_where_it_is(history)}",
            detail=["a second history would execute every migration again"],
            state=NOTHING_EXECUTED,
            hint=f"continue with it: --table {history.table}; or, only if it belongs to another project, execute all "
            "files: --into-existing",
            next_steps=[f"sqlmigrate status --table {shlex.quote(history.table)}"],
        )
    newest = baseline_of(history, rows)
    message = f"this database has the history of {history.tool}, {history.table}{_where_it_is(history)}"
    next_steps = [f"sqlmigrate baseline {newest.version if newest else 'VERSION'}", f"or: {_INTO_EXISTING}"]
    if can_adopt():
        next_steps = [_ADOPT, *(f"or: {step.removeprefix('or: ')}" for step in next_steps)]
    if history.trouble is not None:
        return HistoryError(
            message,
            detail=[f"{history.tool} says that {history.trouble} has failed or is not finished"],
            state=NOTHING_EXECUTED,
            hint=f"repair it with {history.tool} first; then record here what this database has",
            next_steps=next_steps,
        )
    return HistoryError(
        message,
        detail=[*_doubts(history, newest, rows)],
        state=NOTHING_EXECUTED,
        hint=f"take over what {history.tool} has executed, then: sqlmigrate up; or, only if that history belongs to "
        "another application, execute all files",
        next_steps=next_steps,
    )


def _where_it_is(history: OtherHistory) -> str:
    if not history.is_readable:
        return ", which this role may not read"
    if not history.versions:
        return ""
    newest = max(history.versions, key=lambda version: (_number(version) or 0, history.versions.index(version)))
    count = len(history.versions)
    many = "" if history.is_one_row else f" ({plural(count, 'migration')})"
    return f", which is at {newest}{many}"


def _doubts(history: OtherHistory, newest: Row | None, rows: Sequence[Row]) -> Iterator[str]:
    """Say what matters before a baseline: versions without a file, and files that the other tool has skipped."""
    if newest is None:
        labels = [row.label for row in rows if row.migration]
        files = f"no file has such a version; the files are: {some(labels, _SHOWN)}"
        yield files if labels else "the folder has no file yet"
        return
    matched, strange = _matches(history, rows), _unmatched(history, rows)
    if strange:
        yield f"it has executed, and no file has the version: {some(strange, _SHOWN)}"
    passed = [row.label for row in rows if row.migration and row.number < newest.number and row not in matched]
    if passed and not history.is_one_row:
        yield f"it has not executed, and the baseline would record: {some(passed, _SHOWN)}"


def _of_tables(tables: Sequence[str], rows: Sequence[Row]) -> HistoryError:
    count = f"a table, {tables[0]}," if len(tables) == 1 else f"{len(tables):,} tables"
    span = _span([row.label for row in rows if row.migration])
    nothing = "no migration is executed" if any(row.execution for row in rows) else "no history"
    found = HistoryError(
        f"this database has {count} already, and {nothing}",
        detail=[some(tables, _SHOWN)] if len(tables) > 1 else [],
        state=NOTHING_EXECUTED,
    )
    if made := _made(tables, rows):
        return found.with_(
            hint=f"these files make {some(made, _SHOWN)}: record the last file that this database has already ({span})",
            next_steps=["sqlmigrate baseline VERSION"],
        )
    return found.with_(
        hint=f"if these files made them, record the last one that it has already ({span}); "
        "if they belong to others, execute all files",
        next_steps=["sqlmigrate baseline VERSION", f"or: {_INTO_EXISTING}"],
    )


def _made(tables: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Return which of these tables have the name of one that the files create: there they cannot be executed."""
    from .created import created_tables, readable_scripts  # noqa: PLC0415 - reads all files; only where tables are found

    created = created_tables(readable_scripts(row.migration for row in rows if row.migration))
    named = {displayed(f"{schema}.{name}") for schema, name in created if schema}
    anywhere = {name for schema, name in created if not schema}
    return [each for each in tables if each in named or last_part(each) in anywhere]


def _span(labels: Sequence[str]) -> str:
    if not labels:
        return "the folder has no file yet"
    return labels[0] if len(labels) == 1 else f"{labels[0]} … {labels[-1]}"


def _matches(history: OtherHistory, rows: Sequence[Row]) -> list[Row]:
    """Return the migrations that another tool has executed."""
    return [row for _, row in _matched(history, rows) if row]


def _unmatched(history: OtherHistory, rows: Sequence[Row]) -> list[str]:
    """Return the versions of another tool that no migration has."""
    return [version for version, row in _matched(history, rows) if row is None]


def _matched(history: OtherHistory, rows: Sequence[Row]) -> Iterator[tuple[str, Row | None]]:
    """Give each version of another tool with the migration of that version, or else of that name.

    Where the tool keeps the names of files, only these count: an `id` of Liquibase is not the number of a file.
    """
    numbers = {row.number: row for row in rows if row.migration}
    names = {name: row for row in rows if row.migration for name in (row.migration.name, row.label)}
    for version, file in zip(history.versions, history.files, strict=True):
        found = (numbers[number] for number in _numbers(file or version) if number in numbers)
        yield version, next(found, None) or names.get(version)


def _numbers(text: str) -> Iterator[int]:
    if found := _NUMBER.match(text):
        yield int(found[1].replace("_", ""))
        yield int(found[1].partition("_")[0])


def _number(text: str) -> int | None:
    return next(_numbers(text), None)

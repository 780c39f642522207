"""Squashed migrations and a history: what a database has of those that one replaces, and what follows from that.

A database that has none of them executes the squashed one, as any migration. In one that has all of them, the next `up`
folds: their rows in the history become the row of the squashed one, and nothing else changes. One that stands in the
middle executes the rest of them first, from the archive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlmigrate.errors import NOTHING_CHANGED, NOTHING_EXECUTED, ConfigError, HistoryError
from sqlmigrate.files.migration import Archive, Migration
from sqlmigrate.files.replaces import Replaced
from sqlmigrate.files.squashed import changed_in_archive
from sqlmigrate.history.state import Execution
from sqlmigrate.spelling import some

from .rows import Row, find_row, named_version

_SHOWN = 3


@dataclass(frozen=True)
class Fold:
    """Rows of the history that become the row of a squashed migration.

    Attributes:
        migration: The squashed migration.
        labels: The migrations whose rows they are.
        rows: Version and checksum of each row, as the history has them.
        after: How many steps of the plan are executed before it.
    """

    migration: Migration
    labels: tuple[str, ...]
    rows: tuple[tuple[str, str], ...]
    after: int = 0

    @property
    def what(self) -> str:
        """How many migrations they are, and which: ``42 migrations, 001_a to 042_z,``."""
        if len(self.labels) == 1:
            return self.labels[0]
        return f"{len(self.labels):,} migrations, {self.labels[0]} to {self.labels[-1]},"


@dataclass(frozen=True)
class Opened:
    """A squashed migration of which the database has a part.

    Attributes:
        migration: The squashed migration.
        fold: What is folded when all of them are executed.
        executed: How many of them the database has.
        error: Why the rest cannot be executed: their files are not in the archive, or are not the same; None if it can.
    """

    migration: Migration
    fold: Fold
    executed: int
    error: HistoryError | None = None

    @property
    def said(self) -> str:
        """How much of it the database has, in a sentence."""
        total = len(self.fold.labels)
        return f"this database has {self.executed} of the {total} migrations that {self.migration.label} replaces"

    def covers(self, number: int) -> bool:
        """Tell whether a version is in the range that it replaces."""
        return self.migration.replaces is not None and self.migration.replaces.covers(number)


@dataclass(frozen=True)
class View:
    """Files and history as they are to be compared.

    Attributes:
        migrations: The migrations; in the place of a squashed one of which the database has a part, those it replaces.
        executions: The rows of the history, as they are after the folds.
        folds: What is folded at the beginning of the next `up`.
        opened: The squashed migrations of which the database has a part.
    """

    migrations: Sequence[Migration]
    executions: tuple[Execution, ...]
    folds: tuple[Fold, ...] = ()
    opened: tuple[Opened, ...] = ()

    @property
    def errors(self) -> list[HistoryError]:
        """Why what is left of the archive cannot be executed."""
        return [each.error for each in self.opened if each.error]


def view_of(
    migrations: Sequence[Migration],
    executions: Sequence[Execution],
    archive: Archive,
    *,
    folds: bool = True,
    opening: int | None = None,
) -> View:
    """Return what a database has of each squashed migration, and what is to be compared with its history.

    Args:
        migrations: The folder.
        executions: The rows of the history.
        archive: What squashed migrations have replaced; it is read only if a database has a part of them.
        folds: Whether rows are folded: `down` undoes the migrations as they were executed.
        opening: A version in the range of a squashed migration that no database has yet, to be seen in the archive.
    """
    view = View(migrations, tuple(executions))
    if not any(each.replaces for each in migrations):
        return view
    found: list[Migration] = []
    for migration in migrations:
        if migration.replaces is None or migration.faults:
            found.append(migration)
            continue
        settled = _settled(migration, view.executions, archive, folds=folds, opening=opening)
        found += settled.migrations
        view = replace(
            view,
            executions=settled.executions,
            folds=(*view.folds, *settled.folds),
            opened=(*view.opened, *settled.opened),
        )
    return replace(view, migrations=tuple(found))


def view_up_to(
    migrations: Sequence[Migration], executions: Sequence[Execution], archive: Archive, version: str
) -> View:
    """Return the view in which `version`, as a user names it, is a migration: from the archive if it was replaced."""
    view, number = view_of(migrations, executions, archive), named_version(version)
    known = {each.number for each in view.migrations} | {each.number for each in view.executions}
    return view if number is None or number in known else view_of(migrations, executions, archive, opening=number)


def _settled(
    squashed: Migration, executions: tuple[Execution, ...], archive: Archive, *, folds: bool, opening: int | None
) -> View:
    """Return the view of one squashed migration; those that it replaces and are squashed themselves come first."""
    alone = View((squashed,), executions)
    replaces = squashed.replaces
    if replaces is None:
        return alone
    found = [each for each in executions if replaces.covers(each.number)]
    is_executed = any(_is_own(each, squashed) and each.status in ("executed", "baseline") for each in executions)
    is_asked = opening is not None and replaces.covers(opening) and not found
    if is_executed or not (is_asked or any(not _is_own(each, squashed) for each in found)):
        return alone
    members = members_of(squashed, archive)
    view = View((), executions)
    for migration in (member for _, member in members if member):
        inner = View((migration,), view.executions)
        if migration.replaces:
            inner = _settled(migration, view.executions, archive, folds=folds, opening=opening)
        view = View(
            (*view.migrations, *inner.migrations),
            inner.executions,
            (*view.folds, *inner.folds),
            (*view.opened, *inner.opened),
        )
    rows = _rows(squashed, [each for each, _ in members], view.executions)
    if rows and folds:
        fold = Fold(squashed, tuple(each.label for each in rows), tuple((e.version, e.checksum or "") for e in rows))
        kept = tuple(each for each in view.executions if each not in rows)
        return View((squashed,), (*kept, _folded(squashed, rows)), (*view.folds, fold), view.opened)
    if rows:
        return view
    return replace(view, opened=(*view.opened, _opened(squashed, members, view, archive)))


def _is_own(execution: Execution, squashed: Migration) -> bool:
    """Tell whether a row is that of the squashed migration itself, not of one that it replaces."""
    return execution.number == squashed.number and (
        execution.name == squashed.name or execution.checksum == squashed.checksum
    )


def members_of(squashed: Migration, archive: Archive) -> list[tuple[Replaced, Migration | None]]:
    """Return what a squashed migration replaces, each with its files if the archive has them."""
    replaces = squashed.replaces
    if replaces is None:
        return []
    archived = [each for each in archive.migrations if replaces.covers(each.number) and each.label != squashed.label]
    if replaces.listed:
        return [(each, _archived(each, archived)) for each in replaces.listed]
    inner = [each.replaces for each in archived if each.replaces]
    return [
        (Replaced(each.version, each.name, each.checksum), each)
        for each in archived
        if each.replaces or not any(other.covers(each.number) for other in inner)
    ]


def _archived(wanted: Replaced, archived: Sequence[Migration]) -> Migration | None:
    """Return the files of a migration; a squashed one has the same number as the last that it has replaced."""
    found = [each for each in archived if each.number == wanted.number and each.is_read]
    named = (each for each in found if each.name == wanted.name)
    return next(named, None) or next((each for each in found if wanted.is_text(each.checksum)), None)


def _rows(squashed: Migration, members: Sequence[Replaced], executions: Sequence[Execution]) -> list[Execution]:
    """Return the rows that are folded, in the order of the versions; none if the history has not exactly these."""
    replaces = squashed.replaces
    rows = [each for each in executions if replaces and replaces.covers(each.number)]
    rows.sort(key=lambda each: each.number)
    is_whole = (
        len(rows) == len(members)
        and all(_is_finished(each) for each in rows)
        and all(
            row.number == member.number and member.is_text(row.checksum)
            for row, member in zip(rows, members, strict=True)
        )
    )
    return rows if is_whole else []


def _is_finished(execution: Execution) -> bool:
    return execution.status in ("executed", "baseline") and not execution.is_half_undone


def _folded(squashed: Migration, rows: Sequence[Execution]) -> Execution:
    """Return the row that a fold makes of others; `history.write.fold` writes the same."""
    last = max(rows, key=lambda each: (each.executed_at is not None, each.executed_at))
    durations = [each.duration_ms for each in rows if each.duration_ms is not None]
    return replace(
        last,
        version=squashed.version,
        name=squashed.name,
        status="baseline" if any(each.status == "baseline" for each in rows) else "executed",
        checksum=squashed.checksum,
        duration_ms=sum(durations) if durations else None,
        tool_version=next((each.tool_version for each in rows if each.is_adopted), last.tool_version),
        logged=max((each.logged for each in rows if each.logged is not None), default=None),
        unfinished=None,
        error=None,
    )


def _opened(
    squashed: Migration, members: Sequence[tuple[Replaced, Migration | None]], view: View, archive: Archive
) -> Opened:
    recorded = {each.number: each for each in view.executions if _is_finished(each)}
    rows, others = list[tuple[str, str]](), list[str]()
    for member, migration in members:
        row = recorded.get(member.number)
        if row and member.is_text(row.checksum):
            rows.append((row.version, row.checksum or ""))
            continue
        others.append(member.label)
        if migration:
            rows.append((migration.version, migration.checksum))
    fold = Fold(squashed, tuple(each.label for each, _ in members), tuple(rows))
    return Opened(squashed, fold, len(members) - len(others), _error(squashed, members, others, archive))


def _error(
    squashed: Migration, members: Sequence[tuple[Replaced, Migration | None]], others: Sequence[str], archive: Archive
) -> HistoryError | None:
    """Return why the migrations that the database does not have, `others`, cannot be executed."""
    missing = [each.label for each, migration in members if migration is None]
    path = archive.path or "the folder `squashed`"
    if missing or not members:
        known = (
            f"{len(members) - len(others)} of the {len(members)} migrations" if members else "a part of the migrations"
        )
        files = f"{path} lacks {some(missing, _SHOWN)}" if members and archive.migrations else f"{path} is not there"
        return HistoryError(
            f"this database has {known} that {squashed.label} replaces; {files}",
            squashed.replaces.span if squashed.replaces else None,
            detail=[
                f"{some(others, _SHOWN) or 'the others'} {'has' if len(others) == 1 else 'have'} to be executed first"
            ],
            state=NOTHING_EXECUTED,
            hint="bring the folder back as it was before it was deleted; it can go when all databases are past it",
            next_steps=[restoring(path.rstrip("/"), next(iter(missing), "")), "sqlmigrate up"],
        )
    edited = [
        changed_in_archive(migration, squashed.label)
        for each, migration in members
        if migration and not each.is_text(migration.checksum)
    ]
    if not edited:
        return None
    first, *more = edited
    return HistoryError(
        first.message,
        first.span,
        kind=first.kind,
        state=NOTHING_EXECUTED,
        hint=first.hint,
        next_steps=first.next_steps,
        others=more,
    )


def replaced_by(squashed: Migration, archive: Archive) -> tuple[Migration, ...]:
    """Return the migrations that a squashed one replaces, from the archive.

    Raises `ConfigError` if the archive lacks one, or `HistoryError` if one is not the text that was squashed.
    """
    view = view_of([squashed], (), archive, opening=squashed.number)
    for error in view.errors:
        if error.kind:
            raise error.with_(state=NOTHING_CHANGED)
        raise ConfigError(
            f"{archive.path} lacks {_missing(squashed, archive)}, so {squashed.label} cannot be proven",
            state=NOTHING_CHANGED,
            hint="bring the folder back as it was before it was deleted",
            next_steps=error.next_steps[:1],
        )
    return tuple(view.migrations)


def _missing(squashed: Migration, archive: Archive) -> str:
    members = members_of(squashed, archive)
    missing = [each.label for each, migration in members if migration is None]
    return some(missing, _SHOWN) if members and archive.migrations else "all that was squashed"


def restoring(path: str, label: str = "") -> str:
    """Return the command that brings back a folder of migrations from the newest commit that still has them.

    It deletes nothing, and brings back files as well that were deleted in the working tree only.

    Args:
        path: The folder.
        label: A migration that is missing in it; empty if all are.
    """
    sought = f"{path}/{label}.up.sql" if label else path
    return f'git checkout "$(git log -n 1 --diff-filter=AM --format=%H -- {sought})" -- {path}'


def planned_folds(view: View, rows: Sequence[Row], numbers: Sequence[int]) -> tuple[Fold, ...]:
    """Return the folds of a run that executes the migrations with these `numbers`, each with its place among them.

    What is not executed to its end by this run is not folded by it.
    """
    found = list(view.folds)
    for opened in view.opened:
        covered = [row for row in rows if opened.covers(row.number)]
        pending = {row.number for row in covered if row.is_pending}
        is_clean = all(row.state not in ("missing", "changed") for row in covered)
        if pending and is_clean and pending <= set(numbers):
            last = max(index for index, number in enumerate(numbers, 1) if number in pending)
            found.append(replace(opened.fold, after=last))
    return tuple(found)


def find_named(migrations: Sequence[Migration], opened: Sequence[Opened], rows: Sequence[Row], wanted: str) -> Row:
    """Return the row that a user names, as `find_row`; one that was replaced is told as such.

    The name of a squashed migration of which the database has a part is that of the last one that it replaces.
    """
    for each in opened:
        if wanted == each.migration.label and each.fold.labels:
            return find_row(rows, each.fold.labels[-1])
    try:
        return find_row(rows, wanted)
    except ConfigError:
        number = named_version(wanted)
        for squashed in migrations if number is not None else ():
            if number is not None and squashed.replaces and squashed.replaces.covers(number):
                raise _replaced_error(squashed, number) from None
        raise


def _replaced_error(squashed: Migration, number: int) -> ConfigError:
    replaces = squashed.replaces
    listed = replaces.listed if replaces else ()
    label = next((each.label for each in listed if each.number == number), f"version {number}")
    return ConfigError(
        f"{label} was replaced by {squashed.label}, which stands for {replaces}",
        state=NOTHING_CHANGED,
        hint=f"it is executed and undone as a whole: name {squashed.version}; "
        "to change a part of it, write a new migration",
    )

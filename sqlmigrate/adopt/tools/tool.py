"""What the module of a tool offers: one record."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from sqlmigrate.adopt.foreign import ForeignMigration, Listing, Place, Reading, Record
from sqlmigrate.errors import MigrationError


def _no_checksum(_migration: ForeignMigration, _record: Record) -> bool | None:
    return None


def _no_lock(_place: Place) -> Sequence[int]:
    return ()


def _no_query(_place: Place) -> str:
    return ""


def _as_they_are(_migrations: Sequence[ForeignMigration], records: Sequence[Record]) -> tuple[Record, ...]:
    return tuple(records)


def up_to_version(migrations: Sequence[ForeignMigration], record: Record) -> Collection[str]:
    """Return the keys of the migrations whose version is not newer than the one of the history."""
    return [each.key for each in migrations if int(each.key) <= int(record.key)]


@dataclass(frozen=True)
class Guard:
    """How a tool is stopped before it executes anything; a trigger on its history may come too late for that.

    Attributes:
        tables: Other tables of the tool, in the schema of its history, that refuse writes as the history does.
        mark: SQL that adds a row to the history, for which the tool refuses to go on; it runs before the trigger is
            there, and does nothing if the row is there.
        unmark: SQL that removes this row.
        gap: What the tool still executes, as a sentence; empty if it executes nothing.
        project_column: The column of the history that says whose rows are refused, where several projects share it.
    """

    tables: tuple[str, ...] = ()
    mark: str = ""
    unmark: str = ""
    gap: str = ""
    project_column: str = ""


def _no_guard(_place: Place) -> Guard:
    return Guard()


MARK = "looked_after_by_sqlmigrate"  # 32 characters at most
"""What a row of a guard is called where the history has names."""


def guard_row(table_sql: str, **columns: str) -> Guard:
    """Return the guard that adds a row to a history: its columns, each as SQL; the first one tells it from others."""
    name, value = next(iter(columns.items()))
    return Guard(
        mark=f"insert into {table_sql} ({', '.join(columns)}) select {', '.join(columns.values())} "
        f"where not exists (select from {table_sql} where {name} = {value})",
        unmark=f"delete from {table_sql} where {name} = {value}",
    )


_LANGUAGES = {
    "go": "Go", "rs": "Rust", "java": "Java", "kt": "Kotlin", "py": "Python", "js": "JavaScript", "ts": "TypeScript",
    "rb": "Ruby", "sh": "shell",
}  # fmt: skip


def not_sql(path: str) -> MigrationError | None:
    """Return the error of a migration that is a program, told by its extension; None for all other files."""
    language = _LANGUAGES.get(path.rpartition(".")[2])
    if language is None:
        return None
    return MigrationError(
        f"{path} is a program in {language}, and cannot be converted",
        hint="write in SQL what it does into {path}; if it is executed already, `select 1;` will do",
    )


@dataclass(frozen=True)
class InCode:
    """What is said about a tool whose migrations are programs.

    Attributes:
        language: What they are written in.
        tables: Other tables and sequences of the tool, which belong to no schema of ours.
        command: The command that executes what is pending.
    """

    language: str
    tables: tuple[str, ...] = ()
    command: str = ""


@dataclass(frozen=True)
class Tool:
    """A migration tool that can be taken over.

    Attributes:
        name: The tool, as `history.other_tools` calls it.
        folders: Where its files usually are, from the root of a project.
        read: Reads a folder; returns None if its files are not the tool's.
        query: Gives the SQL that reads the history, in the order of execution, with the columns of `RECORD`.
        is_same: Compares the file with the checksum in the history; None if the tool keeps none.
        locks: The keys of the advisory locks that the tool holds while it runs; each is a `bigint`.
        is_one_row: Whether its history has only the newest version.
        keeps_statements: Whether its history has the executed statements, and `is_same` compares the file with them.
        repair: What has to be done first if a migration has failed; empty if the tool has a command for it.
        root_files: Files whose folder is the tool's, from the root of a project.
        guard: Gives how the tool is stopped before it executes anything.
        busy: Gives SQL that returns a row while the tool runs, where its lock is a row; empty if it is not.
        others: Gives SQL of sentences about what else is in the history, that does not belong to the folder.
        in_code: What is said about its migrations if they are programs; None if they are SQL.
        unlock: What to do if that row was left by a run that has ended.
        matched: Gives the records the keys of their files, where the history calls files in another way.
        reached: Gives the keys of all that is executed, where the history has only the newest version.
    """

    name: str
    folders: tuple[str, ...]
    read: Callable[[Listing], Reading | None]
    query: Callable[[Place], str]
    is_same: Callable[[ForeignMigration, Record], bool | None] = _no_checksum
    locks: Callable[[Place], Sequence[int]] = _no_lock
    is_one_row: bool = False
    keeps_statements: bool = False
    repair: str = ""
    root_files: tuple[str, ...] = ()
    guard: Callable[[Place], Guard] = _no_guard
    busy: Callable[[Place], str] = _no_query
    others: Callable[[Place], str] = _no_query
    in_code: InCode | None = None
    unlock: str = ""
    matched: Callable[[Sequence[ForeignMigration], Sequence[Record]], tuple[Record, ...]] = _as_they_are
    reached: Callable[[Sequence[ForeignMigration], Record], Collection[str]] = up_to_version

    @property
    def keeps_checksums(self) -> bool:
        """Whether its history says which text of a file was executed."""
        return self.is_same is not _no_checksum


BY_HAND = "write {path} by hand in its place"
"""The hint of what cannot be converted; `{path}` is our file that takes the place of the conversion.

`{down}` is its down file.
"""

RECORD = ("key", "state", "name", "executed_at", "duration_ms", "executed_by", "checksum", "statements")


def select(place_sql: str, **columns: str) -> str:
    """Give the SQL that reads a history, seen as `t`: a column of `RECORD` for each piece of SQL, NULL for the others.

    `executed_at` is SQL of a `timestamptz`; `statements` is SQL of a `text[]`; `order_by` sorts the rows.
    """
    order = columns.pop("order_by", "1")
    given = {"state": "'executed'", **columns}
    listed = []
    for name in RECORD:
        sql = given.get(name, "null")
        if name == "executed_at" and name in given:
            sql = f"pg_catalog.to_char(({sql}) at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
        if name == "statements" and name in given:
            sql = f"pg_catalog.to_json({sql})"
        listed.append(f"({sql})::text as {name}")
    return f"select {', '.join(listed)} from {place_sql} t order by {order}"


def with_other_line_ends(raw: bytes) -> tuple[bytes, bytes, bytes]:
    """Return a file as it is, with LF and with CRLF: git may have changed its line ends since it was executed."""
    with_lf = raw.replace(b"\r\n", b"\n")
    return raw, with_lf, with_lf.replace(b"\n", b"\r\n")


def in_server_time_zone(column: str) -> str:
    """Give the SQL of a `timestamp` that the server's `now()` wrote, as a `timestamptz`.

    The zone is the one that the database and the role have by default, as the sessions of the other tool had it.
    """
    zone = "select s.reset_val from pg_catalog.pg_settings s where s.name = 'TimeZone'"
    return f"({column}) at time zone ({zone})"

"""The migrations and the history of another tool, as values: what each tool's module makes of its files and rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Literal

from sqlmigrate.errors import MigrationError
from sqlmigrate.files.file_text import decode
from sqlmigrate.source import Source

RecordState = Literal["executed", "baseline", "failed", "running"]
Verdict = Literal["verified", "changed", "trusted"]


@dataclass(frozen=True)
class Listing:
    """The files of a folder, and of the folders in it.

    Attributes:
        folder: The path of the folder, as it is shown.
        files: The bytes of each file, by its path in the folder with `/`, sorted; files whose name begins with a dot
            are left out.
    """

    folder: str
    files: Mapping[str, bytes] = field(repr=False)

    @cached_property
    def top(self) -> tuple[str, ...]:
        """The names of the files that are in the folder itself."""
        return tuple(name for name in self.files if "/" not in name)

    def path(self, name: str) -> str:
        """Return the path of a file, as it is shown."""
        return name if self.folder == "." else f"{self.folder}/{name}"

    def source(self, name: str) -> Source:
        """Return the text of a file; raises `MigrationError` if its bytes are no text for PostgreSQL."""
        found = self.try_source(name)
        if isinstance(found, MigrationError):
            raise found
        return found

    def try_source(self, name: str) -> Source | MigrationError:
        """Return the text of a file; or why its bytes are no text for PostgreSQL."""
        return decode(self.path(name), self.files[name])


@dataclass(frozen=True)
class Part:
    """What one direction of a migration executes.

    Attributes:
        text: The SQL as it is written to our file: cut from the tool's file without a change.
        has_transaction: Whether the tool executes it in a transaction.
    """

    text: str
    has_transaction: bool = True


@dataclass(frozen=True)
class ForeignMigration:
    """A migration of another tool.

    Attributes:
        key: What the tool's history calls it, in the spelling of `Record.key`.
        version: The version as the tool's file has it; empty if the tool has none, and only an order.
        name: The name without the version, as the tool's file has it.
        path: The path of its file, as it is shown.
        up: What it executes; None if that cannot be converted.
        down: What undoes it; None if the tool has nothing that does.
        notes: What is converted with a change, or is otherwise than the tool has it, each with its place.
        obstacles: Why it cannot be converted, each with its place; `{path}` in a hint is the file of ours that is to be
            written by hand in its place.
        raw: The bytes of its file, from which the tool's checksum is computed.
        needs: The keys of the migrations that it comes after, where the tool has no order but this one.
    """

    key: str
    version: str
    name: str
    path: str
    up: Part | None
    down: Part | None = None
    notes: tuple[MigrationError, ...] = ()
    obstacles: tuple[MigrationError, ...] = ()
    raw: bytes = field(default=b"", repr=False)
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """A folder as one tool reads it.

    Attributes:
        tool: The tool.
        folder: The path of the folder, as it is shown.
        migrations: The migrations, in the order in which the tool executes them.
        obstacles: Why the folder cannot be taken over, whatever is written by hand, each with its place.
        others: Files that the tool reads and that are not migrations: callbacks, repeatable scripts, templates.
        is_marked: Whether the files say by markers that they are the tool's; if not, only names say it.
        is_rare: Whether few users of the tool have such files: they count as its own only where its history is there,
            or where no other tool reads them.
        in_place: Whether they are pairs that are read as they are: nothing has to be written.
        also: Other tools that read the same files in the same way.
        project: What the tool calls the project of the folder, where one history has several.
    """

    tool: str
    folder: str
    migrations: tuple[ForeignMigration, ...]
    others: tuple[MigrationError, ...] = ()
    is_marked: bool = True
    is_rare: bool = False
    in_place: bool = False
    also: tuple[str, ...] = ()
    project: str = ""
    obstacles: tuple[MigrationError, ...] = ()

    @property
    def tools(self) -> str:
        """The tool, and those that read the files in the same way: ``goose``, or ``golang-migrate, sqlx or morph``."""
        *names, last = (self.tool, *self.also)
        return f"{', '.join(names)} or {last}" if names else last


@dataclass(frozen=True)
class Record:
    """A migration in the history of another tool.

    Attributes:
        key: What the history calls the migration.
        state: What became of it. `baseline`: the tool was told that this one and all older ones are executed.
        name: Its name, if the history has it.
        executed_at: When it was executed; None if the tool does not record it.
        duration_ms: How long that took, in milliseconds; None if the tool does not record it.
        executed_by: Who executed it; None if the tool does not record it.
        checksum: The checksum as the tool writes it; None if it has none.
        statements: The statements that were executed, if the history has them.
    """

    key: str
    state: RecordState = "executed"
    name: str = ""
    executed_at: datetime | None = None
    duration_ms: int | None = None
    executed_by: str | None = None
    checksum: str | None = None
    statements: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Place:
    """Where the history of a tool is.

    Attributes:
        schema: The schema, as it is.
        table: The table, as it is.
        columns: The names of its columns.
        database: The name of the database.
        tables: The names of the tables in that schema.
        project: The project whose rows are read, where one history has several.
    """

    schema: str
    table: str
    columns: frozenset[str]
    database: str
    tables: frozenset[str] = frozenset()
    project: str = ""


@dataclass(frozen=True)
class ForeignHistory:
    """The history of another tool.

    Attributes:
        tool: The tool.
        place: Where it is.
        shown: Its qualified name, as it is shown.
        records: Its rows, in the order of execution.
        is_one_row: Whether it has only the newest version: all older files count as executed.
        others: What else it has, that does not belong to the folder, a sentence each.
    """

    tool: str
    place: Place
    shown: str
    records: tuple[Record, ...]
    is_one_row: bool = False
    others: tuple[str, ...] = ()

"""Builds what migrations make, and proves that the squashed migration makes the same: by executing both.

Each is executed by `up`, in a database of its own on the shadow server. The catalogs are compared with owners and
rights, the rows of each table by their checksum, the sequences by their values. Then the down file is executed, and
nothing may be left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sqlmigrate.catalog import compare
from sqlmigrate.catalog.objects import Catalog, Difference
from sqlmigrate.database.session import Session, connect
from sqlmigrate.ddl.schema import Schema, read_schema
from sqlmigrate.errors import ServerError
from sqlmigrate.executor.events import Failed
from sqlmigrate.files.migration import Migration
from sqlmigrate.history import read as history_read
from sqlmigrate.operations import up_down
from sqlmigrate.shadow import build, databases
from sqlmigrate.shadow.built_schema import Clone, How, built, own_tables
from sqlmigrate.shadow.executable_files import LeftOut
from sqlmigrate.shadow.rights import Rights

from . import squash_rows
from .squash_rows import Rows

_OF_DOWN = "the down file"
_MOST = 10  # differences that are named
_FORM = "squash 1"  # of the templates: changed when they are built differently


@dataclass(frozen=True)
class Made:
    """What a folder of migrations makes.

    Attributes:
        schema: the schema, without the history tables
        rows: what its tables and sequences hold
        blocks: the COPY block of each table with rows
        roles: the roles that migrations only name, and that were created for them
        left_out: what it does not have of the files, because it cannot be executed
        nothing: the schema of a database in which nothing was executed
        columns: the checksum of each column of the tables with rows
        changing: those of them whose values are others each time that the migrations are executed
    """

    schema: Schema
    rows: Rows
    blocks: dict[str, str]
    roles: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    nothing: Schema
    columns: squash_rows.ByColumn
    changing: tuple[str, ...]


@dataclass(frozen=True)
class Builder:
    """A shadow server that builds migrations.

    Attributes:
        server: the server
        table: the history table
        rights: those with which the files are executed
    """

    server: databases.Shadow
    table: str
    rights: Rights

    def built(
        self, migrations: Sequence[Migration], words: build.Words, *, form: str = _FORM
    ) -> AbstractContextManager[Clone]:
        """Build a database, and provide it while the block lasts."""
        return built(self.server, migrations, How(self.table, self.rights, words, form))

    def make(self, migrations: Sequence[Migration]) -> Made:
        """Build what migrations make, and read all of it.

        Raises:
            ServerError: A migration failed.
        """
        words = build.Words("what the migrations make")
        with self.built([], words) as empty, connect(empty.databases.owner_url) as session:
            nothing, _ = self._read(session)
        with self.built(migrations, words) as clone, connect(clone.databases.owner_url) as session:
            schema, rows = self._read(session)
            blocks = squash_rows.copied(session, schema.catalog, [each.table for each in rows.filled])
            columns = squash_rows.by_column(session, rows)
        changing = self._changing(migrations, words, columns) if rows.filled else ()
        return Made(schema, rows, blocks, clone.roles, clone.left_out, nothing, columns, changing)

    def _changing(
        self, migrations: Sequence[Migration], words: build.Words, columns: squash_rows.ByColumn
    ) -> tuple[str, ...]:
        """Execute the migrations a second time: what differs then is a time, a random number, or the like."""
        again = self.built(migrations, words, form=f"{_FORM}, again")
        with again as clone, connect(clone.databases.owner_url) as session:
            _, rows = self._read(session)
            return tuple(squash_rows.changing(columns, squash_rows.by_column(session, rows)))

    def prove(self, made: Made, squashed: Migration, *, with_data: bool, is_written: bool = False) -> list[str]:
        """Return how what a squashed migration makes, and leaves after its down, differs from what it should.

        An empty list is the proof. One that is written already has times and random numbers of its own: these are not
        compared. Raises `ServerError` if it fails.
        """
        state = "" if is_written else ", which was not written,"
        words = build.Words("the squashed migration", state, "squash up to an earlier version")
        with self.built([squashed], words) as clone:
            with connect(clone.databases.owner_url) as session:
                schema, rows = self._read(session)
                columns = squash_rows.by_column(session, rows) if is_written and made.changing else {}
            same = squash_rows.same_but_for(made.columns, columns, made.changing) if columns else ()
            found = list(_differences(made.schema.catalog, schema.catalog))
            found += squash_rows.differences(made.rows, rows, with_data=with_data, same=same)
            found += [f"role {name}: the replaced files create it" for name in clone.roles if name not in made.roles]
            found += [f"the squashed file: {each.reason}" for each in clone.left_out]
            if not found and squashed.down:
                found += self._undone(clone.databases, squashed, made.nothing)
        return found

    def _undone(self, clone: databases.Databases, squashed: Migration, nothing: Schema) -> Iterator[str]:
        with closing(up_down.down(clone.owner_url, [squashed], all=True, table=self.table)) as events:
            failed = next((event for event in events if isinstance(event, Failed)), None)
        if failed:
            yield f"{_OF_DOWN} fails: {failed.error.message}"
            return
        with connect(clone.owner_url) as session:
            left, _ = self._read(session)
        yield from (f"{_OF_DOWN} leaves: {each}" for each in _differences(nothing.catalog, left.catalog))

    def _read(self, session: Session) -> tuple[Schema, Rows]:
        state = history_read.read(session, self.table)
        own = own_tables(session, state.history)
        schema = replace(read_schema(session, own), own_role=state.server.user)
        return schema, squash_rows.read(session, own)


def _differences(before: Catalog, after: Catalog) -> Iterator[str]:
    for each in compare.differences(before, after):
        yield from _said(each)


def _said(difference: Difference) -> Iterator[str]:
    name = f"{difference.kind} {difference.name}"
    if not difference.attributes:
        yield f"{name}: {difference.change}"
    for attribute, old, new in difference.attributes:
        yield f"{name}: {attribute} is {new or 'not set'}, and should be {old or 'not set'}"


@contextmanager
def builder(
    home: Path, table: str, *, shadow_url: str | None, postgres: int | None, is_trusted: bool
) -> Iterator[Builder]:
    """Provide a shadow server that builds migrations, while the block lasts."""
    given: Rights = "trusted" if is_trusted else "restricted"
    with databases.server(home, shadow_url, postgres) as server:
        yield Builder(server, table, given)


def not_the_same(differences: Sequence[str], label: str, *, is_written: bool = False) -> ServerError:
    """Return the error that names how a squashed migration differs from what it replaces."""
    more = [f"and {len(differences) - _MOST:,} more"] if len(differences) > _MOST else []
    is_down = all(each.startswith(_OF_DOWN) for each in differences)
    said = "does not undo all that it makes" if is_down else "does not make the same as the migrations that it replaces"
    hint = (
        "write it without a down file: --no-down" if is_down else "squash up to a version before what is named was made"
    )
    return ServerError(
        f"{label} {said}" + ("" if is_written else ", so it was not written"),
        detail=[*differences[:_MOST], *more],
        state=None if is_written else "no file was changed",
        hint="take the file as `sqlmigrate squash` has written it" if is_written else hint,
    )

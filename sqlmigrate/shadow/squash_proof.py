"""Builds what migrations make, and proves that the squashed migration makes the same: by executing both.

Each is executed by `up`, in a database of its own on the shadow server. The catalogs are compared with owners and
rights, the rows of each table by their checksum, the sequences by their values. Then the down file is executed, and
nothing may be left. Nothing of it is kept on the server: the next proof executes again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace

from sqlmigrate.catalog import compare
from sqlmigrate.catalog.objects import Catalog, Difference
from sqlmigrate.database.session import Session, connect
from sqlmigrate.ddl.schema import Schema, read_schema
from sqlmigrate.executor.events import Failed
from sqlmigrate.files.migration import Migration
from sqlmigrate.history import read as history_read
from sqlmigrate.operations import up_down

from . import build, databases, extensions, row_sums, squash_changing, squash_rows
from .built_schema import Clone, How, Wanted, built_once, own_tables
from .executable_files import LeftOut
from .rights import Rights
from .row_sums import TableRows
from .squash_changing import Changing, Execution
from .squash_rows import Rows

OF_DOWN = "the down file"


@dataclass(frozen=True)
class Made:
    """What a folder of migrations makes.

    Attributes:
        schema: the schema, without the history tables
        rows: what its tables and sequences hold
        columns: the checksum of each column of the tables with rows
        changing: what is not the same each time that they are executed
        steady: the rows of the tables with changing columns, without these columns
        nothing: the schema of a database in which nothing was executed
        roles: the roles that migrations only name, and that were created for them
        left_out: what it does not have of the files, because it cannot be executed
        blocks: the COPY block of each table with rows, if they are to be written
        of_extensions: the tables of extensions with rows that the migrations may have put in
    """

    schema: Schema
    rows: Rows
    columns: squash_rows.ByColumn
    changing: Changing
    steady: Mapping[str, TableRows]
    nothing: Schema
    roles: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    blocks: Mapping[str, str] = field(default_factory=dict)
    of_extensions: tuple[TableRows, ...] = ()


@dataclass(frozen=True)
class Proof:
    """How what a squashed migration makes compares with what the replaced ones make.

    Attributes:
        differences: a sentence for each difference; none is the proof
        not_compared: what cannot be compared, because it is not the same each time
    """

    differences: tuple[str, ...]
    not_compared: tuple[str, ...] = ()


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

    def _built(
        self, migrations: Sequence[Migration], words: build.Words, *, is_another_day: bool = False
    ) -> AbstractContextManager[Clone]:
        how = How(self.table, self.rights, words, is_another_day=is_another_day)
        return built_once(self.server, migrations, how)

    def make(self, migrations: Sequence[Migration], *, with_blocks: bool = False) -> Made:
        """Build what migrations make, twice, and read all of it.

        Raises:
            ServerError: A migration failed.
        """
        words = build.Words("what the migrations make")
        with self._built([], words) as empty, connect(empty.databases.owner_url) as session:
            nothing, _ = self._read(session)
            without = row_sums.read(session, of_extensions=True)
        with self._built(migrations, words, is_another_day=True) as clone, self._session(clone) as session:
            schema, rows = self._read(session)
            second = Execution(schema.catalog, rows, squash_rows.by_column(session, rows))
        with self._built(migrations, words) as clone, self._session(clone) as session:
            schema, rows = self._read(session)
            columns = squash_rows.by_column(session, rows)
            changing = squash_changing.changing(Execution(schema.catalog, rows, columns), second, migrations)
            steady = row_sums.read(session, changing.steady(rows))
            tables = [each.table for each in rows.filled] if with_blocks else []
            blocks = squash_rows.copied(session, schema.catalog, tables)
            others = row_sums.read(session, of_extensions=True)
        put_in = tuple(each for name, each in others.items() if each.count and _is_other(each, without.get(name)))
        return Made(schema, rows, columns, changing, steady, nothing, clone.roles, clone.left_out, blocks, put_in)

    def prove(self, made: Made, squashed: Migration, *, with_data: bool, is_written: bool = False) -> Proof:
        """Compare what a squashed migration makes, and leaves after its down, with what it should.

        One that is written already was written on another day: what is not the same each time is not compared. Raises
        `ServerError` if it fails.
        """
        state = "" if is_written else ", which was not written,"
        words = build.Words("the squashed migration", state, "" if is_written else "squash up to an earlier version")
        changing = made.changing if is_written else Changing()
        with self._built([squashed], words) as clone:
            with self._session(clone) as session:
                schema, rows = self._read(session)
                columns = squash_rows.by_column(session, rows)
                steady = row_sums.read(session, changing.steady(made.rows))
            then = replace(made, schema=schema, rows=rows, columns=columns, steady=steady, changing=changing)
            found = [*_compared_objects(made.schema.catalog, schema.catalog, changing)]
            found += _compared_rows(made, then, changing) if with_data else _none_written(rows)
            differences = [each.text for each in found if not each.is_excused]
            differences += [
                f"role {name}: the replaced files create it" for name in clone.roles if name not in made.roles
            ]
            differences += [f"the squashed file: {each.reason}" for each in clone.left_out]
            if not differences and squashed.down:
                differences += self._undone(clone.databases, squashed, made.nothing)
        return Proof(tuple(differences), tuple(dict.fromkeys(each.text for each in found if each.is_excused)))

    def _session(self, clone: Clone) -> AbstractContextManager[Session]:
        return connect(clone.databases.owner_url)

    def _undone(self, clone: databases.Databases, squashed: Migration, nothing: Schema) -> Iterator[str]:
        files = [extensions.migration_without(squashed, self.server.extensions)]
        with closing(up_down.down(clone.owner_url, files, all=True, table=self.table)) as events:
            failed = next((event for event in events if isinstance(event, Failed)), None)
        if failed:
            yield f"{OF_DOWN} fails: {failed.error.message}"
            return
        with connect(clone.owner_url) as session:
            left, _ = self._read(session)
        yield from (f"{OF_DOWN} leaves: {each}" for each in _differences(nothing.catalog, left.catalog))

    def _read(self, session: Session) -> tuple[Schema, Rows]:
        state = history_read.read(session, self.table)
        own = own_tables(session, state.history)
        schema = replace(read_schema(session, own), own_role=state.server.user)
        return schema, squash_rows.read(session, own)


def _is_other(rows: TableRows, before: TableRows | None) -> bool:
    return before is None or (rows.count, rows.checksum) != (before.count, before.checksum)


@dataclass(frozen=True)
class _Found:
    """A difference, or what was not compared in its place."""

    text: str
    is_excused: bool = False  # it is not the same each time


def _compared_objects(before: Catalog, after: Catalog, changing: Changing) -> Iterator[_Found]:
    found, dated = squash_changing.without_dates(compare.differences(before, after), changing)
    yield from (_Found(each, is_excused=True) for each in dated)
    for each in found:
        if (each.kind, each.name) in changing.objects:
            yield _Found(f"{each.kind} {each.name}", is_excused=True)
        else:
            yield from map(_Found, _said(each))


def _compared_rows(made: Made, then: Made, changing: Changing) -> Iterator[_Found]:
    before, after = made.rows, then.rows
    found = [each for table in before.sums.keys() & after.sums.keys() for each in _compared_table(made, then, table)]
    yield from sorted(found, key=lambda each: each.text)
    was, now = ({each.sequence: each for each in rows.values} for rows in (before, after))
    for name in sorted(name for name in was.keys() | now.keys() if was.get(name) != now.get(name)):
        is_excused = name in changing.sequences
        yield _Found(
            f"the value of the sequence {name}" if is_excused else f"sequence {name}: another value", is_excused
        )
    is_loose = any(each.is_excused for each in found)
    for name, total in before.views.items():
        if after.views.get(name, total) != total:
            is_excused = is_loose or name in changing.views
            said = (
                f"the rows of the materialized view {name}" if is_excused else f"materialized view {name}: other rows"
            )
            yield _Found(said, is_excused)


def _compared_table(made: Made, then: Made, name: str) -> Iterator[_Found]:
    """Compare one table: all its columns, or those that are the same each time."""
    changing, old, new = then.changing, made.rows.sums[name], then.rows.sums[name]
    if (old.count, old.checksum) == (new.count, new.checksum):
        return
    if name in changing.tables:
        yield _Found(f"the rows of {name}: their number is not the same each time", is_excused=True)
        return
    said = f"table {name}: {old.count:,} rows before, {new.count:,} rows after"
    loose = {column for table, column in changing.columns | changing.timed if table == name}
    if old.count != new.count:
        yield _Found(said)
        return
    if not loose or made.steady[name].checksum != then.steady[name].checksum:
        yield _Found(f"{said}, with other values")
    for column in sorted(loose):
        if made.columns.get((name, column)) != then.columns.get((name, column)):
            yield _Found(f"{name}.{column}", is_excused=True)


def _none_written(rows: Rows) -> Iterator[_Found]:
    for each in rows.filled:
        yield _Found(f"table {each.table}: {each.count:,} rows, and none were to be written")


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
def builder(wanted: Wanted, migrations: Sequence[Migration]) -> Iterator[Builder]:
    """Provide a shadow server that builds migrations, while the block lasts; they say where extensions are created."""
    given: Rights = "trusted" if wanted.is_trusted else "restricted"
    made = extensions.named(wanted.extensions, migrations)
    with databases.server(wanted.home, wanted.shadow_url, wanted.postgres, made) as server:
        yield Builder(server, wanted.table, given)

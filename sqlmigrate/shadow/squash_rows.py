"""The rows that migrations put into tables, as COPY blocks, and the values of their sequences.

A value is written as PostgreSQL prints it, in the forms that do not depend on the settings of a session.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlmigrate.catalog.objects import Catalog
from sqlmigrate.database.session import Request, Session
from sqlmigrate.identifiers import literal

from . import row_sums
from .row_sums import TableRows

_SEQUENCES = """\
select format('%I.%I', n.nspname, c.relname), s.seqstart::text
  from pg_catalog.pg_sequence s
  join pg_catalog.pg_class c on c.oid = s.seqrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relpersistence <> 't'
   and not exists (select from pg_catalog.pg_depend d where d.deptype = 'e'
                      and (d.objid = c.oid and d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                           or d.objid = n.oid and d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass))
 order by n.nspname collate "C", c.relname collate "C\""""
_VIEWS = """\
select pg_catalog.format('%I.%I', schemaname, matviewname) from pg_catalog.pg_matviews where ispopulated order by 1"""
_LARGE_OBJECTS = "select pg_catalog.count(*)::text from pg_catalog.pg_largeobject_metadata"
_PRINTED = "set local search_path = pg_catalog; set local datestyle = 'ISO, YMD'; set local intervalstyle = 'postgres'"


ByColumn = Mapping[tuple[str, str], str]  # a checksum by table and column


@dataclass(frozen=True)
class Value:
    """The value of a sequence that is not as it was created.

    Attributes:
        sequence: its qualified name
        last: the last value
        is_called: whether the next value follows it; false if it is the next one
    """

    sequence: str
    last: str
    is_called: bool

    @property
    def statement(self) -> str:
        """The statement that sets it."""
        return f"SELECT pg_catalog.setval({literal(self.sequence)}, {self.last}, {str(self.is_called).lower()})"


@dataclass(frozen=True)
class Rows:
    """What tables and sequences hold.

    Attributes:
        sums: the number of rows and their checksum, by table
        values: the sequences that are not as they were created
        large_objects: how many large objects there are
        views: the checksum of the rows of each materialized view
    """

    sums: Mapping[str, TableRows]
    values: tuple[Value, ...]
    large_objects: int
    views: Mapping[str, str]

    @property
    def filled(self) -> list[TableRows]:
        """The tables with rows."""
        return [each for each in self.sums.values() if each.count]

    @property
    def count(self) -> int:
        """The number of all rows."""
        return sum(each.count for each in self.sums.values())


def read(session: Session, ignore: Collection[str]) -> Rows:
    """Read what tables and sequences hold, but for those of `ignore`; writes nothing."""
    found, ((large,),) = session.ask(Request(_SEQUENCES), Request(_LARGE_OBJECTS))
    names = [(name or "", start) for name, start in found if name and not _is_of(name, ignore)]
    queries = [Request(f"select last_value::text, is_called::text from {name}") for name, _ in names]
    values = [
        Value(name, last or "", called == "true")
        for (name, start), [[last, called]] in zip(names, session.ask(*queries) if queries else [], strict=True)
        if called == "true" or last != start
    ]
    sums = row_sums.read(session, ignore=ignore)
    return Rows(sums, tuple(values), int(large or 0), _views(session))


def _views(session: Session) -> dict[str, str]:
    names = [name or "" for (name,) in session.ask(Request(_VIEWS))[0]]
    if not names:
        return {}
    total = "pg_catalog.sum(pg_catalog.hashtextextended(v::text, 0))::text"
    sums = [Request(f"select {total} from {each} v") for each in names]
    answers = session.ask(Request("begin read only"), Request(row_sums.SET), *sums, Request("commit"))[2:-1]
    return {name: found or "" for name, [[found]] in zip(names, answers, strict=True)}


def _is_of(sequence: str, tables: Collection[str]) -> bool:
    """Tell whether a sequence belongs to one of our own tables: ``migrations_log_id_seq``."""
    return any(sequence.replace('"', "") == f"{table}_id_seq".replace('"', "") for table in tables)


def copied(session: Session, catalog: Catalog, tables: Sequence[str]) -> dict[str, str]:
    """Return the COPY block of each of these tables: the statement, the data and their end."""
    blocks = {}
    session.ask(Request("begin isolation level repeatable read, read only"), *map(Request, _PRINTED.split("; ")))
    for table in tables:
        columns = ", ".join(_columns(catalog, table))
        listed = f" ({columns})" if columns else ""
        query = f"copy (select {columns} from only {table}) to stdout"
        with session.conn.cursor() as cursor, cursor.copy(query.encode()) as copy:
            data = b"".join(bytes(each) for each in copy).decode()
        blocks[table] = f"COPY {table}{listed} FROM stdin;\n{data}\\.\n"
    session.ask(Request("rollback"))
    return blocks


def _columns(catalog: Catalog, table: str) -> list[str]:
    """Return the columns that can be written: a generated one is computed again."""
    found = sorted(catalog.parts_of(catalog.tables[table], "column"), key=lambda each: each.identity.sub)
    return [each.path[-1] for each in found if not each.attributes.get("generated")]


def by_column(session: Session, rows: Rows) -> ByColumn:
    """Return the checksum of each column of each table with rows."""
    columns = [(each.table, column) for each in rows.filled for column in each.columns]
    most = max((len(each.columns) for each in rows.filled), default=0)
    found: dict[tuple[str, str], str] = {}
    for index in range(most):  # one column of every table at once
        wanted = {each.table: [each.columns[index]] for each in rows.filled if index < len(each.columns)}
        for table, total in row_sums.read(session, wanted).items():
            found[table, wanted[table][0]] = total.checksum
    return {key: found.get(key, "") for key in columns}

"""The rows of a database: how many each table has, and a checksum that does not depend on the order of rows or columns.

The checksum is the sum of the hashes of the rows' texts, with the columns in the order of their names. It stays the
same if a column is dropped and added again, or the rows are written again in another order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlmigrate.database.session import Request, Session


@dataclass(frozen=True)
class TableRows:
    """The rows of a table.

    Attributes:
        table: the qualified name, quoted as needed
        oid: its OID
        count: how many rows it has
        checksum: the checksum over `columns`
        columns: the columns, sorted by name
    """

    table: str
    oid: int
    count: int
    checksum: str
    columns: tuple[str, ...]


# Ordinary tables and partitions that our role may read, without temporary ones: those of extensions and in schemas of
# extensions, or all others.
# Each column has its plain name and its name quoted for SQL.
_TABLES = """\
select format('%I.%I', space.nspname, class.relname), class.oid::text,
       coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(attname, quote_ident(attname))
                                    order by attname collate "C")
                filter (where attname is not null), '[]')::text
  from pg_catalog.pg_class class
  join pg_catalog.pg_namespace space on space.oid = class.relnamespace
  left join pg_catalog.pg_attribute on attrelid = class.oid and attnum > 0 and not attisdropped
 where class.relkind = 'r' and class.relpersistence <> 't'
   and space.nspname <> 'information_schema' and space.nspname !~ '^pg_'
   and (not $1::bool or pg_catalog.has_table_privilege(class.oid, 'select'))
   and $1::bool = exists (select from pg_catalog.pg_depend
                           where deptype = 'e'
                             and (classid = 'pg_catalog.pg_class'::pg_catalog.regclass and objid = class.oid
                                  or classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass and objid = space.oid))
 group by 1, 2
 order by 1"""

# The settings that decide how a value is written: https://www.postgresql.org/docs/current/runtime-config-client.html
_SETTINGS = {
    "search_path": "pg_catalog",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "xmloption": "content",
    "lc_monetary": "C",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}
SET = "select " + ", ".join(f"pg_catalog.set_config('{name}', '{value}', true)" for name, value in _SETTINGS.items())
_AT_ONCE = 40  # tables in one statement: planning more of them takes longer than executing


def read(
    session: Session,
    tables_and_columns: Mapping[str, Sequence[str]] | None = None,
    ignore: Collection[str] = (),
    *,
    of_extensions: bool = False,
) -> Mapping[str, TableRows]:
    """Count the rows of every table, and compute its checksum, in two turns.

    Args:
        session: A session in no transaction; it is in none afterwards.
        tables_and_columns: The tables to read and the columns to include, as far as they exist; None for all of them.
        ignore: Tables to leave out.
        of_extensions: Read the tables that belong to extensions, as far as our role may; otherwise all others.
    """
    tables = _tables(session, tables_and_columns, ignore, of_extensions=of_extensions)
    if not tables:
        return {}
    parts = [tables[start : start + _AT_ONCE] for start in range(0, len(tables), _AT_ONCE)]
    sums = (Request(" union all ".join(_sum(number, one) for number, one in enumerate(part))) for part in parts)
    begin = Request("begin isolation level repeatable read, read only")
    try:
        answers = session.ask(begin, Request(SET), *sums, Request("commit"))[2:-1]
    except BaseException:
        if session.is_usable:
            session.abort()
        raise
    return {
        one.name: TableRows(one.name, one.oid, int(count or 0), total or "0", tuple(name for name, _ in one.columns))
        for part, rows in zip(parts, answers, strict=True)
        for one, (_, count, total) in zip(part, sorted(rows, key=lambda row: int(row[0] or 0)), strict=True)
    }


@dataclass(frozen=True)
class _Table:
    name: str
    oid: int
    columns: list[tuple[str, str]]  # (name, quoted)


def _tables(
    session: Session, wanted: Mapping[str, Sequence[str]] | None, ignore: Collection[str], *, of_extensions: bool
) -> list[_Table]:
    import json  # noqa: PLC0415 - only where rows are read

    found = []
    for name, oid, columns in session.ask(Request(_TABLES, (str(of_extensions),)))[0]:
        if name is None or name in ignore or (wanted is not None and name not in wanted):
            continue
        known = [(plain, quoted) for plain, quoted in json.loads(columns or "[]")]
        only = known if wanted is None else [pair for pair in known if pair[0] in wanted[name]]
        found.append(_Table(name, int(oid or 0), only))
    return found


def _sum(number: int, table: _Table) -> str:
    """Return the statement for one table; the text of a row contains that of every value, of any type."""
    columns = ", ".join(f"it.{quoted}" for _, quoted in table.columns)
    row = f"row({columns})" if columns else "'()'"  # Citus takes no empty row
    total = f"sum(hashtextextended({row}::text, 0))::text"
    return f"select '{number}', count(*)::text, {total} from only {table.name} it"

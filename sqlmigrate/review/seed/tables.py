"""Reads what filling tables needs to know: the empty tables with columns, keys, checks and partitions, and the types.

It is read in one turn; https://www.postgresql.org/docs/current/catalogs.html
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlmigrate.database.session import Request, Session

from .values import Type


@dataclass(frozen=True)
class Column:
    """A column that can be written.

    Attributes:
        number: its number in the table
        name: its name, quoted as needed
        type: the OID of its type
        formatted: its type with its length
        not_null: whether it is NOT NULL
        default: the expression of its default; None for none
        is_identity: whether it is an identity column
    """

    number: int
    name: str
    type: str
    formatted: str
    not_null: bool
    default: str | None
    is_identity: bool


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key.

    Attributes:
        name: its name, quoted as needed
        columns: the numbers of its columns
        target: the OID of the referenced table, which may be the same table
        target_columns: the numbers of the referenced columns
    """

    name: str
    columns: tuple[int, ...]
    target: int
    target_columns: tuple[int, ...]


@dataclass(frozen=True)
class Partition:
    """The bound of a partition.

    Attributes:
        strategy: r for range, l for list, h for hash
        columns: the numbers of the key's columns in the root table
        bound: the bound in SQL
    """

    strategy: str
    columns: tuple[int, ...]
    bound: str


@dataclass(frozen=True)
class Table:
    """A table that rows are written to: an ordinary table, or the root of partitions.

    Attributes:
        oid: its OID
        name: its qualified name, quoted as needed
        columns: the columns that can be written
        foreign_keys: its foreign keys
        checks: the columns and the expression of each CHECK
        unique: the columns that are in unique keys and exclusion constraints
        paths: for each partition that holds rows, the bounds on the way to it
        generated: the expressions of the generated columns, by number
        is_deferrable: whether a unique key is deferrable; ON CONFLICT is then refused
    """

    oid: int
    name: str
    columns: tuple[Column, ...]
    foreign_keys: tuple[ForeignKey, ...]
    checks: tuple[tuple[tuple[int, ...], str], ...]
    unique: frozenset[int]
    paths: tuple[tuple[Partition, ...], ...]
    generated: Mapping[int, str]
    is_deferrable: bool

    def column(self, number: int) -> Column | None:
        """Return a column by its number; None for a generated one."""
        return next((column for column in self.columns if column.number == number), None)


@dataclass(frozen=True)
class Inventory:
    """The tables and types of a database.

    Attributes:
        tables: all tables by OID, partitions included
        empty: the tables to fill, by OID
        types: the types by OID
    """

    tables: dict[int, Table]
    empty: dict[int, Table]
    types: dict[str, Type]


_ORDINARY = """\
class.relkind in ('r', 'p') and class.relpersistence <> 't'
   and space.nspname <> 'information_schema' and space.nspname !~ '^pg_'
   and not exists (select from pg_depend
                    where deptype = 'e' and (classid = 'pg_class'::regclass and objid = class.oid
                                             or classid = 'pg_namespace'::regclass and objid = space.oid))"""

_TABLES = f"""\
select class.oid::text, format('%I.%I', space.nspname, class.relname),
       (select json_agg(json_build_array(attnum, quote_ident(attname), atttypid::text,
                        format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid), attidentity <> '',
                        attgenerated <> '')
               order by attnum)::text
          from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
         where attrelid = class.oid and attnum > 0 and not attisdropped),
       (select json_agg(json_build_array(quote_ident(conname), conkey, confrelid::text, confkey)
               order by conname collate "C")::text
          from pg_constraint where conrelid = class.oid and contype = 'f'),
       (select json_agg(json_build_array(coalesce(conkey, '{{}}'), pg_get_expr(conbin, conrelid))
               order by conname collate "C")::text
          from pg_constraint where conrelid = class.oid and contype = 'c'),
       (select json_agg(distinct number)::text
          from (select unnest(indkey) from pg_index
                 where indrelid = class.oid and (indisunique or indisexclusion)
                union all
                select refobjsubid from pg_index join pg_depend on classid = 'pg_class'::regclass and objid = indexrelid
                 where indrelid = class.oid and (indisunique or indisexclusion) and refobjid = indrelid) it (number)),
       (exists (select from pg_index where indrelid = class.oid and not indimmediate))::text,
       class.relispartition::text
  from pg_class class join pg_namespace space on space.oid = class.relnamespace
 where {_ORDINARY}
 order by 2"""

_PARTITIONS = """\
select inhparent::text, inhrelid::text, pg_get_expr(relpartbound, inhrelid), partstrat::text,
       (select json_agg(coalesce(top.attnum, 0) order by place)::text
          from unnest(partattrs::int2[]) with ordinality it (number, place)
          left join pg_attribute own on own.attrelid = inhparent and own.attnum = number
          left join pg_attribute top on top.attrelid = pg_partition_root(inhparent) and top.attname = own.attname)
  from pg_inherits join pg_class on oid = inhrelid join pg_partitioned_table on partrelid = inhparent
 where relispartition
 order by relname collate "C" """

_TYPES = """\
select type.oid::text, format_type(type.oid, null), typtype::text,
       case when typelem <> 0 and typlen = -1 then 'A' else typcategory::text end,
       coalesce(nullif(typelem, 0), (select rngsubtype from pg_range where rngtypid = type.oid),
                nullif(typbasetype, 0), 0)::text,
       case when typtype = 'd' then format_type(typbasetype, typtypmod) end, typnotnull::text,
       (select json_agg(pg_get_expr(conbin, 0) order by conname collate "C")::text
          from pg_constraint where contypid = type.oid and contype = 'c'),
       case when typtype = 'e'
            then (select json_agg(enumlabel order by enumsortorder)::text from pg_enum where enumtypid = type.oid) end,
       case when typtype = 'c'
            then (select json_agg(json_build_array(attname, atttypid::text::int8) order by attnum)::text
                    from pg_attribute where attrelid = typrelid and attnum > 0 and not attisdropped) end
  from pg_type type
 where typtype in ('b', 'd', 'e', 'r', 'c', 'm')
   and (typtype <> 'c' or exists (select from pg_class where oid = typrelid and relkind = 'c'))"""

_MULTIRANGES = "select rngmultitypid::text, rngtypid::text from pg_range where rngmultitypid <> 0"
_NEW_MULTIRANGES = 140000


def read(session: Session, ignore: Collection[str] = ()) -> Inventory:
    """Read all tables and types; the tables of `ignore` (``public.migrations``) will not be filled."""
    has_multiranges = session.conn.info.server_version >= _NEW_MULTIRANGES
    requests = [Request(_TABLES), Request(_PARTITIONS), Request(_TYPES)]
    requests += [Request(_MULTIRANGES)] if has_multiranges else []
    begin = (Request("begin"), Request("set local search_path = pg_catalog"))
    _, _, tables, partitions, types, *multiranges = session.ask(*begin, *requests, Request("commit"))[:-1]
    of_multi: dict[Any, Any] = {row[0]: row[1] for row in multiranges[0]} if multiranges else {}
    known = {str(row[0]): _type(row, of_multi) for row in types}
    bounds = _bounds(partitions)
    found = {table.oid: table for table in (_table(row[:7], bounds) for row in tables)}
    roots = [int(row[0] or 0) for row in tables if row[7] == "false" and row[1] not in ignore]
    empty = [value == "true" for row in _exists(session, [found[oid].name for oid in roots]) for value in row]
    return Inventory(found, {oid: found[oid] for oid, is_empty in zip(roots, empty, strict=True) if is_empty}, known)


def _exists(session: Session, names: list[str]) -> list[list[str | None]]:
    """Return for each table whether it is empty, in several rows: a row has at most 1,664 columns."""
    parts = [names[start : start + 100] for start in range(0, len(names), 100)]
    requests = (
        Request("select " + ", ".join(f"(not exists (select 1 from {name}))::text" for name in part)) for part in parts
    )
    return [rows[0] for rows in session.ask(*requests)] if parts else []


def _list(text: str | None) -> list[Any]:
    found: list[Any] = json.loads(text) if text else []
    return found


def _type(row: list[str | None], of_multi: dict[Any, Any]) -> Type:
    oid, name, kind, category, element, formatted, not_null, checks, labels, fields = row
    return Type(
        name or "",
        kind or "",
        category or "",
        of_multi.get(oid, element) or "",
        formatted or "",
        not_null == "true",
        tuple(_list(checks)),
        tuple(_list(labels)),
        tuple((name, number) for name, number in _list(fields)),
    )


def _table(row: list[str | None], bounds: dict[str, list[tuple[str, Partition]]]) -> Table:
    oid, name, columns, foreign, checks, unique, is_deferrable = row
    listed = _list(columns)
    return Table(
        int(oid or 0),
        name or "",
        tuple(Column(*column[:7]) for column in listed if not column[7]),
        tuple(ForeignKey(fk, tuple(own), int(target), tuple(theirs)) for fk, own, target, theirs in _list(foreign)),
        tuple((tuple(key), text) for key, text in _list(checks)),
        frozenset(_list(unique)),
        tuple(_paths(oid or "", bounds)),
        {column[0]: column[5] or "null" for column in listed if column[7]},
        is_deferrable == "true",
    )


def _bounds(rows: list[list[str | None]]) -> dict[str, list[tuple[str, Partition]]]:
    found: dict[str, list[tuple[str, Partition]]] = {}
    for parent, child, bound, strategy, columns in rows:
        key = tuple(_list(columns))
        found.setdefault(parent or "", []).append((child or "", Partition(strategy or "", key, bound or "")))
    return found


def _paths(oid: str, bounds: dict[str, list[tuple[str, Partition]]]) -> list[tuple[Partition, ...]]:
    """Return the bounds on the way to each partition that holds rows."""
    return [(bound, *rest) for child, bound in bounds.get(oid, []) for rest in (_paths(child, bounds) or [()])]

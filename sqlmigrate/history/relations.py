"""What has the name of the history: whether it is a history, one that was damaged, or something else.

A history is recognised by the comment that we put on it, or by its columns. More columns than ours do not matter: a
loop over all tables has added one, or a newer version of sqlmigrate. Some of ours are enough to recognise it: a loop
may have renamed one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmigrate.database.session import Request

from .table import COLUMNS, LOG_COLUMNS, LOG_MARK, MARK, SNAPSHOT_COLUMNS, missing_columns, snapshots_table

_SEPARATOR = "\x1f"
# No other tool has three of these together, whatever a loop has renamed besides.
_TELLING = frozenset(("up_sql", "down_sql", "statements", "statements_done", "executed_by", "tool_version"))
_LOG_TELLING = frozenset(("logged_at", "action", "executed_by", "host", "tool_version", "detail"))
_ENOUGH = 3
_KINDS = {
    "r": "a table",
    "p": "a partitioned table",
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
    "i": "an index",
    "I": "an index",
    "c": "a composite type",
    "d": "a domain",
    "e": "an enum type",
    "t": "a type",
}


@dataclass(frozen=True)
class Relation:
    """A relation or a type that has the name of the history or of its log.

    Attributes:
        schema: Its schema.
        name: Its name.
        kind: What PostgreSQL calls it, with its article: ``a table``, ``a domain``.
        columns: Its columns, in their order.
        unfilled: The columns that are NOT NULL without a default.
        has_key: Whether `version` has a unique index of its own, or `id` generates its values.
        comment: Its comment.
        place: Its place on the search_path, from 1; 0 if its schema is not on it.
        is_readable: Whether this role may read it.
        is_insertable: Whether this role may insert rows.
        is_writable: Whether this role may insert, update and delete rows.
        is_owned: Whether this role has the rights of its owner.
        may_hide_rows: Whether row level security may hide rows from this role.
        may_create_beside: Whether this role may create tables in its schema.
    """

    schema: str
    name: str
    kind: str
    columns: tuple[str, ...]
    unfilled: tuple[str, ...]
    has_key: bool
    comment: str
    place: int
    is_readable: bool
    is_insertable: bool
    is_writable: bool
    is_owned: bool
    may_hide_rows: bool
    may_create_beside: bool

    @property
    def has_our_columns(self) -> bool:
        """Whether its columns are those of a history, or most of them."""
        return len(_TELLING.intersection(self.columns)) >= _ENOUGH

    @property
    def is_history(self) -> bool:
        """Whether it is a table that holds a history, one of an older version or a damaged one included."""
        return self.kind == "a table" and (self.comment.startswith(MARK) or self.has_our_columns)

    @property
    def is_marked(self) -> bool:
        """Whether it is a table with the comment of a history."""
        return self.kind == "a table" and self.comment.startswith(MARK)

    @property
    def is_log(self) -> bool:
        """Whether it is a table that holds the log of a history."""
        has_ours = len(_LOG_TELLING.intersection(self.columns)) >= _ENOUGH
        return self.kind == "a table" and (self.comment.startswith(LOG_MARK) or has_ours)

    @property
    def is_snapshots(self) -> bool:
        """Whether it is a table that holds the snapshots of a history."""
        return self.kind == "a table" and not {each.name for each in SNAPSHOT_COLUMNS} - {*self.columns}

    @property
    def missing(self) -> list[str]:
        """The columns of ours that a history lacks."""
        return missing_columns(COLUMNS, self.columns)

    @property
    def missing_of_log(self) -> list[str]:
        """The columns of ours that a log lacks."""
        return missing_columns(LOG_COLUMNS, self.columns)


# Indexes, sequences and views take a name as tables do; so do types, because each table has a type of its name. Row
# level security hides nothing where one policy lets all rows through, and no other one takes rows away
# (https://www.postgresql.org/docs/current/ddl-rowsecurity.html).
_RELATIONS = r"""
select n.nspname::text, c.relname::text, c.relkind::text,
       (select pg_catalog.string_agg(a.attname, E'\x1f' order by a.attnum)
          from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
       (select pg_catalog.string_agg(a.attname, E'\x1f' order by a.attnum)
          from pg_catalog.pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
           and a.attnotnull and not a.atthasdef and a.attidentity = ''),
       (case when c.relname = $2
             then exists (select from pg_catalog.pg_index i
                            join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'version'
                           where i.indrelid = c.oid and i.indisunique and i.indpred is null and i.indnkeyatts = 1
                             and i.indkey[0] = a.attnum)
             else exists (select from pg_catalog.pg_attribute a
                           where a.attrelid = c.oid and a.attname = 'id' and (a.atthasdef or a.attidentity <> ''))
        end)::text,
       pg_catalog.obj_description(c.oid, 'pg_class'),
       pg_catalog.array_position(pg_catalog.current_schemas(false), n.nspname)::text,
       (pg_catalog.has_schema_privilege(n.oid, 'usage') and pg_catalog.has_table_privilege(c.oid, 'select'))::text,
       pg_catalog.has_table_privilege(c.oid, 'insert')::text,
       (pg_catalog.has_table_privilege(c.oid, 'insert') and pg_catalog.has_table_privilege(c.oid, 'update')
        and pg_catalog.has_table_privilege(c.oid, 'delete'))::text,
       pg_catalog.pg_has_role(c.relowner, 'usage')::text,
       (pg_catalog.row_security_active(c.oid)
        and (exists (select from pg_catalog.pg_policy p where p.polrelid = c.oid and not p.polpermissive)
             or not exists (select from pg_catalog.pg_policy p
                             where p.polrelid = c.oid and p.polpermissive and p.polcmd = '*'
                               and pg_catalog.pg_get_expr(p.polqual, c.oid) = 'true'
                               and coalesce(pg_catalog.pg_get_expr(p.polwithcheck, c.oid), 'true') = 'true'
                               and exists (select from pg_catalog.unnest(p.polroles) role
                                            where role = 0 or pg_catalog.pg_has_role(role, 'usage')))))::text,
       (pg_catalog.has_schema_privilege(n.oid, 'create') and pg_catalog.has_schema_privilege(n.oid, 'usage'))::text
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relname in ($2, $2 || '_log', $3) and n.nspname !~ '^pg_(temp|toast)'
   and ($1::text is null or n.nspname = $1)
union all
select n.nspname::text, t.typname::text, case t.typtype when 'd' then 'd' when 'e' then 'e' else 't' end,
       null, null, 'false', null, pg_catalog.array_position(pg_catalog.current_schemas(false), n.nspname)::text,
       'false', 'false', 'false', 'false', 'false', 'false'
  from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
 where t.typname in ($2, $2 || '_log', $3) and t.typrelid = 0 and t.typelem = 0
   and ($1::text is null or n.nspname = $1)
 order by 1, 2"""


def look(schema: str | None, table: str) -> Request:
    """Ask what has the name of one of our tables: in one schema, or in all where `schema` is None."""
    return Request(_RELATIONS, (schema, table, snapshots_table(table)))


def relations(rows: Sequence[Sequence[str | None]]) -> list[Relation]:
    """Make relations of the answer to `look`, in the order of the search_path; those that are not on it come last."""
    found = [_relation(row) for row in rows]
    return sorted(found, key=lambda each: (not each.place, each.place, each.schema))


def _relation(row: Sequence[str | None]) -> Relation:
    schema, name, kind, columns, unfilled, has_key, comment, place, *flags = row
    readable, insertable, writable, owned, hides, creating = (flag == "true" for flag in flags)
    return Relation(
        schema=schema or "",
        name=name or "",
        kind=_KINDS.get(kind or "", "an object"),
        columns=tuple(filter(None, (columns or "").split(_SEPARATOR))),
        unfilled=tuple(filter(None, (unfilled or "").split(_SEPARATOR))),
        has_key=has_key == "true",
        comment=comment or "",
        place=int(place or 0),
        is_readable=readable,
        is_insertable=insertable,
        is_writable=writable,
        is_owned=owned,
        may_hide_rows=hides,
        may_create_beside=creating,
    )

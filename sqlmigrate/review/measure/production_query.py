"""The query that tells whether production has rows on which a statement fails.

It is about the very table and column, and is written from the catalog after the migration, where the new constraint,
index or partition is (https://www.postgresql.org/docs/current/catalog-pg-constraint.html).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmigrate.catalog.objects import Catalog, Change
from sqlmigrate.database.session import Request, Session
from sqlmigrate.errors import StatementError
from sqlmigrate.identifiers import displayed, last_part, parent as parent_of, parts
from sqlmigrate.parsing.statement import Statement

from . import offending_rows
from .conversions import does_not_convert
from .made_up_rows import is_raised_in_function
from .offending_rows import CHECK, NOT_NULL, UNIQUE

VALUES = "22"  # the class of data exceptions
EXCLUSION = "23P01"
_WRITES = ("INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "SELECT", "COPY", "CALL")
_WRITTEN = "already exists"  # of a row that a statement writes, not of an index that is built
# The table $2 of the schema $1: its name, its OID, and the name of the table that it is a partition of.
_TABLE = """\
select pg_catalog.format('%I.%I', n.nspname, c.relname), c.oid::text,
       (select pg_catalog.format('%I.%I', m.nspname, p.relname) from pg_catalog.pg_inherits i
          join pg_catalog.pg_class p on p.oid = i.inhparent join pg_catalog.pg_namespace m on m.oid = p.relnamespace
         where i.inhrelid = c.oid limit 1)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = $1 and c.relname = $2"""

# The key of the index $2 in the schema $1, its condition, and the parts of the key that may be NULL.
_INDEX = """\
select pg_catalog.string_agg(part, ', ' order by at), pg_catalog.pg_get_expr(i.indpred, i.indrelid, true),
       pg_catalog.string_agg(part || ' is not null', ' and ' order by at)
           filter (where not coalesce(a.attnotnull, false)
                     and coalesce(pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct', 'false') = 'false')
  from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 cross join lateral pg_catalog.unnest(i.indkey) with ordinality x (number, at)
 cross join lateral pg_catalog.pg_get_indexdef(i.indexrelid, x.at::int, true) part
  left join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = x.number and x.number > 0
 where n.nspname = $1 and c.relname = $2 and i.indisunique and x.at <= i.indnkeyatts
 group by i.indexrelid, i.indpred, i.indrelid"""

_CONSTRAINT = offending_rows.CONSTRAINT.format(
    asked="""pg_catalog.pg_get_expr(k.conbin, k.conrelid, true),
       (select pg_catalog.format('%I.%I', m.nspname, p.relname) from pg_catalog.pg_class p
          join pg_catalog.pg_namespace m on m.oid = p.relnamespace where p.oid = k.confrelid)"""
)

# The conflicting pairs of the exclusion constraint $3 of the table $2 in the schema $1; NULL for expressions.
_EXCLUSION = """\
select case when 0 <> all (k.conkey) then
       (select pg_catalog.string_agg(pg_catalog.format('a.%I %s b.%I', a.attname, o.oprname, a.attname), ' and '
                                     order by at)
          from unnest(k.conkey, k.conexclop) with ordinality x (number, operator, at)
          join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = x.number
          join pg_catalog.pg_operator o on o.oid = x.operator) end
  from pg_catalog.pg_constraint k
  join pg_catalog.pg_class c on c.oid = k.conrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = $1 and c.relname = $2 and k.conname = $3"""

# What a partition $1 accepts; if it is the default partition, what the other new partitions take from it. The OIDs of
# the relations before the file are in $2.
_PARTITION = """\
select case when own.is_default
            then pg_catalog.string_agg(pg_catalog.pg_get_partition_constraintdef(s.inhrelid), ' or ')
                 filter (where s.inhrelid <> own.oid
                           and s.inhrelid <> all (pg_catalog.string_to_array($2, ' ')::pg_catalog.oid[]))
            else 'not ' || pg_catalog.pg_get_partition_constraintdef(own.oid) end
  from (select c.oid, i.inhparent,
               pg_catalog.pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT' as is_default
          from pg_catalog.pg_class c join pg_catalog.pg_inherits i on i.inhrelid = c.oid
         where c.oid = $1::pg_catalog.oid) own
  join pg_catalog.pg_inherits s on s.inhparent = own.inhparent
 group by own.oid, own.is_default"""


@dataclass(frozen=True)
class Tried:
    """What is known of a file that was executed, when a query is written.

    Attributes:
        statement: the statement that failed
        before: the catalog before the file
        after: the catalog after it
        changes: what it changed
        session: a session that sees everything
    """

    statement: Statement
    before: Catalog
    after: Catalog
    changes: Sequence[Change]
    session: Session

    @property
    def is_write(self) -> bool:
        """Whether the statement writes rows itself, so that no query can tell which."""
        return self.statement.kind.verb.startswith(_WRITES)


def query(error: StatementError, tried: Tried) -> str:
    """Return a query that tells whether production has rows on which a statement fails; empty if none can be written.

    Its names are those before the file, as far as that has not created the objects.
    """
    state, named = error.sqlstate or "", dict(error.named)
    if tried.is_write or is_raised_in_function(error):
        return ""
    if state[:2] == VALUES:
        return _of_values(tried)
    rows = tried.session.ask(Request(_TABLE, (named.get("schema"), named.get("table"))))[0]
    if not rows:
        return ""
    name, oid, parent = rows[0]
    if parent and not _says(tried.statement, name) and _says(tried.statement, parent):
        name = parent
    table = _before(name or "", tried)
    if state == CHECK and "constraint" not in named and "column" not in named:
        return _of_partition(oid or "", table, tried)
    if state == CHECK:
        return _of_check(named, table, tried)
    return _of_key(error, name or "", table, tried)


def _of_key(error: StatementError, name: str, table: str, tried: Tried) -> str:
    state, named = error.sqlstate, dict(error.named)
    if state == NOT_NULL:
        return _of_null(named, name, tried)
    if state == EXCLUSION:
        return _of_pairs(named, table, tried)
    return _of_duplicates(error, named, table, tried) if state == UNIQUE else _of_orphans(named, table, tried)


def _says(statement: Statement, name: str | None) -> bool:
    word = rf"(?<![\w$]){re.escape(last_part(name or ''))}(?![\w$])"
    return name is not None and re.search(word, statement.text, re.IGNORECASE) is not None


def _before(name: str, tried: Tried, kind: str = "") -> str:
    """Return the name that a table or column has before the file, as messages show it; empty if it is new."""
    after = next(
        (each for (what, own), each in tried.after.objects.items() if own == name and kind in ("", what)), None
    )
    if after is None:
        return displayed(name)
    before = tried.before.by_identity.get(after.identity)
    return displayed(before.name) if before else ""


def _quoted(name: str, tried: Tried) -> str:
    """Return a plain name, quoted if SQL needs it."""
    return tried.session.ask(Request("select pg_catalog.quote_ident($1)", (name,)))[0][0][0] or ""


def _of_null(named: Mapping[str, str], name: str, tried: Tried) -> str:
    whole = _before(f"{name}.{_quoted(named.get('column', ''), tried)}", tried, "column")
    return f"select count(*) from {parent_of(whole)} where {parts(whole)[-1]} is null;" if whole else ""


def _of_duplicates(error: StatementError, named: Mapping[str, str], table: str, tried: Tried) -> str:
    if not table or _WRITTEN in dict(error.fields).get("detail", ""):
        return ""
    wanted = (named.get("schema"), named.get("constraint"))
    rows = tried.session.ask(Request(_INDEX, wanted))[0]
    key, condition, known = rows[0] if rows else (offending_rows.key_of(error), None, None)
    if key is None:
        return ""
    where = " and ".join(filter(None, (condition and f"({condition})", known)))
    return f"select {key}, count(*) from {table}{where and f' where {where}'} group by {key} having count(*) > 1;"


def _of_pairs(named: Mapping[str, str], table: str, tried: Tried) -> str:
    rows = tried.session.ask(Request(_EXCLUSION, _names(named)))[0]
    if not table or not rows or not rows[0][0]:
        return ""
    return f"select count(*) from {table} a join {table} b on a.ctid < b.ctid and {rows[0][0]};"


def _of_orphans(named: Mapping[str, str], table: str, tried: Tried) -> str:
    row = _constraint(named, tried)
    if row is None or not row[1] or not table:
        return ""
    missing = offending_rows.without_parent(displayed(row[1]), str(row[2]).split(","), str(row[3]).split(","))
    return f"select count(*) from {table} c where {missing};"


def _of_check(named: Mapping[str, str], table: str, tried: Tried) -> str:
    row = _constraint(named, tried)
    written = {**named, "column": _quoted(named["column"], tried)} if "column" in named else named
    conditions = [row[0]] if row and row[0] else offending_rows.checks_of(written, tried.statement)
    return f"select count(*) from {table} where not ({conditions[0]});" if len(conditions) == 1 and table else ""


def _constraint(named: Mapping[str, str], tried: Tried) -> list[str | None] | None:
    rows = tried.session.ask(Request(_CONSTRAINT, _names(named)))[0]
    return rows[0] if rows else None


def _names(named: Mapping[str, str]) -> tuple[str | None, ...]:
    return tuple(named.get(each) for each in ("schema", "table", "constraint"))


def _of_partition(oid: str, table: str, tried: Tried) -> str:
    known = " ".join(str(each.oid) for each in tried.before.identities if each.catalog == "pg_class" and not each.sub)
    rows = tried.session.ask(Request(_PARTITION, (oid, known)))[0]
    return f"select count(*) from {table} where {rows[0][0]};" if rows and rows[0][0] and table else ""


def _of_values(tried: Tried) -> str:
    """Return the query of values that do not convert to a column's new type."""
    retyped = {
        (each.before.table, each.before.path[-1]): (each.before, each.after)
        for each in tried.changes
        if each.kind == "column" and each.before and each.after
        and each.before.attributes.get("type") != each.after.attributes.get("type")
    }  # fmt: skip
    for name, column, _, using in offending_rows.retyped_columns_of(tried.statement):
        for (table, own), (before, after) in retyped.items():
            if last_part(table) != last_part(name) and last_part(table) != last_part(name).lower():
                continue
            if own not in (column.strip('"'), column.lower()):
                continue
            old, new = before.attributes.get("type") or "", after.attributes.get("type") or ""
            shown = parts(before.name)[-1]
            version = tried.session.conn.info.server_version
            if is_plain(using, shown) and (asked := of_column(displayed(table), shown, (old, new), version)):
                return asked
    for name, _, expression in offending_rows.expressions_of(tried.statement):
        inside = offending_rows.balanced(expression, 0) if expression.startswith("(") else None
        computed = expression[1:-1] if inside == expression else expression
        return f"select count({computed.strip()}) from {name};"
    return ""


def of_column(table: str, column: str, types: tuple[str, str], version: int) -> str:
    """Return the query of values of a column that do not convert to another type; empty if none can be written.

    Args:
        table: The table, as messages show it.
        column: The column, as SQL.
        types: The type before and after, as the catalog writes them.
        version: The version of the server that is asked (180004).
    """
    condition = does_not_convert(column, *types, version)
    return f"select count(*) from {table} where {condition};" if condition else ""


def is_plain(using: str, column: str) -> bool:
    """Return whether a conversion is the column itself, or a cast of it."""
    own, kind = re.escape(column), r"[\w\s.\"]+(?:\([\d\s,]+\))?"
    cast = rf"\(?\s*{own}\s*\)?(?:\s*::\s*{kind})*|cast\s*\(\s*{own}\s+as\s+{kind}\s*\)"
    return re.fullmatch(cast, using.strip(), re.IGNORECASE) is not None

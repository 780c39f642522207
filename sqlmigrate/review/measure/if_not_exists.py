"""Objects that IF NOT EXISTS has skipped, compared with what the statement asks for.

PostgreSQL compares the name only (https://www.postgresql.org/docs/current/sql-createtable.html). So the existing object
is moved out of the way, the statement is executed again, and the two objects are compared; then all of it is rolled
back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import psycopg

from sqlmigrate.database.session import Request, Session
from sqlmigrate.identifiers import quoted
from sqlmigrate.parsing.script import Script
from sqlmigrate.parsing.statement import Statement

from .facts import Notice, SkippedStatement

_ASIDE = "sqlmigrate_aside"
_SKIPPED = re.compile(
    r'NOTICE: (?:relation|column "(?P<column>.+)" of relation) "(?P<relation>.+)" already exists, skipping'
)
_THERE = "select c.oid::text, c.relkind::text from pg_catalog.pg_class c where c.oid = pg_catalog.to_regclass($1)"

# The parts of the relation $1: kind, name, definition.
_SHAPE = """\
select 'kind', '', c.relkind::text from pg_catalog.pg_class c where c.oid = $1::pg_catalog.oid
union all
select 'column', a.attname::text,
       pg_catalog.concat_ws(' ', pg_catalog.format_type(a.atttypid, a.atttypmod),
           case when a.attnotnull then 'NOT NULL' end,
           case a.attidentity when 'a' then 'ALWAYS AS IDENTITY' when 'd' then 'BY DEFAULT AS IDENTITY' end,
           case when a.attgenerated <> '' then pg_catalog.concat('GENERATED ', a.attgenerated)
                when a.atthasdef then 'DEFAULT' end,
           pg_catalog.pg_get_expr(d.adbin, d.adrelid))
  from pg_catalog.pg_attribute a
  left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  join pg_catalog.pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p', 'm', 'f')
 where a.attrelid = $1::pg_catalog.oid and a.attnum > 0 and not a.attisdropped
union all
select 'constraint', pg_catalog.pg_get_constraintdef(k.oid), ''
  from pg_catalog.pg_constraint k where k.conrelid = $1::pg_catalog.oid and k.contype not in ('n', 't')
union all
select 'index', '', pg_catalog.replace(pg_catalog.pg_get_indexdef(c.oid),
                                       pg_catalog.concat(' INDEX ', pg_catalog.quote_ident(c.relname), ' ON '),
                                       ' INDEX ON ') || case when i.indisvalid then '' else ', not valid' end
  from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
 where i.indexrelid = $1::pg_catalog.oid
union all
select 'query', '', pg_catalog.pg_get_viewdef(c.oid)
  from pg_catalog.pg_class c where c.oid = $1::pg_catalog.oid and c.relkind in ('v', 'm')
union all
select 'sequence', '', pg_catalog.concat_ws(' ', pg_catalog.format_type(s.seqtypid, null), 'start', s.seqstart,
           'increment', s.seqincrement, 'minvalue', s.seqmin, 'maxvalue', s.seqmax)
  from pg_catalog.pg_sequence s where s.seqrelid = $1::pg_catalog.oid"""

_DIFFERENT = {
    "kind": "as a different kind of relation",
    "index": "as a different index",
    "query": "with a different query",
    "sequence": "as a different sequence",
}
_Shape = Mapping[tuple[str, str], str]


def skipped_statements(session: Session, script: Script, notices: Iterable[Notice]) -> Iterator[SkippedStatement]:
    """Return the statements that did nothing although the existing object differs from what they ask for."""
    skipped: dict[int, list[re.Match[str]]] = {}
    for notice in notices:
        if (match := _SKIPPED.fullmatch(notice.text)) and 0 < notice.number <= len(script.statements):
            skipped.setdefault(notice.number, []).append(match)
    for number, matches in skipped.items():
        columns = [match["column"] for match in matches if match["column"]]
        if difference := _difference(session, script.statements[number - 1], columns):
            yield SkippedStatement(number, difference)


def _difference(session: Session, statement: Statement, columns: Sequence[str]) -> str | None:
    """Describe how the existing object differs; return None if it does not, or that cannot be found out."""
    name = statement.object_name
    there = session.ask(Request(_THERE, (name,)))[0] if name else []
    if name is None or not there:
        return None
    text = re.sub(r"\bconcurrently\b", "", statement.text, count=1, flags=re.IGNORECASE)
    again = Request(_THERE, (name,))
    requests = [Request("begin"), *map(Request, _move_away(name, str(there[0][1]), columns)), Request(text), again]
    try:
        made = session.ask(*requests)[-1]
    except psycopg.Error:
        session.abort()
        return None  # another part of the statement fails
    shapes = [Request(_SHAPE, (str(found[0][0]),)) for found in (there, made) if found]
    old, new, *_ = (*session.ask(*shapes, Request("rollback")), [])
    if columns:
        return _columns(name, _shape(new), columns)
    return _relation(name, _shape(old), _shape(new))


def _move_away(name: str, kind: str, columns: Sequence[str]) -> Iterator[str]:
    """Return the statements that make room for the new object; rows could conflict with a new column."""
    if kind in ("r", "p") and columns:
        yield f"truncate {name} cascade"
    for number, column in enumerate(columns):
        yield f'alter table {name} rename column {quoted(column)} to "{_ASIDE} {number}"'
    if columns:
        return
    if kind in ("i", "I"):
        yield f"alter index {name} rename to {_ASIDE}"
    else:
        yield f"create schema {_ASIDE}"
        yield f"alter {'sequence' if kind == 'S' else 'table'} {name} set schema {_ASIDE}"


def _shape(rows: Iterable[Sequence[str | None]]) -> _Shape:
    return {
        (str(part), (name or "").replace(f"{_ASIDE}.", "")): (what or "").replace(f"{_ASIDE}.", "")
        for part, name, what in rows
    }


def _columns(name: str, shape: _Shape, columns: Sequence[str]) -> str | None:
    for number, column in enumerate(columns):
        old, new = shape.get(("column", f"{_ASIDE} {number}")), shape.get(("column", column))
        if new is not None and old != new:
            return f"`{name}.{column}` already exists as {old}, not as {new}"
    return None


def _relation(name: str, old: _Shape, new: _Shape) -> str | None:
    """Describe the first part that the statement asks for and the existing relation lacks; more parts do no harm."""
    for (part, own), asked in new.items():
        found = old.get((part, own))
        if found == asked:
            continue
        if part == "column":
            return f"`{name}` already exists {'without the' if found is None else 'with a different'} column `{own}`"
        if part == "constraint":
            return f"`{name}` already exists without the constraint {own}"
        return f"`{name}` already exists {_DIFFERENT[part]}"
    return None

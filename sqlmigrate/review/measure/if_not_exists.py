"""Objects that IF NOT EXISTS has skipped, compared with what the statement asks for.

PostgreSQL compares the name only (https://www.postgresql.org/docs/current/sql-createtable.html). So the existing object
is moved to another schema, the statement is executed again, and the two objects are compared; then all of it is rolled
back. Rows do not matter: an index is built on an empty copy of its table.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import psycopg

from sqlmigrate.database.session import Request, Session
from sqlmigrate.identifiers import last_part, quoted
from sqlmigrate.parsing.script import Script
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.parsing.tokens import blanked, tokens
from sqlmigrate.source import Source

from .facts import Notice, SkippedStatement

_ASIDE = "sqlmigrate_aside"
_SKIPPED = re.compile(
    r'NOTICE: (?:relation|column "(?P<column>.+)" of relation) "(?P<relation>.+)" already exists, skipping'
)
_CREATES = re.compile(
    r"\bcreate\s+(?:unique\s+)?(?:index|(?:unlogged\s+)?table|sequence|materialized\s+view)\b[^;]*?"
    r"\bif\s+not\s+exists\b[^;]*",
    re.IGNORECASE,
)

# The relation $1: its OID and kind; of an index the table, its schema, and how that is partitioned. An index is written
# without its schema, which is that of its table.
_THERE = f"""\
select c.oid::text, c.relkind::text, pg_catalog.quote_ident(t.relname), pg_catalog.quote_ident(n.nspname),
       case t.relkind when 'p' then pg_catalog.pg_get_partkeydef(t.oid) end
  from pg_catalog.pg_class c
  left join pg_catalog.pg_index i on i.indexrelid = c.oid
  left join pg_catalog.pg_class t on t.oid = i.indrelid
  left join pg_catalog.pg_namespace n on n.oid = t.relnamespace
 where c.oid = coalesce(
           pg_catalog.to_regclass($1),
           (select x.oid from pg_catalog.pg_class x
              join pg_catalog.pg_namespace s on s.oid = x.relnamespace and s.nspname !~ '^pg_'
             where x.relkind in ('i', 'I') and array[x.relname::text] = pg_catalog.parse_ident($1)
             order by s.nspname = '{_ASIDE}', x.oid limit 1))"""

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
        statements = _in_body(script.statements[number - 1], {match["relation"] for match in matches})
        differences = (_difference(session, each, columns) for each in statements)
        if difference := next(filter(None, differences), None):
            yield SkippedStatement(number, difference)


def _in_body(statement: Statement, names: Collection[str]) -> list[Statement]:
    """Return the statements of a DO block that name one of the relations; of any other statement itself."""
    if not statement.kind.verb.startswith("DO"):
        return [statement]
    bodies = [text for kind, _, text in tokens(statement.text) if kind == "body"]
    texts = [found[0].rstrip() for body in bodies for found in _CREATES.finditer(blanked(body, "comment"))]
    found = [Statement(Source(statement.source.path, text), 0, len(text), 1) for text in texts]
    return [each for each in found if each.object_name and last_part(each.object_name) in names]


def _difference(session: Session, statement: Statement, columns: Sequence[str]) -> str | None:
    """Describe how the existing object differs; return None if it does not, or that cannot be found out."""
    name = statement.object_name
    there = session.ask(Request(_THERE, (name,)))[0] if name else []
    if name is None or not there:
        return None
    text = re.sub(r"\bconcurrently\b", "", statement.text, count=1, flags=re.IGNORECASE)
    before = _shape(session.ask(Request(_SHAPE, (there[0][0],)))[0])
    aside = [Request("begin"), *map(Request, _move_away(name, there[0], columns))]
    made = _made(session, aside, text, name) or _made(session, aside, f"{text}\nwith no data", name)
    if made is None:
        return None  # another part of the statement fails
    is_index = there[0][1] in ("i", "I")
    shapes = [Request(_SHAPE, (str(found[0][0]),)) for found in (there, made) if found]
    old, new, *_ = (*session.ask(*shapes, Request("rollback")), [])
    if columns:
        return _columns(name, _shape(new), columns)
    return _relation(name, before if is_index else _shape(old), _shape(new))


def _made(session: Session, aside: Sequence[Request], text: str, name: str) -> list[list[str | None]] | None:
    """Execute a statement in a transaction that stays open, and return what is there then; None if it fails."""
    try:
        return session.ask(*aside, Request(text), Request(_THERE, (name,)))[-1]
    except psycopg.Error:
        session.abort()
        return None


def _move_away(name: str, there: Sequence[str | None], columns: Sequence[str]) -> Iterator[str]:
    """Return the statements that make room for the new object; rows could conflict with a new column."""
    _, kind, table, schema, partitioning = there
    if kind in ("r", "p") and columns:
        yield f"truncate {name} cascade"
    for number, column in enumerate(columns):
        yield f'alter table {name} rename column {quoted(column)} to "{_ASIDE} {number}"'
    if columns:
        return
    yield f"create schema {_ASIDE}"
    if kind not in ("i", "I"):
        yield f"alter {'sequence' if kind == 'S' else 'table'} {name} set schema {_ASIDE}"
        return
    yield f"alter table {schema}.{table} set schema {_ASIDE}"  # with its indexes
    partitions = f" partition by {partitioning}" if partitioning else ""
    copied = "including all excluding indexes" if not partitioning else ""
    yield f"create table {schema}.{table} (like {_ASIDE}.{table} {copied}){partitions}"


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

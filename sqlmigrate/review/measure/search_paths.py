"""New indexes, CHECKs and generated columns that work only with the search_path of their author: they are evaluated.

pg_restore, VACUUM, ANALYZE and REINDEX evaluate them with a search_path of system schemas alone
(https://www.postgresql.org/docs/current/sql-createindex.html, notes, and release 17).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import psycopg

from sqlmigrate.catalog.objects import Change, Object
from sqlmigrate.database.session import Request, Session

from .facts import PathNeeded

_RESTRICTED = Request("set local search_path = pg_catalog, pg_temp")
_UNKNOWN = ("42883", "42P01", "42704")
_OWN_FUNCTION = re.compile(r'[\w"]\.(?:\w+|"(?:[^"]|"")+")\(')
_MOST = 50  # of one file

# The expressions of an index, of a CHECK, of a generated column, and the table. With a restricted search_path the
# names in them are written with their schema.
_EXPRESSIONS = {
    "index": """\
select pg_catalog.pg_get_indexdef(i.indexrelid, x.at::int, true), i.indrelid::pg_catalog.regclass::text
  from pg_catalog.pg_index i cross join lateral pg_catalog.unnest(i.indkey) with ordinality x (number, at)
 where i.indexrelid = $1::pg_catalog.oid and x.number = 0""",
    "constraint": """\
select pg_catalog.pg_get_expr(conbin, conrelid), conrelid::pg_catalog.regclass::text
  from pg_catalog.pg_constraint where oid = $1::pg_catalog.oid and contype = 'c' and conrelid <> 0""",
    "column": """\
select pg_catalog.pg_get_expr(d.adbin, d.adrelid), d.adrelid::pg_catalog.regclass::text
  from pg_catalog.pg_attrdef d join pg_catalog.pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
 where d.adrelid = $1::pg_catalog.oid and d.adnum = $2::int and a.attgenerated <> ''""",
}


def needed_paths(session: Session, changes: Sequence[Change]) -> Iterator[PathNeeded]:
    """Return what is new and fails with a search_path of system schemas, each in a transaction that is rolled back.

    Args:
        session: A session in no transaction, whose role executed the file.
        changes: What the file changed.
    """
    new = [each.after for each in changes if each.change == "new" and each.after and _may_call(each.after)]
    for thing in new[:_MOST]:
        if error := _error_of(session, thing):
            yield PathNeeded(thing, error)


def _may_call(thing: Object) -> bool:
    """Return whether an object has an expression with a function that is not PostgreSQL's own, as its text shows."""
    text = thing.attributes.get("default") if thing.attributes.get("generated") else thing.definition
    return thing.kind in _EXPRESSIONS and _OWN_FUNCTION.search(text or "") is not None


def _error_of(session: Session, thing: Object) -> str:
    """Return why an expression fails; empty if it does not."""
    numbers = (str(thing.identity.oid), str(thing.identity.sub))[: 1 + (thing.kind == "column")]
    asked = Request(_EXPRESSIONS[thing.kind], numbers)
    rows = session.ask(Request("begin"), _RESTRICTED, asked, Request("rollback"))[2]
    for expression, table in rows:
        tried = Request(f"select ({expression}) from {table} limit 20")
        try:
            session.ask(Request("begin"), _RESTRICTED, tried, Request("rollback"))
        except psycopg.Error as error:
            session.abort()
            if error.sqlstate in _UNKNOWN:
                return error.diag.message_primary or str(error)
    return ""

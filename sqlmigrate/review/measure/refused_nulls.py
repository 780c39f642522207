"""Which new CHECK constraints refuse a row that an INSERT leaves incomplete: the server is asked.

NOT VALID makes no difference: it spares only the rows that are there already
(https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-ADD-TABLE-CONSTRAINT).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

import psycopg

from sqlmigrate.catalog.objects import Catalog, Change, Identity, Object
from sqlmigrate.database.session import Request, Session
from sqlmigrate.parsing.tokens import tokens

from .facts import RefusedNull

# The expression of a CHECK, its table, and of each of its columns: the name, its type, its default, whether it has a
# value of the application in any case, and whether the server generates its value.
_CHECK = """\
select pg_catalog.pg_get_expr(k.conbin, k.conrelid), k.conrelid::pg_catalog.regclass::text,
       a.attnum::text, pg_catalog.quote_ident(a.attname), pg_catalog.format_type(a.atttypid, a.atttypmod),
       pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attnotnull::text,
       (a.attidentity <> '' or a.attgenerated <> '')::text
  from pg_catalog.pg_constraint k
  join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = any (k.conkey)
  left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where k.oid = $1::pg_catalog.oid and k.contype = 'c' and k.coninhcount = 0
 order by a.attnum"""
# The definition of a CHECK of a domain, and the type that the domain is based on.
_DOMAIN = """\
select pg_catalog.pg_get_constraintdef(k.oid), pg_catalog.format_type(t.typbasetype, t.typtypmod)
  from pg_catalog.pg_constraint k join pg_catalog.pg_type t on t.oid = k.contypid
 where k.oid = $1::pg_catalog.oid and k.contype = 'c'"""
_END = re.compile(r"(?: NO INHERIT| NOT VALID)+$")
_ROWS = 50  # enough to see whether the other columns of a CHECK decide


def refused_nulls(
    session: Session, before: Catalog, changes: Sequence[Change], old: Collection[Identity]
) -> Iterator[RefusedNull]:
    """Return the new CHECK constraints of old tables and domains that refuse NULL where an INSERT may leave it.

    A CHECK that takes the place of one which refused the same rows is left out. Everything is asked in a transaction
    that is rolled back.

    Args:
        session: A session in no transaction, whose role executed the file.
        before: The catalog before the file.
        changes: What the file changed.
        old: What existed before the first of the new migrations.
    """
    for change in changes:
        new = change.after
        if new is None or change.change != "new" or new.whole not in old or " NOT ENFORCED" in new.definition:
            continue
        if new.kind == "domain constraint":
            if new.whole in before.identities and _refuses_null(session, new):
                yield RefusedNull(new, ())
        elif new.kind == "constraint" and (
            columns := _refused_columns(session, new, _checks(before, new.whole), _gone(changes, new.whole))
        ):
            yield RefusedNull(new, columns)


def _checks(catalog: Catalog, table: Identity) -> list[str]:
    """Return the conditions of the CHECK constraints of a table."""
    checks = (each.definition for each in catalog.objects.values() if (each.kind, each.whole) == ("constraint", table))
    return [_END.sub("", each.removeprefix("CHECK ")) for each in checks if each.startswith("CHECK ")]


def _refuses_null(session: Session, check: Object) -> bool:
    """Return whether a CHECK of a domain refuses NULL."""
    rows = session.ask(Request(_DOMAIN, (str(check.identity.oid),)))[0]
    if not rows:
        return False
    definition, type_ = rows[0]
    inside = _about(definition or "", f"null::{type_}")
    return _counts(session, f"select '1', count(*) filter (where ({inside}) is false)::text from (select 1) x") == (
        1,
        1,
    )


def _about(definition: str, value: str) -> str:
    """Return the condition of a CHECK of a domain, about a value."""
    text = "".join(value if found == "VALUE" else found for _, _, found in tokens(definition))
    return text.removeprefix("CHECK ").removesuffix(" NOT VALID")


def _gone(changes: Sequence[Change], table: Identity) -> list[str]:
    """Return a NULL for each column that a table no longer has: CHECK constraints before the file may use it."""
    columns = (each.before for each in changes if each.kind == "column" and each.change == "gone" and each.before)
    return [f"null::{each.attributes.get('type')} as {each.path[-1]}" for each in columns if each.whole == table]


def _refused_columns(session: Session, check: Object, before: Sequence[str], gone: Sequence[str]) -> tuple[int, ...]:
    """Return the numbers of the columns that an INSERT leaves NULL, if a CHECK refuses such a row.

    None if a condition before the file refuses it as well, with columns that are gone: then the INSERT failed already.
    """
    is_check = check.definition.startswith("CHECK ")
    rows = session.ask(Request(_CHECK, (str(check.identity.oid),)))[0] if is_check else []
    values, left_out = [], []
    for _, _, number, name, type_, default, is_not_null, is_generated in rows:
        if is_generated == "true" or (default is not None and "(" in default):
            return ()  # it depends on more than the row
        if default is None and is_not_null == "true":
            values.append(f"row.{name} as {name}")
        else:
            values.append(f"({default or 'null'})::{type_} as {name}")
            left_out += [int(number or 0)] if default is None else []
    if not left_out:
        return ()
    expression, table = rows[0][0], rows[0][1]
    has_others = any(each.startswith("row.") for each in values)
    of_rows = f" from (select * from {table} limit {_ROWS}) row" if has_others else ""
    end = f"{of_rows}) x"
    if not _refuses(session, expression or "", f" from (select {', '.join(values)}{end}"):
        return ()
    row = f" from (select {', '.join([*values, *gone])}{end}"
    return () if any(_refuses(session, each, row) for each in before) else tuple(left_out)


def _refuses(session: Session, condition: str, rows: str) -> bool:
    """Return whether a condition is false for every row of a FROM clause, and there are some."""
    asked = f"select count(*)::text, count(*) filter (where ({condition}) is false)::text{rows}"
    count, refused = _counts(session, asked)
    return bool(count) and count == refused


def _counts(session: Session, query: str) -> tuple[int, ...]:
    """Return the two counts of a query that may execute functions of the file, in a transaction that is rolled back."""
    try:
        answer = session.ask(Request("begin"), Request(query), Request("rollback"))
    except psycopg.Error:  # a function that needs more than its arguments
        session.abort()
        return 0, 0
    return tuple(int(each or 0) for each in answer[1][0])

"""Reads the catalog of a database, in one round trip.

What belongs to an extension is left out. OIDs and column numbers are not attributes. Rights are compared as what they
grant, whether written out or not (https://www.postgresql.org/docs/current/catalogs.html).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from weakref import WeakKeyDictionary

import psycopg

from sqlmigrate.database.session import Request, Session

from .objects import Catalog, Identity, Object
from .sql_definitions import sorts
from .sql_relations import COMMENTS, FIELD, GUARD, RECORD, SETTINGS


def read(session: Session, ignore: Collection[str] = ()) -> Catalog:
    """Read what is defined in a database, but for the tables of `ignore` (``public.migrations``) with all they have."""
    kinds = sorts(session.conn.info.server_version)
    *answers, comments = _answers(session, [*(each.sql() for each in kinds), COMMENTS])
    objects: dict[tuple[str, str], Object] = {}
    for sort, ((text,),) in zip(kinds, answers, strict=True):
        for record in text.split(RECORD) if text else ():
            each = _object(sort.catalog, record)
            if each.table not in ignore:
                objects[each.kind, each.name] = each
    return Catalog(_commented(objects, comments))


def _commented(
    objects: dict[tuple[str, str], Object], comments: Iterable[list[str | None]]
) -> dict[tuple[str, str], Object]:
    """Add the comments, which all kinds of objects have."""
    texts = {Identity(catalog or "", int(oid or 0), int(sub or 0)): text for catalog, oid, sub, text in comments}
    for key, each in objects.items() if texts else ():
        if (text := texts.get(each.identity)) is not None:
            objects[key] = replace(each, attributes={**each.attributes, "comment": text})
    return objects


_prepared: WeakKeyDictionary[Session, int] = WeakKeyDictionary()


def _answers(session: Session, queries: Sequence[str]) -> list[list[list[str | None]]]:
    """Ask in one turn; the first time the queries are prepared in it, for planning them takes longer than the rest."""
    try:
        return _executed(session, queries)
    except (psycopg.errors.InvalidSqlStatementName, psycopg.errors.DuplicatePreparedStatement):
        session.abort()  # somebody has tidied up the session, or stopped us half way
        session.ask(Request("deallocate all"))
        _prepared.pop(session, None)
        return _executed(session, queries)


def _executed(session: Session, queries: Sequence[str]) -> list[list[list[str | None]]]:
    executed = [Request(f"execute sqlmigrate_catalog_{number}", quiet=True) for number in range(len(queries))]
    making = () if _prepared.get(session) == session.pid else zip(executed, queries, strict=True)
    prepared = [Request(f"{each.sql.replace('execute', 'prepare')} as {sql}", quiet=True) for each, sql in making]
    answers = session.ask(GUARD, *SETTINGS, *prepared, *executed, Request("rollback"))
    _prepared[session] = session.pid
    return answers[-1 - len(queries) : -1]


@lru_cache(maxsize=1 << 16)
def _object(catalog: str, record: str) -> Object:
    """Make an object; what is as it was when it was last read is not made again."""
    kind, schema, relation, own, table, oid, sub, *rest = record.split(FIELD)
    path = tuple([part for part in (schema, relation, own) if part])
    attributes: dict[str, str | None] = dict(part.partition("=")[::2] for part in rest)
    within = table or (f"{schema}.{relation}" if relation else "")
    return Object(kind, ".".join(path), Identity(catalog, int(oid), int(sub)), attributes, path, within)

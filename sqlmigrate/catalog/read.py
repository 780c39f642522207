"""Reads the catalog of a database, in one round trip.

The members of extensions are left out. OIDs and column numbers are not attributes. Rights are compared by what they
grant: default privileges are the same as no entry (https://www.postgresql.org/docs/current/catalogs.html).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from weakref import WeakKeyDictionary

import psycopg

from sqlmigrate.database.session import Request, Session

from .objects import Catalog, Identity, Object
from .sql_definitions import sorts
from .sql_relations import COMMENTS, FIELD, GUARD, RECORD, SETTINGS, Sort


def read(session: Session, ignore: Collection[str] = ()) -> Catalog:
    """Read the definitions of all objects, except the tables of `ignore` (``public.migrations``) and their parts."""
    queried = sorts(session.conn.info.server_version)
    *answers, comments = _answers(session, [*(sort.sql() for sort in queried), COMMENTS])
    objects: dict[tuple[str, str], Object] = {}
    for sort, ((text,),) in zip(queried, answers, strict=True):
        for each in objects_of(sort, text):
            if each.table not in ignore:
                objects[each.kind, each.name] = each
    return Catalog(commented(objects, comments))


def objects_of(sort: Sort, text: str | None) -> Iterator[Object]:
    """Return the objects in the answer to the query of a sort."""
    for record in text.split(RECORD) if text else ():
        yield _object(sort.catalog, sort.whole[0], record)


def commented(
    objects: dict[tuple[str, str], Object], comments: Iterable[list[str | None]]
) -> dict[tuple[str, str], Object]:
    """Add the comments to the attributes of the objects that have one."""
    texts = {Identity(catalog or "", int(oid or 0), int(sub or 0)): text for catalog, oid, sub, text in comments}
    for key, each in objects.items() if texts else ():
        if (text := texts.get(each.identity)) is not None:
            objects[key] = replace(each, attributes={**each.attributes, "comment": text})
    return objects


_prepared: WeakKeyDictionary[Session, int] = WeakKeyDictionary()


def _answers(session: Session, queries: Sequence[str]) -> list[list[list[str | None]]]:
    """Send the queries in one turn; the first turn prepares them, because planning takes longer than executing."""
    try:
        return _executed(session, queries)
    except (psycopg.errors.InvalidSqlStatementName, psycopg.errors.DuplicatePreparedStatement):
        session.abort()  # the session has lost the prepared queries, or was interrupted while preparing
        session.ask(Request("deallocate all"))
        _prepared.pop(session, None)
        return _executed(session, queries)


def _executed(session: Session, queries: Sequence[str]) -> list[list[list[str | None]]]:
    named = {f"sqlmigrate_catalog_{number}": sql for number, sql in enumerate(queries)}
    is_prepared = _prepared.get(session) == session.pid
    prepares = [Request(f"prepare {name} as {sql}", quiet=True) for name, sql in named.items() if not is_prepared]
    executes = [Request(f"execute {name}", quiet=True) for name in named]
    answers = session.ask(GUARD, *SETTINGS, *prepares, *executes, Request("rollback"))
    _prepared[session] = session.pid
    return answers[-1 - len(queries) : -1]


@lru_cache(maxsize=1 << 16)
def _object(catalog: str, whole_catalog: str, record: str) -> Object:
    """Make an object of a record; cached, because most records are the same at the next reading."""
    kind, schema, relation, own, table, oid, sub, whole, *rest = record.split(FIELD)
    path = tuple([part for part in (schema, relation, own) if part])
    attributes: dict[str, str | None] = dict(part.partition("=")[::2] for part in rest)
    within = table or (f"{schema}.{relation}" if relation else "")
    identity, part_of = Identity(catalog, int(oid), int(sub)), Identity(whole_catalog, int(whole), 0)
    return Object(kind, ".".join(path), identity, attributes, path, within, part_of)

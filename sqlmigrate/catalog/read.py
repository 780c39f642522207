"""Reads the whole catalog of a database, in one transaction.

The members of extensions are left out. OIDs and column numbers are not attributes. Rights are compared by what they
grant: default privileges are the same as no entry (https://www.postgresql.org/docs/current/catalogs.html).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from sys import intern
from typing import TypeVar

import psycopg

from sqlmigrate.database.session import Request, Session

from . import prepared, presence
from .objects import Catalog, Identity, Object
from .prepared import Query
from .presence import Present
from .sql_definitions import sorts
from .sql_relations import COMMENTS, FIELD, GUARD, RECORD, SETTINGS, Sort, comments as comments_of

READ_COMMENTS = Query("sqlmigrate_comments", COMMENTS)
_END = Request("commit", quiet=True)
Answers = list[list[list[str | None]]]  # rows of text, for each request
_T = TypeVar("_T")
# Without it, PostgreSQL plans a query for the values of its parameters, each of the first five times.
_ONE_PLAN = Request("set local plan_cache_mode = force_generic_plan", quiet=True)
# Writing the definition of a view takes the weakest lock on its tables: it must not wait behind an ALTER TABLE.
_BOUNDS = (
    Request("set local lock_timeout = '2s'", quiet=True),
    Request("set local statement_timeout = '2min'", quiet=True),
)


def read(session: Session, ignore: Collection[str] = ()) -> Catalog:
    """Read the definitions of all objects, except the tables of `ignore` (``public.migrations``) and their parts."""
    queries = _queries(session)
    return _catalog(session, at_one_moment(session, lambda: prepared.ask(session, queries)), ignore)


def read_expected(
    session: Session, also: Sequence[Request], schema: str | None, expected: Present | None
) -> tuple[Catalog, Answers]:
    """Read as `read_in_one_turn` does, but only the sorts of object that are `expected`; None for all.

    If there are others at that moment, everything is read again with these: it takes one more round trip.
    """
    if expected is None:
        return read_in_one_turn(session, also, schema)
    version = session.conn.info.server_version
    question = presence.question(version)
    while True:
        catalog, (present, *answers) = read_in_one_turn(session, (question, *also), schema, expected)
        missed = presence.answered(version, present, schema=schema) - expected
        if not missed:
            return catalog, answers
        expected |= missed


def read_in_one_turn(
    session: Session, also: Sequence[Request], schema: str | None = None, expected: Present | None = None
) -> tuple[Catalog, Answers]:
    """Read as `read` does, in one round trip, and ask something else in the same transaction, at the same moment.

    Nothing stays prepared: between two readings a file is executed, which may deallocate it. Raises psycopg's error for
    a request that fails; the session has to be aborted then.

    Args:
        session: The session; its settings stay as they are.
        also: What else is asked, in the read-only transaction with our settings.
        schema: Read only what is in this schema; None for everything.
        expected: Of the sorts that not every database has, read only these; None for all of them.
    """
    opening = (GUARD, *_BOUNDS, *SETTINGS)
    found = [each for each in sorts(session.conn.info.server_version) if schema is None or each.is_in_schema]
    found = [each for each in found if expected is None or not each.presence or each.presence.query in expected]
    queries = [Request(each.sql(schema=schema), quiet=True) for each in found]
    numbered = dict(enumerate(found, len(opening)))
    objects: dict[tuple[str, str], Object] = {}
    others: Answers = []
    for answer in session.turn((*opening, *queries, Request(comments_of(schema), quiet=True), *also, _END)):
        if answer and answer.error:
            raise answer.error
        if answer and answer.index in numbered:  # objects are made of it while the server writes the next
            made = objects_of(numbered[answer.index], answer.rows[0][0])
            objects |= {(each.kind, each.name): each for each in made}
        elif answer:
            others.append(answer.rows)
    comments, *rest = others[len(opening) :]
    return Catalog(commented(objects, comments)), rest[:-1]


def _queries(session: Session) -> list[Query]:
    found = sorts(session.conn.info.server_version)
    return [*(whole_sort(*each) for each in enumerate(found)), READ_COMMENTS]


def _catalog(session: Session, answers: Answers, ignore: Collection[str] = ()) -> Catalog:
    """Make a catalog of the answers to all queries."""
    *texts, comments = answers
    objects: dict[tuple[str, str], Object] = {}
    for sort, ((text,),) in zip(sorts(session.conn.info.server_version), texts, strict=True):
        for each in objects_of(sort, text):
            if each.table not in ignore:
                objects[each.kind, each.name] = each
    return Catalog(commented(objects, comments))


def whole_sort(number: int, sort: Sort) -> Query:
    """Return the query for all objects of a sort; `number` is its place among `sorts`."""
    return Query(f"sqlmigrate_catalog_{number}", sort.sql())


def parts_of(number: int, sort: Sort, wholes: Iterable[int]) -> Query:
    """Return the query for the objects of a sort that are these, or are parts of these; `wholes` are their OIDs."""
    oids = ",".join(map(str, wholes))
    return Query(f"sqlmigrate_parts_{number}", sort.sql("$1"), "(oid[])", f"('{{{oids}}}')")


def at_one_moment(session: Session, reads: Callable[[], _T]) -> _T:
    """Call a function that reads, in a transaction with our settings.

    If the session has lost its prepared queries, or was interrupted while preparing, the function is called again.
    """
    try:
        return _in_transaction(session, reads)
    except (psycopg.errors.InvalidSqlStatementName, psycopg.errors.DuplicatePreparedStatement):
        session.abort()
        prepared.look_again(session)
        return _in_transaction(session, reads)


def _in_transaction(session: Session, reads: Callable[[], _T]) -> _T:
    session.ask(GUARD, *SETTINGS, _ONE_PLAN)
    found = reads()
    session.ask(Request("rollback"))
    return found


def forget() -> None:
    """Forget the objects that were read: another database does not have the same ones."""
    _object.cache_clear()


def objects_of(sort: Sort, text: str | None) -> Iterator[Object]:
    """Return the objects in the answer to the query of a sort."""
    for record in text.split(RECORD) if text else ():
        yield _object(sort.catalog, sort.whole[0], record)


def commented(
    objects: dict[tuple[str, str], Object],
    comments: Iterable[list[str | None]],
    known: Mapping[tuple[str, str], Object] | None = None,
) -> dict[tuple[str, str], Object]:
    """Add the comments to the attributes of the objects that have one; those in `known` that are the same are kept."""
    texts = {Identity(catalog or "", int(oid or 0), int(sub or 0)): text for catalog, oid, sub, text in comments}
    for key, each in objects.items() if texts else ():
        if (text := texts.get(each.identity)) is not None:
            made = replace(each, attributes={**each.attributes, "comment": text})
            same = known.get(key) if known else None
            objects[key] = same if same == made and same is not None else made
    return objects


_OFTEN_THE_SAME = 24  # characters; a value that is shorter is held once


@lru_cache(maxsize=1 << 16)
def _object(catalog: str, whole_catalog: str, record: str) -> Object:
    """Make an object of a record; cached, because most records are the same at the next reading."""
    kind, schema, relation, own, table, oid, sub, whole, *rest = record.split(FIELD)
    path = tuple([intern(part) for part in (schema, relation, own) if part])
    attributes: dict[str, str | None] = {}
    for part in rest:
        name, _, value = part.partition("=")
        attributes[intern(name)] = intern(value) if len(value) < _OFTEN_THE_SAME else value
    within = intern(table or (f"{schema}.{relation}" if relation else ""))
    identity, part_of = Identity(catalog, int(oid), int(sub)), Identity(whole_catalog, int(whole), 0)
    return Object(intern(kind), ".".join(path), identity, attributes, path, within, part_of)

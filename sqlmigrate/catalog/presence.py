"""Which sorts of object a database has at all.

PostgreSQL takes longer to plan the query for a sort than to execute it, above all in a new session, whose caches are
empty. Most databases have few of the sorts. So whoever reads a schema says which sorts it expects: only these are read,
and in the same transaction it is asked which sorts there are. If one was not expected, all is read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from sqlmigrate.database.session import Request

from .sql_definitions import sorts
from .sql_relations import Presence

Present = frozenset[str]  # the queries of `Presence` that find a row

_BRINGS_EVERYTHING = "extension"
_HEAD = 2048  # characters of a statement


@lru_cache
def known(version: int) -> tuple[Presence, ...]:
    """Return how to find out which sorts there are, for each sort that not every database has."""
    return tuple(dict.fromkeys(each.presence for each in sorts(version) if each.presence))


@lru_cache
def question(version: int) -> Request:
    """Ask a server of this version which sorts of object the database has; `answered` reads the answer."""
    cases = (f"case when exists ({each.query}) then {number} end" for number, each in enumerate(known(version)))
    return Request(f"select pg_catalog.concat_ws(' ', {', '.join(cases)})")


def answered(version: int, rows: Sequence[Sequence[str | None]], *, schema: str | None = None) -> Present:
    """Read the answer to `question`; with a `schema`, only the sorts whose objects are in schemas."""
    found = {known(version)[int(number)].query for number in (rows[0][0] or "").split()}
    return frozenset(
        each.presence.query
        for each in sorts(version)
        if each.presence and each.presence.query in found and (schema is None or each.is_in_schema)
    )


def announced(version: int, statements: Iterable[str]) -> Present:
    """Return the sorts of object that statements may create, by their words; some may be missing, or be too many."""
    left = {word: {each.query for each in known(version) if word in each.words} for word in _words(version)}
    found: set[str] = set()
    for statement in statements:
        text = statement[:_HEAD].lower()
        if _BRINGS_EVERYTHING in text:
            return frozenset(each.query for each in known(version))
        for word in [each for each in left if each in text]:
            found |= left.pop(word)
    return frozenset(found)


def _words(version: int) -> set[str]:
    return {word for each in known(version) for word in each.words}

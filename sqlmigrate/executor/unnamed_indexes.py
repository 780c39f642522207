"""Finds the indexes that a statement has left behind under names that PostgreSQL has chosen.

``CREATE INDEX CONCURRENTLY`` without a name and ``REINDEX … CONCURRENTLY`` leave invalid indexes if they fail
(https://www.postgresql.org/docs/current/sql-reindex.html#SQL-REINDEX-CONCURRENTLY). They are found by comparing the
indexes before and after the statement. An index of another session is never taken for one of ours: it existed before,
or another session works on it, or its definition is not that of our statement.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import psycopg

from sqlmigrate.database.session import COMMIT, Request, Session
from sqlmigrate.parsing.classify import CatalogEffect
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.parsing.tokens import tokens

_NAMED = "select pg_catalog.to_regclass($1) as oid"
_WITH_PARTITIONS = f"{_NAMED} union select p.relid from pg_catalog.pg_partition_tree(pg_catalog.to_regclass($1)) p"
_TABLES = {
    "create unnamed index": _NAMED,
    "reindex index": f"select indrelid from pg_catalog.pg_index where indexrelid in ({_WITH_PARTITIONS})",
    "reindex table": _WITH_PARTITIONS,
    "reindex schema": "select oid from pg_catalog.pg_class where relnamespace = pg_catalog.to_regnamespace($1)",
    "reindex database": "select oid from pg_catalog.pg_class where $1::text is not null",
}
_LOOK = """\
with tables (oid) as ({tables})
select i.indexrelid::text, i.indisvalid::text, pg_catalog.format('%I.%I', n.nspname, c.relname), c.relname::text,
       pg_catalog.pg_get_indexdef(i.indexrelid),
       exists (select from pg_catalog.pg_locks l
                where l.locktype = 'relation' and l.relation = i.indexrelid and l.granted
                  and l.mode = 'ShareUpdateExclusiveLock' and l.pid <> pg_catalog.pg_backend_pid()
                  and l.database = (select d.oid from pg_catalog.pg_database d
                                     where d.datname = pg_catalog.current_database()))::text
  from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where i.indrelid in (select t.oid from tables t
                      union select c.reltoastrelid from pg_catalog.pg_class c join tables t on t.oid = c.oid
                       where c.reltoastrelid <> 0)
   and (not i.indisvalid or {valid})
 order by c.relname"""
_COPY = "sqlmigrate_copy"
_DEFINITION_ON_COPY = f"""\
select pg_catalog.pg_get_indexdef(indexrelid) from pg_catalog.pg_index
 where indrelid = 'pg_temp.{_COPY}'::pg_catalog.regclass"""
_PATIENCE = "10s"


class Definition(NamedTuple):
    """What an index is, apart from its name and its table.

    Attributes:
        is_unique: Whether it is unique.
        rest: Method, columns, condition and options, as PostgreSQL writes them.
    """

    is_unique: bool
    rest: str


def _definition(text: str) -> Definition:
    return Definition(text.startswith("CREATE UNIQUE "), text.partition(" USING ")[2])


@dataclass(frozen=True)
class Index:
    """An index in the catalog.

    Attributes:
        oid: Its number.
        is_valid: Whether queries use it.
        name: Its qualified name, as it is written in SQL.
        last_name: Its name alone.
        definition: What it is.
        is_in_use: Whether another session builds it at this moment.
    """

    oid: int
    is_valid: bool
    name: str
    last_name: str
    definition: Definition
    is_in_use: bool


def look(session: Session, effect: CatalogEffect) -> tuple[Index, ...]:
    """Read the indexes that the statement may add to: all of a new index's table, for a REINDEX the invalid ones."""
    is_new = effect.action == "create unnamed index"
    query = _LOOK.format(tables=_TABLES[effect.action], valid="true" if is_new else "false")
    (rows,) = session.ask(Request(query, (effect.table if is_new else effect.name,)))
    return tuple(
        Index(int(oid or 0), valid == "true", name or "", last or "", _definition(text or ""), used == "true")
        for oid, valid, name, last, text, used in rows
    )


@dataclass(frozen=True)
class Found:
    """What a statement has done, as far as the indexes show it.

    Attributes:
        left: The invalid indexes that it has left behind.
        built: The index that it has built; None if it has built none.
        unknown: Those that have appeared since, and that another session may have built.
        is_contested: Whether another session may still build one of them.
    """

    left: tuple[Index, ...] = ()
    built: Index | None = None
    unknown: tuple[Index, ...] = ()
    is_contested: bool = False


def compare(session: Session, statement: Statement, effect: CatalogEffect, before: Collection[int]) -> Found:
    """Find what has appeared since a statement began, when the indexes numbered `before` were there."""
    new = [each for each in look(session, effect) if each.oid not in before]
    if effect.action != "create unnamed index":
        ours = [each for each in new if _is_of_reindex(each) and not each.is_in_use]
        return Found(left=tuple(ours))
    if not new:
        return Found()
    is_contested = not _others_have_ended(session, effect)
    new = [each for each in look(session, effect) if each.oid not in before and "_idx" in each.last_name]
    expected = _expected(session, statement)
    if expected is None or is_contested:
        return Found(unknown=tuple(new), is_contested=is_contested)
    same = [each for each in new if each.definition == expected]
    built = next((each for each in same if each.is_valid), None)
    return Found(tuple(each for each in same if not each.is_valid), built)


def left_again(session: Session, effect: CatalogEffect, oids: Collection[int]) -> Found:
    """Find those of the indexes that a statement has left behind, by their numbers, that are still there."""
    still = [each for each in look(session, effect) if each.oid in oids and not each.is_valid and not each.is_in_use]
    return Found(tuple(each for each in still if _is_of_reindex(each) or "_idx" in each.last_name))


def _is_of_reindex(index: Index) -> bool:
    """Tell by its name whether a REINDEX has left it: ``i_ccnew``, ``i_ccold1``."""
    return index.last_name.rstrip("0123456789").endswith(("_ccnew", "_ccold"))


def _others_have_ended(session: Session, effect: CatalogEffect) -> bool:
    """Wait a little until no other session builds an index on the table: what it builds is invalid meanwhile."""
    bound = Request(f"set local lock_timeout to '{_PATIENCE}'")
    try:
        session.ask(
            Request("begin"), bound, Request(f"lock table {effect.table} in share update exclusive mode"), COMMIT
        )
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        session.abort()
        return False
    except (psycopg.errors.WrongObjectType, psycopg.errors.InsufficientPrivilege):  # a materialized view
        session.abort()
    return True


def _expected(session: Session, statement: Statement) -> Definition | None:
    """Let PostgreSQL say what the statement builds: on an empty copy of its table, which is rolled back.

    None if it cannot be built there.
    """
    made = _on_copy(statement.text)
    table = statement.kind.catalog_effect.table if statement.kind.catalog_effect else None
    if made is None or table is None:
        return None
    asked = (
        "begin",
        f"create temporary table {_COPY} on commit drop as select * from {table} with no data",
        made,
        _DEFINITION_ON_COPY,
        "rollback",
    )
    try:
        *_, found, _ = session.ask(*map(Request, asked))
    except psycopg.OperationalError:
        raise
    except psycopg.Error:
        session.abort()
        return None
    return _definition(found[0][0] or "") if found else None


def _on_copy(text: str) -> str | None:
    """Give the statement with the copy in place of its table, and without CONCURRENTLY."""
    words = [(start, found) for kind, start, found in tokens(text) if kind == "word"]
    upper = [found.upper() for _, found in words]
    if "CONCURRENTLY" not in upper or "ON" not in upper:
        return None
    concurrently = words[upper.index("CONCURRENTLY")]
    place = _name_place([*words[upper.index("ON") + 1 :]])
    if place is None:
        return None
    start, end = place
    before = text[: concurrently[0]] + text[concurrently[0] + len(concurrently[1]) : start]
    return f"{before}pg_temp.{_COPY} {text[end:]}"


def _name_place(words: list[tuple[int, str]]) -> tuple[int, int] | None:
    """Return where a name with all its parts begins and ends."""
    rest: Iterator[tuple[int, str]] = iter(words[1:] if words and words[0][1].upper() == "ONLY" else words)
    start = end = -1
    is_part = True
    for offset, word in rest:
        if is_part != (word != "."):
            break
        start = offset if start < 0 else start
        end, is_part = offset + len(word), not is_part
    return (start, end) if start >= 0 else None

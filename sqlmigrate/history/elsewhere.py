"""Histories of ours in schemas that the `search_path` does not lead to, and where their files were executed.

A history may lie apart from the tables of an application, in a schema `ops`. Or each customer has a schema, with its
tables and its history. In the second case no file may be executed where the `search_path` leads: its tables would be
created in another schema than those that the history tells of.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

import psycopg

from sqlmigrate.database.session import BEGIN_READ_ONLY, COMMIT, Request, Session
from sqlmigrate.errors import NOTHING_CHANGED, NOTHING_EXECUTED, ConfigError
from sqlmigrate.spelling import some

from .relations import Relation
from .table import LOG_MARK, MARK, SNAPSHOT_MARK, History

_AGAIN = "a second history would execute every migration again"
_SHOWN = 5
_MOST_LOOKED_AT = 5  # histories whose texts are read for a hint
_PREFIX = 3  # letters that the names of schemas have in common at least, if one pattern is offered for them

# The tables that the recorded files create without naming a schema: whether the schema of the history has one of that
# name, and whether a schema of the search_path has one. The texts are read only if that schema has any other table.
_CREATED = rf"""
select created.name, pg_catalog.bool_or(n.nspname = $1)::text, pg_catalog.bool_or(n.nspname <> $1)::text
  from (select distinct case when name like '"%' then pg_catalog.replace(pg_catalog.btrim(name, '"'), '""', '"')
                             else pg_catalog.lower(name) end as name
          from (select (pg_catalog.regexp_matches(up_sql,
                         E'\\mcreate\\s+(?:unlogged\\s+)?table\\s+(?:if\\s+not\\s+exists\\s+)?'
                         '("(?:[^"]|"")+"|[[:alpha:]_][\\w$]*)(?![\\w$]|\\s*\\.)', 'gi'))[1] as name
                  from {{history}}
                 where status in ('executed', 'baseline')
                   and exists (select from pg_catalog.pg_class c
                                 join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                                where n.nspname = $1 and c.relkind in ('r', 'p')
                                  and coalesce(pg_catalog.obj_description(c.oid, 'pg_class'), '')
                                      !~ '^({MARK}|{LOG_MARK}|{SNAPSHOT_MARK})')) as written) as created
  join pg_catalog.pg_class c on c.relname = created.name and c.relkind in ('r', 'p')
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = $1 or n.nspname = any (pg_catalog.current_schemas(false))
 group by 1 order by 1"""
_PATH = """\
select (s.source = 'client' or $1 = any (pg_catalog.current_schemas(false)))::text, pg_catalog.current_schema()::text
  from pg_catalog.pg_settings s where s.name = 'search_path'"""


def refuse_second(session: Session, history: History, elsewhere: Sequence[Relation]) -> None:
    """Raise `ConfigError` if this role has a history in a schema that its `search_path` does not lead to.

    The caller leaves connections out that ask for a `search_path` themselves: that is intended.
    """
    if not elsewhere:
        return
    found = [replace(history, schema=each.schema) for each in elsewhere]
    inside = next((each for each in found[:_MOST_LOOKED_AT] if _executed_inside(session, each)), None)
    raise (_several if len(found) > 1 else _one)(history, found, inside)


def _one(history: History, found: Sequence[History], inside: History | None) -> ConfigError:
    there = found[0]
    tables = [f"its files were executed in {there.schema}: their tables are there"] if inside else []
    way = f"work in that schema: {_flag(there)}" if inside else f"continue with it: --table {there.quoted}"
    return ConfigError(
        f"the history of this database is {there.name}, and the search_path leads to {history.schema}",
        detail=[*tables, _AGAIN],
        state=NOTHING_CHANGED,
        hint=f"{way}; {_as_well(history)}",
    )


def _several(history: History, found: Sequence[History], inside: History | None) -> ConfigError:
    way = f"continue with one of them: --table {found[0].quoted}"
    if inside:
        many = shlex.quote(_pattern([each.schema for each in found]))
        way = f"work in one of them: {_flag(inside)}; in many of them: fleet, with --schemas {many}"
    return ConfigError(
        f"{len(found):,} schemas of this database have a history, and the search_path leads to {history.schema}, "
        "which has none",
        detail=[some([each.schema for each in found], _SHOWN), _AGAIN],
        state=NOTHING_CHANGED,
        hint=f"{way}; {_as_well(history)}",
    )


def _flag(there: History) -> str:
    return f"--schema {shlex.quote(there.schema)}"


def _as_well(history: History) -> str:
    return f"or, if a history in {history.schema} is intended as well: --table {history.quoted}"


def refuse_in_other_schema(session: Session, history: History) -> None:
    """Raise `ConfigError` if files would be executed in another schema than those that the history tells of.

    The history was named with its schema, which is not on the `search_path`. That is intended where it lies apart from
    the tables, and where the connection string asks for a `search_path`.
    """
    tables = _executed_inside(session, history)
    if not tables:
        return
    _, ((is_intended, leads_to),), _ = session.ask(BEGIN_READ_ONLY, Request(_PATH, (history.schema,)), COMMIT)
    if is_intended == "true":
        return
    schema = history.schema
    raise ConfigError(
        f"the files of {history.name} were executed in {schema}, and the search_path leads to {leads_to}",
        detail=[
            f"their tables are in {schema}: {some(tables, _SHOWN)}",
            f"further files would be executed in {leads_to}, and the history of {schema} would say that it has them",
        ],
        state=NOTHING_EXECUTED,
        hint=f"work in {schema}: --schema {shlex.quote(schema)}; or, if {leads_to} is intended, ask for it in the "
        f"connection string: options='-csearch_path={leads_to}'",
    )


def _executed_inside(session: Session, history: History) -> list[str]:
    """Return the tables that files have created in the schema of the history; none if the `search_path` has others."""
    asked = Request(_CREATED.format(history=history.quoted), (history.schema,))
    try:
        _, rows, _ = session.ask(BEGIN_READ_ONLY, asked, COMMIT)
    except psycopg.Error:  # a damaged table: nothing can be executed with it
        session.abort()
        return []
    if any(is_on_path == "true" and is_inside != "true" for _, is_inside, is_on_path in rows):
        return []
    return [name or "" for name, is_inside, _ in rows if is_inside == "true"]


def _pattern(names: Sequence[str]) -> str:
    """Return a pattern for these names, if they begin with the same letters."""
    together = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    prefix = "".join(letters[0] for letters in together)
    return f"{prefix}*" if len(prefix) >= _PREFIX else "PATTERN"

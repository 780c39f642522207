"""What a database without a history of ours holds already: histories of other tools, and tables.

The first `up` asks for it. So do `status` and `verify`, until the history has a row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import psycopg

from sqlmigrate.database import own_settings
from sqlmigrate.database.session import BEGIN_READ_ONLY, COMMIT, ON_PRIMARY, Request, Session
from sqlmigrate.identifiers import displayed, quoted

from .other_tools import Tool, contained, exact, is_companion, name_of, tool_for
from .table import VERSION_NUMBER, VERSION_ORDER, History, own_tables

_SEPARATOR = "\x1f"
_OURS = "sqlmigrate"  # how `other_tools` calls it
# Schemas of services that keep their own history in the users' database, with the columns of well-known tools:
# Supabase's, Hasura's, and those of job queues. Such a history counts only where the folder has its versions.
_OF_SERVICES = frozenset(
    (
        "auth", "storage", "realtime", "_realtime", "supabase_functions", "_analytics", "graphile_worker",
        "hdb_catalog", "pgboss",
    )
)  # fmt: skip


@dataclass(frozen=True)
class OtherHistory:
    """The history of another tool.

    Attributes:
        tool: The tool.
        schema: The schema of its table.
        name: The name of its table.
        versions: The versions that it has executed, in their order, or the names that have them.
        files: The names of the executed files, as far as the tool has them; as many as `versions`.
        trouble: The version that has failed there or is not finished; None if there is none.
        is_readable: Whether this role may read it; if not, it is not known what it says.
        is_one_row: Whether it has only the newest version, and all older ones count as executed.
        is_on_path: Whether its schema is on the search_path.
    """

    tool: str
    schema: str
    name: str
    versions: tuple[str, ...]
    files: tuple[str, ...]
    trouble: str | None
    is_readable: bool
    is_one_row: bool
    is_on_path: bool

    @property
    def table(self) -> str:
        """The qualified name of its table, as it is shown."""
        return _shown(self.schema, self.name)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was executed by that tool."""
        return self.is_readable and not self.versions and self.trouble is None

    @property
    def is_of_a_service(self) -> bool:
        """Whether it is in a schema that a service keeps for itself."""
        return self.schema in _OF_SERVICES and not self.is_on_path


@dataclass(frozen=True)
class Surroundings:
    """What a database without a history of ours holds already.

    Attributes:
        histories: The histories of other tools that are not empty.
        tables: The tables of users, as they are shown, sorted: those on the search_path, in the schema of the history,
            and in the schemas that were asked for. Members of extensions are not among them.
        is_new: Whether the log of our history is empty, or does not exist.
        lost: The versions that are executed, as our log says, although the history has no rows.
    """

    histories: tuple[OtherHistory, ...] = ()
    tables: tuple[str, ...] = ()
    is_new: bool = True
    lost: tuple[str, ...] = ()


_OF_EXTENSION = """\
from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid
                      and d.deptype = 'e'"""
_MAY_BE_OF_USERS = """\
n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and not c.relispartition
   and pg_catalog.has_schema_privilege(n.oid, 'usage')"""
_IS_OF_USERS = f"{_MAY_BE_OF_USERS}\n   and not exists (select {_OF_EXTENSION})"
# Of a few schemas among thousands: written so that the server looks at their tables alone. Of many tables it would look
# up each by itself, which takes longer.
_IS_OF_FEW_SCHEMAS = f"""\
{_MAY_BE_OF_USERS}
   and (select d.deptype {_OF_EXTENSION} limit 1) is null
   and n.nspname = any (pg_catalog.string_to_array({{schemas}}, E'\\x1f'))"""

_TABLES_OF_SCHEMAS = f"""\
select n.nspname::text, c.relname::text
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'm', 'f') and {_IS_OF_FEW_SCHEMAS.format(schemas="$1")}
 order by 1, 2"""
_TABLES = f"""\
select n.nspname::text, c.relname::text
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'm', 'f') and {_IS_OF_USERS}
   and (n.nspname = any (pg_catalog.current_schemas(false))
        or n.nspname = any (pg_catalog.string_to_array($1, E'\\x1f')))
 order by 1, 2"""

_CANDIDATES = """\
select n.nspname::text, c.relname::text, of_table.names, of_table.version_type,
       pg_catalog.has_table_privilege(c.oid, 'select')::text,
       (n.nspname = any (pg_catalog.current_schemas(false)))::text
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 cross join lateral (
       select pg_catalog.string_agg(a.attname, ' ' order by a.attname collate "C") as names,
              pg_catalog.array_agg(a.attname::text) as each,
              max(pg_catalog.format_type(a.atttypid, null)) filter (where a.attname = 'version') as version_type
         from pg_catalog.pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as of_table
 where c.relkind in ('r', 'p') and c.relnatts <= 40 and {is_of_users}
   and (of_table.names = any (pg_catalog.string_to_array($1, ','))
        or exists (select from pg_catalog.unnest(pg_catalog.string_to_array($2, ',')) columns
                    where of_table.each @> pg_catalog.string_to_array(columns, ' ')))
 order by 1, 2"""


# What the log says of each version last. A failure changes nothing, and an accepted file stays executed. A fold takes
# the place of everything that was executed up to its version. What has only failed, and was forgotten, counts as new.
_LOGGED = f"""\
select version, (action in ('up', 'baseline', 'adopt', 'fold'))::text
  from (select distinct on ({VERSION_NUMBER}) version, action, id
          from {{log}} as entry
         where (action in ('up', 'baseline', 'adopt', 'down', 'fold')
                or action = 'repair' and detail not like 'accepted%')
           and not exists (select from (select id, {VERSION_ORDER} from {{log}} where action = 'fold')
                                    as fold (id, length, number)
                            where fold.id > entry.id and (fold.length, fold.number) > ({VERSION_ORDER}))
         order by {VERSION_NUMBER}, id desc) as last
 where action <> 'repair'
    or version in (select each.version from {{log}} as each where each.action in ('up', 'baseline', 'adopt', 'fold'))
 order by id"""


@dataclass(frozen=True)
class _Candidate:
    """A table that has the columns of another tool's history, or of another table of that tool."""

    schema: str
    name: str
    columns: frozenset[str]
    tool: Tool | None
    is_readable: bool
    is_on_path: bool


def look(session: Session, history: History, schemas: Collection[str] = (), *, has_tables: bool = True) -> Surroundings:
    """Look at what a database holds apart from our history; writes nothing.

    Tables are looked for on the search_path, in the schema of the history and in `schemas`, histories of other tools in
    every schema that this role may use. If the session works in one schema, all is looked for there and in `schemas`.
    It costs one round trip, and one more for each history that is found; none if the database is known to have no table
    at all.
    """
    if not has_tables:
        return Surroundings()
    wanted = _SEPARATOR.join((history.schema, *schemas))
    columns = (",".join(exact()), ",".join(contained()))
    if session.schema is None:
        requests = [Request(_TABLES, (wanted,)), Request(_CANDIDATES.format(is_of_users=_IS_OF_USERS), columns)]
    else:
        few = _CANDIDATES.format(is_of_users=_IS_OF_FEW_SCHEMAS.format(schemas="$3"))
        requests = [Request(_TABLES_OF_SCHEMAS, (wanted,)), Request(few, (*columns, wanted))]
    if history.exists and history.has_log:
        requests.append(Request(ON_PRIMARY + _LOGGED.format(log=history.quoted_log)))
    path = own_settings.look_in_schema(session)
    tables, candidates, *logged, _ = session.ask(BEGIN_READ_ONLY, *path, *requests, COMMIT)[1 + len(path) :]
    found = [each for each in map(_candidate, candidates) if not _is_ours(each, history)]
    elsewhere = [each for each in found if _is_of_another_schema(each, history)]
    read = [each for each in found if each.tool and each not in elsewhere]
    histories = list(filter(None, (_read(session, each, found) for each in read)))
    named = {each.table for each in histories} | {
        _shown(each.schema, each.name) for each in found if is_companion(each.schema, each.columns)
    }
    ours = {_shown(history.schema, name) for name in history.own_tables}
    with_log = [(each.schema, each.name) for each in elsewhere]
    with_log += [(each.schema, each.name) for each in histories if each.tool == _OURS]
    ours |= {_shown(schema, name) for schema, table in with_log for name in own_tables(table)}
    shown = [_shown(schema or "", name or "") for schema, name in tables]
    return Surroundings(
        tuple(each for each in histories if not each.is_empty),
        tuple(each for each in shown if each not in named | ours),
        is_new=not (logged and logged[0]),
        lost=tuple(version or "" for version, is_executed in (logged[0] if logged else ()) if is_executed == "true"),
    )


def _candidate(row: Sequence[str | None]) -> _Candidate:
    schema, name, columns, version_type, readable, on_path = row
    names = frozenset((columns or "").split())
    tool = tool_for(names, version_type or "")
    return _Candidate(schema or "", name or "", names, tool, readable == "true", on_path == "true")


def _is_ours(candidate: _Candidate, history: History) -> bool:
    return (candidate.schema, candidate.name) == (history.schema, history.table)


def _is_of_another_schema(candidate: _Candidate, history: History) -> bool:
    """Tell whether it is a history of ours that does not matter here: with a schema for each customer, each has one."""
    is_ours = candidate.tool is not None and candidate.tool.name == _OURS
    return is_ours and candidate.schema != history.schema and not candidate.is_on_path


def _shown(schema: str, name: str) -> str:
    return displayed(f"{schema}.{name}")


def _read(session: Session, candidate: _Candidate, others: Sequence[_Candidate]) -> OtherHistory | None:
    """Read the history of another tool; None if it is the table of an application."""
    tool = candidate.tool
    if tool is None:
        return None
    rows = _rows(session, candidate, tool) if candidate.is_readable else None
    executed = [row for row in rows or () if row[2] == "true"]
    versions = tuple(row[0] or "" for row in executed)
    neighbours = [each.columns for each in others if each.schema == candidate.schema]
    name = name_of(tool, versions, neighbours)
    if name is None:
        return None
    return OtherHistory(
        name,
        candidate.schema,
        candidate.name,
        versions,
        tuple(row[1] or "" for row in executed),
        trouble=next((row[0] or "" for row in rows or () if row[3] == "true"), None),
        is_readable=rows is not None,
        is_one_row=tool.is_one_row,
        is_on_path=candidate.is_on_path,
    )


def _rows(session: Session, candidate: _Candidate, tool: Tool) -> list[list[str | None]] | None:
    """Read the rows of a history; None if they cannot be read: a lock, row level security, another type."""
    bound = Request("set local lock_timeout to '2s'", quiet=True)
    query = Request(tool.query(quoted(candidate.schema, candidate.name)))
    try:
        return session.ask(BEGIN_READ_ONLY, bound, query, COMMIT)[2]
    except psycopg.Error:
        session.abort()
        return None


def tables_of(session: Session, names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Give schema and name of each relation with one of these names that this role may see."""
    query = """\
        select n.nspname::text, c.relname::text
          from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p', 'm', 'v', 'f')
           and c.relname = any (pg_catalog.string_to_array($1, E'\\x1f'))"""
    _, rows, _ = session.ask(BEGIN_READ_ONLY, Request(query, (_SEPARATOR.join(names),)), COMMIT)
    yield from ((schema or "", name or "") for schema, name in rows)

"""Finds the history table and reads its rows.

Every query is schema-qualified, its functions too: a migration that changes `search_path` can neither hide the table
nor put its own functions in the way. Reading happens in read-only transactions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from sys import intern
from typing import TypeVar

from psycopg import errors as pg

from sqlmigrate.database import asked_settings, citus, own_settings
from sqlmigrate.database.server import (
    IDENTITY,
    IDENTITY_IN_PART,
    Server,
    on_worker,
    refuse_stranger,
    server_of,
)
from sqlmigrate.database.session import BEGIN_READ_ONLY, COMMIT, ON_PRIMARY, Request, Session
from sqlmigrate.errors import NOTHING_CHANGED, HistoryError
from sqlmigrate.identifiers import quoted

from .elsewhere import refuse_second
from .relations import Relation, look, relations
from .rights import no_schema, not_a_history, obstacles_of, obstacles_of_log, require_readable
from .state import Execution, State
from .table import (
    COLUMNS,
    VERSION_NUMBER,
    Column,
    History,
    RunColumn,
    SnapshotTable,
    is_older_history,
    snapshots_table,
    table_parts,
)
from .texts import Recorded, recorded

_T = TypeVar("_T")

# The schema where a history would be created, and who would get rights on new tables of ours there: default privileges
# are for tables with the data of an application, and our history holds the texts of files, with what they hold. Where
# the search_path comes from matters only if there are tables: the server lists all of its settings to tell it.
_PLACE = """\
select place.schema,
       (select (pg_catalog.has_schema_privilege(n.oid, 'create')
                and pg_catalog.has_schema_privilege(n.oid, 'usage'))::text
          from pg_catalog.pg_namespace n where n.nspname = place.schema),
       case when place.has_tables
            then (select (s.source = 'client')::text from pg_catalog.pg_settings s where s.name = 'search_path') end,
       (select pg_catalog.string_agg(distinct case given.grantee when 0 then 'public'
                                              else pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(given.grantee))
                                              end, ', ')
          from pg_catalog.pg_default_acl d cross join pg_catalog.aclexplode(d.defaclacl) given
         where d.defaclobjtype = 'r' and pg_catalog.pg_get_userbyid(d.defaclrole) = current_user
           and d.defaclnamespace in (0, (select n.oid from pg_catalog.pg_namespace n where n.nspname = place.schema))
           and given.grantee <> d.defaclrole),
       place.has_tables::text
  from (select coalesce($1::text, pg_catalog.current_schema()::text) as schema,
               exists (select from pg_catalog.pg_class c
                        where c.oid >= 16384 and c.relkind in ('r', 'p', 'm', 'f')) as has_tables) as place"""


def read(session: Session, setting: str, *, with_log: bool = False) -> State:
    """Find the history table that `setting` names, and read its rows, in two round trips; writes nothing.

    `with_log` as in `read_again`; if this role may not read the log, it is left out. Raises as `find` does.
    """
    return steadily(session, lambda: _read(session, setting, with_log=with_log))


def steadily(session: Session, reading: Callable[[], _T]) -> _T:
    """Find the table and read it; again if another run has brought an older table up to date between the two."""
    try:
        return reading()
    except pg.UndefinedColumn:
        session.abort()
        return reading()


def _read(session: Session, setting: str, *, with_log: bool) -> State:
    state = find(session, setting)
    if not state.history.exists:
        return state
    if with_log and state.history.has_log:
        try:
            found = rows_of(session.ask(*read_again(state.history, with_log=True))[1])
        except pg.InsufficientPrivilege:
            session.abort()
        else:
            return replace(state, executions=found, is_log_read=True)
    return replace(state, executions=executions(session, state.history))


def find(session: Session, setting: str) -> State:
    """Find the history table that `setting` names, without its rows, in one round trip; writes nothing.

    Raises:
        ConfigError: What has this name is not a history, or its schema does not exist.
        ServerError: The server is not PostgreSQL, this role may not read all of it, a column of it is missing, or a
            setting that the connection string asks for does not hold.
    """
    schema, table = table_parts(setting)
    schema = schema or session.schema
    asked = asked_settings.request(session)
    ours = (*own_settings.keep_waiting(session), *own_settings.work_in_schema(session))
    looking = (look(schema, table), Request(_PLACE, (schema,)), *asked, *ours, COMMIT)
    try:
        _, identity, found, place, *values, _ = session.ask(BEGIN_READ_ONLY, IDENTITY, *looking)
    except pg.InsufficientPrivilege:
        session.abort()
        _, identity, found, place, *values, _ = session.ask(BEGIN_READ_ONLY, IDENTITY_IN_PART, *looking)
    except pg.DatabaseError:
        refuse_stranger(session)
        raise
    server = server_of(session, identity)
    if asked:
        asked_settings.require(session, server, values[0])
    named = relations(found)
    state = _state(server, (schema, table), named, place[0])
    if schema is None and not state.history.exists and place[0][2] != "true":  # the search_path was not asked for
        owned = (each for each in named if each.name == table and each.is_history and each.is_owned)
        refuse_second(session, state.history, list(owned))
    state = replace(state, history=replace(state.history, run=session.run))
    return _on_citus(session, state) if server.citus else state


def _on_citus(session: Session, state: State) -> State:
    """Add to the state of a database with Citus which node it is, and whether the history is distributed.

    Raises `ServerError` if it is a worker that does not have the history of the cluster.
    """
    server, history = state.server, state.history
    if server.citus is None:
        return state
    found = citus.look(session, server.citus, quoted(history.schema), history.quoted)
    server = replace(server, citus=found)
    if found.is_worker and not (history.exists and found.distributes):
        raise on_worker(server)
    return replace(state, server=server, history=replace(history, citus=found.major, is_distributed=found.distributes))


def _state(
    server: Server, wanted: tuple[str | None, str], named: Sequence[Relation], place: Sequence[str | None]
) -> State:
    """Decide which of the relations of that name is our history; `place` is where a new one would be created."""
    schema, table = wanted
    place_schema, may_create, _, readers, has_tables = place
    ours = next((each for each in named if each.name == table and (each.place or schema) and each.is_history), None)
    if ours is None and (place_schema is None or may_create is None):
        raise no_schema(schema)
    history_schema = ours.schema if ours else place_schema or ""
    here = {each.name: each for each in named if each.schema == history_schema}
    log = here.get(f"{table}_log")
    is_older = ours is not None and is_older_history(ours.columns)
    history = History(
        history_schema,
        table,
        exists=ours is not None,
        has_log=log is not None,
        is_older=is_older,
        readers=readers or "",
        snapshots=_snapshots(here.get(snapshots_table(table)), ours),
        is_log_readable=log is not None and log.is_readable,
        is_one_of_many=server.schema is not None
        or any(each.is_marked and each.schema != history_schema for each in named),
        run_column=_run_column(log),
    )
    if ours is None and (taken := here.get(table)):
        raise not_a_history(taken)
    if log and not log.is_log:
        raise not_a_history(log)
    if ours is None:
        return State(server, history, is_writable=may_create == "true", has_tables=has_tables == "true")
    require_readable(history, ours, server.user)
    is_writable = ours.is_writable and (log is None or log.is_insertable)
    obstacles = (*obstacles_of(history, ours), *(obstacles_of_log(history, log) if log else ()))
    return State(server, history, is_writable=is_writable, may_alter=ours.is_owned, obstacles=obstacles)


def _run_column(log: Relation | None) -> RunColumn:
    if log is None or "run" in log.columns:
        return "there"
    return "may be added" if log.is_owned else "missing"


def _snapshots(found: Relation | None, history: Relation | None) -> SnapshotTable:
    """Tell what this role may do with the table of the snapshots; `found` is what has its name."""
    if found is None:
        return "missing" if history is None or history.may_create_beside else "cannot be created"
    if not found.is_snapshots:
        return "not ours"
    if not found.is_readable or found.may_hide_rows:
        return "unreadable"
    return "writable" if found.is_writable else "readable"


def read_again(history: History, *, with_log: bool = False) -> tuple[Request, ...]:
    """Give the requests that read the rows; `rows_of` makes executions of the second one's answer.

    `with_log` reads the number of each row's entry in the log as well. It tells the order of executions, whatever the
    clock of the server was set to.
    """
    written_by = "null" if history.is_distributed else f"{history.quoted}.xmin::text"
    columns = [*(each.as_read for each in _read_columns(history.columns)), written_by]
    columns += ["logged_id"] if with_log else []
    entries = _LOGGED.format(log=history.quoted_log) if with_log else ""
    query = f"{ON_PRIMARY}select {', '.join(columns)} from only {history.quoted}{entries} order by executed_at, version"
    return (BEGIN_READ_ONLY, Request(query), COMMIT)


_LOGGED = f"""
  left join (select {VERSION_NUMBER} as logged_number, pg_catalog.max(id) as logged_id
               from {{log}} where action in ('up', 'baseline', 'adopt') group by 1) as logged
    on logged_number = {VERSION_NUMBER}"""


def _read_columns(columns: Sequence[Column]) -> list[Column]:
    return [each for each in columns if each.is_read]


def executions(session: Session, history: History) -> tuple[Execution, ...]:
    """Read the rows of the history, in the order of execution, in one round trip."""
    return rows_of(session.ask(*read_again(history))[1])


def rows_of(rows: Sequence[Sequence[str | None]]) -> tuple[Execution, ...]:
    """Make executions of the rows that `read_again` reads."""
    names = [*(each.name for each in _read_columns(COLUMNS)), "written_by", "logged"]
    return tuple(_execution(dict(zip(names, row, strict=False))) for row in rows)


def _execution(row: dict[str, str | None]) -> Execution:
    version = row["version"] or ""
    if not version.replace("_", "").isdecimal():
        raise HistoryError(
            f"the history has a row of version `{version}`, which is not a number: it was not written by sqlmigrate",
            state=NOTHING_CHANGED,
            hint="look into the table, and remove the row",
        )
    return Execution(
        version,
        name=row["name"] or "",
        status=intern(row["status"] or ""),
        checksum=row["checksum"],
        statements=number(row["statements"]) or 0,
        statements_done=number(row["statements_done"]) or 0,
        unfinished=row["unfinished"],
        executed_at=time(row["executed_at"]),
        duration_ms=number(row["duration_ms"]),
        executed_by=intern(row["executed_by"] or ""),
        tool_version=intern(row["tool_version"] or ""),
        error=row["error"],
        logged=number(row.get("logged")),
        written_by=row["written_by"] or "",
    )


def number(text: str | None) -> int | None:
    """Make a number of a value of the history."""
    return None if text is None else int(text)


def time(text: str | None) -> datetime | None:
    """Make a time of a value of the history."""
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


def texts(session: Session, history: History, versions: Sequence[str]) -> dict[str, Recorded]:
    """Read the texts recorded with the executions of `versions`, in one round trip."""
    if not versions:
        return {}
    query = Request(
        f"{ON_PRIMARY}select version, up_sql, down_sql, checksum from {history.quoted} "
        "where version = any (pg_catalog.string_to_array($1::text, ' '))",
        (" ".join(versions),),
    )
    _, rows, _ = session.ask(BEGIN_READ_ONLY, query, COMMIT)
    return {str(version): recorded(up, down, whole) for version, up, down, whole in rows}

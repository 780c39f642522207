"""The roles of our own shadow server: which ones reviews use, and how those that migrations create are removed.

Roles belong to the whole server, https://www.postgresql.org/docs/current/user-manag.html. What a review did to them is
undone in the system catalogs, OIDs included, because the databases of templates refer to roles by OID. Only a server
that nothing else uses can be treated like this.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlmigrate.database.session import Request, Session

OWNER, WATCHER = "sqlmigrate_review", "sqlmigrate_watch"
_V14, _V16, _V17 = 140000, 160000, 170000
_FIRST_OWN_OID = 16384  # FirstNormalObjectId: below it are the objects of initdb

# The shared catalogs that describe roles, and which of their rows do.
# https://www.postgresql.org/docs/current/catalogs.html
_CATALOGS = {
    "pg_authid": f"c.oid >= {_FIRST_OWN_OID}",
    "pg_auth_members": "true",
    "pg_db_role_setting": "c.setdatabase = 0",
    "pg_shdepend": "c.dbid = 0 and c.classid in ('pg_authid'::regclass, 'pg_auth_members'::regclass)",
    "pg_shdescription": "c.classoid = 'pg_catalog.pg_authid'::pg_catalog.regclass",
}
_ROWS = ", ".join(
    f"'{name}', (select coalesce(jsonb_agg(to_jsonb(c) order by c::text), '[]') from pg_catalog.{name} c where {rows})"
    for name, rows in _CATALOGS.items()
)
_STATE = f"jsonb_build_object({_ROWS})::text"
_READ = Request(f"select {_STATE}")
_NOTE = """\
do $do$ begin
    execute format('comment on database postgres is %L', '{mark}' || {state});
end $do$"""
_DELETE = """\
delete from pg_catalog.{name} c
 where {rows} and not exists (select from jsonb_array_elements($1::jsonb) e where e = to_jsonb(c))"""
_INSERT = """\
insert into pg_catalog.{name} select r.* from jsonb_populate_recordset(null::pg_catalog.{name}, $1::jsonb) r
 where not exists (select from pg_catalog.{name} c where to_jsonb(c) = to_jsonb(r))"""

# Before 16 a role that may create roles may grant these to itself,
# https://www.postgresql.org/docs/15/role-attributes.html
_REACH_OUT = "('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')"


def read(session: Session) -> dict[str, Any]:
    """Return everything that defines the roles: the rows of the system catalogs."""
    found: dict[str, Any] = json.loads(session.ask(_READ)[0][0][0] or "{}")
    return found


def restore(session: Session, state: Mapping[str, Any]) -> None:
    """Make the roles as they were when `state` was read."""
    now = read(session)
    for template in (_DELETE, _INSERT):
        requests = [
            Request(template.format(name=name, rows=rows), (json.dumps(state[name]),))
            for name, rows in _CATALOGS.items()
            if now[name] != state[name]
        ]
        if requests:
            session.ask(*requests)


def make(session: Session, statement_timeout: str, mark: str) -> None:
    """Create the roles of reviews on a new server, with few rights; note their state as a comment on `postgres`.

    The owner may create roles, because migrations do. It cannot create a superuser. The predefined roles that give
    access to files and programs are dropped where it could grant them to itself.

    Args:
        session: A session of the superuser.
        statement_timeout: How long a statement of the owner may take, as PostgreSQL reads it.
        mark: What the comment begins with.
    """
    version = session.conn.info.server_version
    statements = [
        f"create role {OWNER} login createrole",
        f"create role {WATCHER} login bypassrls",  # it counts rows that policies hide, too
        f"grant pg_monitor, pg_signal_backend to {WATCHER}",
        f"alter role {OWNER} set statement_timeout = '{statement_timeout}'",
        f"alter role {OWNER} set idle_in_transaction_session_timeout = '10min'",
        f"grant create on tablespace pg_default to {OWNER}",  # a clone may be in another tablespace
        "revoke connect, temporary on database postgres from public",
        "revoke connect, temporary on database template1 from public",
    ]
    if version >= _V14:
        statements.append(f"grant pg_read_all_data to {WATCHER}")
    else:
        statements.append(f"grant {OWNER} to {WATCHER}")  # to read what the owner owns
    if version >= _V17:
        statements.append(f"alter role {WATCHER} set event_triggers = off")  # a file may replace one for logging in
    if version >= _V16:
        statements.append(f"alter role {OWNER} set createrole_self_grant = 'set, inherit'")  # as before 16
    else:
        statements.append(f"delete from pg_catalog.pg_authid where rolname in {_REACH_OUT}")
    session.ask(*map(Request, [*statements, _NOTE.format(mark=mark, state=_STATE)]))

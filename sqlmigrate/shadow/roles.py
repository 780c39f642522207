"""The roles of our own shadow server: whom reviews run as, and how the roles that migrations make are taken back.

Roles belong to all databases of a server, https://www.postgresql.org/docs/current/user-manag.html. What a review did to
them is undone in the catalogs themselves, OIDs included: the databases of templates name roles by them. This is for a
server that is ours alone; nobody should do it to another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlmigrate.database.session import Request, Session

OWNER, WATCHER = "sqlmigrate_review", "sqlmigrate_watch"
_V14, _V16 = 140000, 160000
_FIRST_OWN_OID = 16384  # FirstNormalObjectId: below it is what initdb has made

# The shared catalogs that tell of roles, and which of their rows.
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

# Before 16 whoever may make roles may grant himself these, https://www.postgresql.org/docs/15/role-attributes.html
_REACH_OUT = "('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')"


def read(session: Session) -> dict[str, Any]:
    """Give all that is known of roles, as the catalogs' rows."""
    found: dict[str, Any] = json.loads(session.ask(_READ)[0][0][0] or "{}")
    return found


def restore(session: Session, state: Mapping[str, Any]) -> None:
    """Make the roles what they were when `state` was read."""
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
    """Make the roles of reviews on a new server, and shut them in; note their state after `mark` in `postgres`.

    The owner may make roles, as migrations do. That gives no way out: a superuser it cannot make, and the predefined
    roles that reach files and programs are taken away where it could grant them to itself.
    """
    version = session.conn.info.server_version
    statements = [
        f"create role {OWNER} login createrole",
        f"create role {WATCHER} login bypassrls",  # rows are counted, whoever may see them
        f"grant pg_monitor, pg_signal_backend to {WATCHER}",
        f"alter role {OWNER} set statement_timeout = '{statement_timeout}'",
        f"alter role {OWNER} set idle_in_transaction_session_timeout = '10min'",
        f"grant create on tablespace pg_default to {OWNER}",  # a clone may lie in another one
        "revoke connect, temporary on database postgres from public",
        "revoke connect, temporary on database template1 from public",
    ]
    if version >= _V14:
        statements.append(f"grant pg_read_all_data to {WATCHER}")
    else:
        statements.append(f"grant {OWNER} to {WATCHER}")  # what it owns is what there is to read
    if version >= _V16:
        statements.append(f"alter role {OWNER} set createrole_self_grant = 'set, inherit'")  # as it was before
    else:
        statements.append(f"delete from pg_catalog.pg_authid where rolname in {_REACH_OUT}")
    session.ask(*map(Request, [*statements, _NOTE.format(mark=mark, state=_STATE)]))

"""The folder `sql/` of this repository: the first history of a web application, up, down and up again.

It is what `make migrate` executes, and what a new user reads first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import database_dump
import psycopg
import pytest
from postgres_servers import Server

from sqlmigrate.executor.events import Event, Finished
from sqlmigrate.files import folder
from sqlmigrate.operations import up_down

SQL = Path(__file__).parents[1] / "sql"
LABELS = ["001_create_initial_auth_tables", "002_add_user_settings", "003_add_roles"]


def _finished(events: Iterator[Event]) -> list[str]:
    return [event.step.label for event in events if isinstance(event, Finished)]


def _up(url: str, **options: Any) -> list[str]:
    return _finished(up_down.up(url, folder.load(SQL), **options))


def _down(url: str, **options: Any) -> list[str]:
    return _finished(up_down.down(url, folder.load(SQL), **options))


@pytest.fixture
def application(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a database where all is executed, with one user and a session."""
    assert _up(database) == LABELS
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("insert into users (email, display_name) values ('Ann@example.org', 'Ann')")
        conn.execute(_SESSION, ("0" * 64, "192.0.2.7"))
        yield conn


_SESSION = """\
insert into sessions (user_id, jwt_sha256, ip_address, user_agent, expires_at)
select id, decode(%s, 'hex'), %s, 'Mozilla/5.0', now() + interval '1 hour' from users"""


def _rows(conn: psycopg.Connection[Any], query: str) -> list[tuple[Any, ...]]:
    return conn.execute(query.encode()).fetchall()


# -- up and down -------------------------------------------------------------------------------------------------------


def test_all_of_it(every_postgres: Server, every_database: str) -> None:
    """Up, down and up: taken back nothing is left, executed again all is as it was."""
    empty = database_dump.schema(every_postgres, every_database)
    assert _up(every_database) == LABELS
    full = database_dump.schema(every_postgres, every_database)
    assert _down(every_database, all=True) == LABELS[::-1]
    assert database_dump.schema(every_postgres, every_database) == empty
    assert _up(every_database) == LABELS
    assert database_dump.schema(every_postgres, every_database) == full


def test_each_step_alone(every_postgres: Server, every_database: str) -> None:
    """Each migration by itself leaves nothing behind when it is taken back, and comes back as it was."""
    for label in LABELS:
        before = database_dump.schema(every_postgres, every_database)
        assert _up(every_database, steps=1) == [label]
        after = database_dump.schema(every_postgres, every_database)
        assert after != before
        assert _down(every_database) == [label]
        assert database_dump.schema(every_postgres, every_database) == before
        assert _up(every_database, steps=1) == [label]
        assert database_dump.schema(every_postgres, every_database) == after


def test_down_with_rows(application: psycopg.Connection[Any], database: str) -> None:
    """Rows in the tables do not stand in the way of the way back."""
    application.execute("insert into user_roles select id, 'admin', id from users")
    application.execute("insert into user_settings select id from users")
    application.execute("insert into auth_audit_log (event, user_id, email) select 'logged_out', id, email from users")
    assert _down(database, all=True) == LABELS[::-1]


def test_by_a_role_that_owns_the_database_and_no_more(postgres: Server) -> None:
    """Nothing in it needs a superuser."""
    postgres.admin.execute("create role owner_of_sql login")
    with postgres.database("owner_of_sql") as url:
        as_owner = url.replace("postgres@", "owner_of_sql@")
        assert _up(as_owner) == LABELS
        assert _down(as_owner, all=True) == LABELS[::-1]
    postgres.admin.execute("drop role owner_of_sql")


# -- what it keeps out, and what it lets in ----------------------------------------------------------------------------

_USER = "insert into users (email, display_name, password_hash) values ('{}', '{}', {})"
_AUDIT = "insert into auth_audit_log (event, email, details) values ('{}', 'x@example.org', '{}')"
_SETTING = "insert into user_settings (user_id, {}) select id, '{}' from users"


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        (_USER.format("ann@EXAMPLE.org", "Second", "null"), "users_email_key"),
        (_USER.format("nobody", "No address", "null"), "users_email_is_address"),
        (_USER.format("a b@example.org", "A blank", "null"), "users_email_is_address"),
        (_USER.format("b@example.org", "  ", "null"), "users_display_name_is_given"),
        (_USER.format("b@example.org", "Bob", "'secret'"), "users_password_hash_is_hash"),
        (_SESSION.replace("%s", "'{}'").format("1" * 64, "192.0.2.0/24"), "sessions_ip_address_is_host"),
        (_SESSION.replace("%s", "'{}'").format("1" * 62, "192.0.2.1"), "sessions_jwt_sha256_is_digest"),
        (_SESSION.replace("%s", "'{}'").format("0" * 64, "192.0.2.1"), "sessions_jwt_sha256_key"),
        ("update sessions set user_agent = repeat('x', 1025)", "sessions_user_agent_length"),
        ("update sessions set expires_at = created_at", "sessions_expires_after_created"),
        ("update sessions set revoked_at = created_at - interval '1 s'", "sessions_revoked_after_created"),
        ("update sessions set user_id = 4711", "sessions_user_id_fkey"),
        (_AUDIT.format("login", "{}"), "auth_audit_log_event_is_known"),
        (_AUDIT.format("login_failed", "[]"), "auth_audit_log_details_is_object"),
        (_SETTING.format("locale", "english"), "user_settings_locale_is_tag"),
        (_SETTING.format("time_zone", "somewhere/"), "user_settings_time_zone_is_name"),
        (_SETTING.format("theme", "pink"), "user_settings_theme_is_known"),
        (_SETTING.format("preferences", "7"), "user_settings_preferences_is_object"),
        ("insert into user_settings (user_id) values (4711)", "user_settings_user_id_fkey"),
        ("insert into user_roles (user_id, role) select id, 'king' from users", "user_roles_role_fkey"),
        ("insert into roles values ('Admin', 'capital')", "roles_name_is_word"),
        ("insert into permissions values ('users', 'no verb')", "permissions_name_is_thing_and_verb"),
        ("insert into user_roles select id, 'admin' from users; delete from roles", "user_roles_role_fkey"),
    ],
)
def test_is_kept_out(application: psycopg.Connection[Any], statement: str, constraint: str) -> None:
    """What cannot be true is refused by the constraint that says so."""
    with pytest.raises(psycopg.IntegrityError) as refused:
        application.execute(statement.encode())
    assert refused.value.diag.constraint_name == constraint


@pytest.mark.parametrize(
    "statement",
    [
        _USER.format("o''hara+tag@sub.example.org", "O''Hara", "'$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA'"),
        _SESSION.replace("%s", "'{}'").format("1" * 64, "2001:db8::1"),
        _AUDIT.format("login_failed", '{"reason": "unknown address"}'),
        _SETTING.format("locale", "zh-Hant-TW"),
        _SETTING.format("time_zone", "America/Argentina/Buenos_Aires"),
        _SETTING.format("time_zone", "Etc/GMT+12"),
    ],
)
def test_is_let_in(application: psycopg.Connection[Any], statement: str) -> None:
    """What is unusual and true is taken."""
    assert application.execute(statement.encode()).rowcount == 1


def test_a_change_is_stamped(application: psycopg.Connection[Any]) -> None:
    """`updated_at` moves with a change, and only with one."""
    application.execute("update users set display_name = display_name")
    assert _rows(application, "select updated_at = created_at from users") == [(True,)]
    application.execute("update users set display_name = 'Anna'")
    assert _rows(application, "select updated_at > created_at from users") == [(True,)]


def test_the_log_outlives_the_account(application: psycopg.Connection[Any]) -> None:
    """Of a user who is deleted only what the audit log knows remains, with the address."""
    application.execute("insert into auth_audit_log (event, user_id, email) select 'logged_out', id, email from users")
    application.execute("insert into user_roles select id, 'member', id from users")
    application.execute("insert into user_settings select id from users")
    application.execute("delete from users")
    assert _rows(application, "select user_id, email from auth_audit_log") == [(None, "Ann@example.org")]
    left = "select (select count(*) from {}), (select count(*) from {}), (select count(*) from {})"
    assert _rows(application, left.format("sessions", "user_roles", "user_settings")) == [(0, 0, 0)]


def test_the_roles_there_are(application: psycopg.Connection[Any]) -> None:
    """The seed rows are these, and every permission is held by the administrator."""
    held = (
        'select r.name, array_agg(permission order by permission collate "C") from roles r left join role_permissions '
    )
    assert _rows(application, held + "on role = r.name group by r.name order by r.name") == [
        ("admin", ["audit_log.read", "profile.manage", "roles.grant", "sessions.revoke", "users.manage", "users.read"]),
        ("auditor", ["audit_log.read", "users.read"]),
        ("member", ["profile.manage"]),
    ]


def test_who_was_there_before_the_roles(database: str) -> None:
    """An account that is older than the roles is a member, granted by nobody."""
    _up(database, to="002")
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("insert into users (email, display_name) values ('old@example.org', 'Old')")
        assert _up(database) == LABELS[2:]
        assert _rows(conn, "select user_id, role, granted_by from user_roles") == [(1, "member", None)]


# -- as a DBA reads it -------------------------------------------------------------------------------------------------

_FOREIGN_KEYS_WITHOUT_INDEX = """\
select conname
  from pg_constraint c
 where contype = 'f'
   and not exists (select from pg_index i
                    where i.indrelid = c.conrelid
                      and c.conkey[1] = i.indkey[0]
                      and (i.indpred is null or not (select attnotnull from pg_attribute
                                                      where attrelid = c.conrelid and attnum = c.conkey[1])))"""
_UNTOLD = """\
select relname from pg_class
 where relkind = 'r' and relnamespace = 'public'::regnamespace and relname !~ '^migrations'
   and obj_description(oid, 'pg_class') is null"""
_LOOSE = """\
select attrelid::regclass::text, attname from pg_attribute a join pg_class c on c.oid = attrelid
 where relkind = 'r' and relnamespace = 'public'::regnamespace and relname !~ '^migrations' and attnum > 0
   and atttypid in ('timestamp'::regtype, 'json'::regtype, 'bpchar'::regtype, 'varchar'::regtype, 'int4'::regtype)"""


@pytest.mark.parametrize(
    "query", [_FOREIGN_KEYS_WITHOUT_INDEX, _UNTOLD, _LOOSE], ids=["foreign keys", "comments", "types"]
)
def test_house_rules_of_the_schema(application: psycopg.Connection[Any], query: str) -> None:
    """Every foreign key has an index, every table a comment; times have a zone, JSON is jsonb, text has no width."""
    assert _rows(application, query) == []


def test_house_rules_of_the_text() -> None:
    """Each file begins with a comment that says why, fits the screen, and has no tab and no blank at a line's end."""
    for path in _files():
        lines = path.read_text(encoding="utf-8").split("\n")
        assert lines[0].startswith("-- ")
        assert lines[-1] == ""
        assert [line for line in lines if len(line) > 120 or line != line.rstrip() or "\t" in line] == []


def _files() -> Sequence[Path]:
    found = sorted(SQL.glob("*.sql"))
    assert [path.name for path in found] == [f"{label}.{way}.sql" for label in LABELS for way in ("down", "up")]
    return found

"""The folder `sql/` of this repository: a worked example, the first migrations of a web application.

`make migrate` executes it, and a new user reads it first.
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
    """A connection to a database with all migrations, one user and one session."""
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
    """Up, down and up: after down nothing is left, after the second up everything is as after the first."""
    empty = database_dump.schema(every_postgres, every_database)
    assert _up(every_database) == LABELS
    full = database_dump.schema(every_postgres, every_database)
    assert _down(every_database, all=True) == LABELS[::-1]
    assert database_dump.schema(every_postgres, every_database) == empty
    assert _up(every_database) == LABELS
    assert database_dump.schema(every_postgres, every_database) == full


def test_each_step_alone(every_postgres: Server, every_database: str) -> None:
    """Each migration alone: after down nothing of it is left, after the second up it is as before."""
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
    """Down works with rows in the tables."""
    application.execute("insert into user_roles select id, 'admin', id from users")
    application.execute("insert into user_settings select id from users")
    application.execute("insert into auth_audit_log (event, user_id, email) select 'logged_out', id, email from users")
    assert _down(database, all=True) == LABELS[::-1]


def test_by_a_role_that_owns_the_database_and_no_more(postgres: Server) -> None:
    """No statement needs a superuser."""
    postgres.admin.execute("create role owner_of_sql login")
    with postgres.database("owner_of_sql") as url:
        as_owner = url.replace("postgres@", "owner_of_sql@")
        assert _up(as_owner) == LABELS
        assert _down(as_owner, all=True) == LABELS[::-1]
    postgres.admin.execute("drop role owner_of_sql")


# -- what the constraints reject and accept ----------------------------------------------------------------------------

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
def test_wrong_rows_are_rejected(application: psycopg.Connection[Any], statement: str, constraint: str) -> None:
    """A wrong row is rejected, by the constraint for that."""
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
def test_unusual_rows_are_accepted(application: psycopg.Connection[Any], statement: str) -> None:
    """Unusual but right values are accepted."""
    assert application.execute(statement.encode()).rowcount == 1


def test_updated_at(application: psycopg.Connection[Any]) -> None:
    """`updated_at` changes with a row, and only if a value changes."""
    application.execute("update users set display_name = display_name")
    assert _rows(application, "select updated_at = created_at from users") == [(True,)]
    application.execute("update users set display_name = 'Anna'")
    assert _rows(application, "select updated_at > created_at from users") == [(True,)]


def test_the_log_stays_when_an_account_is_deleted(application: psycopg.Connection[Any]) -> None:
    """If a user is deleted, the rows of the audit log stay, with the address."""
    application.execute("insert into auth_audit_log (event, user_id, email) select 'logged_out', id, email from users")
    application.execute("insert into user_roles select id, 'member', id from users")
    application.execute("insert into user_settings select id from users")
    application.execute("delete from users")
    assert _rows(application, "select user_id, email from auth_audit_log") == [(None, "Ann@example.org")]
    left = "select (select count(*) from {}), (select count(*) from {}), (select count(*) from {})"
    assert _rows(application, left.format("sessions", "user_roles", "user_settings")) == [(0, 0, 0)]


def test_the_initial_roles(application: psycopg.Connection[Any]) -> None:
    """The initial rows: the administrator has all permissions."""
    held = (
        'select r.name, array_agg(permission order by permission collate "C") from roles r left join role_permissions '
    )
    assert _rows(application, held + "on role = r.name group by r.name order by r.name") == [
        ("admin", ["audit_log.read", "profile.manage", "roles.grant", "sessions.revoke", "users.manage", "users.read"]),
        ("auditor", ["audit_log.read", "users.read"]),
        ("member", ["profile.manage"]),
    ]


def test_accounts_from_before_the_roles(database: str) -> None:
    """An account that is older than the roles becomes a member, granted by the system."""
    _up(database, to="002")
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("insert into users (email, display_name) values ('old@example.org', 'Old')")
        assert _up(database) == LABELS[2:]
        assert _rows(conn, "select user_id, role, granted_by from user_roles") == [(1, "member", None)]


# -- house rules -------------------------------------------------------------------------------------------------------

_FOREIGN_KEYS_WITHOUT_INDEX = """\
select conname
  from pg_constraint c
 where contype = 'f'
   and not exists (select from pg_index i
                    where i.indrelid = c.conrelid
                      and c.conkey[1] = i.indkey[0]
                      and (i.indpred is null or not (select attnotnull from pg_attribute
                                                      where attrelid = c.conrelid and attnum = c.conkey[1])))"""
_WITHOUT_COMMENT = """\
select relname from pg_class
 where relkind = 'r' and relnamespace = 'public'::regnamespace and relname !~ '^migrations'
   and obj_description(oid, 'pg_class') is null"""
_UNWANTED_TYPES = """\
select attrelid::regclass::text, attname from pg_attribute a join pg_class c on c.oid = attrelid
 where relkind = 'r' and relnamespace = 'public'::regnamespace and relname !~ '^migrations' and attnum > 0
   and atttypid in ('timestamp'::regtype, 'json'::regtype, 'bpchar'::regtype, 'varchar'::regtype, 'int4'::regtype)"""


@pytest.mark.parametrize(
    "query", [_FOREIGN_KEYS_WITHOUT_INDEX, _WITHOUT_COMMENT, _UNWANTED_TYPES], ids=["foreign keys", "comments", "types"]
)
def test_house_rules_of_the_schema(application: psycopg.Connection[Any], query: str) -> None:
    """Every foreign key has an index, every table a comment; times have a zone, JSON is jsonb, text has no length."""
    assert _rows(application, query) == []


def test_house_rules_of_the_text() -> None:
    """Each file begins with a comment; lines have at most 120 characters, no tabs, and no blanks at their end."""
    for path in _files():
        lines = path.read_text(encoding="utf-8").split("\n")
        assert lines[0].startswith("-- ")
        assert lines[-1] == ""
        assert [line for line in lines if len(line) > 120 or line != line.rstrip() or "\t" in line] == []


def _files() -> Sequence[Path]:
    found = sorted(SQL.glob("*.sql"))
    assert [path.name for path in found] == [f"{label}.{way}.sql" for label in LABELS for way in ("down", "up")]
    return found

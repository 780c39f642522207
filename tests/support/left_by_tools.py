"""What each tool leaves: a folder with two migrations, and a history in which the first one is executed.

Rows with checksums were written by the tools themselves, for these files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

USERS = """\
-- first: a table
create table users (id bigint generated always as identity primary key, email text not null, note text default 'a;b');

/* a block comment; with a semicolon */
insert into users (email, note) values ('a@x', 'semi;colon'), ('b@x', $q$dollar; 'quoted'$q$);
"""
LATER = "create table later (id int);\n"
NO_USERS, NO_LATER = "drop table users;\n", "drop table later;\n"


@dataclass(frozen=True)
class Left:
    """What a tool leaves, and what it becomes.

    Attributes:
        files: The files of the project, by path.
        history: SQL of the tool's history.
        states: The states of our migrations in the end.
        details: What the log says of each.
    """

    files: Mapping[str, str]
    history: str
    states: Mapping[str, str]
    details: tuple[str | None, ...]

    def write(self, folder: Path) -> None:
        """Write the files."""
        for name, text in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8", newline="")


def _left(files: Mapping[str, str], history: str, labels: tuple[str, str], said: str) -> Left:
    return Left(files, history, dict.fromkeys(labels, "executed"), (f"adopted from {said}", None))


def _trusted(tool: str) -> str:
    return f"{tool}; taken on trust: {tool} keeps no checksum"


def _verified(tool: str) -> str:
    return f"{tool}; the checksum of {tool} agrees with the file"


def _pairs(folder: str, first: str, second: str) -> dict[str, str]:
    return {
        f"{folder}/{first}.up.sql": USERS, f"{folder}/{first}.down.sql": NO_USERS,
        f"{folder}/{second}.up.sql": LATER, f"{folder}/{second}.down.sql": NO_LATER,
    }  # fmt: skip


_TABLE, _ROWS = USERS.split(";\n\n")
_DBMATE = "-- migrate:up\n{}\n-- migrate:down\n{}"
_GOOSE = "-- +goose Up\n{}\n-- +goose Down\n{}"
_SQL_MIGRATE = "-- +migrate Up\n{}\n-- +migrate Down\n{}"
_TERN = "{}\n---- create above / drop below ----\n\n{}"
_NODE = "-- Up Migration\n{}\n-- Down Migration\n{}"
_SQITCH = "-- {} app:{} {} pg\n\nBEGIN;\n{}\nCOMMIT;\n"
_LIQUIBASE = "--liquibase formatted sql\n\n--changeset ann:{} splitStatements:false\n--comment a note\n{}--rollback {}"
_PLAN = """\
%syntax-version=1.0.0
%project=app
%uri=https://example.org/app

users 2026-11-29T02:06:25Z A Person <a@example.org> # change 1; with semicolon
later [users] 2026-11-29T02:06:28Z A Person <a@example.org> # change 2
"""
_ALEMBIC = """\
\"\"\"{1}\"\"\"
from alembic import op

revision = "{0}"
down_revision = {2}


def upgrade() -> None:
    op.execute("{3}")


def downgrade() -> None:
    op.execute("drop table {1}")
"""
_RAILS = "class Create{0} < ActiveRecord::Migration[7.1]\n  def change\n    create_table :{0}\n  end\nend\n"
_DJANGO = "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n    operations = []\n"
_SUM = "867a8921cf4a6d9d6f39af9ce1fa017721106d9a"
_CHECKSUM_OF_SQLX = "dc7c97934e805841cda79a698d4d07c5a32deebc4e923dd83326f2d16257a0147817f955b14cf5d3643b20f9f3099898"

LEFT: Mapping[str, Left] = {
    "golang-migrate": _left(
        _pairs("migrations", "000001_users", "000002_later"),
        "create table schema_migrations (version bigint primary key, dirty boolean not null);"
        "insert into schema_migrations values (1, false)",
        ("000001_users", "000002_later"),
        _trusted("golang-migrate"),
    ),
    "sqlx": _left(
        _pairs("migrations", "0001_users", "0002_later"),
        "create table _sqlx_migrations (version bigint primary key, description text not null, installed_on timestamptz"
        " not null default now(), success boolean not null, checksum bytea not null, execution_time bigint not null);"
        "insert into _sqlx_migrations values (1, 'users', '2026-11-29 01:59:16+00', true, "
        f"'\\x{_CHECKSUM_OF_SQLX}', 115640848)",
        ("0001_users", "0002_later"),
        _verified("sqlx"),
    ),
    "morph": _left(
        _pairs("db/migrations/postgres", "000001_users", "000002_later"),
        "create table db_migrations (version bigint primary key, name varchar not null);"
        "create table db_lock (id varchar(64) primary key, expireat bigint);"
        "insert into db_migrations values (1, 'users')",
        ("000001_users", "000002_later"),
        _trusted("morph"),
    ),
    "dbmate": _left(
        {
            "db/migrations/20240101000001_users.sql": _DBMATE.format(USERS, NO_USERS),
            "db/migrations/20240101000002_later.sql": _DBMATE.format(LATER, NO_LATER),
        },
        "create table schema_migrations (version varchar primary key);"
        "insert into schema_migrations values ('20240101000001')",
        ("20240101000001_users", "20240101000002_later"),
        _trusted("dbmate"),
    ),
    "goose": _left(
        {
            "migrations/00001_users.sql": _GOOSE.format(USERS, NO_USERS),
            "migrations/00002_later.sql": _GOOSE.format(LATER, NO_LATER),
        },
        "create table goose_db_version (id serial primary key, version_id bigint not null,"
        " is_applied boolean not null, tstamp timestamp not null default now());"
        "insert into goose_db_version (version_id, is_applied) values (0, true), (1, true)",
        ("00001_users", "00002_later"),
        _trusted("goose"),
    ),
    "sql-migrate": _left(
        {
            "migrations/1-users.sql": _SQL_MIGRATE.format(USERS, NO_USERS),
            "migrations/2-later.sql": _SQL_MIGRATE.format(LATER, NO_LATER),
        },
        "create table gorp_migrations (id text primary key, applied_at timestamptz);"
        "insert into gorp_migrations values ('1-users.sql', now())",
        ("1_users", "2_later"),
        _trusted("sql-migrate"),
    ),
    "tern": _left(
        {
            "migrations/001_users.sql": _TERN.format(USERS, NO_USERS),
            "migrations/002_later.sql": _TERN.format(LATER, NO_LATER),
        },
        "create table schema_version (version int not null); insert into schema_version values (1)",
        ("001_users", "002_later"),
        _trusted("tern"),
    ),
    "node-pg-migrate": _left(
        {
            "migrations/1700000000001_users.sql": _NODE.format(USERS, NO_USERS),
            "migrations/1700000000002_later.sql": _NODE.format(LATER, NO_LATER),
        },
        "create table pgmigrations (id serial primary key, name varchar(255) not null, run_on timestamp not null);"
        "insert into pgmigrations (name, run_on) values ('1700000000001_users', '2026-11-29 02:05:29')",
        ("1700000000001_users", "1700000000002_later"),
        _trusted("node-pg-migrate"),
    ),
    "graphile-migrate": _left(
        {
            "migrations/committed/000001-users-it-s.sql": f"--! Previous: -\n--! Hash: sha1:{_SUM}\n"
            f"--! Message: users it's ü\n\n{USERS}",
            "migrations/committed/000002-later.sql": f"--! Previous: sha1:{_SUM}\n--! Hash: sha1:{'0' * 40}\n\n{LATER}",
            "migrations/current.sql": "",
        },
        "create schema graphile_migrate; create table graphile_migrate.migrations (hash text primary key, previous_hash"
        " text references graphile_migrate.migrations, filename text not null, date timestamptz default now());"
        f"insert into graphile_migrate.migrations values ('sha1:{_SUM}', null, '000001.sql')",
        ("000001_users-it-s", "000002_later"),
        _verified("graphile-migrate"),
    ),
    "yoyo": _left(
        {
            "migrations/0001_users.sql": USERS,
            "migrations/0001_users.rollback.sql": NO_USERS,
            "migrations/0002_later.sql": LATER,
            "migrations/0002_later.rollback.sql": NO_LATER,
        },
        "create table _yoyo_migration (migration_hash varchar(64) primary key, migration_id text, applied_at_utc"
        " timestamp); create table yoyo_lock (locked int primary key default 1, ctime timestamp, pid int not null);"
        "create table _yoyo_log (id varchar(36) primary key, migration_hash varchar(64), migration_id varchar(255), "
        "operation varchar(10), username varchar(255), hostname varchar(255), comment varchar(255), created_at_utc"
        " timestamp); insert into _yoyo_migration values ('a7aed562', '0001_users', '2026-11-29 02:00:13');"
        "insert into _yoyo_log values ('9d77', 'a7aed562', '0001_users', 'apply', 'ann', 'host', null, now())",
        ("0001_users", "0002_later"),
        _trusted("yoyo"),
    ),
    "Sqitch": _left(
        {
            "sqitch.plan": _PLAN,
            "deploy/users.sql": _SQITCH.format("Deploy", "users", "to", USERS),
            "deploy/later.sql": _SQITCH.format("Deploy", "later", "to", LATER),
            "revert/users.sql": _SQITCH.format("Revert", "users", "from", NO_USERS),
            "revert/later.sql": _SQITCH.format("Revert", "later", "from", NO_LATER),
            "verify/users.sql": "select 1;\n",
        },
        "create schema sqitch; create table sqitch.changes (change_id text primary key, script_hash text, change text "
        "not null, project text not null, note text not null default '', committed_at timestamptz not null default "
        "clock_timestamp(), committer_name text not null, committer_email text not null, planned_at timestamptz not "
        "null, planner_name text not null, planner_email text not null);"
        "insert into sqitch.changes values ('5fab73d93fbefb721b8908917432c25542a4a530', "
        "'0bced4775d82c48ac4aa6a9a7b7e9fc509b896de', 'users', 'app', '', now(), 'A Person', 'a@example.org', now(), "
        "'A Person', 'a@example.org')",
        ("001_users", "002_later"),
        _verified("Sqitch"),
    ),
    "Flyway": _left(
        {
            "src/main/resources/db/migration/V1__users.sql": USERS,
            "src/main/resources/db/migration/V2__later.sql": LATER,
            "src/main/resources/db/migration/U2__later.sql": NO_LATER,
            "src/main/resources/db/migration/R__view.sql": "create or replace view a as select 1;\n",
        },
        "create table flyway_schema_history (installed_rank int primary key, version varchar(50), description "
        "varchar(200) not null, type varchar(20) not null, script varchar(1000) not null, checksum int, installed_by "
        "varchar(100) not null, installed_on timestamp not null default now(), execution_time int not null, success "
        "boolean not null); insert into flyway_schema_history values "
        "(1, '1', 'users', 'SQL', 'V1__users.sql', 444084360, 'ann', now(), 80, true), "
        "(2, null, 'view', 'SQL', 'R__view.sql', 1, 'ann', now(), 80, true)",
        ("1_users", "2_later"),
        _verified("Flyway"),
    ),
    "Liquibase": _left(
        {
            "db/changelog/root.xml": "<databaseChangeLog><include file='m/001.sql'/><include file='m/002.sql'/>"
            "</databaseChangeLog>\n",
            "db/changelog/m/001.sql": _LIQUIBASE.format("users", USERS, NO_USERS),
            "db/changelog/m/002.sql": _LIQUIBASE.format("later", LATER, NO_LATER),
        },
        "create table databasechangelog (id varchar(255) not null, author varchar(255) not null, filename varchar(255) "
        "not null, dateexecuted timestamp not null, orderexecuted int not null, exectype varchar(10) not null, md5sum "
        "varchar(35), description varchar(255), comments varchar(255), tag varchar(255), liquibase varchar(20), "
        "contexts varchar(255), labels varchar(255), deployment_id varchar(10)); create table databasechangeloglock "
        "(id int primary key, locked boolean not null, lockgranted timestamp, lockedby varchar(255)); insert into "
        "databasechangeloglock values (1, false, null, null); insert into databasechangelog values ('users', 'ann', "
        "'m/001.sql', now(), 1, 'EXECUTED', '9:6f5db16756a1f918a10e6edf53372217', 'sql', 'a note', null, '4.28.0', "
        "null, null, '5918109291')",
        ("001_users", "002_later"),
        _verified("Liquibase"),
    ),
    "Diesel": _left(
        {
            "migrations/2024-01-01-000001_users/up.sql": USERS,
            "migrations/2024-01-01-000001_users/down.sql": NO_USERS,
            "migrations/2024-01-01-000002_later/up.sql": LATER,
            "migrations/2024-01-01-000002_later/down.sql": NO_LATER,
        },
        "create table __diesel_schema_migrations (version varchar(50) primary key, run_on timestamp not null default "
        "current_timestamp); insert into __diesel_schema_migrations values ('20240101000001')",
        ("20240101000001_users", "20240101000002_later"),
        _trusted("Diesel"),
    ),
    "Alembic": _left(
        {
            "alembic/versions/1a2b3c_users.py": _ALEMBIC.format("1a2b3c", "users", None, "create table users ()"),
            "alembic/versions/4d5e6f_later.py": _ALEMBIC.format("4d5e6f", "later", '"1a2b3c"', "create table later ()"),
            "sql/001_users.up.sql": "create table users ();\n",
            "sql/001_users.down.sql": NO_USERS,
            "sql/002_later.up.sql": "create table later ();\n",
        },
        "create table alembic_version (version_num varchar(32) not null, constraint alembic_version_pkc primary key "
        "(version_num)); insert into alembic_version values ('1a2b3c')",
        ("001_users", "002_later"),
        _trusted("Alembic"),
    ),
    "refinery": _left(
        {"migrations/V1__users.sql": USERS, "migrations/V2__later.sql": LATER},
        "create table refinery_schema_history (version int primary key, name varchar(255), applied_on varchar(255), "
        "checksum varchar(255)); insert into refinery_schema_history values "
        "(1, 'users', '2026-11-29T01:59:39.681508216Z', '18229575173163861314')",
        ("1_users", "2_later"),
        _verified("refinery"),
    ),
    "Supabase": _left(
        {
            "supabase/migrations/20240101000001_users.sql": USERS,
            "supabase/migrations/20240101000002_later.sql": LATER,
        },
        "create schema supabase_migrations; create table supabase_migrations.schema_migrations (version text primary "
        "key, statements text[], name text); insert into supabase_migrations.schema_migrations values "
        "('20240101000001', array[$s$" + _TABLE + "$s$, $s$" + _ROWS[:-2] + "$s$], "
        "'users')",
        ("20240101000001_users", "20240101000002_later"),
        "Supabase; the statements in the history of Supabase agree with the file",
    ),
    "Atlas": _left(
        {
            "migrations/atlas.sum": "h1:n/nsr89QRL4FUNQF0qWJ9Bmq7tYoSqot3v8sRK5VZ2c=\n"
            "20240101000001_users.sql h1:vOfGRbimHNt/Y7hnYbOtf/RIgPVfe1wXTNP6h0UX5io=\n",
            "migrations/20240101000001_users.sql": USERS,
            "migrations/20240101000002_later.sql": LATER,
        },
        "create schema atlas_schema_revisions; create table atlas_schema_revisions.atlas_schema_revisions (version "
        "varchar primary key, description varchar not null, type bigint not null default 2, applied bigint not null "
        "default 0, total bigint not null default 0, executed_at timestamptz not null, execution_time bigint not null, "
        "error text, error_stmt text, hash varchar not null, partial_hashes jsonb, operator_version varchar not null);"
        "insert into atlas_schema_revisions.atlas_schema_revisions values ('20240101000001', 'users', 2, 2, 2, "
        "'2026-11-29 01:59:56+00', 20623467, '', '', 'vOfGRbimHNt/Y7hnYbOtf/RIgPVfe1wXTNP6h0UX5io=', 'null', "
        "'Atlas CLI v1.2.3')",
        ("20240101000001_users", "20240101000002_later"),
        _verified("Atlas"),
    ),
    "Rails": Left(
        {"db/migrate/20240101000001_create_users.rb": _RAILS.format("Users")},
        "create table schema_migrations (version varchar primary key); create table ar_internal_metadata (key varchar "
        "primary key, value varchar, created_at timestamp(6) not null, updated_at timestamp(6) not null);"
        "insert into schema_migrations values ('20240101000001')",
        {"001_schema": "baseline"},
        (None,),
    ),
    "Django": Left(
        {"manage.py": "import django\n", "shop/migrations/0001_initial.py": _DJANGO},
        "create table django_migrations (id bigserial primary key, app varchar(255) not null, name varchar(255) not "
        "null, applied timestamptz not null);"
        "insert into django_migrations (app, name, applied) values ('shop', '0001_initial', now())",
        {"001_schema": "baseline"},
        (None,),
    ),
}

"""The first `up` on a database that another tool has looked after: refused before anything runs, `status` notes it."""

# ruff: noqa: E501 - definitions of tables, a line each

from __future__ import annotations

import json
from dataclasses import dataclass

import psycopg
import pytest
from in_process import said
from project import Project, succeeded, told

from sqlmigrate.errors import HistoryError

LABELS = ("20240101000000_prices", "20240102000000_cents", "20240103000000_more")
STAMP = "timestamptz not null default now()"


@dataclass(frozen=True)
class Case:
    """A history of another tool: how it is made, and what is said of it."""

    make: str
    where: str
    said: str
    baseline: str | None = "20240102000000"


CASES = {
    "golang-migrate": Case(
        "create table schema_migrations (version bigint primary key, dirty boolean not null); "
        "insert into schema_migrations values (20240102000000, false)",
        "schema_migrations",
        "which is at 20240102000000",
    ),
    "golang-migrate of another name": Case(
        "create schema ops; create table ops.shop_versions (version bigint primary key, dirty boolean not null); "
        "insert into ops.shop_versions values (20240102000000, false)",
        "ops.shop_versions",
        "which is at 20240102000000",
    ),
    "dbmate": Case(
        "create table schema_migrations (version varchar(128) primary key); "
        "insert into schema_migrations values ('20240101000000'), ('20240102000000')",
        "schema_migrations",
        "which is at 20240102000000 (2 migrations)",
    ),
    "Rails": Case(
        "create table schema_migrations (version varchar primary key); "
        f"create table ar_internal_metadata (key varchar, value varchar, created_at {STAMP}, updated_at {STAMP}); "
        "insert into schema_migrations values ('20240101000000'), ('20240102000000')",
        "schema_migrations",
        "which is at 20240102000000 (2 migrations)",
    ),
    "tern": Case(
        "create table schema_version (version int4 primary key); insert into schema_version values (2)",
        "schema_version",
        "which is at 2",
        None,
    ),
    "goose": Case(
        "create table goose_db_version (id serial primary key, version_id bigint not null, is_applied boolean not null, "
        "tstamp timestamp not null default now()); "
        "insert into goose_db_version (version_id, is_applied) values (0, true), (20240101000000, true), "
        "(20240102000000, true), (20240103000000, true), (20240103000000, false)",
        "goose_db_version",
        "which is at 20240102000000 (2 migrations)",
    ),
    "Flyway": Case(
        "create table flyway_schema_history (installed_rank int primary key, version varchar(50), description varchar(200), "
        "type varchar(20), script varchar(1000), checksum int, installed_by varchar(100), installed_on timestamp, "
        "execution_time int, success boolean); insert into flyway_schema_history values "
        "(1, '20240101000000', 'prices', 'SQL', 'V20240101000000__prices.sql', 1, 'ann', now(), 1, true), "
        "(2, null, 'views', 'SQL', 'R__views.sql', 1, 'ann', now(), 1, true), "
        "(3, '20240102000000', 'cents', 'SQL', 'V20240102000000__cents.sql', 1, 'ann', now(), 1, true), "
        "(4, '20240103000000', 'more', 'SQL', 'V20240103000000__more.sql', 1, 'ann', now(), 1, true), "
        "(5, '20240103000000', 'more', 'UNDO_SQL', 'U20240103000000__more.sql', 1, 'ann', now(), 1, true)",
        "flyway_schema_history",
        "which is at 20240102000000 (2 migrations)",
    ),
    "Liquibase": Case(
        "create table databasechangelog (id varchar(255), author varchar(255), filename varchar(255), dateexecuted timestamp, "
        "orderexecuted int, exectype varchar(10), md5sum varchar(35), description varchar(255), liquibase varchar(20)); "
        "create table databasechangeloglock (id int, locked boolean, lockgranted timestamp, lockedby varchar(255)); "
        "insert into databasechangelog values ('a', 'ann', 'db/20240101000000_prices.sql', now(), 1, 'EXECUTED'), "
        "('b', 'ann', 'db/20240102000000_cents.sql', now(), 2, 'EXECUTED')",
        "databasechangelog",
        "which is at b (2 migrations)",
    ),
    "Sqitch": Case(
        "create schema sqitch; create table sqitch.changes (change_id text primary key, script_hash text, change text, "
        "project text, note text, committed_at timestamptz, committer_name text); "
        "insert into sqitch.changes values ('a', 'a', 'prices', 'shop', '', '2024-01-01', 'ann'), "
        "('b', 'b', 'cents', 'shop', '', '2024-01-02', 'ann')",
        "sqitch.changes",
        "which is at cents (2 migrations)",
    ),
    "Prisma": Case(
        "create table _prisma_migrations (id varchar(36), checksum varchar(64), finished_at timestamptz, "
        "migration_name varchar(255), logs text, rolled_back_at timestamptz, started_at timestamptz, applied_steps_count int); "
        "insert into _prisma_migrations values ('a', '', now(), '20240101000000_prices', null, null, '2024-01-01', 1), "
        "('b', '', now(), '20240102000000_cents', null, null, '2024-01-02', 1)",
        "_prisma_migrations",
        "which is at 20240102000000_cents (2 migrations)",
    ),
    "Atlas": Case(
        "create table atlas_schema_revisions (version varchar primary key, description varchar, type bigint, applied bigint, "
        "total bigint, executed_at timestamptz, execution_time bigint, error text, error_stmt text, hash varchar, "
        "partial_hashes jsonb, operator_version varchar); insert into atlas_schema_revisions values "
        "('20240101000000', 'prices', 2, 1, 1, '2024-01-01', 1, '', '', '', null, ''), "
        "('20240102000000', 'cents', 2, 1, 1, '2024-01-02', 1, '', '', '', null, '')",
        "atlas_schema_revisions",
        "which is at 20240102000000 (2 migrations)",
    ),
    "graphile-migrate": Case(
        "create schema graphile_migrate; create table graphile_migrate.migrations (hash text primary key, previous_hash text, "
        f"filename text not null, date {STAMP}); create table graphile_migrate.current (filename text, content text, "
        "date timestamptz); insert into graphile_migrate.migrations values ('a', null, '000001.sql'), ('b', 'a', '000002.sql')",
        "graphile_migrate.migrations",
        "which is at 000002.sql (2 migrations)",
        None,
    ),
    "Supabase": Case(
        "create schema supabase_migrations; create table supabase_migrations.schema_migrations (version text primary key, "
        "statements text[], name text); insert into supabase_migrations.schema_migrations values ('20240101000000'), "
        "('20240102000000')",
        "supabase_migrations.schema_migrations",
        "which is at 20240102000000 (2 migrations)",
    ),
    "sqlx": Case(
        f"create table _sqlx_migrations (version bigint primary key, description text, installed_on {STAMP}, "
        "success boolean, checksum bytea, execution_time bigint); insert into _sqlx_migrations values "
        "(20240101000000, 'prices', now(), true, '', 1), (20240102000000, 'cents', now(), true, '', 1)",
        "_sqlx_migrations",
        "which is at 20240102000000 (2 migrations)",
    ),
    "refinery": Case(
        "create table refinery_schema_history (version int8 primary key, name varchar(255), applied_on varchar(255), "
        "checksum varchar(255)); insert into refinery_schema_history values (20240102000000, 'cents', '', '')",
        "refinery_schema_history",
        "which is at 20240102000000 (1 migration)",
    ),
    "pgmigrate": Case(
        "create table schema_version (version bigint primary key, description text, type text, installed_by text, "
        "installed_on timestamp); insert into schema_version values (20240102000000, 'cents', 'auto', 'ann', now())",
        "schema_version",
        "which is at 20240102000000 (1 migration)",
    ),
    "yoyo": Case(
        "create table _yoyo_migration (migration_hash varchar(64) primary key, migration_id varchar(255), "
        "applied_at_utc timestamp); create table _yoyo_version (version int primary key, installed_at_utc timestamp); "
        "create table yoyo_lock (locked int primary key, ctime timestamp, pid int); "
        "insert into _yoyo_version values (1, now()); insert into _yoyo_migration values ('a', '20240102000000_cents', now())",
        "_yoyo_migration",
        "which is at 20240102000000_cents (1 migration)",
    ),
    "node-pg-migrate": Case(
        "create table pgmigrations (id serial primary key, name varchar(255) not null, run_on timestamp not null); "
        "insert into pgmigrations (name, run_on) values ('20240101000000_prices', now()), ('20240102000000_cents', now())",
        "pgmigrations",
        "which is at 20240102000000_cents (2 migrations)",
    ),
    "Knex": Case(
        "create table knex_migrations (id serial primary key, name varchar(255), batch int, migration_time timestamptz); "
        "create table knex_migrations_lock (index serial primary key, is_locked int); insert into knex_migrations_lock values "
        "(1, 0); insert into knex_migrations values (1, '20240102000000_cents.js', 1, now())",
        "knex_migrations",
        "which is at 20240102000000_cents.js (1 migration)",
    ),
    "Laravel": Case(
        "create table migrations (id serial primary key, migration varchar(255), batch int); "
        "insert into migrations values (1, '2024_01_02_000000_cents', 1)",
        "migrations",
        "which is at 2024_01_02_000000_cents (1 migration)",
    ),
    "TypeORM": Case(
        'create table typeorm (id serial primary key, "timestamp" bigint, name varchar); '
        "insert into typeorm values (1, 20240102000000, 'Cents20240102000000')",
        "typeorm",
        "which is at 20240102000000 (1 migration)",
    ),
    "Sequelize": Case(
        'create table "SequelizeMeta" (name varchar(255) primary key); '
        "insert into \"SequelizeMeta\" values ('20240102000000-cents.js')",
        "SequelizeMeta",
        "which is at 20240102000000-cents.js (1 migration)",
    ),
    "Django": Case(
        f"create table django_migrations (id serial primary key, app varchar(255), name varchar(255), applied {STAMP}); "
        "insert into django_migrations (app, name) values ('auth', '0001_initial')",
        "django_migrations",
        "which is at auth.0001_initial (1 migration)",
        None,
    ),
    "Alembic": Case(
        "create table alembic_version (version_num varchar(32) not null primary key); "
        "insert into alembic_version values ('ae1027a6acf')",
        "alembic_version",
        "which is at ae1027a6acf (1 migration)",
        None,
    ),
    "Drizzle": Case(
        "create schema drizzle; create table drizzle.__drizzle_migrations (id serial primary key, hash text, created_at bigint); "
        "insert into drizzle.__drizzle_migrations values (1, 'a', 1704153600000)",
        "drizzle.__drizzle_migrations",
        "which is at 1704153600000 (1 migration)",
        None,
    ),
    "Diesel": Case(
        f"create table __diesel_schema_migrations (version varchar(50) primary key, run_on {STAMP}); "
        "insert into __diesel_schema_migrations (version) values ('20240101000000'), ('20240102000000')",
        "__diesel_schema_migrations",
        "which is at 20240102000000 (2 migrations)",
    ),
    "EF Core": Case(
        'create table "__EFMigrationsHistory" ("MigrationId" varchar(150) primary key, "ProductVersion" varchar(32)); '
        "insert into \"__EFMigrationsHistory\" values ('20240101000000_Prices', '8.0'), ('20240102000000_Cents', '8.0')",
        "__EFMigrationsHistory",
        "which is at 20240102000000_Cents (2 migrations)",
    ),
    "sql-migrate": Case(
        "create table gorp_migrations (id text primary key, applied_at timestamptz); "
        "insert into gorp_migrations values ('20240102000000-cents.sql', now())",
        "gorp_migrations",
        "which is at 20240102000000-cents.sql (1 migration)",
    ),
    "Doctrine": Case(
        "create table doctrine_migration_versions (version varchar(191) primary key, executed_at timestamp, "
        "execution_time int); insert into doctrine_migration_versions values "
        "('DoctrineMigrations\\Version20240102000000', now(), 1)",
        "doctrine_migration_versions",
        "which is at DoctrineMigrations\\Version20240102000000 (1 migration)",
    ),
    "Ecto": Case(
        "create table schema_migrations (version bigint primary key, inserted_at timestamp); "
        "insert into schema_migrations values (20240102000000, now())",
        "schema_migrations",
        "which is at 20240102000000 (1 migration)",
    ),
    "morph": Case(
        "create table db_migrations (version bigint primary key, name varchar not null); "
        "insert into db_migrations values (20240102000000, 'cents')",
        "db_migrations",
        "which is at 20240102000000 (1 migration)",
    ),
    "SeaORM": Case(
        "create table seaql_migrations (version varchar primary key, applied_at bigint); "
        "insert into seaql_migrations values ('m20240102_000000_cents', 1)",
        "seaql_migrations",
        "which is at m20240102_000000_cents (1 migration)",
    ),
}


@pytest.fixture
def shop(project: Project) -> Project:
    """Three migrations that do no harm to a database that has their table already, but for its prices."""
    for label in LABELS:
        project.add(
            label, "create table if not exists prices (id int, cents int); update prices set cents = cents * 100;"
        )
    return project


def _table(name: str) -> tuple[str, ...]:
    """Return the flag that keeps our history out of the way of a table of the same name."""
    return ("--table", "ours") if name == "Laravel" else ()


@pytest.mark.parametrize("name", CASES)
def test_the_history_of_another_tool(name: str, shop: Project) -> None:
    """The message names the tool, its table, version and number, and the baseline; nothing is executed."""
    case, tool = CASES[name], name.partition(" of ")[0]
    shop.execute(case.make + "; create table prices (id int, cents int); insert into prices values (1, 1000)")

    refused = shop.call("up", *_table(name))
    looked = shop.call("status", *_table(name))

    assert (refused.code, looked.code) == (1, 0)
    message = f"this database has the history of {tool}, {case.where}, {case.said}"
    assert said(refused).splitlines()[2] == f"error: {message}"
    assert shop.query("select cents from prices") == [(1000,)]
    table = "--table ours " * (name == "Laravel")
    assert f"   next    sqlmigrate {table}adopt\n" in refused.stderr
    assert f"           or: sqlmigrate {table}baseline {case.baseline or 'VERSION'}\n" in refused.stderr
    assert f"           or: sqlmigrate {table}up --into-existing\n" in refused.stderr
    assert f"⚠️ {message}" in looked.stdout
    assert f"next: sqlmigrate {table}adopt\n" in looked.stdout
    if case.baseline is None:
        assert f"   no file has such a version; the files are: {', '.join(LABELS)}\n" in refused.stderr


@pytest.mark.parametrize("name", ["dbmate", "Flyway", "Sqitch", "Supabase"])
def test_after_the_baseline_the_rest_is_executed(name: str, shop: Project) -> None:
    """What is offered to paste is right: what the tool has executed is not executed again, what is new is."""
    shop.execute(CASES[name].make + "; create table prices (id int, cents int); insert into prices values (1, 1000)")

    assert shop.call("baseline", "20240102000000").code == 0
    assert succeeded(shop.up()) == ["20240103000000_more"]
    assert shop.query("select cents from prices") == [(100_000,)]


@pytest.mark.parametrize(
    "name", ["golang-migrate", "dbmate", "Rails", "tern", "goose", "Flyway", "Liquibase", "Knex", "yoyo"]
)
def test_an_empty_history_of_another_tool(name: str, shop: Project) -> None:
    """It says that nothing was executed, so nothing is in the way; its tables do not count as tables of users."""
    case = CASES[name]
    empty = "update schema_version set version = 0" if name == "tern" else f"delete from {case.where}"
    shop.execute(f"{case.make}; {empty}")

    assert "⚠️" not in shop.call("status").stdout
    assert len(succeeded(shop.up())) == 3


@pytest.mark.parametrize(
    ("make", "trouble"),
    [
        (CASES["golang-migrate"].make.replace("false)", "true)"), "golang-migrate says that 20240102000000 has"),
        (
            CASES["sqlx"].make.replace("'cents', now(), true", "'cents', now(), false"),
            "sqlx says that 20240102000000 has",
        ),
        (
            CASES["Flyway"].make.replace(
                "'V20240102000000__cents.sql', 1, 'ann', now(), 1, true", "'', 1, '', now(), 1, false"
            ),
            "Flyway says that 20240102000000 has",
        ),
        (
            CASES["Prisma"].make.replace("('b', '', now(),", "('b', '', null,"),
            "Prisma says that 20240102000000_cents has",
        ),
    ],
    ids=["golang-migrate", "sqlx", "Flyway", "Prisma"],
)
def test_a_failure_of_the_other_tool(make: str, trouble: str, shop: Project) -> None:
    """A state that the other tool calls dirty or failed has to be repaired there first."""
    shop.execute(make)

    with pytest.raises(HistoryError) as refused:
        shop.up()

    assert told(refused.value).splitlines()[1].startswith(f"  {trouble} failed or is not finished")
    assert str(refused.value.hint).startswith("repair it with ")


def test_what_the_other_tool_has_passed_over(shop: Project) -> None:
    """A baseline would record what was never executed: the message names it."""
    shop.execute(
        "create table schema_migrations (version varchar(128) primary key); "
        "insert into schema_migrations values ('20231231000000'), ('20240101000000'), ('20240103000000')"
    )

    with pytest.raises(HistoryError) as refused:
        shop.up()

    assert told(refused.value) == (
        "this database has the history of dbmate, schema_migrations, which is at 20240103000000 (3 migrations)\n"
        "  it has executed, and no file has the version: 20231231000000\n"
        "  it has not executed, and the baseline would record: 20240102000000_cents\n"
        "  nothing was executed\n"
        "  hint: take over what dbmate has executed, then: sqlmigrate up; or, only if that history belongs to another "
        "application, execute all files\n"
        "  next: sqlmigrate adopt\n"
        "  next: or: sqlmigrate baseline 20240103000000\n"
        "  next: or: sqlmigrate up --into-existing"
    )


def test_a_history_that_may_not_be_read(shop: Project) -> None:
    """What is not known is said to be unknown, and counts."""
    shop.execute(CASES["dbmate"].make)
    role = f"deploy_{shop.value('select current_database()')}"
    shop.execute(f"create role {role} login; grant usage, create on schema public to {role}")
    try:
        with pytest.raises(
            HistoryError, match=r"^this database has the history of \S+, schema_migrations, which this role"
        ):
            shop.at(psycopg.conninfo.make_conninfo(shop.url, user=role)).up()
    finally:
        shop.execute(f"drop owned by {role} cascade")
        shop.execute(f"drop role {role}")


def test_a_history_of_ours_under_another_name(shop: Project) -> None:
    """`--table` with a wrong name does not begin a second history."""
    shop.up()

    with pytest.raises(HistoryError) as refused:
        shop.up(table="Migrations")

    assert told(refused.value) == (
        "this database has a history of sqlmigrate already, migrations, which is at 20240103000000 (3 migrations)\n"
        "  a second history would execute every migration again\n"
        "  nothing was executed\n"
        "  hint: continue with it: --table migrations; or, only if it belongs to another project, execute all files: "
        "--into-existing\n"
        "  next: sqlmigrate status --table migrations"
    )
    assert shop.call("status", "--table", "MIGRATIONS").stdout.count("⚠️ this database has a history of sqlmigrate") == 1


def test_numbers_that_only_look_like_versions(shop: Project) -> None:
    """An `id` of Liquibase is not the number of a file, and `1.2` of Flyway is neither 1 nor 2: no baseline is named."""
    shop.add("001_first", "select 1;").add("012_twelfth", "select 1;")
    shop.execute(CASES["Liquibase"].make.replace("'a', 'ann', 'db/20240101000000_prices.sql'", "'1', 'ann', 'x.xml'"))
    shop.execute("delete from databasechangelog where id = 'b'")
    with pytest.raises(HistoryError) as refused:
        shop.up()
    assert refused.value.next_steps[1] == "or: sqlmigrate baseline VERSION"

    shop.execute("drop table databasechangelog, databasechangeloglock")
    shop.execute(
        CASES["Flyway"].make.replace("'20240101000000', 'prices', 'SQL', 'V20240101000000", "'1.2', '', 'SQL', 'V1.2")
    )
    shop.execute("delete from flyway_schema_history where version <> '1.2' or version is null")
    with pytest.raises(HistoryError) as refused:
        shop.up()
    assert refused.value.next_steps[1] == "or: sqlmigrate baseline VERSION"


def test_a_schema_for_each_customer(shop: Project) -> None:
    """The histories of other customers are in other schemas, and are not in the way."""
    shop.execute("create schema a; create schema b")
    for schema in "ab":
        there = shop.at(f"{shop.url}&options=-csearch_path%3D{schema}")
        assert len(succeeded(there.up())) == 3
        assert len(succeeded(shop.up(table=f"{schema}.second", into_existing=True))) == 3


def test_histories_of_services(shop: Project) -> None:
    """What a service keeps for itself in its own schema counts only where the folder has its versions."""
    shop.execute(
        "create schema auth; create table auth.schema_migrations (version varchar(14) primary key); "
        "insert into auth.schema_migrations values ('00'), ('20210710035447')"
    )
    assert len(succeeded(shop.up(dry_run=True))) == 3

    shop.execute("insert into auth.schema_migrations values ('20240102000000')")
    with pytest.raises(HistoryError, match=r"^this database has the history of dbmate, auth\.schema_migrations, "):
        shop.up()


def test_into_existing(shop: Project) -> None:
    """The flag, and the argument of the library, execute all files; afterwards neither is needed."""
    shop.execute(CASES["dbmate"].make)

    assert shop.call("up", "--into-existing", "--to", "20240101000000").code == 0
    assert succeeded(shop.up()) == ["20240102000000_cents", "20240103000000_more"]
    assert shop.call("reset", "--yes").code == 1  # the files have no way down


def test_status_as_json(shop: Project) -> None:
    """The key `existing` holds what was found; it is null where there is a history."""
    shop.execute(CASES["dbmate"].make + "; create table prices (id int, cents int)")

    assert json.loads(shop.call("status", "--format", "json").stdout)["existing"] == {
        "histories": [
            {
                "tool": "dbmate",
                "table": "public.schema_migrations",
                "versions": ["20240101000000", "20240102000000"],
                "failed": None,
                "baseline": "20240102000000",
            }
        ],
        "tables": ["prices"],
        "stops_up": True,
    }
    shop.call("up", "--into-existing")
    assert json.loads(shop.call("status", "--format", "json").stdout)["existing"] is None

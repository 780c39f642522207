"""Which table is our history: recognised by its comment or its columns, whatever loops over all tables did to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from in_process import said
from project import Project, failure, succeeded, told

from sqlmigrate.errors import ConfigError, ServerError

BEGINS_EMPTY = "  a history that begins empty would execute every migration again\n"
TAKEN_AWAY = ("comment on table migrations is null", "comment on table migrations_log is null")


def loop(statement: str) -> str:
    """Return a DO block that executes a statement for every table of public; ``%I`` is the table."""
    return f"""\
do $do$ declare each record; begin
  for each in select tablename as name from pg_tables where schemaname = 'public' loop
    execute format($sql${statement}$sql$, each.name);
  end loop; end $do$;"""


@pytest.fixture
def executed(every_database: str, project: Project) -> Project:
    """A project with one executed migration and one pending."""
    project = project.at(every_database).add_tables("a")
    project.up()
    return project.add_tables("a", "b")


@contextmanager
def role(project: Project, *grants: str) -> Iterator[Project]:
    """Provide the project as an ordinary role, which may use the schema and the history."""
    name = f"ordinary_{project.value('select current_database()')}"
    project.execute(f"create role {name} login")
    try:
        project.execute(f"grant usage, create on schema public to {name}")
        project.execute(f"grant select, insert, update, delete on migrations, migrations_log to {name}")
        for grant in grants:
            project.execute(grant.format(role=name))
        yield project.at(psycopg.conninfo.make_conninfo(project.url, user=name))
    finally:
        project.execute(f"drop owned by {name} cascade")
        project.execute(f"drop role {name}")


HARMLESS = {
    "a column with a default": "alter table %I add column updated_at timestamptz not null default now()",
    "a nullable column": "alter table %I add column tenant_id int",
    "a column with a name in quotes": 'alter table %I add column "my own" text',
    "its owner has no row level security": "alter table %I enable row level security",
    "another comment": "comment on table %I is 'one of ours'",
    "unlogged": "alter table %I set unlogged",
    "replica identity": "alter table %I replica identity full",
    "rights of all others": "revoke all on %I from public",
    "an index": "create index on %I using hash ((true))",
    "a trigger": "create trigger t before update on %I "
    "for each row execute function suppress_redundant_updates_trigger()",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_a_loop_over_all_tables(name: str, executed: Project) -> None:
    """The history is still ours for every command, and no migration is executed again."""
    executed.add("003_loop", loop(HARMLESS[name]), "select 1;").add("004_c", "create table c ();", "drop table c;")

    assert succeeded(executed.up()) == ["002_b", "003_loop", "004_c"]

    assert executed.states() == {"001_a": "executed", "002_b": "executed", "003_loop": "executed", "004_c": "executed"}
    assert [executed.call(command).code for command in ("status", "verify", "log", "up")] == [0, 0, 0, 0]
    assert succeeded(executed.down()) == ["004_c"]
    assert executed.call("repair", "1", "--yes").code == 2  # it needs no repair
    assert executed.logged()[-1] == ("down", "004")


def test_an_older_table_without_comments(executed: Project) -> None:
    """It is recognised by its columns, more columns included."""
    executed.execute("; ".join(TAKEN_AWAY) + "; alter table migrations add column tenant_id int")

    assert succeeded(executed.up()) == ["002_b"]


def test_a_new_history_is_marked(executed: Project) -> None:
    """Both tables have a comment that says whose they are."""
    comments = executed.query(
        "select obj_description(name::regclass) from unnest('{migrations,migrations_log}'::text[]) name"
    )

    assert comments == [
        ("History of sqlmigrate, written by sqlmigrate alone",),
        ("Log of sqlmigrate, written by sqlmigrate alone",),
    ]


REFUSED: dict[str, tuple[str, str, list[str]]] = {
    "a column that must have a value": (
        (
            "alter table migrations add column tenant_id int; update migrations set tenant_id = 1; "
            "alter table migrations alter column tenant_id set not null"
        ),
        "the column `tenant_id` of public.migrations must have a value, and sqlmigrate does not give it one",
        ['alter table "public"."migrations" alter column "tenant_id" drop not null'],
    ),
    "a column of ours that must have a value": (
        "update migrations set error = ''; alter table migrations alter column error set not null",
        "the column `error` of public.migrations must have a value, and sqlmigrate does not give it one",
        ['alter table "public"."migrations" alter column "error" drop not null'],
    ),
    "a column of the log": (
        (
            "alter table migrations_log add column tenant_id int; update migrations_log set tenant_id = 1; "
            "alter table migrations_log alter column tenant_id set not null"
        ),
        "the column `tenant_id` of public.migrations_log must have a value, and sqlmigrate does not give it one",
        ['alter table "public"."migrations_log" alter column "tenant_id" drop not null'],
    ),
    "no primary key": (
        "alter table migrations drop constraint migrations_pkey",
        "public.migrations has no primary key",
        ['alter table "public"."migrations" add primary key (version)'],
    ),
    "a log without identity": (
        "alter table migrations_log alter column id drop identity",
        "the column `id` of public.migrations_log generates no values",
        [
            (
                'alter table "public"."migrations_log" alter column id set not null, '
                "alter column id add generated always as identity"
            ),
            (
                "select pg_catalog.setval(pg_catalog.pg_get_serial_sequence('\"public\".\"migrations_log\"', 'id'), "
                '(select max(id) from "public"."migrations_log"))'
            ),
        ],
    ),
    "a renamed column of the log": (
        "alter table migrations_log rename column detail to notes",
        "public.migrations_log lacks detail",
        ['alter table "public"."migrations_log" rename column "notes" to detail'],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_history_that_cannot_be_written(name: str, executed: Project) -> None:
    """The problem and its cure are told before anything is executed; looking works; after the cure `up` goes on."""
    change, problem, cures = REFUSED[name]
    executed.execute(change)

    with pytest.raises(ServerError) as refused:
        executed.up()

    assert told(refused.value) == (
        "the history public.migrations cannot be written as it is\n"
        f"  {problem}\n"
        "  nothing was changed\n"
        "  hint: its owner executes this once:\n" + "\n".join(f"  next: psql: {cure};" for cure in cures)
    )
    assert executed.states() == {"001_a": "executed", "002_b": "pending"}
    assert executed.call("down").code == 1
    for cure in cures:
        executed.execute(cure)
    assert succeeded(executed.up()) == ["002_b"]
    assert executed.logged() == [("up", "001"), ("up", "002")]


def test_a_renamed_column(executed: Project) -> None:
    """Every command says how to rename it back; nothing leads to another table."""
    executed.execute("alter table migrations rename column name to migration_name")

    for command in ("status", "up", "down", "verify", "log"):
        ended = executed.call(command)
        assert (ended.stdout, ended.code) == ("", 1)
        assert ended.stderr == (
            "error: the history public.migrations lacks the column `name`\n"
            "   something has renamed or dropped what sqlmigrate has created\n"
            "   a history that begins empty would execute every migration again\n"
            "   nothing was changed\n"
            "   hint    its owner renames it back:\n"
            '   next    psql: alter table "public"."migrations" rename column "migration_name" to name;\n\n'
        )


def test_times_without_a_time_zone(executed: Project) -> None:
    """A loop may make `timestamp` of all times: they are read in the time zone in which they were converted."""
    executed.execute("set timezone to 'Asia/Tokyo'; update migrations set executed_at = '2026-02-13 10:16:28+00'")
    name = executed.value("select current_database()")
    executed.execute(f"alter database {name} set timezone to 'Asia/Tokyo'")
    executed.execute(
        "alter table migrations alter executed_at type timestamp; alter table migrations alter name type varchar(80)"
    )

    (first, _) = executed.rows()
    assert first.execution is not None
    assert str(first.execution.executed_at) == "2026-02-13 10:16:28+00:00"
    assert succeeded(executed.up()) == ["002_b"]


def test_row_level_security_that_may_hide_rows(executed: Project) -> None:
    """To a role that does not own it the history may look empty: nothing is read, and nothing is executed again."""
    executed.execute(loop("alter table %I enable row level security"))
    with role(executed) as ordinary:
        for command in ("status", "up", "up --dry-run", "down", "verify", "log", "baseline 2"):
            ended = ordinary.call(*command.split())
            assert (ended.stdout, ended.code) == ("", 1)
            assert (
                "error: row level security may hide rows of the history public.migrations from the role" in ended.stderr
            )
            assert "   a migration whose row is hidden would be executed again\n" in ended.stderr
            assert 'psql: alter table "public"."migrations" disable row level security;' in ended.stderr
    assert executed.recorded() == [("001", "executed")]


def test_a_policy_that_lets_all_rows_through(executed: Project) -> None:
    """Such a policy hides nothing, so row level security may stay."""
    executed.execute(loop("alter table %I enable row level security"))
    policies = [
        f"create policy deploy on {table} to {{role}} using (true)" for table in ("migrations", "migrations_log")
    ]
    with role(executed, *policies) as ordinary:
        assert succeeded(ordinary.up()) == ["002_b"]


def test_a_policy_on_the_log(executed: Project) -> None:
    """Where the log would refuse its entry, nothing is executed."""
    executed.execute("alter table migrations_log enable row level security")
    with role(executed) as ordinary, pytest.raises(ServerError) as refused:
        ordinary.up()

    assert told(refused.value) == (
        "the history public.migrations cannot be written as it is\n"
        "  row level security of public.migrations_log keeps rows out\n"
        "  nothing was changed\n"
        "  hint: its owner executes this once:\n"
        '  next: psql: alter table "public"."migrations_log" disable row level security;'
    )


def test_a_loop_that_the_log_does_not_survive(executed: Project) -> None:
    """A file that adds what our own rows lack is rolled back, and told so without the text of the file."""
    column = (
        "alter table %1$I add column tenant int; update %1$I set tenant = 1; alter table %1$I alter tenant set not null"
    )
    executed.add("002_b", "-- create role app password 'Planted-Secret-42'\n" + loop(column))

    ended = executed.call("up")
    error = failure(executed.up()).error

    assert told(error) == (
        "002_b: the log public.migrations_log did not take its entry: null value "
        'in column "tenant" of relation "migrations_log" violates not-null constraint\n'
        "  hint: leave both tables of the history out of loops over all tables: migrations and migrations_log\n"
        "  next: fix the file or the data, then: sqlmigrate up"
    )
    assert "Planted-Secret-42" not in ended.stdout + ended.stderr
    assert executed.states() == {"001_a": "executed", "002_b": "failed"}


def test_a_loop_with_a_trigger_that_does_not_fit(executed: Project) -> None:
    """The message says that our table refused the row, not that the file is wrong."""
    body = "begin new.touched := now(); return new; end"
    function = f"create function touch() returns trigger language plpgsql as $f$ {body} $f$;"
    trigger = "create trigger t before insert or update on %I for each row execute function touch()"
    executed.add("002_b", function + loop(trigger))

    error = failure(executed.up()).error

    assert error.message == (
        '002_b: the history public.migrations did not take its entry: record "new" has no field "touched"'
    )


def test_a_table_that_inherits_from_it(executed: Project) -> None:
    """An archive with the same columns has no rows of ours."""
    executed.execute("create table archive () inherits (migrations)")
    executed.execute("insert into archive (version, name, status) values ('009', 'x', 'executed')")

    assert executed.states() == {"001_a": "executed", "002_b": "pending"}
    assert succeeded(executed.up()) == ["002_b"]


# -- several of one name -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        "create table app.migrations (id int, migration text, batch int)",
        "create view app.migrations as select * from public.migrations",
        "create type app.migrations as enum ('a')",
        "create sequence app.migrations",
        "create table app.migrations (like public.migrations) partition by list (version)",
    ],
)
def test_something_else_earlier_on_the_search_path(make: str, executed: Project) -> None:
    """It is skipped: our history is the first one on the path that is a history."""
    executed.execute("create schema app")
    executed.execute(make)
    name = executed.value("select current_database()")
    executed.execute(f"alter database {name} set search_path to app, public")

    assert executed.states() == {"001_a": "executed", "002_b": "pending"}
    assert succeeded(executed.up()) == ["002_b"]
    assert succeeded(executed.down()) == ["002_b"]


def test_two_histories_on_the_search_path(executed: Project) -> None:
    """The first one on the path is the one, as PostgreSQL itself finds tables."""
    executed.execute("create schema app")
    there = executed.at(f"{executed.url}&options=-csearch_path%3Dapp,public")
    there.up(table="app.migrations", into_existing=True)

    assert there.states() == {"001_a": "executed", "002_b": "executed"}
    assert executed.states() == {"001_a": "executed", "002_b": "pending"}


def test_both_tables_were_moved(executed: Project) -> None:
    """A loop has moved all tables of public to another schema: the message names the place, no command begins again."""
    executed.execute(
        "create schema app; alter table migrations set schema app; alter table migrations_log set schema app"
    )

    for command in ("status", "up", "down", "verify", "log"):
        assert said(executed.call(command)) == (
            "error: the history of this database is app.migrations, and the search_path leads to public\n"
            "   a second history would execute every migration again\n"
            "   nothing was changed\n"
            '   hint    continue with it: --table "app"."migrations"; or, if a history in public is intended as '
            'well: --table "public"."migrations"\n\n'
        )


def test_they_were_moved_and_belong_to_a_group(executed: Project) -> None:
    """A role that has the rights of the new owner is told the same."""
    group = f"group_{executed.value('select current_database()')}"
    executed.execute(f"create role {group}")
    try:
        executed.execute(
            "create schema app; alter table migrations set schema app; alter table migrations_log set schema app"
        )
        executed.execute(f"alter table app.migrations owner to {group}")

        with pytest.raises(ConfigError, match=r"^the history of this database is app\.migrations, and"):
            executed.up()
    finally:
        executed.execute(f"drop owned by {group} cascade")
        executed.execute(f"drop role {group}")


@pytest.mark.parametrize(
    ("make", "message", "hint"),
    [
        (
            "create view app.migrations as select * from public.migrations",
            "app.migrations is a view with the columns of a history; sqlmigrate writes only to a table",
            "name the table behind it: --table SCHEMA.TABLE; or make it an ordinary table again, with the same rows",
        ),
        (
            "create table app.migrations (like public.migrations) partition by list (version)",
            "app.migrations is a partitioned table with the columns of a history; sqlmigrate writes only to a table",
            "make it an ordinary table again, with the same rows",
        ),
    ],
)
def test_our_columns_in_something_else(make: str, message: str, hint: str, executed: Project) -> None:
    """Where the rows of our history stand in a view or a partitioned table, no hint leads to an empty one."""
    executed.execute("create schema app")
    executed.execute(make)

    with pytest.raises(ConfigError) as refused:
        executed.up(table="app.migrations")

    assert told(refused.value) == f"{message}\n{BEGINS_EMPTY}  nothing was changed\n  hint: {hint}"


# -- rights ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["", "in schema public"])
@pytest.mark.parametrize("work", [Project.up, lambda project: project.call("baseline", "1", "--yes")])
def test_default_privileges(where: str, work: Callable[[Project], object], project: Project) -> None:
    """They are for the tables of an application: the texts of files are readable by the history's owner alone."""
    reader = f"reader_{project.value('select current_database()')}"
    project.execute(f"create role {reader}")
    try:
        project.execute(f"alter default privileges {where} grant all on tables to {reader}, public")
        work(project.add("001_a", "create role app password 'Planted-Secret-42'; drop role app;"))

        for table in ("migrations", "migrations_log"):
            assert project.value(f"select has_table_privilege('{reader}', '{table}', 'select')") is False
            assert project.value(f"select has_any_column_privilege('{reader}', '{table}', 'select')") is False
        assert project.recorded() != []
    finally:
        project.execute(f"drop owned by {reader} cascade")
        project.execute(f"drop role {reader}")

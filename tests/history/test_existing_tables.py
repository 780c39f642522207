"""The first `up` on a database that has tables already, and a `baseline` on one that lacks those of the files."""

from __future__ import annotations

import psycopg
import pytest
from in_process import said
from project import Project, failure, succeeded, told

from sqlmigrate import load
from sqlmigrate.database.session import connect
from sqlmigrate.errors import HistoryError
from sqlmigrate.history import read
from sqlmigrate.operations import repair

REFUSED = """\
DATABASE · 2 pending

error: this database has 2 tables already, and no history
   customers, invoices
   nothing was executed
   hint    if these files made them, record the last one that it has already (001_a … 002_b); if they belong to others, execute all files
   next    sqlmigrate baseline VERSION
           or: sqlmigrate up --into-existing

"""  # noqa: E501 - a line of the screen
LOOKED = """\
DATABASE · sql/ · history in public.migrations

⏸️ 001_a   pending
⏸️ 002_b   pending

Total: 2 | Executed: 0 | Pending: 2
⚠️ this database has 2 tables already, and no history: customers, invoices
next: sqlmigrate baseline VERSION
      or: sqlmigrate up --into-existing
"""


@pytest.fixture
def two(project: Project) -> Project:
    """Two migrations that create a table each."""
    return project.add_tables("a", "b")


@pytest.mark.parametrize("command", ["up", "up --dry-run", "up --to 1"])
def test_tables_and_no_history(command: str, two: Project) -> None:
    """Nothing is executed; the message names the tables and both ways; `status` and `verify` note it."""
    two.execute("create table customers (id int); create table invoices (id int)")

    ended = two.call(*command.split())

    assert (said(ended), ended.code) == (REFUSED.replace("2 pending", f"{1 + ('1' not in command)} pending"), 1)
    assert said(two.call("status")) == LOOKED
    assert "⚠️ this database has 2 tables already, and no history" in two.call("verify").stdout
    assert two.relations() == {"customers", "invoices"}


@pytest.mark.parametrize(
    "sql",
    [
        "create schema a; create table a.b ()",
        "create table a (b int) partition by range (b)",
        "create materialized view a as select 1 as b",
        "create foreign data wrapper a; create server b foreign data wrapper a; create foreign table c () server b",
    ],
)
def test_the_first_look_knows_whether_there_is_any_table(sql: str, two: Project) -> None:
    """Where there is none, nothing more is asked; sequences, views and types do not count."""
    two.execute("create sequence d; create view e as select 1 as f; create type g as (h int)")
    with connect(two.url) as session:
        assert not read.read(session, "migrations").has_tables

        two.execute(sql)
        assert read.read(session, "migrations").has_tables


def test_tables_that_the_files_make(two: Project) -> None:
    """The files cannot be executed there: only the baseline is offered, also after a try, and after its repair."""
    two.execute("create table a (id int); create table customers (id int)")
    refused = (
        "error: this database has 2 tables already, and no history\n"
        "   a, customers\n"
        "   nothing was executed\n"
        "   hint    these files make a: record the last file that this database has already (001_a … 002_b)\n"
        "   next    sqlmigrate baseline VERSION\n\n"
    )
    assert said(two.call("up")).endswith(refused)

    assert two.call("up", "--into-existing").code == 1

    again = refused.replace("no history", "no migration is executed")
    assert said(two.call("up")).endswith(again)
    looked = two.call("status").stdout
    assert "already, and no migration is executed: a, customers\n" in looked
    assert looked.endswith("next: sqlmigrate baseline VERSION\n")
    assert two.call("repair", "1", "--yes").code == 0
    assert said(two.call("up")).endswith(refused)
    assert two.call("baseline", "1", "--yes").code == 0
    assert succeeded(two.up()) == ["002_b"]


def test_a_file_without_a_transaction_that_stopped_goes_on(two: Project) -> None:
    """A part of it is in the database: nothing is asked again."""
    two.execute("create table customers (id int)")
    text = "-- sqlmigrate: no-transaction\ncreate table a (id int);\nselect {};"
    failure(two.add("001_a", text.format("nothing")).up(into_existing=True))

    assert succeeded(two.add("001_a", text.format("1")).up()) == ["001_a", "002_b"]


def test_one_table(two: Project) -> None:
    """It is named in the sentence."""
    two.execute("create table customers (id int)")

    with pytest.raises(HistoryError) as refused:
        two.up()

    assert told(refused.value).startswith(
        "this database has a table, customers, already, and no history\n  nothing was"
    )


def test_many_tables(two: Project) -> None:
    """The first are named, the others counted."""
    two.execute("; ".join(f"create table t{number} (id int)" for number in range(10, 2010, 100)))

    with pytest.raises(HistoryError) as refused:
        two.up()

    assert refused.value.message == "this database has 20 tables already, and no history"
    assert refused.value.detail == ("t10, t1010, t110, t1110, t1210 and 15 more",)


ARE_NOT_TABLES = {
    "a view": "create view v as select 1 as one",
    "a function": "create function f() returns int language sql as 'select 1'",
    "a sequence": "create sequence s",
    "tables in a schema that nothing leads to": "create schema other; create table other.t (id int)",
    "a temporary table": "create temporary table t (id int)",
}


@pytest.mark.parametrize("name", ARE_NOT_TABLES)
def test_what_does_not_count(name: str, two: Project) -> None:
    """What a fresh server may have is not in the way."""
    two.execute(ARE_NOT_TABLES[name])

    assert "⚠️" not in two.call("status").stdout
    assert succeeded(two.up()) == ["001_a", "002_b"]


def test_a_table_of_an_extension(two: Project) -> None:
    """Members of extensions belong to the extension: PostGIS brings `spatial_ref_sys`."""
    two.execute("create table spatial_ref_sys (id int); alter extension plpgsql add table spatial_ref_sys")

    assert succeeded(two.up()) == ["001_a", "002_b"]


@pytest.mark.parametrize(
    "text",
    [
        "create table app.orders (id int);",
        'create table if not exists "app".orders (id int);',
        "create schema if not exists app; create table app.orders (id int);",
        "set search_path = app, public; create table orders (id int);",
        "create table orders (id int); alter table orders set schema app;",
    ],
)
def test_a_schema_that_the_files_create_tables_in(text: str, two: Project) -> None:
    """Tables there count, although the search_path does not lead to them."""
    two.execute("create schema app; create table app.customers (id int)")
    two.add("002_b", text)

    with pytest.raises(HistoryError, match=r"^this database has a table, app\.customers, already, and no history$"):
        two.up()
    assert "⚠️ this database has a table, app.customers, already" in two.call("status").stdout


def test_the_schema_of_the_history(two: Project) -> None:
    """Tables in the schema of the history count."""
    two.execute("create schema ops; create table ops.customers (id int)")

    with pytest.raises(HistoryError, match=r"^this database has a table, ops\.customers, already, and no history$"):
        two.up(table="ops.migrations")


def test_a_schema_that_this_role_may_not_use(two: Project) -> None:
    """What others keep to themselves is not in the way."""
    role = f"deploy_{two.value('select current_database()')}"
    two.execute(f"create role {role} login; grant usage, create on schema public to {role}")
    two.execute("create schema app; create table app.customers (id int)")
    two.add("001_a", "create table if not exists a (id int); select 1 from pg_class; -- create table app.orders")
    try:
        assert succeeded(two.at(psycopg.conninfo.make_conninfo(two.url, user=role)).up()) == ["001_a", "002_b"]
    finally:
        two.execute(f"drop owned by {role} cascade")
        two.execute(f"drop role {role}")


def test_into_existing_is_needed_once(two: Project) -> None:
    """Once a migration is executed, a failure, a down of all, a reset and a forgotten row begin nothing new."""
    two.execute("create table customers (id int)")
    two.add("002_b", "create table b (id int); select nothing;", "drop table b;")

    assert two.call("up", "--into-existing").code == 1
    two.add_tables("a", "b")
    assert succeeded(two.up()) == ["002_b"]
    assert succeeded(two.down(all=True)) == ["002_b", "001_a"]
    assert succeeded(two.up()) == ["001_a", "002_b"]
    assert two.call("reset", "--yes").code == 0
    two.execute("drop table a, b")
    assert two.call("repair", "2", "--yes").code == 2  # it needs no repair
    two.remove("002_b").remove("001_a")
    assert [two.call("repair", version, "--yes").code for version in "12"] == [0, 0]
    assert succeeded(two.add_tables("a", "b").up()) == ["001_a", "002_b"]


@pytest.mark.parametrize(
    ("variables", "settings", "code"),
    [
        ({"SQLMIGRATE_INTO_EXISTING": "yes"}, "", 0),
        ({"SQLMIGRATE_INTO_EXISTING": "0"}, "into_existing = true", 1),
        ({}, "into_existing = true", 0),
        ({}, "into_existing = false", 1),
        ({"SQLMIGRATE_INTO_EXISTING": "perhaps"}, "", 2),
        ({}, "into_existing = 1", 2),
    ],
)
def test_into_existing_as_a_setting(variables: dict[str, str], settings: str, code: int, two: Project) -> None:
    """It may stand in the environment and in the project's file."""
    two.execute("create table customers (id int)")
    (two.folder.parent / "sqlmigrate.toml").write_text(settings, encoding="utf-8")

    assert two.call("up", **variables).code == code


def test_a_history_that_the_dba_has_created(two: Project) -> None:
    """The empty tables of a history do not make a database with tables one that sqlmigrate has looked after."""
    two.up(dry_run=True)
    two.add("000_z", "select 1;").up(to="0")
    two.execute("truncate migrations, migrations_log; create table customers (id int)")

    with pytest.raises(HistoryError, match=r"^this database has a table, customers, already, and no history$"):
        two.up()


@pytest.mark.parametrize("change", ["delete from migrations", "truncate migrations"])
def test_a_history_that_has_lost_its_rows(change: str, two: Project) -> None:
    """The log still says what is executed: nothing is executed again, with or without tables of users."""
    two.up()
    two.down()
    two.execute(change)

    with pytest.raises(HistoryError) as refused:
        two.up()

    assert told(refused.value) == (
        "the history has no rows, and its log says that migrations are executed on this database\n"
        "  executed, as the log says: 001\n"
        "  `up` would execute them again\n"
        "  nothing was executed\n"
        "  hint: restore the rows from a backup, or record the migrations; or, only if this database has nothing of "
        "them, execute all files\n"
        "  next: sqlmigrate baseline 001\n"
        "  next: or: sqlmigrate up --into-existing"
    )
    assert "⚠️ the history has no rows, and its log says" in two.call("status").stdout
    assert two.call("baseline", "001").code == 0
    assert succeeded(two.up()) == ["002_b"]


def test_a_history_that_was_created_again(two: Project) -> None:
    """What the hint for a lost table creates is empty: the log keeps `up` from executing everything again."""
    two.up()
    two.execute("create table copy (like migrations including all); drop table migrations")
    two.execute("alter table copy rename to migrations")

    with pytest.raises(HistoryError, match=r"^the history has no rows, and its log says that migrations are executed"):
        two.up()


# -- baseline ----------------------------------------------------------------------------------------------------------


def test_a_baseline_without_the_tables(two: Project) -> None:
    """It asks, and without a terminal it is refused; `--yes` answers."""
    ended = two.call("baseline", "2")

    assert (ended.stdout, ended.code) == ("", 2)
    assert ended.stderr == (
        "error: `baseline` asks a question first, and there is no terminal to ask on\n"
        "   none of the 2 tables that these files create is here: a, b\n"
        "   nothing was changed\n"
        "   hint    to go on without the question, add --yes\n\n"
    )
    assert two.relations() == set()
    assert two.call("baseline", "2", "--yes").code == 0
    assert two.states() == {"001_a": "baseline", "002_b": "baseline"}


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("create table c (id int);", "1 of the 2 tables that these files create is missing here: c"),
        ("create table app.a (id int);", "1 of the 2 tables that these files create is missing here: app.a"),
        ('create unlogged table "C" (id int);', "1 of the 2 tables that these files create is missing here: C"),
        ("alter table a rename to renamed;", "the table that these files create is missing here: renamed"),
        ("create table c (id int); drop table if exists c, nothing;", None),
        ("create table c (id int); alter table c rename to a;", None),
        ("alter table a rename column id to number;", None),
        ("create temp table c (id int);", None),
        ("create table if not exists public.a (id int);", None),
        ("-- create table c (id int);\nselect 'create table c (id int)';", None),
        ("create table c (id int); drop table public.c cascade;", None),
        ("do $$ begin execute 'create table c ()'; end $$;", None),
        ("select 'not closed", None),
    ],
)
def test_what_a_baseline_misses(text: str, missing: str | None, two: Project) -> None:
    """Tables that are dropped or renamed later are followed; what a block creates is not known, and not asked for."""
    two.execute("create table a (id int)")
    two.add("002_b", text)

    assert repair.baseline_doubt(two.url, load(two.folder), "2") == missing


def test_a_baseline_with_the_tables(two: Project) -> None:
    """It asks nothing, whatever else is there; only the files up to VERSION are looked at."""
    two.execute("create table a (id int); create table other (id int)")

    assert two.call("baseline", "1").code == 0
    assert succeeded(two.up()) == ["002_b"]


def test_another_run_in_the_meantime(two: Project) -> None:
    """The tables of a run that begins just now are not in the way: its rows are there as well."""
    running = two.running_up()
    planned = next(running)
    two.up(steps=1)

    assert succeeded([planned, *running]) == ["002_b"]

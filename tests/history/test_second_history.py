"""A second history is not created because the search_path changed, and a run does not repeat forever if rows vanish."""

from __future__ import annotations

import re

import psycopg
import pytest
from in_process import said
from project import Project, succeeded
from terminal import Ended


@pytest.fixture
def executed(project: Project) -> Project:
    """A project with one executed migration and one pending."""
    project.add("001_a", "create table a ();", "drop table a;").up()
    return project


def _execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement)  # type: ignore[call-overload]


def call_as_hinted(refused: Ended, project: Project, command: str) -> Ended:
    """Call a command with the first flag that the hint of a refusal names."""
    found = re.search(r"hint .*?(--\w+) (\S+?)[;\n]", refused.stderr)
    assert found, refused.stderr
    return project.call(command, found[1], found[2].replace('"', ""))


@pytest.fixture
def tenants(project: Project) -> Project:
    """Three schemas with the tables of 001 and 002 each and a history each; the search_path leads to public."""
    project.add_tables("a", "b")
    for schema in ("tenant_1", "tenant_2", "tenant_3"):
        project.execute(f"create schema {schema}")
        project.up(schema=schema)
    return project.add("003_c", "create table c ();", "drop table c;")


@pytest.mark.parametrize("command", ["up", "status", "down", "verify", "drift", "log"])
def test_a_database_of_tenants(command: str, tenants: Project) -> None:
    """A call without a schema is refused, and no hint leads to the history of one with the tables of another."""
    assert said(tenants.call(command)) == (
        "error: 3 schemas of this database have a history, and the search_path leads to public, which has none\n"
        "   tenant_1, tenant_2, tenant_3\n"
        "   a second history would execute every migration again\n"
        "   nothing was changed\n"
        "   hint    work in one of them: --schema tenant_1; in many of them: fleet, with --schemas 'tenant_*'; or, if "
        'a history in public is intended as well: --table "public"."migrations"\n\n'
    )


def test_what_the_hint_for_tenants_says_works_in_one_of_them(tenants: Project) -> None:
    refused = tenants.call("up")

    assert call_as_hinted(refused, tenants, "up").code == 0

    assert tenants.query("select schemaname from pg_tables where tablename = 'c'") == [("tenant_1",)]


@pytest.mark.parametrize("command", [("up",), ("up", "--dry-run"), ("down",)])
@pytest.mark.parametrize("has_own", [False, True])
def test_the_history_of_a_tenant_named_as_a_table(command: tuple[str, ...], tenants: Project, *, has_own: bool) -> None:
    """Files would be executed in public, and recorded for the tenant: refused, also where public has such tables."""
    if has_own:
        tenants.execute("create table a (); create table b ()")
    before = tenants.relations()

    ended = tenants.call(*command, "--table", "tenant_1.migrations")

    assert said(ended).endswith(
        "error: the files of tenant_1.migrations were executed in tenant_1, and the search_path leads to public\n"
        "   their tables are in tenant_1: a, b\n"
        "   further files would be executed in public, and the history of tenant_1 would say that it has them\n"
        "   nothing was executed\n"
        "   hint    work in tenant_1: --schema tenant_1; or, if public is intended, ask for it in the connection "
        "string: options='-csearch_path=public'\n\n"
    )
    assert ended.code == 2
    assert tenants.relations() == before


def test_a_search_path_of_the_connection_with_the_history_of_a_tenant(tenants: Project) -> None:
    """The connection string asks for where the files are executed: that is intended."""
    there = tenants.at(f"{tenants.url}&options=-csearch_path%3Dpublic")

    assert succeeded(there.up(table="tenant_1.migrations")) == ["003_c"]


@pytest.mark.parametrize("beside", ["", "create table ops.jobs ()", 'create table ops."A" ()'])
def test_a_history_apart_from_the_tables(beside: str, project: Project) -> None:
    """A history in a schema of its own goes on with --table, whatever else is in that schema."""
    project.add("000_ops", f"create schema if not exists ops; {beside}").add_tables("a", "b")
    project.execute("create schema ops")
    project.up(table="ops.migrations")
    project.add("003_c", "create table c ();", "drop table c;")

    refused = project.call("up")

    assert 'hint    continue with it: --table "ops"."migrations"; or, if' in refused.stderr
    assert call_as_hinted(refused, project, "up").code == 0
    assert project.query("select schemaname from pg_tables where tablename = 'c'") == [("public",)]
    assert project.call("down", "--table", "ops.migrations").code == 0


def test_an_application_whose_files_name_their_schema(project: Project) -> None:
    """Files that name the schema of each table are executed there wherever the search_path leads."""
    project.add("001_a", "create table billing.a ();").execute("create schema billing")
    project.up(table="billing.migrations")
    project.add("002_b", "create table billing.b ();")

    assert succeeded(project.up(table="billing.migrations")) == ["002_b"]


@pytest.mark.parametrize("command", ["up", "status", "down", "verify"])
def test_a_search_path_that_leads_elsewhere(command: str, executed: Project) -> None:
    """If the role's search_path was changed after the first up, nothing is executed again; the message names both
    cures. The first one executes in the schema of the tables.
    """
    name = psycopg.conninfo.conninfo_to_dict(executed.url)["dbname"]
    _execute(executed.url, "create schema app", f"alter database {name} set search_path = app")

    ended = executed.call(command)

    assert said(ended) == (
        "error: the history of this database is public.migrations, and the search_path leads to app\n"
        "   its files were executed in public: their tables are there\n"
        "   a second history would execute every migration again\n"
        "   nothing was changed\n"
        "   hint    work in that schema: --schema public; or, if a history in app is intended as well: --table "
        '"app"."migrations"\n\n'
    )
    assert ended.code == 2
    assert call_as_hinted(ended, executed, "status").code == 0


def test_a_search_path_of_this_connection(executed: Project) -> None:
    """A search_path that the URL asks for is intended: another schema has its own history."""
    _execute(executed.url, "create schema app")

    there = executed.at(f"{executed.url}&options=-csearch_path%3Dapp")

    assert [row.state for row in there.rows()] == ["pending"]


def test_rows_that_vanish(executed: Project) -> None:
    """If a trigger swallows the history's rows, an error names the table, and nothing is executed."""
    _execute(
        executed.url,
        "create function swallow() returns trigger language plpgsql as 'begin return null; end'",
        "create trigger swallow before insert on migrations for each row execute function swallow()",
    )
    executed.add("002_b", "create table b ();")

    ended = executed.call("up")

    assert ended.stderr.endswith(
        "error: the history row of 002_b cannot be written: something removes it again\n"
        "   nothing of 002_b was executed\n"
        "   hint    look for a trigger, a rule or a policy on public.migrations: "
        'psql: \\d "public"."migrations"\n\n'
    )
    assert ended.code == 1
    with psycopg.connect(executed.url) as conn:
        assert conn.execute("select to_regclass('b')").fetchone() == (None,)

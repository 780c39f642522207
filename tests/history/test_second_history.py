"""A second history is not created because the search_path changed, and a run does not repeat forever if rows vanish."""

from __future__ import annotations

import psycopg
import pytest
from in_process import said
from project import Project


@pytest.fixture
def executed(project: Project) -> Project:
    """A project with one executed migration and one pending."""
    project.add("001_a", "create table a ();", "drop table a;").up()
    return project


def _execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement)  # type: ignore[call-overload]


@pytest.mark.parametrize("command", ["up", "status", "down", "verify"])
def test_a_search_path_that_leads_elsewhere(command: str, executed: Project) -> None:
    """If the role's search_path was changed after the first up, nothing is executed again; the message names both
    cures.
    """
    name = psycopg.conninfo.conninfo_to_dict(executed.url)["dbname"]
    _execute(executed.url, "create schema app", f"alter database {name} set search_path = app")

    ended = executed.call(command)

    assert said(ended) == (
        "error: the history of this database is public.migrations, and the search_path leads to app\n"
        "   a second history would execute every migration again\n"
        "   nothing was changed\n"
        '   hint    continue with it: --table "public"."migrations"; or, if a second one is intended: --table '
        '"app"."migrations"\n\n'
    )
    assert ended.code == 2


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

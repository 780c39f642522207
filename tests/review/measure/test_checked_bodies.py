"""Bodies in PL/pgSQL that are checked with plpgsql_check, on the server that is installed, which has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import shadow_servers
from rule_cases import migrations

from sqlmigrate.catalog import functions, read
from sqlmigrate.database.session import Request, Session
from sqlmigrate.review import pipeline
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.shadow import databases
from sqlmigrate.shadow.installed import Installed

TABLES = "create table fact (id bigint primary key, host_id bigint, note text);"
DROP = "alter table fact drop column host_id"
NO_FIELD = 'record "r" has no field "host_id"'
OTHER_RECORD = "returned record type does not match expected record type"


def body(text: str, head: str = "f() returns void", declare: str = "") -> str:
    """A function in PL/pgSQL."""
    return f"create function {head} language plpgsql as $body$ declare {declare} begin {text} end $body$;"


# What planning each query does not find: the function, and why it no longer works after the column is dropped.
BROKEN = {
    "a record of a cursor": (
        body(
            "open c; fetch c into r; raise notice '%', r.host_id;", declare="c cursor for select * from fact; r record;"
        ),
        NO_FIELD,
    ),
    "a record of an opened cursor": (
        body("open c for table fact; fetch c into r; raise notice '%', r.host_id;", declare="c refcursor; r record;"),
        NO_FIELD,
    ),
    "a row that is returned": (body("return row(1::bigint, 2::bigint, 'x'::text);", "f() returns fact"), OTHER_RECORD),
    "a record that is returned": (
        body("select 1::bigint, 2::bigint, 'x'::text into r; return r;", "f() returns fact", "r record;"),
        OTHER_RECORD,
    ),
}
# The same change, but the function works, or was broken before.
FINE = {
    "a record of another cursor": body(
        "open c; fetch c into r; raise notice '%', r.id;", declare="c cursor for select * from fact; r record;"
    ),
    "a row of the table": body("select * into r from fact; return r;", "f() returns fact", "r fact;"),
    "a record that is not filled": body("raise notice '%', r.name;", declare="r record;"),
    "a table that was not there": body("select name into r from nowhere; return r;", "f() returns fact", "r record;"),
}
GUARDED = body(
    "if exists (select from information_schema.columns where column_name = 'host_id')"
    " then execute 'update fact set host_id = 1'; end if;"
)


@pytest.fixture(scope="module")
def checked(plpgsql_check: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[databases.Shadow]:
    """The installed server as a shadow."""
    with shadow_servers.of_tests(tmp_path_factory, plpgsql_check.major) as found:
        yield found


@pytest.fixture
def clone(checked: databases.Shadow) -> Iterator[databases.Databases]:
    base = checked.template("checked bodies", lambda made: _execute(made.owner_url, TABLES))
    with checked.clone(base) as clone:
        yield clone


def _execute(url: str, sql: str) -> None:
    session = Session(url)
    session.conn.execute(sql)
    session.close()


def _found(server: databases.Shadow, clone: databases.Databases, function: str) -> list[tuple[bool, str]]:
    """Why the function no longer works after the column is dropped, and whether that is certain."""
    session = Session(clone.owner_url)
    session.conn.execute(function)
    before = read.read(session)
    session.conn.execute(DROP)
    checker = partial(server.body_checker, clone)
    broken = functions.broken_bodies(session, before, read.read(session), checker)
    session.close()
    return [(each.is_certain, each.reason) for each in broken]


@pytest.mark.parametrize("name", BROKEN)
def test_a_body_is_checked_with_the_extension(name: str, checked: databases.Shadow, clone: databases.Databases) -> None:
    """It follows records through cursors, and compares what is returned with the result."""
    function, reason = BROKEN[name]
    assert _found(checked, clone, function) == [(True, reason)]


@pytest.mark.parametrize("name", FINE)
def test_only_what_the_change_explains_counts(name: str, checked: databases.Shadow, clone: databases.Databases) -> None:
    """An error of the extension that no object of the change explains is left out, as one of planning is."""
    assert _found(checked, clone, FINE[name]) == []


def test_dynamic_sql_stays_a_suspicion(checked: databases.Shadow, clone: databases.Databases) -> None:
    """A function may look first whether the column exists, so its dynamic SQL is not broken for certain."""
    assert _found(checked, clone, GUARDED) == [(False, "it says `host_id`, and `fact.host_id` no longer exists")]


def test_the_extension_is_not_left(checked: databases.Shadow, clone: databases.Databases) -> None:
    """The superuser creates it for the moment, and what it executes has the rights of the owner."""
    with closing(Session(clone.admin_url)) as watcher:
        before = read.read(watcher)
        with checked.body_checker(clone) as found:
            assert found is not None
            session, schema = found
            asked = (
                "select current_setting('is_superuser'), pg_has_role(current_user, 'pg_read_all_data', 'usage')::text"
            )
            assert session.ask(Request(asked))[0] == [["off", "false"]]
            made = session.ask(Request(f"select 1 from pg_proc where pronamespace = '{schema}'::regnamespace"))[0]
            assert len(made) > 5
        assert read.read(watcher) == before


def test_an_extension_of_the_base_is_used(checked: databases.Shadow) -> None:
    """In a database that has it, it is used where it is, and stays."""

    def build(made: databases.Databases) -> None:
        _execute(made.admin_url, "create schema tools; create extension plpgsql_check schema tools")

    base = checked.template("checked bodies, with the extension", build, "merged")
    with checked.clone(base) as clone:
        with checked.body_checker(clone) as found:
            assert found is not None
            assert found[1] == '"tools"'
        session = Session(clone.owner_url)
        assert session.ask(Request("select 1::text from pg_extension where extname = 'plpgsql_check'"))[0] == [["1"]]
        session.close()


def test_event_triggers_do_not_run_with_more_rights(checked: databases.Shadow) -> None:
    """A new file can replace the function of an event trigger: the superuser then creates nothing."""

    def build(made: databases.Databases) -> None:
        function = "create function watch() returns event_trigger language plpgsql as 'begin end'"
        _execute(made.admin_url, f"set search_path = public; {function}")
        _execute(made.admin_url, "create event trigger watch on ddl_command_end execute function public.watch()")

    base = checked.template("checked bodies, with an event trigger", build, "merged")
    with checked.clone(base) as clone, checked.body_checker(clone) as found:
        assert found is None


def test_a_review_uses_it(checked: databases.Shadow) -> None:
    """The finding is the one of planning, with the message of the extension."""
    setup = migrations(f"{TABLES}\n{BROKEN['a record of a cursor'][0]}", 1)
    subjects = Subjects("main", setup, migrations(f"{DROP};\n-- down\nselect 1;\n", 2))
    result = pipeline.review_on(checked, subjects, pipeline.Settings(Path(), limit=5.0))

    found = [each for each in result.migrations[0].findings if each.rule.name == "function-body-broken"]
    assert [(each.severity, NO_FIELD in each.message) for each in found] == [("danger", True)]

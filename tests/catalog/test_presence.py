"""Which sorts of object a database has: what has none is not read, and no object is missed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from project import Project, succeeded
from proxies import TurnCounter

from sqlmigrate.catalog import presence, stored
from sqlmigrate.catalog.objects import Catalog
from sqlmigrate.catalog.read import read_expected, read_in_one_turn
from sqlmigrate.catalog.sql_definitions import sorts
from sqlmigrate.database.session import Session, connect

BASE = (Path(__file__).parent / "databases" / "base.sql").read_text(encoding="utf-8")
WITHOUT_ROLES = "\n".join(line for line in BASE.splitlines() if "catalog_" not in line)
NOTHING: presence.Present = frozenset()

# The first object of each sort that not every database has; the statements before it only prepare for it.
FIRST = {
    "trigger": (
        "create table a (); create function f() returns trigger language plpgsql as 'begin return new; end'",
        "create trigger b before insert on a for each row execute function f()",
    ),
    "trigger of a partition": (
        "create table k (id int primary key); create table a (id int references k) partition by range (id)",
        "create table a_1 partition of a for values from (1) to (2)",
    ),
    "rule": ("create table a ()", "create rule b as on insert to a do instead nothing"),
    "policy": ("create table a ()", "create policy b on a"),
    "statistics": ("create table a (b int, c int)", "create statistics s on b, c from a"),
    "function": ("", "create function f() returns int language sql as 'select 1'"),
    "procedure": ("", "create procedure p() language sql as 'select 1'"),
    "aggregate": ("", "create aggregate total(int) (sfunc = int4pl, stype = int)"),
    "enum": ("", "create type state as enum ('new')"),
    "domain": ("", "create domain amount as int check (value > 0)"),
    "range": ("", "create type span as range (subtype = float8)"),
    "composite type": ("", "create type place as (street text)"),
    "shell type": ("", "create type later"),
    "publication": ("", "create publication news"),
    "setting": ("", "do 'begin execute format($$alter database %I set work_mem = 64$$, current_database()); end'"),
    "default privileges": ("", "alter default privileges grant select on tables to pg_monitor"),
    "event trigger": (
        "create function f() returns event_trigger language plpgsql as 'begin end'",
        "create event trigger b on sql_drop execute function f()",
    ),
    "access method": ("", "create access method mine type index handler bthandler"),
    "foreign data wrapper": ("", "create foreign data wrapper nothing"),
    "foreign server": ("create foreign data wrapper nothing", "create server far foreign data wrapper nothing"),
    "user mapping": (
        "create foreign data wrapper nothing; create server far foreign data wrapper nothing",
        "create user mapping for public server far",
    ),
    "subscription": (
        "",
        """create subscription s connection 'dbname=nothing' publication news
             with (connect = false, slot_name = none, enabled = false)""",
    ),
    "collation": ("", "create collation plain (locale = 'C')"),
    "text search configuration": ("", "create text search configuration words (copy = simple)"),
    "text search dictionary": ("", "create text search dictionary shorts (template = simple)"),
    "operator": ("", "create operator === (function = int4eq, leftarg = int, rightarg = int)"),
    "operator class": (
        "",
        """create operator class ints for type int4 using btree as
             operator 1 <, operator 3 =, operator 5 >, function 1 btint4cmp(int4, int4)""",
    ),
    "operator family": ("", "create operator family many using btree"),
    "cast": ("create type place as (street text)", "create cast (place as text) with inout"),
    "conversion": ("", "create conversion latin for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8"),
    "extension": ("", "create extension plpgsql"),
}


@pytest.fixture
def session(every_database: str) -> Iterator[Session]:
    with connect(every_database) as session:
        yield session


def present(session: Session) -> presence.Present:
    version = session.conn.info.server_version
    return presence.answered(version, session.ask(presence.question(version))[0])


def whole(session: Session) -> str:
    return stored.text_of(read_in_one_turn(session, ())[0])


def of(catalog: Catalog) -> str:
    return stored.text_of(catalog)


def test_a_database_without_any_has_none(session: Session) -> None:
    session.conn.execute(
        "create table a (id bigint generated always as identity primary key, b text check (b <> ''));"
        "create table c (a bigint references a); create view d as select * from a; create index on a (lower(b))"
    )

    assert present(session) == NOTHING


def test_all_are_there_where_a_database_has_one_of_everything(session: Session) -> None:
    session.conn.execute(WITHOUT_ROLES)
    missing = {each.query for each in presence.known(session.conn.info.server_version)} - present(session)

    # base.sql makes none of these
    assert {query.split("pg_catalog.")[1].split()[0] for query in missing} == {
        "pg_db_role_setting", "pg_default_acl", "pg_am", *(["pg_subscription"] if session.major >= 14 else []),
    }  # fmt: skip


def test_nothing_that_is_there_is_left_out(session: Session) -> None:
    """Of a database with one of everything, all of it is read although nothing was expected."""
    session.conn.execute(WITHOUT_ROLES)

    catalog, answers = read_expected(session, (), None, NOTHING)

    assert answers == []
    assert of(catalog) == whole(session)


@pytest.mark.parametrize("name", FIRST)
def test_the_first_object_of_a_sort_is_noticed_and_was_announced(name: str, session: Session) -> None:
    """What the schema has before it is expected, it is not; its statement says that it may come."""
    if name == "subscription" and session.major < 14:  # where not even the OIDs of subscriptions are public
        assert all(each.catalog != "pg_subscription" for each in sorts(session.conn.info.server_version))
        return
    before, statement = FIRST[name]
    if name == "extension":
        session.conn.execute("drop extension plpgsql")
    elif before:
        session.conn.execute(before)
    expected = present(session)
    try:
        session.conn.execute(statement)
        new = present(session) - expected
        catalog, _ = read_expected(session, (), None, expected)

        assert of(catalog) == whole(session)
        assert new <= presence.announced(session.conn.info.server_version, [statement])
        assert new or name in ("user mapping", "extension")  # its server was there already; members do not count
    finally:
        if name == "subscription":  # a database that has one cannot be dropped
            session.conn.execute("drop subscription s")


def test_every_sort_that_is_not_always_read_has_a_first_object_here(session: Session) -> None:
    """A new sort is entered in the table above."""
    version = session.conn.info.server_version
    announced = presence.announced(
        version, (statement for _, statement in FIRST.values() if "extension" not in statement)
    )

    assert announced == {each.query for each in presence.known(version)}


def test_of_one_schema_only_what_can_be_in_it_counts(session: Session) -> None:
    session.conn.execute("create publication news; create schema one; create table one.a (); create policy b on one.a")
    version = session.conn.info.server_version

    (answer,) = session.ask(presence.question(version))

    everywhere, inside = presence.answered(version, answer), presence.answered(version, answer, schema="one")
    assert {query.rpartition("pg_catalog.")[2] for query in everywhere} == {"pg_policy", "pg_publication"}
    assert {query.rpartition("pg_catalog.")[2] for query in inside} == {"pg_policy"}


def test_a_first_object_costs_no_round_trip_unless_it_is_hidden(project: Project) -> None:
    """The words of a statement tell what is to be read after the run; of a text that is put together, they do not.

    A table and its first policy are as many turns as a table alone. The first publication, made by a function of a file
    whose words do not tell of it, is one more, once.
    """
    hidden = "do $$ begin execute concat('create pub', 'lication news'); end $$;"
    again = "do $$ begin execute concat('create pub', 'lication more'); end $$;"
    with TurnCounter(project.url) as counter:
        there = project.at(counter.url)
        turns = []
        for name, sql in {
            "001_a": "create table a ();",
            "002_b": "create table b ();",
            "003_c": "create policy first on b;",
            "004_d": hidden,
            "005_e": again,
        }.items():
            project.add(name, sql)
            counter.reset()
            assert succeeded(there.up()) == [name]
            turns.append(counter.turns)

    first, table, policy, publication, another = turns
    assert (policy, publication, another) == (table, table + 1, table)
    assert first == table - 1  # it creates the history, but has no row to read, and no look for drift

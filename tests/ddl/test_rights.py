"""Rights as GRANT and REVOKE: executed for objects that are new, they give what the catalog has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

import postgres_servers
import pytest
from inside import Inside
from tested_version import NEWEST, TESTED

from sqlmigrate.catalog import read
from sqlmigrate.catalog.objects import Catalog
from sqlmigrate.ddl.rights import default_privileges, grants

SERVERS = ["installed_postgres"] if TESTED else ["postgres", "postgres16", "installed_postgres"]
ROLES = ("reader", "writer", "Odd Role", 'say "so"', "user", "r=w/x", "100% $$ %I")
NEW = """\
create schema app;
create table app.orders (id int, "Total Sum" int);
create view app.cheap as select id from app.orders;
create materialized view app.sums as select id from app.orders;
create sequence app.numbers;
create function app.twice(n int, m text) returns int language sql as 'select n * 2';
create procedure app.clean() language sql as 'select 1';
create aggregate app.total(int) (sfunc = int4pl, stype = int);
create type app.state as enum ('new');
create domain app.amount as int;
create type app.place as (street text);
create type app.span as range (subtype = float8);
create foreign data wrapper nothing;
create server far foreign data wrapper nothing;
create foreign table app.remote (a int) server far;
create trusted language other handler plpgsql_call_handler;
"""
IN_DATABASE = "do $do$begin execute format('{}', current_database()); end$do$"


class Rights:
    """A database whose objects have the rights of new ones."""

    def __init__(self, session: Inside) -> None:
        self.session = session

    def after(self, *statements: str) -> Catalog:
        """The catalog after statements, which are undone."""
        with self.session.after("select"):
            for each in statements:
                self.session.conn.execute(each)  # type: ignore[call-overload]
            return read.read(self.session)

    def written(self, catalog: Catalog, *, with_owner: bool = False) -> list[str]:
        """The statements that give new objects the rights of a catalog."""
        found = []
        for each in catalog.objects.values():
            of = catalog.tables.get(each.table) if each.kind == "column" else None
            found += grants(each, of, with_owner=with_owner)
            if each.kind == "default privileges":
                found += default_privileges(each, catalog, with_owner=with_owner)
        return found


@contextmanager
def _new(server: postgres_servers.Server) -> Iterator[Rights]:
    names = [role.replace('"', '""') for role in ROLES]
    for role in names:
        server.admin.execute(f'create role "{role}"')
    try:
        with server.database() as url:
            session = Inside(url)
            session.conn.execute(NEW)
            try:
                yield Rights(session)
            finally:
                session.close()
    finally:
        for role in names:
            server.admin.execute(f'drop role "{role}"')


@pytest.fixture(scope="module")
def made(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Rights]]:
    """New objects on a server, made when first asked for."""
    with ExitStack() as stack:
        yield cache(lambda server: stack.enter_context(_new(request.getfixturevalue(server))))


@pytest.fixture
def newest(made: Callable[[str], Rights]) -> Rights:
    """New objects, on the server that knows most."""
    return made(SERVERS[0])


@pytest.fixture(params=SERVERS)
def new(request: pytest.FixtureRequest, made: Callable[[str], Rights]) -> Rights:
    """New objects, on each version in turn."""
    return made(request.param)


CASES = {
    "nothing": ("select", []),
    "a right on a table": ("grant select on app.orders to reader", ["GRANT SELECT ON TABLE app.orders TO reader"]),
    "several rights": (
        "grant insert, delete, select on app.orders to reader",
        ["GRANT SELECT, INSERT, DELETE ON TABLE app.orders TO reader"],
    ),
    "all rights": ("grant all on app.orders to reader", ["GRANT ALL ON TABLE app.orders TO reader"]),
    "a right for everybody": ("grant select on app.orders to public", ["GRANT SELECT ON TABLE app.orders TO PUBLIC"]),
    "a grant option": (
        "grant select, insert on app.orders to reader; grant select on app.orders to reader with grant option",
        [
            "GRANT INSERT ON TABLE app.orders TO reader",
            "GRANT SELECT ON TABLE app.orders TO reader WITH GRANT OPTION",
        ],
    ),
    "a right that another role has granted": (
        ("grant usage on schema app to writer; grant select on app.orders to writer with grant option;"
        "set role writer; grant select on app.orders to reader; reset role"),
        [
            "GRANT USAGE ON SCHEMA app TO writer",
            "GRANT SELECT ON TABLE app.orders TO writer WITH GRANT OPTION",
            "SET ROLE writer",
            "GRANT SELECT ON TABLE app.orders TO reader",
            "RESET ROLE",
        ],
    ),
    "a chain of grants": (
        ("grant usage on schema app to public; grant select on app.orders to writer with grant option; set role writer;"
        "grant select on app.orders to reader with grant option; set role reader;"
        'grant select on app.orders to "Odd Role"; reset role'),
        [
            "GRANT USAGE ON SCHEMA app TO PUBLIC",
            "GRANT SELECT ON TABLE app.orders TO writer WITH GRANT OPTION",
            "SET ROLE writer",
            "GRANT SELECT ON TABLE app.orders TO reader WITH GRANT OPTION",
            "RESET ROLE",
            "SET ROLE reader",
            'GRANT SELECT ON TABLE app.orders TO "Odd Role"',
            "RESET ROLE",
        ],
    ),
    "a right that the owner has lost": (
        "revoke insert, update on app.orders from postgres",
        ["REVOKE INSERT, UPDATE ON TABLE app.orders FROM CURRENT_USER"],
    ),
    "an owner without rights": (
        "revoke all on app.orders from postgres; grant select on app.orders to reader",
        ["REVOKE ALL ON TABLE app.orders FROM CURRENT_USER", "GRANT SELECT ON TABLE app.orders TO reader"],
    ),
    "nobody has a right": (
        "revoke all on app.orders from postgres",
        ["REVOKE ALL ON TABLE app.orders FROM CURRENT_USER"],
    ),
    "a grant option of the owner": (
        "grant select on app.orders to postgres with grant option",
        ["GRANT SELECT ON TABLE app.orders TO CURRENT_USER WITH GRANT OPTION"],
    ),
    "odd names of roles": (
        'grant select on app.orders to "Odd Role", "say ""so""", "user", "r=w/x", "100% $$ %I"',
        [
            'GRANT SELECT ON TABLE app.orders TO "100% $$ %I"',
            'GRANT SELECT ON TABLE app.orders TO "Odd Role"',
            'GRANT SELECT ON TABLE app.orders TO "r=w/x"',
            'GRANT SELECT ON TABLE app.orders TO "say ""so"""',
            'GRANT SELECT ON TABLE app.orders TO "user"',
        ],
    ),
    "rights on columns": (
        ('grant select (id, "Total Sum"), update ("Total Sum") on app.orders to reader;'
        "grant all (id) on app.orders to writer with grant option"),
        [
            'GRANT SELECT ("Total Sum"), UPDATE ("Total Sum") ON TABLE app.orders TO reader',
            "GRANT SELECT (id) ON TABLE app.orders TO reader",
            "GRANT ALL (id) ON TABLE app.orders TO writer WITH GRANT OPTION",
        ],
    ),
    "relations that are not tables": (
        ("grant select on app.cheap, app.sums, app.remote to reader; grant usage on app.numbers to reader;"
        "grant all on app.numbers to writer"),
        [
            "GRANT SELECT ON TABLE app.cheap TO reader",
            "GRANT SELECT ON TABLE app.remote TO reader",
            "GRANT SELECT ON TABLE app.sums TO reader",
            "GRANT ALL ON SEQUENCE app.numbers TO writer",
            "GRANT USAGE ON SEQUENCE app.numbers TO reader",
        ],
    ),
    "routines": (
        ("revoke execute on function app.twice from public; grant execute on function app.twice to reader;"
        "revoke all on procedure app.clean from public, postgres; grant execute on function app.total to writer"),
        [
            "GRANT ALL ON FUNCTION app.total(integer) TO writer",
            "GRANT ALL ON FUNCTION app.twice(integer, text) TO reader",
            "REVOKE ALL ON FUNCTION app.twice(integer, text) FROM PUBLIC",
            "REVOKE ALL ON PROCEDURE app.clean() FROM CURRENT_USER",
            "REVOKE ALL ON PROCEDURE app.clean() FROM PUBLIC",
        ],
    ),
    "types": (
        ("revoke usage on type app.state, app.amount, app.place, app.span from public;"
        "grant usage on type app.amount to reader"),
        [
            "GRANT ALL ON TYPE app.amount TO reader",
            "REVOKE ALL ON TYPE app.amount FROM PUBLIC",
            "REVOKE ALL ON TYPE app.place FROM PUBLIC",
            "REVOKE ALL ON TYPE app.span FROM PUBLIC",
            "REVOKE ALL ON TYPE app.state FROM PUBLIC",
        ],
    ),
    "schemas": (
        ("grant usage on schema app to reader; grant create on schema app to writer;"
        "revoke create on schema app from postgres"),
        [
            "GRANT CREATE ON SCHEMA app TO writer",
            "GRANT USAGE ON SCHEMA app TO reader",
            "REVOKE CREATE ON SCHEMA app FROM CURRENT_USER",
        ],
    ),
    "the schema public": (
        "grant usage, create on schema public to reader",
        ["GRANT ALL ON SCHEMA public TO reader"],
    ),
    "a closed schema public": ("revoke all on schema public from public", ["REVOKE ALL ON SCHEMA public FROM PUBLIC"]),
    "foreign servers and languages": (
        ("grant usage on foreign data wrapper nothing to reader; grant usage on foreign server far to reader;"
        "revoke usage on language other from public"),
        [
            "GRANT ALL ON FOREIGN DATA WRAPPER nothing TO reader",
            "GRANT ALL ON FOREIGN SERVER far TO reader",
            "REVOKE ALL ON LANGUAGE other FROM PUBLIC",
        ],
    ),
    "the database": (
        IN_DATABASE.format('grant create, connect on database %I to reader, "100%% $$ %%I"')
        + ";"
        + IN_DATABASE.format("revoke temporary on database %I from public"),
        [
            "DO $$BEGIN EXECUTE format('GRANT CREATE, CONNECT ON DATABASE %I TO reader', current_database()); END$$",
            "DO $$BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()); END$$",
            ("DO $x$BEGIN EXECUTE format('GRANT CREATE, CONNECT ON DATABASE %I TO \"100%% $$ %%I\"', "
            "current_database()); END$x$"),
        ],
    ),
    "rights of tables to come": (
        ("alter default privileges in schema app grant select on tables to reader;"
        "alter default privileges in schema app grant all on sequences to writer with grant option;"
        'alter default privileges for role "Odd Role" in schema app grant execute on functions to public'),
        [
            'ALTER DEFAULT PRIVILEGES FOR ROLE "Odd Role" IN SCHEMA app GRANT ALL ON FUNCTIONS TO PUBLIC',
            "ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT ALL ON SEQUENCES TO writer WITH GRANT OPTION",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO reader",
        ],
    ),
    "rights of functions to come in all schemas": (
        ("alter default privileges revoke execute on functions from public;"
        "alter default privileges grant select on tables to reader;"
        "alter default privileges for role writer revoke all on types from public, writer;"
        "alter default privileges revoke insert on tables from postgres;"
        "alter default privileges grant create on schemas to reader"),
        [
            "ALTER DEFAULT PRIVILEGES FOR ROLE writer REVOKE ALL ON TYPES FROM PUBLIC",
            "ALTER DEFAULT PRIVILEGES FOR ROLE writer REVOKE ALL ON TYPES FROM writer",
            "ALTER DEFAULT PRIVILEGES GRANT CREATE ON SCHEMAS TO reader",
            "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader",
            "ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM PUBLIC",
            "ALTER DEFAULT PRIVILEGES REVOKE INSERT ON TABLES FROM CURRENT_USER",
        ],
    ),
}  # fmt: skip
MAINTAIN = 17
MAINTAINED = {
    "the right to maintain": (
        "grant maintain on app.orders to reader",
        ["GRANT MAINTAIN ON TABLE app.orders TO reader"],
    ),
    "all rights except that to maintain": (
        "grant all on app.orders to reader; revoke maintain on app.orders from reader",
        [
            "GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON TABLE app.orders TO reader",
        ],
    ),
    "an owner who may not maintain": (
        "revoke maintain on app.orders from postgres; alter default privileges revoke maintain on tables from postgres",
        [
            "ALTER DEFAULT PRIVILEGES REVOKE MAINTAIN ON TABLES FROM CURRENT_USER",
            "REVOKE MAINTAIN ON TABLE app.orders FROM CURRENT_USER",
        ],
    ),
}


def _rights(catalog: Catalog) -> dict[str, str | None]:
    return {f"{each.kind} {each.name}": each.attributes.get("acl") for each in catalog.objects.values()}


@pytest.mark.parametrize("case", CASES)
def test_new_objects_get_the_rights_that_a_catalog_has(case: str, new: Rights) -> None:
    """The statements are these, whatever is granted or revoked; executed, they give the same rights."""
    _check(new, *CASES[case])


@pytest.mark.parametrize("case", MAINTAINED if NEWEST >= MAINTAIN else ())
def test_the_right_to_maintain_is_told_from_a_server_without_it(case: str, newest: Rights) -> None:
    """The letters alone do not tell whether it was revoked or never existed."""
    _check(newest, *MAINTAINED[case])


def _check(new: Rights, made: str, expected: list[str]) -> None:
    catalog = new.after(made)
    statements = new.written(catalog)
    assert _sorted(statements) == _sorted(expected)
    assert _rights(new.after(*statements)) == _rights(catalog)


def _sorted(statements: list[str]) -> list[str]:
    """Sort statements; chains of grants keep their order."""
    return statements if any(each.startswith("SET") for each in statements) else sorted(statements)


@pytest.mark.parametrize("case", CASES)
def test_the_owner_is_named_where_that_is_asked_for(case: str, new: Rights) -> None:
    """The same statements, executed by somebody else, are right with the name of the owner in them."""
    catalog = new.after(CASES[case][0])
    statements = new.written(catalog, with_owner=True)
    assert not [each for each in statements if "CURRENT_USER" in each]
    assert _rights(new.after(*statements)) == _rights(catalog)


def test_rights_that_another_role_has_granted_need_that_role(new: Rights) -> None:
    """The owner of the objects may be any role: his name is in no statement."""
    mine = "alter table app.orders owner to writer; grant select on app.orders to reader; "
    catalog = new.after(mine + "revoke delete on app.orders from writer")
    assert new.written(catalog) == [
        "REVOKE DELETE ON TABLE app.orders FROM CURRENT_USER",
        "GRANT SELECT ON TABLE app.orders TO reader",
    ]

"""Objects that few databases have as statements: executed in an empty database, they give the same objects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import postgres_servers
import pytest
from catalog_mutations import MUTATIONS, Mutation
from inside import Inside
from tested_version import NEWEST, TESTED

from sqlmigrate.catalog.compare import differences
from sqlmigrate.catalog.objects import Catalog, Difference
from sqlmigrate.ddl.order import in_order
from sqlmigrate.ddl.rare import RARE, drop
from sqlmigrate.ddl.schema import Schema, read_schema

pytestmark = pytest.mark.sampled(5)

SERVERS = ["installed_postgres"] if TESTED else ["postgres", "postgres16", "installed_postgres"]
HERE = Path(__file__).parent
BASE = (HERE.parent / "catalog" / "databases" / "base.sql").read_text(encoding="utf-8")
RARE_ONES = (HERE / "databases" / "rare.sql").read_text(encoding="utf-8")
EXPECTED = HERE / "databases" / "rare_written.sql"
ROLES = ("catalog_owner", "catalog_reader", '"Odd Role"')
# What no statement creates again: the state of the triggers of foreign keys, and an index that is not valid.
NOT_WRITTEN = ("table app.orders: internal triggers", "index app.orders_note: valid", "subscription theirs: ")


class Databases:
    """Two databases of a server: one with objects, and an empty one in which their statements are executed."""

    def __init__(self, full: Inside, empty: Inside) -> None:
        self.full, self.empty = full, empty
        self.major = full.conn.info.server_version // 10000

    def schema(self, mutation: str = "select") -> Schema:
        """The schema after a statement, which is undone."""
        with self.full.after(mutation):
            return read_schema(self.full)

    def made(self, schema: Schema) -> Catalog:
        """The catalog of the empty database after the statements of a schema, which are undone."""
        with self.empty.after("select"):
            for statement in written(schema):
                self.empty.conn.execute(statement)  # type: ignore[call-overload]
            return read_schema(self.empty).catalog


def written(schema: Schema) -> list[str]:
    return [piece.sql for section in in_order(schema, with_owner=True) for piece in section.pieces]


@contextmanager
def databases(server: postgres_servers.Server, sql: str) -> Iterator[Databases]:
    with roles(server), server.database() as full, server.database() as empty:
        sessions = Inside(full), Inside(empty)
        sessions[0].conn.execute(sql)  # type: ignore[call-overload]
        try:
            yield Databases(*sessions)
        finally:
            for each in sessions:
                each.close()


@contextmanager
def roles(server: postgres_servers.Server) -> Iterator[None]:
    """Make the roles that the files name, unless they are there."""
    known = {name for (name,) in server.admin.execute("select quote_ident(rolname) from pg_roles")}
    new = [each for each in ROLES if each not in known]
    for role in new:
        server.admin.execute(f"create role {role}")  # type: ignore[call-overload]
    try:
        yield
    finally:
        for role in new:
            server.admin.execute(f"drop role {role}")  # type: ignore[call-overload]


@pytest.fixture(scope="module", params=SERVERS)
def base(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """One of everything, on each version in turn."""
    with databases(request.getfixturevalue(request.param), BASE) as made:
        yield made


def different(before: Catalog, after: Catalog) -> list[str]:
    """Name what differs in more than options that are hidden."""
    found = (_named(each) for each in differences(before, after))
    return [each for each in found if each and not each.startswith(NOT_WRITTEN)]


def _named(each: Difference) -> str:
    attributes = [name for name, before, _ in each.attributes if "(hidden, " not in (before or "")]
    return f"{each.kind} {each.name}: {', '.join(attributes)}" if attributes or not each.attributes else ""


def test_one_of_everything_is_made_again(base: Databases) -> None:
    """Every object, with its owner, its rights and its comment."""
    schema = base.schema()
    assert different(schema.catalog, base.made(schema)) == []


@pytest.mark.parametrize("mutation", [each for each in MUTATIONS if each.since <= NEWEST], ids=lambda each: each.name)
def test_what_was_changed_is_made_again(mutation: Mutation, base: Databases) -> None:
    """After each change of a definition the statements give what is there then."""
    schema = base.schema(mutation.sql if mutation.since <= base.major else "select")
    assert different(schema.catalog, base.made(schema)) == []


@pytest.mark.parametrize("server", SERVERS)
def test_rare_objects_are_made_again_in_all_their_forms(server: str, request: pytest.FixtureRequest) -> None:
    """Every clause of their statements, odd names, values with quotes, comments on each kind."""
    running = request.getfixturevalue(server)
    with databases(running, RARE_ONES) as each:
        schema = each.schema()
        kinds = {kind for kind, _ in schema.catalog.objects}
        assert different(schema.catalog, each.made(schema)) == []
        assert set(RARE) - kinds == {"subscription"}


def test_the_statements_of_rare_objects(postgres: postgres_servers.Server) -> None:
    """They are these, word for word."""
    with databases(postgres, RARE_ONES) as each:
        schema = each.schema()
        sections = [each for each in in_order(schema) if each.block.thing.kind in RARE]
        text = "\n".join(f"{piece.sql};" for section in sections for piece in section.pieces) + "\n"
    assert text == EXPECTED.read_text(encoding="utf-8")


def test_rare_objects_are_dropped(postgres: postgres_servers.Server) -> None:
    """Each statement drops its object, or undoes what was set; together they leave nothing."""
    with databases(postgres, RARE_ONES) as each, each.full.after("set local client_min_messages = error"):
        schema = read_schema(each.full)
        things = [section.block.thing for section in in_order(schema) if section.is_first]
        made = [(one.kind, one.name) for one in things if one.kind in RARE and one.kind != "database"]
        catalog = schema.catalog
        for key in reversed(made):
            if key in catalog.objects:
                for statement in drop(catalog.objects[key]):
                    each.full.conn.execute(statement + _cascade(statement))  # type: ignore[call-overload]
                catalog = read_schema(each.full).catalog
                assert key not in catalog.objects
        assert [key for key in made if key in catalog.objects] == []


def _cascade(statement: str) -> str:
    """Drop also what needs it: a type and its functions need each other."""
    return " CASCADE" if statement.startswith("DROP") and not statement.startswith("DROP USER MAPPING") else ""


def test_a_linguistic_collation_is_made_again(installed_postgres: postgres_servers.Server) -> None:
    """Collations of the library ICU, which not every server has."""
    sql = "create collation german (provider = icu, locale = 'de-u-co-phonebk', deterministic = false)"
    with databases(installed_postgres, sql) as each:
        schema = each.schema()
        assert different(schema.catalog, each.made(schema)) == []
        assert "CREATE COLLATION public.german (PROVIDER = icu, LOCALE = 'de-u-co-phonebk', DETERMINISTIC = false)" in (
            written(schema)
        )


def test_a_subscription_is_only_a_comment(base: Databases) -> None:
    """Creating one would connect to another server, and only superusers can read to which."""
    sql = "create subscription theirs connection 'dbname=x' publication news with (connect = false, slot_name = none)"
    assert [each for each in written(base.schema(sql)) if "theirs" in each] == [
        "-- subscription theirs is not created: it would connect to another server"
    ]

"""Which statements of files do nothing because the administrator has created an extension; what the setting may say."""

from __future__ import annotations

import pytest
from parsed_files import script

from sqlmigrate.config.settings import SETTINGS, Value
from sqlmigrate.errors import ConfigError
from sqlmigrate.files.migration import Migration
from sqlmigrate.shadow import extensions
from sqlmigrate.shadow.extensions import Extension
from sqlmigrate.source import Source

MADE = (Extension("postgis", "3.4", "gis"), Extension("uuid-ossp", "1.1"), Extension("dblink", "1.2", "public"))
DO_NOTHING = (
    "create extension postgis",
    "CREATE EXTENSION IF NOT EXISTS PostGIS WITH SCHEMA gis VERSION '3.4' CASCADE",
    'create extension "postgis"',
    'create /* why */ extension if not exists "uuid-ossp"',
    "drop extension postgis cascade",
    "drop extension if exists postgis, dblink",
    "alter extension postgis update",
    "alter extension postgis update to '3.4'",
    "comment on extension postgis is 'maps'",
    "create schema gis",
    "create schema if not exists gis authorization app",
    "drop schema gis",
)
STAY = (
    "create extension hstore",
    'create extension "PostGIS"',
    "drop extension postgis, hstore",
    "alter extension postgis set schema other",
    "comment on extension hstore is 'postgis'",
    "create schema public",
    "create schema shop",
    "drop schema gis, shop",
    "create table postgis (a int)",
    "select 'create extension postgis'",
)


@pytest.mark.parametrize("text", DO_NOTHING)
def test_what_the_administrator_has_done_does_nothing(text: str) -> None:
    """It is replaced by an empty SELECT at the same place; the statements around it stay."""
    whole = f"create extension hstore;\n{text};\nselect 3;"

    first, second, third = extensions.script_without(script(whole), MADE).statements

    assert (first.text, second.text.rstrip(), third.text) == ("create extension hstore", "select", "select 3")
    assert (second.start, second.end, second.line) == (25, 25 + len(text), 2)
    migration = extensions.migration_without(Migration("001", "a", Source("a.sql", whole), None), MADE)
    assert migration.up.text == whole.replace(text, "select" + " " * (len(text) - 6))


@pytest.mark.parametrize("text", STAY)
def test_all_others_are_executed(text: str) -> None:
    """Another extension, another schema, and what changes the extension in a way that later statements rely on."""
    assert extensions.script_without(script(text), MADE).statements[0].text == text
    migration = Migration("001", "a", Source("a.sql", text), None)
    assert extensions.migration_without(migration, MADE).up.text == text


def test_the_schema_is_that_of_the_files() -> None:
    """An extension is created where the first file that names a schema creates it."""
    texts = (
        "create extension postgis;",
        'create extension if not exists postgis schema "Gis"; create extension dblink;',
    )
    files = [Migration(f"00{number}", "a", Source("a.sql", text), None) for number, text in enumerate(texts)]

    assert extensions.named(("postgis=3.4", "dblink", "citus"), files) == (
        Extension("postgis", "3.4", "Gis"), Extension("dblink"), Extension("citus"),
    )  # fmt: skip
    assert extensions.named((), files) == ()


def test_a_library_of_citus_is_the_first() -> None:
    """Citus refuses to be loaded after others; extensions that need no library load none."""
    made = [Extension(name) for name in ("postgis", "pg_cron", "citus", "timescaledb")]

    assert extensions.libraries(made) == "citus,pg_cron,timescaledb"
    assert extensions.libraries(made[:1]) == ""


@pytest.mark.parametrize("name", ["postgis", "uuid-ossp", "postgis=3.4.2", "pg_cron=1.4-1", "MyOwn", "_a"])
def test_names_that_the_setting_takes(name: str) -> None:
    """Names as PostgreSQL allows them, with a version or without."""
    assert SETTINGS["extension"].check(Value(f"hstore\n{name}", "--extension")) == f"hstore\n{name}"


@pytest.mark.parametrize(
    "name", ["a--b", "-a", "a-", "a b", "a/b", "../a", "postgis=", "=1", "postgis,pg_cron", 'a"b', "ä"]
)
def test_names_that_it_refuses(name: str) -> None:
    """Anything else is refused before a server is started; the message says what may be given."""
    with pytest.raises(ConfigError) as refused:
        SETTINGS["extension"].check(Value(f"hstore\n{name}", "--extension"))

    assert refused.value.message == f"--extension: `{name}` is not the name of an extension"
    assert refused.value.hint == "a name, or name and version: postgis, postgis=3.4.2"

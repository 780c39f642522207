"""`sqlmigrate schema`: the file is what the migrations make, byte for byte, and says so when it is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from git_repository import Repository
from postgres_servers import Server
from project import Project
from terminal import Ended

HERE = Path(__file__).parent
SHOP = (HERE / "shop.sql").read_text(encoding="utf-8")

Of = Callable[[Project], Callable[..., Ended]]


def written(project: Project) -> str:
    """Return the file."""
    return (project.folder.parent / "schema.sql").read_text(encoding="utf-8")


def test_the_file_is_written_sorted_and_readable(shop: Project, schema: Of) -> None:
    """Keys and identity stand in their table, what belongs to it right behind; no owner, no SET, no history."""
    ended = schema(shop)()

    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout == "✅ schema.sql written: 22 objects, by PostgreSQL 18.4, of --shadow-url\n"
    assert written(shop) == SHOP


def test_the_second_time_nothing_is_written(shop: Project, schema: Of) -> None:
    """The file keeps its time stamp: make and watchers see no change."""
    schema(shop)()
    path = shop.folder.parent / "schema.sql"
    before = path.stat().st_mtime_ns

    ended = schema(shop)()

    assert ended.stdout == "✅ schema.sql is up to date: 22 objects, by PostgreSQL 18.4, of --shadow-url\n"
    assert path.stat().st_mtime_ns == before


def test_check_says_that_the_file_is_up_to_date(shop: Project, schema: Of) -> None:
    schema(shop)()

    ended = schema(shop)("--check")

    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout == "✅ schema.sql is what the migrations make, by PostgreSQL 18.4, of --shadow-url\n"


OUTDATED = """\
❌ schema.sql is not what the migrations make, by PostgreSQL 18.4, of --shadow-url

--- schema.sql
+++ the migrations
@@ -3,9 +3,10 @@

 -- table public.customers
--- checksum 1af0c3b3b55c
+-- checksum 48f5803caeb4
 CREATE TABLE public.customers (
     id bigint GENERATED ALWAYS AS IDENTITY,
     email text NOT NULL,
     created_at timestamp with time zone DEFAULT now() NOT NULL,
+    phone text,
     CONSTRAINT customers_email_key UNIQUE (email),
     CONSTRAINT customers_pkey PRIMARY KEY (id)

next: sqlmigrate schema
"""


def test_check_shows_the_difference_and_the_command_that_mends_it(shop: Project, schema: Of) -> None:
    """Exit 1; nothing is written."""
    schema(shop)()
    shop.add("003_add_phone", "alter table customers add phone text;", "alter table customers drop phone;")

    ended = schema(shop)("--check")

    assert (ended.code, ended.stderr) == (1, "")
    assert ended.stdout == OUTDATED
    assert written(shop) == SHOP


def test_check_without_a_file(shop: Project, schema: Of) -> None:
    ended = schema(shop)("--check")

    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr == "error: schema.sql does not exist\n   next    sqlmigrate schema\n\n"


def test_a_file_of_another_program_is_not_overwritten(shop: Project, schema: Of) -> None:
    """What pg_dump, or a colleague, has written under this name stays."""
    path = shop.folder.parent / "schema.sql"
    path.write_text("-- PostgreSQL database dump\n", encoding="utf-8")

    ended = schema(shop)()

    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr == (
        "error: schema.sql was not written by `sqlmigrate schema`, and is not overwritten\n"
        "   hint    name another file: --schema-file, or schema_file in the project's file; or delete it\n\n"
    )
    assert path.read_text(encoding="utf-8") == "-- PostgreSQL database dump\n"


CONFLICT = """\
error: schema.sql has the markers of a merge conflict
  ──▶ schema.sql:4:1
   │
 3 │
 4 │ <<<<<<< HEAD
   │ ^^^^^^^^^^^^
 5 │ -- table public.customers
   │
   hint    merge the migrations first; the file is then written again from them, nothing in it is to be merged
   next    sqlmigrate schema

"""


def test_a_file_with_conflict_markers(shop: Project, schema: Of) -> None:
    """`--check` shows the first of them; without it, the file is written again."""
    schema(shop)()
    path = shop.folder.parent / "schema.sql"
    path.write_text(SHOP.replace("-- table public.customers", "<<<<<<< HEAD\n-- table public.customers"), "utf-8")

    checked = schema(shop)("--check")
    ended = schema(shop)()

    assert (checked.code, checked.stdout, checked.stderr) == (1, "", CONFLICT)
    assert ended.code == 0
    assert written(shop) == SHOP


def test_a_folder_that_cannot_be_built(shop: Project, schema: Of) -> None:
    """The file and the place are named, and the old schema.sql stays."""
    schema(shop)()
    shop.add("003_broken", "alter table customers add phone text;\nalter table nothing add phone text;")

    ended = schema(shop)()

    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr.startswith(
        "error: the schema cannot be built: 003_broken fails in the throwaway database: "
        'relation "nothing" does not exist\n'
        "  ──▶ sql/003_broken.up.sql:2:13\n"
    )
    assert (
        "\n   hint    if no database has executed the file yet, fix it; if one has, make this server like"
        in ended.stderr
    )
    assert written(shop) == SHOP


FAULTY = {
    "conflict markers": ("003_c", "<<<<<<< HEAD\nselect 1;\n=======\nselect 2;\n>>>>>>> b\n", "is a conflict marker"),
    "an open quote": ("003_c", "select 'open;", "sql/003_c.up.sql:1:8"),
}


@pytest.mark.parametrize(("label", "text", "said"), FAULTY.values(), ids=FAULTY)
def test_files_that_cannot_be_executed_are_refused(label: str, text: str, said: str, shop: Project, schema: Of) -> None:
    """A merge that is not finished must not end in a schema; --leave-out is for old files of another tool."""
    shop.add(label, text)

    ended = schema(shop)()

    assert (ended.code, ended.stdout) == (1, "")
    assert said in " ".join(ended.stderr.split())
    assert "the schema is not written: not all files can be executed" in ended.stderr
    assert not (shop.folder.parent / "schema.sql").exists()
    assert schema(shop)("--leave-out").code == 0


def test_two_migrations_of_one_version_are_one_error(shop: Project, schema: Of) -> None:
    """Nothing may be left out of them, so --leave-out is not proposed."""
    shop.add("002_other", "select 1;", "select 1;")

    ended = schema(shop)()

    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr == (
        "error: 2 migrations have version 2: sql/002_create_orders.up.sql and sql/002_other.up.sql\n"
        "   hint    rename both files of one of them to the next free version; in git, renumber does it\n"
        "   next    sqlmigrate renumber\n\n"
    )


def test_the_file_is_not_written_into_the_folder_of_migrations(shop: Project, schema: Of) -> None:
    """There it would be a file with a wrong name, and under a right name it would be executed."""
    ended = schema(shop)("--output", "sql/schema.sql")

    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr == (
        "error: sql/schema.sql is in the folder of migrations: it would be taken for one\n"
        "   nothing was written\n"
        "   hint    name a file outside of it: --output, or schema_file in the project's file\n\n"
    )
    assert not (shop.folder / "schema.sql").exists()
    assert schema(shop)("--schema-file", str(shop.folder / "sub" / "s.sql")).code == 2


def test_the_file_in_the_folder_of_migrations_is_no_migration(shop: Project) -> None:
    """It is never proposed to give it the name of one."""
    (shop.folder / "schema.sql").write_text(SHOP, encoding="utf-8")

    ended = shop.call("verify")

    assert ended.stderr == (
        "error: sql/schema.sql was written by `sqlmigrate schema`: it shows the schema, and is not a migration\n"
        "   hint    move it out of this folder; the setting schema_file says where it is\n\n"
    )


def test_a_role_that_other_files_only_name_can_be_created(shop: Project, schema: Of, postgres: Server) -> None:
    """On a server of --shadow-url such a role stays with the database that is kept; it is not in the way of others."""
    role = "named_or_created"
    shop.add("003_rights", f"grant select on orders to {role};", f"revoke select on orders from {role};")
    assert schema(shop)().code == 0
    assert postgres.admin.execute(f"select 1 from pg_roles where rolname = '{role}'").fetchall() == [(1,)]

    shop.add("003_rights", f"create role {role}; grant select on orders to {role};", "")
    assert schema(shop)("--trusted").code == 0


def test_a_role_of_somebody_else_stays(shop: Project, schema: Of, postgres: Server) -> None:
    """Only a role that was made up for a shadow is dropped."""
    role = "of_somebody_else"
    postgres.admin.execute(f"create role {role}")
    try:
        shop.add("003_role", f"create role {role};", f"drop role {role};")
        ended = schema(shop)("--trusted")

        assert ended.code == 1
        assert f'003_role fails in the throwaway database: role "{role}" already exists' in ended.stderr
        assert postgres.admin.execute(f"select 1 from pg_roles where rolname = '{role}'").fetchall() == [(1,)]
    finally:
        postgres.admin.execute(f"drop role {role}")


def test_another_major_version_than_the_one_that_is_set(shop: Project, postgres: Server) -> None:
    ended = shop.call("schema", "--shadow-url", postgres.url(), SQLMIGRATE_SCHEMA_POSTGRES="16")

    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr == (
        "error: the schema is to be written by PostgreSQL 16 (schema_postgres), and --shadow-url is PostgreSQL 18\n"
        "   hint    another major version prints some definitions differently; name a server of the right one\n\n"
    )


NOT_PINNED = (
    "note: another major version than PostgreSQL 18 may print some definitions differently.\n"
    "      To use it everywhere, set in the project's file: schema_postgres = 18\n"
)


def test_how_to_set_a_version_is_said_when_the_file_is_new_and_when_it_differs(shop: Project, postgres: Server) -> None:
    """Another version may be the reason; while the file is as it was, there is nothing to say."""
    call = partial(shop.call, "schema", "--shadow-url", postgres.url())
    assert (call().stderr, call().stderr, call("--check").stderr) == (NOT_PINNED, "", "")

    shop.add("003_phone", "alter table customers add phone text;")
    assert call("--check").stderr == NOT_PINNED
    assert call().stderr == ""  # it was written by the same version, as far as is known


def test_the_note_is_folded_at_the_width_of_the_terminal(shop: Project, postgres: Server) -> None:
    ended = shop.call("schema", "--shadow-url", postgres.url(), COLUMNS="80")

    assert ended.stderr == (
        "note: another major version than PostgreSQL 18 may print some definitions\n"
        "      differently.\n"
        "      To use it everywhere, set in the project's file: schema_postgres = 18\n"
    )


def test_in_another_folder_the_folder_of_migrations_is_missing(shop: Project) -> None:
    """Not the file: written there, it would be another one."""
    (shop.folder.parent / "app").mkdir()
    for arguments in ((), ("--check",)):
        ended = shop.at(shop.url).call("schema", *arguments, "--directory", "app/sql")
        assert (ended.code, ended.stderr.splitlines()[0]) == (2, "error: the folder `app/sql` does not exist")


def test_what_a_database_has(shop: Project) -> None:
    """`--from` shows it on stdout and writes no file; what was made by hand is there."""
    shop.up()
    shop.execute("create index by_hand on orders (total)")

    ended = shop.call("schema", "--from", shop.url)

    assert (ended.code, ended.stderr) == (0, "")
    assert "CREATE INDEX by_hand ON public.orders USING btree (total);\n" in ended.stdout
    assert [line for line in ended.stdout.splitlines() if "migrations" in line] == [
        "-- The schema that the migrations make, written by: sqlmigrate schema"
    ]
    assert not (shop.folder.parent / "schema.sql").exists()


def test_a_role_without_any_right_sees_the_same(shop: Project) -> None:
    """The system catalogs are public: no right on tables, on functions or on the history is needed."""
    shop.add("003_function", "create function f() returns int language sql as 'select 1'; revoke all on function f()"
             " from public;").up()  # fmt: skip
    shop.execute("create role looks_only login")
    try:
        weak = shop.call("schema", "--from", shop.url.replace("//postgres@", "//looks_only@"))
    finally:
        shop.execute("drop role looks_only")

    assert weak == shop.call("schema", "--from", shop.url)
    assert weak.code == 0


def test_the_schema_as_json(shop: Project, schema: Of) -> None:
    """Every object with its attributes."""
    ended = schema(shop)("--format", "json", "--output", "-")

    value = json.loads(ended.stdout)
    assert (value["file"], value["is_up_to_date"], value["left_out"], value["unwritten"]) == (None, None, [], [])
    assert {"kind": "column", "name": "public.customers.email", "table": "public.customers",
            "attributes": {"type": "text", "not null": "true"}} in value["objects"]  # fmt: skip


def test_a_database_in_another_language_gives_the_same_bytes(shop: Project, installed_postgres: Server) -> None:
    """The order of names, of rights and of roles does not depend on the collation of the database."""
    shop.add("003_names", 'create table "Zebra" (a int); create table ärger (a int); create table zebra (a int);')
    found = []
    for locale in ("lc_collate 'C' lc_ctype 'C'", "locale_provider icu icu_locale 'de-DE'"):
        name = f"in_language_{len(found)}"
        installed_postgres.admin.execute(f"create database {name} template template0 {locale}")
        try:
            there = shop.at(installed_postgres.url(name))
            there.up()
            found.append(there.call("schema", "--from", there.url).stdout)
        finally:
            installed_postgres.admin.execute(f"drop database {name} with (force)")

    assert found[0] == found[1]
    assert [line for line in found[0].splitlines() if line.startswith("-- table")] == [
        '-- table public."Zebra"', "-- table public.customers", "-- table public.orders", "-- table public.zebra",
        '-- table public."ärger"',
    ]  # fmt: skip


# -- branches ----------------------------------------------------------------------------------------------------------

BRANCHES = {
    "two branches alter one table, far from each other": (
        "alter table customers drop column created_at;",
        "alter table customers alter column id set generated by default;",
        True,
    ),
    "one alters a table, the other its index": (
        "alter table orders add note text;",
        "drop index orders_customer_id_idx;",
        True,
    ),
    "two branches alter two tables": (
        "alter table customers add phone text; create index on customers (phone);",
        "alter table orders add note text; create index on orders (note);",
        False,
    ),
    "two branches alter two tables, at the border between them": (
        "create index customers_created_at on customers (created_at);",
        "alter table orders alter id set generated by default;",
        False,
    ),
    "one adds a table, the other alters one": (
        "create table addresses (id bigint primary key);",
        "alter table orders add note text;",
        False,
    ),
}


@pytest.mark.parametrize(("ours", "theirs", "is_conflict"), BRANCHES.values(), ids=BRANCHES)
def test_branches_meet(ours: str, theirs: str, is_conflict: bool, shop: Project, schema: Of) -> None:  # noqa: FBT001
    """Merging is a conflict exactly if both have altered the same object."""
    root = shop.folder.parent
    repository = Repository(root, root / "home").init()
    schema(shop)()
    repository.commit()
    for branch, version, sql in (("ours", "003", ours), ("theirs", "004", theirs)):
        repository.git("checkout", "-q", "-b", branch, "main")
        shop.add(f"{version}_{branch}", sql)
        schema(shop)()
        repository.commit()

    merged = repository.tried("merge", "-q", "ours")

    assert (merged.returncode != 0) == is_conflict, merged.stdout
    if not is_conflict:
        assert schema(shop)("--check").code == 0


def test_settings_of_the_database_are_in_the_file(shop: Project, schema: Of) -> None:
    """Also where the server is not ours: a copy of a database does not have its settings by itself."""
    shop.add(
        "003_settings",
        "do $$ begin execute format('alter database %I set search_path = public, pg_catalog', current_database());"
        " execute format('alter database %I set work_mem = ''8MB''', current_database()); end $$;",
    )

    schema(shop)()

    assert [line for line in written(shop).splitlines() if "ALTER DATABASE" in line] == [
        (
            "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET search_path TO ''public'', ''pg_catalog''',"
            " current_database()); END$$;"
        ),
        "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem TO ''8MB''', current_database()); END$$;",
    ]

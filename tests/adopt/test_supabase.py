"""Supabase: simple files, and a history with the executed statements. Files and rows are written by hand."""

from __future__ import annotations

import pytest
from foreign_folder import details, found, put, refused, remarks, written
from project import Project

FOLDER = "supabase/migrations"
USERS = "-- the users;\ncreate table users (id int, note text default 'a;b');\n\n/* ; */ select 1;;\n"
STATEMENTS = ["-- the users;\ncreate table users (id int, note text default 'a;b')", "/* ; */ select 1"]
FILES = {f"{FOLDER}/20240101120000_users.sql": USERS, f"{FOLDER}/20240102120000_later.sql": "select 2;\n"}


def at(project: Project, columns: str, *rows: tuple[object, ...]) -> None:
    """Make the history with these columns and rows."""
    project.execute("create schema supabase_migrations")
    project.execute(f"create table supabase_migrations.schema_migrations (version text primary key, {columns})")
    for row in rows:
        places = ", ".join("%s" for _ in row)
        project.execute(f"insert into supabase_migrations.schema_migrations values ({places})", *row)


def test_the_executed_statements_verify_the_files(project: Project) -> None:
    """They are the text, without what separates them; blanks and line ends between them do not count."""
    put(project, ".", {**FILES, "supabase/seed.sql": "select 3;"})
    project.execute("create table users (id int, note text)")
    at(project, "statements text[], name text", ("20240101120000", STATEMENTS, "users"))

    looked = project.call("adopt")
    ended = project.call("adopt", "--write")

    assert found(looked) == [
        "Supabase",
        "files     supabase/migrations/ · 2 migrations, to be converted",
        "history   supabase_migrations.schema_migrations · 1 executed, 1 pending",
    ]
    assert ended.code == 0, ended.stderr
    assert written(project) == {"20240101120000_users.up.sql": USERS, "20240102120000_later.up.sql": "select 2;\n"}
    assert details(project) == {
        "20240101120000": "adopted from Supabase; the statements in the history of Supabase agree with the file"
    }
    project.up()
    assert set(project.states().values()) == {"executed"}


@pytest.mark.parametrize(
    "changed",
    [
        USERS.replace("a;b", "a;c"),
        USERS + "select 3;\n",
        USERS.replace("/* ; */ select 1;;", ""),
        USERS.replace("-- the users", "-- users"),
    ],
)
def test_a_changed_file_is_flagged(project: Project, changed: str) -> None:
    """One byte, one statement more, one less, and a comment as well: comments are parts of statements there."""
    put(project, ".", {**FILES, f"{FOLDER}/20240101120000_users.sql": changed})
    at(project, "statements text[], name text", ("20240101120000", STATEMENTS, "users"))

    assert refused(project.call("adopt", "--write")) == [
        (
            "error: supabase/migrations/20240101120000_users.sql was changed after Supabase executed it: the "
            "statements in its history differ"
        ),
        "nothing was changed",
        "hint    restore the file; or, if the change is right, take 1 changed file as executed",
        "next    sqlmigrate adopt --write --trust-changed",
    ]
    assert project.call("adopt", "--write", "--trust-changed").code == 0
    assert details(project) == {
        "20240101120000": "adopted from Supabase; taken on trust: the statements in the history of Supabase differ "
        "from the file"
    }


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        ("statements text[]", ("20240101120000", None)),
        ("statements text[]", ("20240101120000", [])),
        ("statements text[], name text", ("20240101120000", None, None)),
    ],
)
def test_old_histories_have_less(project: Project, columns: str, row: tuple[object, ...]) -> None:
    """No name, no statements: then the file is taken on trust."""
    put(project, ".", FILES)
    at(project, columns, row)

    assert project.call("adopt", "--write").code == 0
    assert details(project) == {
        "20240101120000": "adopted from Supabase; taken on trust: the history of Supabase has no statements of it"
    }


def test_line_ends_are_part_of_a_statement(project: Project) -> None:
    """CRLF between statements is a blank like others; in a statement it has to be the executed one."""
    put(project, ".", {f"{FOLDER}/1_a.sql": "select\r\n1;\r\nselect 2;\r\n", f"{FOLDER}/2_b.sql": "select\r\n1;"})
    at(project, "statements text[]", ("1", ["select\r\n1", "select 2"]), ("2", ["select\n1"]))

    assert refused(project.call("adopt", "--write"))[0] == (
        "error: supabase/migrations/2_b.sql was changed after Supabase executed it: the statements in its history "
        "differ"
    )


def test_files_that_supabase_passes_over_are_told(project: Project) -> None:
    """Among them a first file that older versions of the program wrote."""
    old = {f"{FOLDER}/20210101000000_init.sql": "select 0;", f"{FOLDER}/readme.sql": ""}
    put(project, ".", {**FILES, **old})

    looked = project.call("adopt")

    assert found(looked)[:2] == ["Supabase", "files     supabase/migrations/ · 2 migrations, to be converted"]
    assert remarks(looked) == [
        "⚠️ supabase/migrations/20210101000000_init.sql is not a migration: Supabase passes over it",
        "⚠️ supabase/migrations/readme.sql is not a migration: Supabase passes over it",
    ]


def test_bytes_that_are_no_text_are_an_obstacle(project: Project) -> None:
    """With their place."""
    put(project, ".", {f"{FOLDER}/1_a.sql": "select 'ö';\n".encode("latin-1")})

    assert remarks(project.call("adopt")) == [
        "❌ supabase/migrations/1_a.sql:1:9: the byte 0xF6 is not UTF-8: save it as UTF-8"
    ]


def test_the_name_tells_doubled_versions_apart(project: Project) -> None:
    """The history keeps the name: the other file is not executed."""
    put(project, ".", {**FILES, f"{FOLDER}/20240101120000_accounts.sql": "select 0;\n"})
    at(project, "statements text[], name text", ("20240101120000", STATEMENTS, "users"))

    assert project.call("adopt", "--write").code == 0
    assert project.states() == {
        "20240101120000_accounts": "out of order",
        "20240101120001_users": "executed",
        "20240102120000_later": "pending",
    }


def test_hosted_histories_say_who_executed_it(project: Project) -> None:
    """They have a column for that."""
    put(project, ".", FILES)
    row = ("20240101120000", STATEMENTS, "users", "ann@example.org")
    at(project, "statements text[], name text, created_by text", row)

    assert project.call("adopt", "--write").code == 0
    assert project.value("select executed_by from migrations") == "ann@example.org"

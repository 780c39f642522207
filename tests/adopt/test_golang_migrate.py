"""golang-migrate: pairs of files, and a history of one row. Files and rows are written by hand."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime

import psycopg
from foreign_folder import details, found, put, refused, remarks, texts_in, written
from project import Project

HISTORY = "create table schema_migrations (version bigint not null primary key, dirty boolean not null)"
USERS = "create table users (id int);\n"
INDEX = "create index concurrently users_id on users (id);\n"
PAIRS = {
    "000001_users.up.sql": USERS,
    "000001_users.down.sql": "drop table users;\n",
    "000002_index.up.sql": INDEX,
    "000002_index.down.sql": "drop index concurrently users_id;\n",
    "000003_orders.up.sql": "create table orders (id int);\n",
}


def at(project: Project, version: int, *, dirty: bool = False) -> None:
    """Make the history, at a version."""
    project.execute(f"{HISTORY}; insert into schema_migrations values ({version}, {dirty})")


def test_pairs_that_fit_stay_where_they_are(project: Project) -> None:
    """Only the history is taken over; `up` and `down` go on in the same folder."""
    put(project, "migrations", PAIRS)
    project.execute(f"{USERS}create index users_id on users (id);")
    at(project, 2)

    looked = project.call("adopt")
    ended = project.call("adopt", "--write", "--yes")

    assert found(looked) == [
        "golang-migrate",
        "files     migrations/ · 3 migrations, read as they are",
        "history   schema_migrations · 2 executed, 1 pending",
    ]
    assert ended.code == 0, ended.stderr
    assert written(project) == {}
    assert texts_in(project.folder.parent / "migrations") == PAIRS
    assert details(project) == {
        "000001": "adopted from golang-migrate; taken on trust: golang-migrate keeps no checksum",
        "000002": "adopted from golang-migrate; taken on trust: golang-migrate keeps no checksum",
    }
    here = ("--directory", "migrations")
    assert project.call(*here, "up").code == 0
    assert sorted(project.recorded()) == [("000001", "executed"), ("000002", "executed"), ("000003", "executed")]
    put(project, "migrations", {"000003_orders.down.sql": "drop table orders;\n"})
    assert project.call(*here, "down", "--to", "000001").code == 0
    assert project.relations() == {"users", "schema_migrations", "schema_migrations_pkey"}


def test_every_file_up_to_the_version_is_listed_and_asked_for(project: Project) -> None:
    """The history has one row, so that a file that was skipped looks executed."""
    put(project, "migrations", PAIRS)
    at(project, 2)

    ended = project.call("adopt", "--write")

    assert ended.code != 0
    assert ended.stderr.splitlines()[:3] == [
        "✅ 000001_users    executed  taken on trust: golang-migrate keeps no checksum",
        "✅ 000002_index    executed  taken on trust: golang-migrate keeps no checksum",
        "⏸️ 000003_orders   pending",
    ]
    assert project.relations() == {"schema_migrations", "schema_migrations_pkey"}


def test_a_dirty_version_is_refused(project: Project) -> None:
    """golang-migrate itself executes nothing then."""
    put(project, "migrations", PAIRS)
    at(project, 2, dirty=True)

    assert refused(project.call("adopt", "--write", "--yes")) == [
        "error: schema_migrations says that 2 has failed or is not finished",
        "nothing was changed",
        (
            "hint    remove from the database what the failed file has left, then execute `migrate force VERSION` with "
            "the version before it; or finish it by hand, and execute `migrate force VERSION` with its own"
        ),
        "next    sqlmigrate adopt",
    ]
    looked = project.call("adopt")
    assert found(looked)[2] == (
        "history   schema_migrations · 2 has failed or is not finished: it is not known what is executed"
    )
    assert looked.stdout.endswith(
        "\n\nit cannot be taken over yet; nothing was written: mend what is marked ❌\nnext: sqlmigrate adopt\n"
    )
    assert (looked.code, project.call("adopt", "--dry-run").code) == (1, 1)


def test_a_version_without_a_file_is_refused(project: Project) -> None:
    """The folder is another one, or files were removed: which ones are executed is not known."""
    put(project, "migrations", PAIRS)
    at(project, 7)

    assert refused(project.call("adopt", "--write", "--yes")) == [
        (
            "error: golang-migrate is at version 7, and migrations has no file of that version: it is not known which "
            "files are executed"
        ),
        "nothing was changed",
        "hint    restore the file, or name the folder that belongs to this database",
        "next    sqlmigrate adopt --from FOLDER",
    ]


def test_any_extension_and_two_names_make_a_pair(project: Project) -> None:
    """Up and down belong together by their number alone; versions stay as they are written, in the order of numbers."""
    put(
        project,
        "migrations",
        {
            "9_users.up.pgsql": USERS,
            "09_drop_users.down.sql": "drop table users;\n",
            "10_two words.up.sql": "select 10;\r\n",
            "readme.md": "not a migration",
        },
    )
    at(project, 9)

    assert project.call("adopt", "--write", "--yes").code == 0
    assert written(project) == {
        "10_two_words.up.sql": "select 10;\r\n",
        "9_users.down.sql": "drop table users;\n",
        "9_users.up.sql": USERS,
    }
    assert project.states() == {"9_users": "executed", "10_two_words": "pending"}


def test_a_missing_up_file_is_an_obstacle(project: Project) -> None:
    """A down file alone cannot be a migration; a file of that name in our folder takes its place."""
    put(project, "migrations", {**PAIRS, "000004_lost.down.sql": "select 1;\n"})
    at(project, 1)

    ended = project.call("adopt", "--write", "--yes")

    assert refused(ended) == [
        "error: migrations/000004_lost.down.sql has no up file",
        "nothing was changed",
        "hint    delete it, or write the up file",
    ]
    (remark,) = remarks(project.call("adopt"))
    assert remark.startswith("❌ migrations/000004_lost.down.sql has no up file: delete it, or write the up file")
    project.add("000004_lost", "select 4;")
    assert project.call("adopt", "--write", "--yes").code == 0


def test_a_doubled_pending_version_gets_a_number_of_its_own(project: Project) -> None:
    """golang-migrate refuses such a folder; the old name is in a comment."""
    put(project, "migrations", {**PAIRS, "000003_twice.up.sql": "select 3;\n"})
    at(project, 2)

    assert project.call("adopt", "--write", "--yes").code == 0
    assert written(project)["000004_twice.up.sql"] == "-- before: 000003_twice.up.sql\nselect 3;\n"
    assert project.states() == {
        "000001_users": "executed",
        "000002_index": "executed",
        "000003_orders": "pending",
        "000004_twice": "pending",
    }


def test_a_doubled_executed_version_is_refused(project: Project) -> None:
    """The history does not say which of the two files was executed."""
    put(project, "migrations", {**PAIRS, "2_twice.up.sql": "select 2;\n"})
    at(project, 3)

    assert refused(project.call("adopt", "--write", "--yes")) == [
        (
            "error: migrations/000002_index.up.sql and migrations/2_twice.up.sql have the same version: the history of "
            "golang-migrate does not say which of them was executed"
        ),
        "nothing was changed",
        "hint    give the file that was not executed a version of its own",
    ]


def test_two_files_of_one_direction_are_an_obstacle(project: Project) -> None:
    """An editor's copy counts for golang-migrate: any extension does."""
    put(project, "migrations", {**PAIRS, "000001_users.up.sql~": USERS})
    at(project, 1)

    assert refused(project.call("adopt", "--write", "--yes"))[0] == (
        "error: migrations/000001_users.up.sql and migrations/000001_users.up.sql~ are the same direction of one "
        "migration"
    )


def test_bytes_that_are_no_text_are_an_obstacle_with_their_place(project: Project) -> None:
    """Nothing is written, and the place is told."""
    put(project, "migrations", {**PAIRS, "000004_latin.up.sql": "select 'größe';\n".encode("latin-1")})

    (remark,) = remarks(project.call("adopt"))
    assert remark.startswith("❌ migrations/000004_latin.up.sql:1:11: the byte 0xF6 is not UTF-8: save it as UTF-8")


def test_files_that_several_tools_read_alike_are_taken_without_a_question(project: Project) -> None:
    """Without a history all of them are named."""
    put(project, "migrations", PAIRS)

    assert found(project.call("adopt")) == [
        "golang-migrate, sqlx or morph",
        "files     migrations/ · 3 migrations, read as they are",
        "history   none was found",
    ]


def test_comments_in_pairs_do_not_make_them_another_tools(project: Project) -> None:
    """node-pg-migrate has such markers in files that hold both directions."""
    put(project, "migrations", {**PAIRS, "000003_orders.up.sql": "-- UP MIGRATION: orders\nselect 3;\n"})

    assert found(project.call("adopt"))[0] == "golang-migrate, sqlx or morph"


def test_files_that_tools_read_otherwise_are_asked_for(project: Project) -> None:
    """A simple file is a migration to sqlx alone."""
    put(project, "migrations", {**PAIRS, "000004_simple.sql": "select 4;\n"})

    assert refused(project.call("adopt"))[0] == (
        "error: migrations may belong to golang-migrate, sqlx or morph: their files have the same names"
    )


def test_its_lock_is_respected(project: Project) -> None:
    """A run of golang-migrate holds its advisory lock, whose key has the path of the URL in it."""
    put(project, "migrations", PAIRS)
    at(project, 1)
    database = project.value("select current_database()")
    key = zlib.crc32(f"public\0schema_migrations\0/{database}".encode()) * 1486364155 % 2**32

    with psycopg.connect(project.url) as other:
        other.execute("select pg_advisory_lock(%s::bigint)", (key,))
        ended = project.call("adopt", "--write", "--yes")

    assert refused(ended) == [
        "error: a run of golang-migrate is under way: it holds its lock",
        "nothing was changed",
        "hint    try again when it has ended",
        "next    sqlmigrate adopt --write",
    ]


def test_rows_have_no_time_of_their_own(project: Project) -> None:
    """golang-migrate keeps none: the log has the time of the adoption."""
    put(project, "migrations", PAIRS)
    at(project, 1)
    project.call("adopt", "--write", "--yes")

    assert project.query("select executed_at, duration_ms, executed_by from migrations") == [(None, None, None)]
    assert project.value("select logged_at from migrations_log") <= datetime.now(UTC)


def test_a_program_is_no_sql(project: Project) -> None:
    """Some projects put programs between their pairs: they are told, and never written as SQL."""
    put(project, "migrations", {**PAIRS, "000004_fill.up.go": "package migrations\n"})
    at(project, 2)

    ended = project.call("adopt", "--write", "--yes")

    assert ended.code == 1
    assert "migrations/000004_fill.up.go is a program in Go, and cannot be converted" in ended.stderr
    assert written(project) == {}

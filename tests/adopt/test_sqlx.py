"""sqlx: simple files and pairs, and a history with checksums. Files and rows are written by hand."""

from __future__ import annotations

import hashlib
import zlib
from datetime import UTC, datetime

import psycopg
import pytest
from foreign_folder import details, found, put, refused, remarks, texts_in, written
from project import Project

from sqlmigrate.adopt.foreign import ForeignMigration, Place, Record
from sqlmigrate.adopt.tools.sqlx import SQLX

HISTORY = """\
create table _sqlx_migrations (
    version bigint primary key,
    description text not null,
    installed_on timestamptz not null default now(),
    success boolean not null,
    checksum bytea not null,
    execution_time bigint not null)"""
ROW = "insert into _sqlx_migrations values (%s, %s, %s, %s, %s, %s)"
USERS = "create table users (id int);\n"
INDEX = "-- no-transaction\ncreate index concurrently users_id on users (id);\nselect 2;\n"
SIMPLE = {"0001_users.sql": USERS, "0002_users_id.sql": INDEX, "0003_later.sql": "select 3;\n"}
PAIRS = {"1_users.up.sql": USERS, "1_users.down.sql": "drop table users;\n", "2_later.up.sql": "select 2;\n"}
TIME = datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)


def at(project: Project, *executed: tuple[int, str, str], success: bool = True, nanoseconds: int = 12345678) -> None:
    """Make the history: number, description, text."""
    project.execute(HISTORY)
    for number, description, text in executed:
        checksum = hashlib.sha384(text.encode()).digest()
        project.execute(ROW, number, description, TIME, success, checksum, nanoseconds)


def test_simple_files_and_their_history_are_taken_over(project: Project) -> None:
    """The directive takes the place of sqlx's comment; time, duration and the checksum's verdict are recorded."""
    put(project, "migrations", SIMPLE)
    at(project, (1, "users", USERS), (2, "users id", INDEX))

    looked = project.call("adopt")
    ended = project.call("adopt", "--write")

    assert found(looked) == [
        "sqlx",
        "files     migrations/ · 3 migrations, to be converted",
        "history   _sqlx_migrations · 2 executed, 1 pending",
    ]
    assert remarks(looked) == [
        "⚠️ migrations/0002_users_id.sql:1:1: `-- no-transaction` becomes the directive `no-transaction`"
    ]
    assert ended.code == 0, ended.stderr
    assert written(project) == {
        "0001_users.up.sql": USERS,
        "0002_users_id.up.sql": f"-- sqlmigrate: no-transaction\n{INDEX}",
        "0003_later.up.sql": "select 3;\n",
    }
    assert project.states() == {"0001_users": "executed", "0002_users_id": "executed", "0003_later": "pending"}
    assert project.query("select executed_at, duration_ms, executed_by from migrations") == [(TIME, 12, None)] * 2
    assert details(project) == {
        "0001": "adopted from sqlx; the checksum of sqlx agrees with the file",
        "0002": "adopted from sqlx; the checksum of sqlx agrees with the file",
    }


def test_pairs_that_fit_stay_where_they_are(project: Project) -> None:
    """The history decides that it is sqlx: golang-migrate and morph would read the same files."""
    put(project, "migrations", PAIRS)
    at(project, (1, "users", USERS))

    assert found(project.call("adopt"))[:2] == ["sqlx", "files     migrations/ · 2 migrations, read as they are"]
    assert project.call("adopt", "--write").code == 0
    assert written(project) == {}
    assert texts_in(project.folder.parent / "migrations") == PAIRS
    assert project.recorded() == [("1", "executed")]


def test_a_switched_off_transaction_tells_the_tool_and_moves_the_folder(project: Project) -> None:
    """Without a history the comment says that it is sqlx; such pairs have to be converted."""
    put(project, "migrations", {**PAIRS, "3_x.up.sql": "-- no-transaction\nselect 3;\n", "3_x.down.sql": "select 4;"})

    assert found(project.call("adopt"))[:2] == ["sqlx", "files     migrations/ · 3 migrations, to be converted"]
    assert project.call("adopt", "--write").code == 0
    files = written(project)
    assert files["3_x.up.sql"] == "-- sqlmigrate: no-transaction\n-- no-transaction\nselect 3;\n"
    assert files["3_x.down.sql"] == "select 4;"


def test_a_changed_file_is_flagged(project: Project) -> None:
    """One byte is enough; --trust-changed takes it as the executed one, and the log says so."""
    put(project, "migrations", {**PAIRS, "1_users.up.sql": USERS.replace("int", "Int")})
    at(project, (1, "users", USERS))

    assert refused(project.call("adopt", "--write")) == [
        "error: migrations/1_users.up.sql was changed after sqlx executed it: the checksum in its history differs",
        "nothing was changed",
        "hint    restore the file; or, if the change is right, take 1 changed file as executed",
        "next    sqlmigrate adopt --write --trust-changed",
    ]
    assert project.call("adopt", "--write", "--trust-changed").code == 0
    assert details(project) == {"1": "adopted from sqlx; taken on trust: the checksum of sqlx differs from the file"}


def test_the_line_ends_of_git_are_no_change(project: Project) -> None:
    """The file was executed with one kind of line ends, and has the other kind here."""
    put(project, "migrations", {"1_a.sql": "select 1;\r\n", "2_b.sql": "select 2;\n"})
    at(project, (1, "a", "select 1;\n"), (2, "b", "select 2;\r\n"))

    assert project.call("adopt", "--write").code == 0
    assert set(details(project).values()) == {"adopted from sqlx; the checksum of sqlx agrees with the file"}


def test_a_failed_row_is_refused(project: Project) -> None:
    """The tool itself refuses to go on then."""
    put(project, "migrations", SIMPLE)
    at(project, (1, "users", USERS), success=False, nanoseconds=-1)

    assert refused(project.call("adopt", "--write")) == [
        "error: _sqlx_migrations says that 1 has failed or is not finished",
        "nothing was changed",
        "hint    remove from the database what the failed file has left, then remove its row from the history of sqlx",
        "next    sqlmigrate adopt",
    ]


def test_a_lost_duration_is_unknown(project: Project) -> None:
    """The tool writes -1 first, and the duration when the transaction has ended."""
    put(project, "migrations", SIMPLE)
    at(project, (1, "users", USERS), nanoseconds=-1)
    project.call("adopt", "--write")

    assert project.value("select duration_ms from migrations") is None


def test_the_description_tells_doubled_versions_apart(project: Project) -> None:
    """The other file of that version is not executed, and the executed one gets the next number."""
    put(project, "migrations", {**SIMPLE, "0001_accounts.sql": "select 0;\n"})
    at(project, (1, "users", USERS))

    assert project.call("adopt", "--write").code == 0
    assert list(project.states().items())[:2] == [("0001_accounts", "out of order"), ("0002_users", "executed")]


@pytest.mark.parametrize("name", ["x_1.sql", "a1_b.sql", "_c.sql"])
def test_a_name_that_sqlx_refuses_says_that_the_folder_is_not_its(project: Project, name: str) -> None:
    """An integer has to stand before the first underscore of every SQL file."""
    put(project, "migrations", {"1_a.sql": "-- no-transaction\nselect 1;", name: "select 2;"})

    assert "sqlx" not in project.call("adopt").stdout


def test_its_lock_is_respected(project: Project) -> None:
    """The key is computed from the name of the database."""
    put(project, "migrations", SIMPLE)
    at(project, (1, "users", USERS))
    key = 0x3D32AD9E * zlib.crc32(project.value("select current_database()").encode())

    with psycopg.connect(project.url) as other:
        other.execute("select pg_advisory_lock(%s::bigint)", (key,))
        ended = project.call("adopt", "--write")

    assert refused(ended)[0] == "error: a run of sqlx is under way: it holds its lock"


def test_the_key_of_the_lock_is_that_of_sqlx() -> None:
    """A factor, times the CRC-32 of the name of the database."""
    assert list(SQLX.locks(Place("public", "_sqlx_migrations", frozenset(), "peer_sqlx"))) == [286999201427039412]


def test_the_checksum_is_that_of_the_real_tool() -> None:
    """sqlx-cli 0.8.6 wrote this value for this text."""
    text = "create table posts (id bigint primary key, user_id bigint references users (id), title text);\n"
    seen = "4c95a5615fcd7821d589195a79bd95c9d4ab82b8dc3a01ad61c31930ee874118fd59c8d55323ba9c8c037fdbe9ec36cc"

    posts = ForeignMigration("2", "0002", "posts", "m/0002_posts.up.sql", None, raw=text.encode())
    assert SQLX.is_same(posts, Record("2", checksum=seen)) is True

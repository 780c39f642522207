"""graphile-migrate: committed files with hashes, and a history of them. Files and rows are written by hand.

The hashes are those that graphile-migrate 1.4.1 wrote.
"""

from __future__ import annotations

import psycopg
import pytest
from foreign_folder import details, found, put, refused, remarks, written
from project import Project

from sqlmigrate.adopt.tools.graphile_migrate import hash_of

HISTORY = """\
create schema graphile_migrate;
create table graphile_migrate.migrations (
    hash text primary key,
    previous_hash text references graphile_migrate.migrations,
    filename text not null,
    date timestamptz not null default now());"""
FIRST_HASH = "sha1:867a8921cf4a6d9d6f39af9ce1fa017721106d9a"
INDEX_HASH = "sha1:2c200afcba4035a2aeef802b4465df2396cb4e6c"
INDEX = """\
--! Previous: sha1:caf1c192218810e88880aa8c2ef7224025286ff4
--! Hash: sha1:2c200afcba4035a2aeef802b4465df2396cb4e6c
--! Message: posts_title it's ü

--! no-transaction
create index concurrently posts_title on posts (title);
"""
VERIFIED = "adopted from graphile-migrate; the checksum of graphile-migrate agrees with the file"


def committed(*bodies: str) -> dict[str, str]:
    """Write files as `graphile-migrate commit` does."""
    files, before = {}, "-"
    for number, body in enumerate(bodies, start=1):
        digest = hash_of(body, before)
        files[f"committed/{number:06}-m{number}.sql"] = f"--! Previous: {before}\n--! Hash: {digest}\n\n{body}"
        before = digest
    return files


def at(project: Project, files: dict[str, str], count: int) -> None:
    """Make the history: the first files are executed."""
    project.execute(HISTORY)
    for minute, (name, text) in enumerate(list(files.items())[:count]):
        digest = text.split("\n")[1].removeprefix("--! Hash: ")
        filename = name.removeprefix("committed/").partition("-")[0] + ".sql"
        project.execute(
            "insert into graphile_migrate.migrations (hash, filename, date) values (%s, %s, %s)",
            digest, filename, f"2024-01-01 10:0{minute}+00",
        )  # fmt: skip


BODIES = (
    "create table users (id int);\n",
    "--! no-transaction\ncreate index concurrently i on users (id);\n",
    "select ':00', now()::TEXT, a[1:2] from (select array[1, 2] a) s; -- :COMMENT\n",
)


def test_the_hash_is_the_one_of_the_tool() -> None:
    """Of the previous hash, a line end, and the text below the header, without white space around it."""
    body = INDEX.partition("\n\n")[2]

    assert hash_of(body, "sha1:caf1c192218810e88880aa8c2ef7224025286ff4") == INDEX_HASH
    assert hash_of(f"\n\n{body}  ", "sha1:caf1c192218810e88880aa8c2ef7224025286ff4") == INDEX_HASH


def test_files_and_history_are_taken_over(project: Project) -> None:
    """Files stay as they are, with their header; the history calls them by their number alone."""
    files = committed(*BODIES)
    put(project, "migrations", {**files, "current.sql": "\n"})
    at(project, files, 2)

    looked = project.call("adopt")
    ended = project.call("adopt", "--write")

    assert found(looked) == [
        "graphile-migrate",
        "files     migrations/ · 3 migrations, to be converted",
        "history   graphile_migrate.migrations · 2 executed, 1 pending",
    ]
    assert remarks(looked) == [
        "⚠️ migrations/committed/000002-m2.sql:4:1: `--! no-transaction` becomes the directive `no-transaction`"
    ]
    assert ended.code == 0, ended.stderr
    assert written(project) == {
        "000001_m1.up.sql": files["committed/000001-m1.sql"],
        "000002_m2.up.sql": "-- sqlmigrate: no-transaction\n" + files["committed/000002-m2.sql"],
        "000003_m3.up.sql": files["committed/000003-m3.sql"],
    }
    assert list(project.states().values()) == ["executed", "executed", "pending"]
    assert details(project) == {"000001": VERIFIED, "000002": VERIFIED}
    assert [time.minute for (time,) in project.query("select executed_at from migrations order by version")] == [0, 1]


def test_a_flipped_byte_is_found(project: Project) -> None:
    """The file is not the executed one."""
    files = committed(*BODIES)
    put(project, "migrations", files)
    put(project, "migrations", {"committed/000001-m1.sql": files["committed/000001-m1.sql"].replace("users", "uSers")})
    at(project, files, 2)

    assert refused(project.call("adopt", "--write")) == [
        (
            "error: migrations/committed/000001-m1.sql was changed after graphile-migrate executed it: "
            "the checksum in its history differs"
        ),
        "nothing was changed",
        "hint    restore the file; or, if the change is right, take 1 changed file as executed",
        "next    sqlmigrate adopt --write --trust-changed",
    ]


def test_other_line_ends_are_the_same_file(project: Project) -> None:
    """Git may have changed them since the file was executed."""
    files = committed(*BODIES)
    put(project, "migrations", {name: text.replace("\n", "\r\n") for name, text in files.items()})
    at(project, files, 2)

    assert project.call("adopt", "--write").code == 0
    assert set(details(project).values()) == {VERIFIED}


def test_a_hash_that_was_written_again_is_found(project: Project) -> None:
    """The file agrees with its header, and its header not with the history."""
    files = committed(*BODIES)
    put(project, "migrations", committed("create table other (id int);\n", *BODIES[1:]))
    at(project, files, 2)

    assert refused(project.call("adopt", "--write"))[0] == (
        "error: migrations/committed/000001-m1.sql was changed after graphile-migrate executed it: "
        "the checksum in its history differs"
    )


def test_a_wrong_hash_that_is_allowed_proves_nothing(project: Project) -> None:
    """The tool executes such a file, and so its text is taken on trust."""
    files = committed(*BODIES)
    at(project, files, 1)
    first = files["committed/000001-m1.sql"].replace("\n\n", "\n--! AllowInvalidHash\n\nselect 1;\n")
    put(project, "migrations", {**files, "committed/000001-m1.sql": first})

    assert project.call("adopt", "--write").code == 0
    assert details(project) == {
        "000001": "adopted from graphile-migrate; taken on trust: the history of graphile-migrate has no checksum of it"
    }


def test_a_file_that_does_not_follow_the_one_before_it_is_an_obstacle(project: Project) -> None:
    """One was removed, or two were written at the same time."""
    files = committed(*BODIES)
    at(project, files, 1)
    del files["committed/000002-m2.sql"]
    put(project, "migrations", files)
    before = hash_of(BODIES[0], "-")
    named = hash_of(BODIES[1], before)

    assert refused(project.call("adopt", "--write"))[:3] == [
        (
            "error: migrations/committed/000003-m3.sql does not follow the file before it: "
            f"it names `{named}` as the previous hash, and that file has `{before}`"
        ),
        "nothing was changed",
        "hint    restore the files as graphile-migrate committed them",
    ]


@pytest.mark.parametrize(
    ("body", "place", "name"),
    [
        ("grant select on users to :APP_ROLE;\n", "4:26", ":APP_ROLE"),
        ("alter database :DATABASE_NAME set timezone = 'UTC';\n", "4:16", ":DATABASE_NAME"),
        ("do $$ begin execute 'grant x to :DATABASE_OWNER'; end $$;\n", "4:33", ":DATABASE_OWNER"),
        ("select ':APP_ROLE';\n", "4:9", ":APP_ROLE"),
        ("select 1=:NUMBER;\n", "4:10", ":NUMBER"),
    ],
)
def test_placeholders_are_obstacles(project: Project, body: str, place: str, name: str) -> None:
    """The tool writes a text of its configuration there, in strings too."""
    files = committed(body)
    put(project, "migrations", files)

    assert remarks(project.call("adopt")) == [
        (
            f"❌ migrations/committed/000001-m1.sql:{place}: `{name}` is a placeholder: "
            "graphile-migrate writes a text of its configuration there: "
            "write sql/000001_m1.up.sql by hand in its place"
        )
    ]


def test_what_is_not_committed_is_told(project: Project) -> None:
    """It is the text that is being worked on."""
    put(
        project, "migrations", {**committed(*BODIES), "current/001.sql": "select 1;\n", "fixtures/a.sql": "select 2;\n"}
    )

    assert remarks(project.call("adopt"))[-1] == (
        "⚠️ migrations/current/001.sql is not committed: it is not taken over: "
        "commit it with graphile-migrate first, or write it as a new migration"
    )


def test_the_folder_may_be_the_one_of_the_committed_files(project: Project) -> None:
    """`--from` may name either."""
    put(project, "migrations", committed(*BODIES))

    assert found(project.call("adopt", "--from", "migrations/committed"))[1] == (
        "files     migrations/committed/ · 3 migrations, to be converted"
    )


def test_its_lock_is_respected(project: Project) -> None:
    """A run holds an advisory lock."""
    files = committed(*BODIES)
    put(project, "migrations", files)
    at(project, files, 1)

    with psycopg.connect(project.url) as other:
        other.execute("select pg_advisory_lock(4727445306447283)")
        ended = project.call("adopt", "--write")

    assert refused(ended)[0] == "error: a run of graphile-migrate is under way: it holds its lock"


def test_finish_stops_it_and_undo_lets_it_go_on(project: Project) -> None:
    """The newest file name in its history is one that no file comes after."""
    files = committed(*BODIES)
    put(project, "migrations", files)
    at(project, files, 1)
    project.call("adopt", "--write")

    assert project.call("adopt", "--finish").code == 0
    newest = project.value("select filename from graphile_migrate.migrations order by filename desc limit 1")
    assert newest > "999999999.sql"
    assert "0 migrations recorded" in project.call("adopt", "--write").stdout
    assert project.call("adopt", "--undo", "--yes").code == 0
    assert project.query("select filename from graphile_migrate.migrations") == [("000001.sql",)]


@pytest.mark.parametrize("content", [None, "", "select 1;"])
def test_finish_stops_the_text_that_is_being_worked_on(project: Project, content: str | None) -> None:
    """`watch` removes the last text before it executes a new one; --undo gives back what was there."""
    files = committed(*BODIES)
    put(project, "migrations", files)
    at(project, files, 1)
    project.execute(
        "create table graphile_migrate.current "
        "(filename text primary key default 'current.sql', content text not null, date timestamptz default now())"
    )
    if content is not None:
        project.execute("insert into graphile_migrate.current (content) values (%s)", content)
    project.call("adopt", "--write")

    assert project.call("adopt", "--finish").code == 0
    with pytest.raises(psycopg.errors.RaiseException, match="looked after by sqlmigrate now"):
        project.execute("delete from graphile_migrate.current where filename = 'current.sql'")
    assert project.value("select content <> '' from graphile_migrate.current")
    assert project.call("adopt", "--undo", "--yes").code == 0
    assert project.query("select content from graphile_migrate.current") == ([(content,)] if content else [])

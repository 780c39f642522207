"""Sqitch: a plan with its scripts, and a registry. Files and rows are written by hand.

The IDs and the hashes are those that Sqitch 1.3.1 wrote.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

import psycopg
import pytest
from foreign_folder import details, found, put, refused, remarks, written
from project import Project

from sqlmigrate.adopt.tools.sqitch_plan import parse
from sqlmigrate.source import Source

REGISTRY = """\
create schema {schema};
create table {schema}.changes (
    change_id text primary key, script_hash text, change text not null, project text not null,
    note text not null default '', committed_at timestamptz not null default clock_timestamp(),
    committer_name text not null, committer_email text not null, planned_at timestamptz not null,
    planner_name text not null, planner_email text not null, unique (project, script_hash));"""
HEAD = "%syntax-version=1.0.0\n%project=app\n%uri=https://example.org/app\n\n"
BY = "A Person <a@example.org>"
PLAN = f"""\
{HEAD}users 2026-11-29T02:06:25Z {BY} # change 1; with semicolon
posts [users] 2026-11-29T02:06:28Z {BY} # change 2; with semicolon
add_data [posts] 2026-11-29T02:06:50Z {BY}
@v1.0 2026-11-29T02:06:52Z {BY} # tag v1.0

# The data are added in another way.
add_data [add_data@v1.0] 2026-11-29T02:06:53Z {BY} # second add_data
later [add_data] 2026-11-29T02:06:56Z {BY} # change 12; with semicolon
"""
USERS = "-- Deploy app:users to pg\n\nBEGIN;\n\ncreate table users (id int);\n\nCOMMIT;\n"
POSTS = "-- Deploy app:posts to pg\r\ncreate index concurrently i on users (id);\r\nselect 1;\r\n"
FILES = {
    "sqitch.plan": PLAN,
    "sqitch.conf": "[core]\n\tengine = pg\n\t# top_dir = .\n",
    "deploy/users.sql": USERS,
    "revert/users.sql": "BEGIN;\ndrop table users;\nCOMMIT;\n",
    "verify/users.sql": "select id from users where false;\n",
    "verify/posts.sql": "select 1;\n",
    "deploy/posts.sql": POSTS,
    "revert/posts.sql": "drop index concurrently i;\n",
    "deploy/add_data@v1.0.sql": "insert into users values (1);\n",
    "revert/add_data@v1.0.sql": "delete from users;\n",
    "deploy/add_data.sql": "insert into users values (2);\n",
    "deploy/later.sql": "create table later (id int);\n",
}
VERIFIED = "adopted from Sqitch; the checksum of Sqitch agrees with the file"


def ids(plan: str) -> list[str]:
    return [change.id for change in parse(Source("sqitch.plan", plan)).changes]


def at(
    project: Project, count: int, files: Mapping[str, str] = FILES, *, schema: str = "sqitch", name: str = "app"
) -> None:
    """Make the registry: the first changes of the plan are deployed, a minute apart."""
    project.execute(REGISTRY.format(schema=schema))
    scripts = ["users", "posts", "add_data@v1.0", "add_data", "later"][:count]
    for minute, (change, script) in enumerate(zip(ids(PLAN), scripts, strict=False)):
        digest = hashlib.sha1(files[f"deploy/{script}.sql"].encode()).hexdigest()
        project.execute(
            f"insert into {schema}.changes values "
            "(%s, %s, %s, %s, '', %s, 'Ann', 'ann@example.org', now(), 'P', 'p@x')",
            change, digest, script.partition("@")[0], name, f"2024-01-01 10:0{minute}+00",
        )  # fmt: skip


def test_the_ids_of_the_plan_are_those_of_the_tool() -> None:
    """Each counts the one before it, its dependencies and its note."""
    plan = f"""\
{HEAD}users 2026-11-29T02:06:25Z {BY} # change 1; with semicolon
posts [users] 2026-11-29T02:06:28Z {BY} # change 2; with semicolon
posts_title [posts] 2026-11-29T02:06:31Z {BY} # change 3; with semicolon
"""

    assert ids(plan) == [
        "5fab73d93fbefb721b8908917432c25542a4a530",
        "968215802e37223d92c43488e41e444e6cb7885f",
        "b72f4b9ed07d1f1f7658e636ecf62e28e4ede75a",
    ]
    assert ids(plan.replace("\n", "\r\n")) == ids(plan)


def test_files_and_history_are_taken_over(project: Project) -> None:
    """A script in BEGIN and COMMIT stays so; one without them has no transaction; a reworked change has two scripts."""
    put(project, ".", FILES)
    at(project, 4)

    looked = project.call("adopt")
    ended = project.call("adopt", "--write")

    assert found(looked) == [
        "Sqitch",
        "files     ./ · 5 migrations, to be converted",
        "history   sqitch.changes · 4 executed, 1 pending",
    ]
    assert remarks(looked) == [
        (
            "⚠️ deploy/posts.sql:2:1: the script has no BEGIN and COMMIT: Sqitch executes it without a transaction, "
            "and so does sqlmigrate"
        ),
        "⚠️ verify/ has 2 verify scripts: not taken over, sqlmigrate executes none",
    ]
    assert ended.code == 0, ended.stderr
    assert written(project) == {
        "001_users.down.sql": "-- before: users.sql\nBEGIN;\ndrop table users;\nCOMMIT;\n",
        "001_users.up.sql": "-- before: users.sql\n" + USERS,
        "002_posts.down.sql": "-- before: posts.sql\ndrop index concurrently i;\n",
        "002_posts.up.sql": "-- sqlmigrate: no-transaction\n-- before: posts.sql\n" + POSTS,
        "003_add_data.down.sql": "-- before: add_data@v1.0.sql\ndelete from users;\n",
        "003_add_data.up.sql": "-- before: add_data@v1.0.sql\ninsert into users values (1);\n",
        "004_add_data.up.sql": "-- before: add_data.sql\ninsert into users values (2);\n",
        "005_later.up.sql": "-- before: later.sql\ncreate table later (id int);\n",
    }
    assert list(project.states().values()) == ["executed"] * 4 + ["pending"]
    assert set(details(project).values()) == {VERIFIED}
    assert project.query("select executed_at, executed_by from migrations where version = '002'") == [
        (datetime(2024, 1, 1, 10, 1, tzinfo=UTC), "Ann <ann@example.org>")
    ]
    assert "0 files written, 0 migrations recorded" in project.call("adopt", "--write").stdout


def test_a_flipped_byte_is_found(project: Project) -> None:
    """Also in the old script of a reworked change."""
    at(project, 4)
    put(project, ".", {**FILES, "deploy/add_data@v1.0.sql": "insert into users values (3);\n"})

    assert refused(project.call("adopt", "--write"))[0] == (
        "error: deploy/add_data@v1.0.sql was changed after Sqitch executed it: the checksum in its history differs"
    )


def test_a_registry_of_an_old_version_proves_nothing(project: Project) -> None:
    """Before 0.998 the ID of the change was written in place of the hash."""
    put(project, ".", FILES)
    at(project, 1)
    project.execute("update sqitch.changes set script_hash = change_id")

    assert project.call("adopt", "--write").code == 0
    assert details(project) == {
        "001": "adopted from Sqitch; taken on trust: the history of Sqitch has no checksum of it"
    }


@pytest.mark.parametrize(
    ("script", "place", "message"),
    [
        ("BEGIN;\n\\i common.sql\nCOMMIT;\n", "2:1", "`\\i` is a psql command, not SQL"),
        ("\\set x 1\nselect 1;\n", "1:1", "`\\set` is a psql command, not SQL"),
        ("select :version;\n", "1:8", "`:version` is a variable of psql, not SQL"),
        ("select 1=:'name';\n", "1:10", "`:'name'` is a variable of psql, not SQL"),
        ('set search_path to :"schema";\n', "1:20", '`:"schema"` is a variable of psql, not SQL'),
    ],
)
def test_what_only_psql_understands_is_an_obstacle(project: Project, script: str, place: str, message: str) -> None:
    """Each with its place, until a pair takes its place."""
    put(project, ".", {**FILES, "deploy/users.sql": script})
    by_hand = "write sql/001_users.up.sql by hand in its place"

    assert [line for line in remarks(project.call("adopt")) if "❌" in line] == [
        f"❌ deploy/users.sql:{place}: {message}: {by_hand}"
    ]
    project.add("001_users", "select 1;\n")
    assert project.call("adopt", "--write").code == 0


def test_what_looks_like_a_variable_is_none(project: Project) -> None:
    """Casts, slices, strings, comments and bodies of functions."""
    script = "select 'a:b', '1'::int, (array[1])[1:1], \"a:b\" from t; -- :c\ndo $$ begin a := :b; end $$;\n"
    put(project, ".", {**FILES, "deploy/users.sql": f"BEGIN;\n{script}COMMIT;\n"})

    assert [line for line in remarks(project.call("adopt")) if "users" in line] == []


def test_several_transactions_in_a_script_are_told(project: Project) -> None:
    """An executed script is taken over as it is; a pending one would be refused."""
    put(project, ".", {**FILES, "deploy/users.sql": "BEGIN;\nselect 1;\nCOMMIT;\nselect 2;\n"})
    at(project, 0)

    assert remarks(project.call("adopt"))[0] == (
        "⚠️ deploy/users.sql:1:1: BEGIN and COMMIT are not around the whole script: "
        "sqlmigrate does not execute such a file"
    )


def test_a_missing_script_is_an_obstacle(project: Project) -> None:
    """It is told where the plan names it."""
    files = {name: text for name, text in FILES.items() if name != "deploy/posts.sql"}
    put(project, ".", files)
    at(project, 1)

    said = refused(project.call("adopt", "--write"))

    assert said[0] == "error: the deploy script deploy/posts.sql does not exist"
    assert "sqitch.plan:6:1" in said[1]


def test_a_plan_that_cannot_be_read_is_an_obstacle(project: Project) -> None:
    """No change below the line has the right ID."""
    put(project, ".", {**FILES, "sqitch.plan": PLAN.replace("posts [users]", "posts [users")})

    assert next(line for line in remarks(project.call("adopt")) if "❌" in line) == (
        "❌ sqitch.plan:6:1: this line of the plan is not one that Sqitch reads"
    )


def test_other_folders_and_another_registry(project: Project) -> None:
    """`sqitch.conf` names the folder, and the registry may have any name."""
    moved = {f"db/{name}" if name != "sqitch.conf" else name: text for name, text in FILES.items()}
    conf = '[core]\n\tengine = pg\n[engine "pg"]\n\ttop_dir = ./db/\n\tregistry = meta\n'
    put(project, "shop", {**moved, "sqitch.conf": conf})
    at(project, 4, schema="meta")

    assert found(project.call("adopt", "--from", "shop"))[1:] == [
        "files     shop/db/ · 5 migrations, to be converted",
        "history   meta.changes · 4 executed, 1 pending",
    ]


def test_another_project_in_the_registry_is_told_and_left_alone(project: Project) -> None:
    """Its changes are not recorded; it can go on after --finish."""
    put(project, ".", FILES)
    at(project, 4)
    other = "insert into sqitch.changes values ('{}', null, 'a', 'other', '', now(), 'B', 'b@x', now(), 'P', 'p@x')"
    project.execute(other.format("id of other"))

    looked = project.call("adopt")
    assert found(looked)[2] == "history   sqitch.changes · 4 executed, 1 pending"
    assert remarks(looked)[-1] == (
        "⚠️ the registry also has the project other (deployed changes: 1): it is not taken over; "
        "adopt it from its own folder"
    )
    assert project.call("adopt", "--write").code == 0
    assert project.call("adopt", "--finish").code == 0
    project.execute(other.format("another id"))
    project.execute("update sqitch.changes set note = 'x' where project = 'other'")
    for statement in (other.replace("'other'", "'app'"), "delete from sqitch.changes", "truncate sqitch.changes"):
        with pytest.raises(psycopg.errors.RaiseException, match="looked after by sqlmigrate now"):
            project.execute(statement)
    assert project.call("adopt", "--undo", "--yes").code == 0
    assert project.value("select count(*) from sqitch.changes") == 6


def test_the_newest_change_is_not_in_the_plan_after_finish(project: Project) -> None:
    """Sqitch does not go on then: it would execute a script before it records it."""
    put(project, ".", FILES)
    at(project, 4)
    project.call("adopt", "--write")

    assert project.call("adopt", "--finish").code == 0

    assert project.value("select change from sqitch.changes order by committed_at desc limit 1") == (
        "looked_after_by_sqlmigrate"
    )
    assert "0 files written, 0 migrations recorded" in project.call("adopt", "--write").stdout


def test_its_lock_is_respected(project: Project) -> None:
    """A run holds an advisory lock."""
    put(project, ".", FILES)
    at(project, 1)

    with psycopg.connect(project.url) as other:
        other.execute("select pg_advisory_lock(75474063)")
        ended = project.call("adopt", "--write")

    assert refused(ended)[0] == "error: a run of Sqitch is under way: it holds its lock"


def test_other_line_ends_are_the_same_script(project: Project) -> None:
    """Git may have changed them since the script was executed."""
    at(project, 4)
    put(project, ".", {name: text.replace("\r\n", "\n").replace("\n", "\r\n") for name, text in FILES.items()})

    assert project.call("adopt", "--write").code == 0
    assert set(details(project).values()) == {VERIFIED}


@pytest.mark.parametrize(
    ("written_as", "counted_as"),
    [
        ("HTTPS://Example.ORG:443", "https://example.org/"),
        ("https://github.com/Foo/Bar/", "https://github.com/Foo/Bar/"),
        ("http://a.b:8080/x", "http://a.b:8080/x"),
        ("http://a.b?q", "http://a.b?q"),
        ("ssh://git@Host/x", "ssh://git@host/x"),
    ],
)
def test_the_uri_of_a_project_counts_in_its_usual_form(written_as: str, counted_as: str) -> None:
    """As Perl's module URI writes it."""
    uri = "https://example.org/app"

    assert ids(PLAN.replace(uri, written_as)) == ids(PLAN.replace(uri, counted_as))


def test_names_with_slashes(project: Project) -> None:
    """The scripts are in folders, and the name here has none."""
    plan = f"{HEAD}users/add+one 2024-01-01T00:00:00Z {BY}\n"
    put(project, ".", {"sqitch.plan": plan, "deploy/users/add+one.sql": "select 1;\n"})

    assert project.call("adopt", "--write").code == 0
    assert written(project) == {"001_users_add_one.up.sql": "-- before: add+one.sql\nselect 1;\n"}


def test_a_change_that_is_there_twice_is_an_obstacle(project: Project) -> None:
    """Without a tag between, both would have the same script."""
    put(project, ".", {**FILES, "sqitch.plan": PLAN.replace("@v1.0 2026", "# @v1.0 2026")})

    assert remarks(project.call("adopt"))[0] == (
        "❌ sqitch.plan:11:1: the change `add_data` is there twice without a tag between"
    )


def test_a_registry_that_may_not_be_read_is_refused(project: Project) -> None:
    """Nothing would look executed."""
    put(project, ".", FILES)
    at(project, 4)
    name = f"limited_{project.value('select current_database()')}"
    project.execute(f"create role {name} login; grant usage on schema sqitch to {name}")
    try:
        said = refused(project.at(psycopg.conninfo.make_conninfo(project.url, user=name)).call("adopt"))
    finally:
        project.execute(f"drop owned by {name}; drop role {name}")

    assert said == [
        f"error: the role {name} may not read sqitch.changes, the history of Sqitch",
        "nothing was changed",
        "hint    without it, everything that is executed would look pending; its owner grants the right with:",
        f'next    psql: grant usage on schema "sqitch" to "{name}";',
        f'psql: grant select on "sqitch"."changes" to "{name}";',
    ]


def test_a_deployment_that_failed_is_told(project: Project) -> None:
    """Sqitch deploys the change again; without a transaction, a part of it is in the database."""
    put(project, ".", FILES)
    at(project, 4)
    project.execute(
        "create table sqitch.events (event text, change_id text, change text, project text, committed_at timestamptz)"
    )
    for event, change, minute in (("fail", "later", 1), ("fail", "users", 1), ("deploy", "users", 2)):
        project.execute(
            "insert into sqitch.events values (%s, %s, %s, 'app', %s)",
            event,
            change,
            change,
            f"2024-01-01 10:0{minute}",
        )

    assert remarks(project.call("adopt"))[-1] == (
        "⚠️ the last deployment of later failed: see what it has left in the database"
    )
    assert project.call("adopt", "--write").code == 0


def test_the_folder_of_the_settings_is_found(project: Project) -> None:
    """The plan is there; our files are not written among its scripts."""
    moved = {f"sql/{name}": text for name, text in FILES.items() if name != "sqitch.conf"}
    put(project, ".", {**moved, "sqitch.conf": "[core]\n\ttop_dir = sql\n"})
    at(project, 4)

    assert refused(project.call("adopt"))[0] == (
        "error: sql/ is the folder of Sqitch, and sqlmigrate would write its files there too: "
        "neither could read the folder then"
    )
    assert found(project.call("--directory", "migrations", "adopt")) == [
        "Sqitch",
        "files     sql/ · 5 migrations, to be converted",
        "history   sqitch.changes · 4 executed, 1 pending",
    ]

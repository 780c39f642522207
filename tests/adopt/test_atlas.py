"""Folders and histories of Atlas, written by hand.

The hashes of `SUM` are those that Atlas 1.2 wrote for these three files; no package registry that the tests may use has
it without terms of its own.
"""

from __future__ import annotations

import pytest
from old_folders import details, remarks, write_old, written
from project import Project

from sqlmigrate.adopt.tools.atlas import hashes

USERS = """\
-- first: a table
create table users (id bigint generated always as identity primary key, email text not null, note text default 'a;b');

/* a block comment; with a semicolon */
insert into users (email, note) values ('a@x', 'semi;colon'), ('b@x', $q$dollar; 'quoted'$q$);
"""
POSTS = "create table posts (id bigint primary key, user_id bigint references users (id), title text);\n"
INDEX = "-- atlas:txmode none\n\ncreate index concurrently posts_title on posts (title);\n"
FILES = {"20240101000001_users.sql": USERS, "20240101000002_posts.sql": POSTS, "20240101000003_posts_title.sql": INDEX}
SUM = {
    "20240101000001_users.sql": "vOfGRbimHNt/Y7hnYbOtf/RIgPVfe1wXTNP6h0UX5io=",
    "20240101000002_posts.sql": "II4HxLQuG/9okTAfgusIIfLQ9IzKnX3dhKfoENHfCgg=",
    "20240101000003_posts_title.sql": "pSqzDJtxrokA1oUExvlYV29BSuNXTJdIhpxmGa4oIeU=",
}
HISTORY = """\
create schema atlas_schema_revisions;
create table atlas_schema_revisions.atlas_schema_revisions (
    version varchar primary key, description varchar not null, type bigint not null default 2,
    applied bigint not null default 0, total bigint not null default 0, executed_at timestamptz not null,
    execution_time bigint not null, error text, error_stmt text, hash varchar not null, partial_hashes jsonb,
    operator_version varchar not null);
insert into atlas_schema_revisions.atlas_schema_revisions values
    ('.atlas_cloud_identifier', 'x', 2, 0, 0, now(), 0, '', '', '', 'null', 'Atlas CLI v1.2.3')"""
TRUSTED = "adopted from Atlas; taken on trust: the history of Atlas has no checksum of it"
VERIFIED = "adopted from Atlas; the checksum of Atlas agrees with the file"


def write(project: Project, files: dict[str, str], folder: str = "migrations") -> dict[str, str]:
    """Write a folder with its `atlas.sum`; gives the hash of each file."""
    found = hashes([(name, text.encode()) for name, text in sorted(files.items()) if name.endswith(".sql")])
    lines = "".join(f"{name} h1:{hash_}\n" for name, hash_ in found.items())
    write_old(project, folder, {**files, "atlas.sum": f"h1:not-looked-at=\n{lines}"})
    return found


def record(project: Project, *rows: tuple[str, str], kind: int = 2, applied: int = 1) -> None:
    """Write rows of a history: version and hash, a day apart."""
    if not project.value("select to_regclass('atlas_schema_revisions.atlas_schema_revisions') is not null"):
        project.execute(HISTORY)
    for version, hash_ in rows:
        project.execute(
            "insert into atlas_schema_revisions.atlas_schema_revisions select %s, 'x', %s, %s, 1,"
            " timestamptz '2024-05-06 07:08:09Z' + count(*) * interval '1 day', 17173999, '', '', %s, 'null', 'v1'"
            " from atlas_schema_revisions.atlas_schema_revisions where version not like '.%%'",
            version, kind, applied, hash_,
        )  # fmt: skip


@pytest.fixture
def atlas(project: Project) -> Project:
    """A folder with three files, of which two are executed."""
    write(project, FILES)
    record(project, *((name.partition("_")[0], sum_) for name, sum_ in list(SUM.items())[:2]))
    return project


def test_the_hashes_are_those_that_atlas_writes() -> None:
    """Each is that of all files up to its own, with their names."""
    assert hashes([(name, text.encode()) for name, text in FILES.items()]) == SUM


def test_looking(atlas: Project) -> None:
    """It says where the history is, and what converts with a note."""
    ended = atlas.call("adopt", "--dry-run")

    assert (
        ended.stdout.split("\n\n", 1)[1]
        == """\
Atlas
   files     migrations/ · 3 migrations, to be converted
   history   atlas_schema_revisions.atlas_schema_revisions · 2 executed, 1 pending
             from 2024-05-06 07:08:09 UTC to 2024-05-07 07:08:09 UTC

✅ 20240101000001_users         executed 2024-05-06 07:08:09 UTC  the checksum of Atlas agrees with the file
✅ 20240101000002_posts         executed 2024-05-07 07:08:09 UTC  the checksum of Atlas agrees with the file
⏸️ 20240101000003_posts_title   pending

migrations/20240101000001_users.sql ──▶ sql/20240101000001_users.up.sql
migrations/20240101000002_posts.sql ──▶ sql/20240101000002_posts.up.sql
migrations/20240101000003_posts_title.sql ──▶ sql/20240101000003_posts_title.up.sql

⚠️ migrations/20240101000003_posts_title.sql:1:1: `atlas:txmode none` becomes the directive `no-transaction`

nothing was written
next: sqlmigrate adopt --write
"""
    )


def test_files_rows_and_log(atlas: Project) -> None:
    """Texts stay byte for byte; the history has the time and the duration."""
    ended = atlas.call("adopt", "--write")

    assert ended.code == 0, ended.stderr
    assert written(atlas) == {
        "20240101000001_users.up.sql": USERS,
        "20240101000002_posts.up.sql": POSTS,
        "20240101000003_posts_title.up.sql": f"-- sqlmigrate: no-transaction\n{INDEX}",
    }
    assert list(atlas.states().values()) == ["executed", "executed", "pending"]
    assert details(atlas) == [("20240101000001", VERIFIED), ("20240101000002", VERIFIED)]
    assert atlas.query("select distinct duration_ms from migrations") == [(17,)]


def test_a_flipped_byte_is_found_in_its_own_file(project: Project) -> None:
    """Later hashes differ too, but only the first file was changed; `atlas migrate hash` does not hide it."""
    files = {**FILES, "20240101000001_users.sql": USERS.replace("semi;", "semi:")}
    write(project, files)
    record(project, *((name.partition("_")[0], sum_) for name, sum_ in SUM.items()))

    ended = project.call("adopt", "--write")

    assert ended.code == 1
    assert (
        ended.stderr
        == """\
error: migrations/20240101000001_users.sql was changed after Atlas executed it: the checksum in its history differs
   nothing was changed
   hint    restore the file; or, if the change is right, take 1 changed file as executed
   next    sqlmigrate adopt --write --trust-changed

"""
    )
    assert project.call("adopt", "--write", "--trust-changed").code == 0
    assert [detail for _, detail in details(project)] == [
        "adopted from Atlas; taken on trust: the checksum of Atlas differs from the file",
        TRUSTED,
        TRUSTED,
    ]


def test_a_file_that_was_merged_below_others_changes_no_verdict(project: Project) -> None:
    """The hashes of the executed files are those of the folder as it was then."""
    before = {"1_a.sql": "select 1;", "3_c.sql": "select 3;"}
    old = hashes([(name, text.encode()) for name, text in before.items()])
    new = write(project, {**before, "2_b.sql": "select 2;", "4_d.sql": "select 4;"})
    record(project, ("1", old["1_a.sql"]), ("3", old["3_c.sql"]), ("2", new["2_b.sql"]))

    project.call("adopt", "--write")

    assert details(project) == [("1", VERIFIED), ("3", VERIFIED), ("2", VERIFIED)]


def test_a_baseline_and_a_checkpoint_declare_what_is_below_them(project: Project) -> None:
    """A database that began with a checkpoint has not executed the files below it."""
    checkpoint = "-- atlas:checkpoint\n\nselect 1; select 2;"
    files = {"1_a.sql": "select 1;", "2_b.sql": "select 2;", "3_all.sql": checkpoint, "4_d.sql": "select 4;"}
    sums = write(project, files)
    record(project, ("3", sums["3_all.sql"]), ("4", sums["4_d.sql"]))

    ended = project.call("adopt", "--write")

    assert ended.code == 0, ended.stderr
    assert project.states() == {"1_a": "baseline", "2_b": "baseline", "4_d": "executed"}
    assert details(project)[-1] == ("4", VERIFIED)
    assert "⚠️ migrations/3_all.sql is a checkpoint, which is for empty databases: it is left out" in (
        project.call("adopt").stdout
    )


def test_a_declared_baseline(project: Project) -> None:
    """`--baseline` writes a row without a hash; what is above it counts as usual."""
    sums = write(project, {"1_a.sql": "select 1;", "2_b.sql": "select 2;", "3_c.sql": "select 3;"})
    record(project, ("2", ""), kind=1)
    record(project, ("3", sums["3_c.sql"]))

    project.call("adopt", "--write")

    assert project.states() == {"1_a": "baseline", "2_b": "baseline", "3_c": "executed"}


def test_a_file_that_stopped_half_way_is_refused(project: Project) -> None:
    """Its first statements may be executed: Atlas goes on behind them."""
    write(project, FILES)
    record(project, ("20240101000001", SUM["20240101000001_users.sql"]))
    record(project, ("20240101000002", SUM["20240101000002_posts.sql"]), applied=0)

    ended = project.call("adopt", "--write")

    assert ended.code == 1
    assert (
        ended.stderr
        == """\
error: atlas_schema_revisions.atlas_schema_revisions says that 20240101000002 has failed or is not finished
   nothing was changed
   hint    mend the file, then execute `atlas migrate apply`: it goes on behind the last executed statement
   next    sqlmigrate adopt

"""
    )


def test_obstacles_and_a_sum_that_disagrees(project: Project) -> None:
    """Other delimiters are told with their place; one that is a comment behind semicolons is none."""
    files = {
        "1_a.sql": "-- atlas:delimiter //\n\nselect 1 //\n",
        "2_b.sql": "-- atlas:delimiter -- end\n\nselect 1;\n-- end\nselect 2;\n-- end\n",
        "3_c.sql": "-- atlas:delimiter \\n\\n\n\nselect 1;\n\nselect 2;\n",
        "4_d.sql": "-- atlas:delimiter \\n\\n\n\nselect 1\n\nselect 2\n",
        "5_e.sql": "-- atlas:txtar\n\n-- checks.sql --\nselect 1;\n",
    }
    write(project, files)
    write_old(project, "migrations", {"6_added.sql": "select 6;"})

    ended = project.call("adopt")

    by_hand = "by hand in its place"
    assert (
        remarks(ended, "❌")
        == f"""\
❌ migrations/1_a.sql:1:1: statements of this file end with `//`, not with a semicolon: write \
sql/1_a.up.sql {by_hand}
❌ migrations/4_d.sql:1:1: statements of this file end with `\\n\\n`, not with a semicolon: write \
sql/4_d.up.sql {by_hand}
❌ migrations/5_e.sql:1:1: this file is an archive of several files: write sql/5_e.up.sql {by_hand}
"""
    )
    assert remarks(ended, "⚠️") == "⚠️ migrations/atlas.sum does not agree with 6_added.sql: Atlas refuses this folder\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"1_a.up.sql": "select 1;", "1_a.down.sql": "select 2;"},
            {},
        ),
        (
            {"1_a.sql": "-- migrate:up\nselect 1;\n-- migrate:down\nselect 2;\n"},
            {"1_a.up.sql": "select 1;\n", "1_a.down.sql": "select 2;\n"},
        ),
        (
            {"1_a.sql": "-- +goose Up\nselect 1;\n-- +goose Down\nselect 2;\n"},
            {"1_a.up.sql": "select 1;\n", "1_a.down.sql": "select 2;\n"},
        ),
        (
            {"V1__a.sql": "select 1;", "U1__a.sql": "select 2;"},
            {"1_a.up.sql": "select 1;", "1_a.down.sql": "select 2;"},
        ),
        (
            {
                "1_a.sql": "--liquibase formatted sql\n--changeset atlas:1-1\nselect 1;\n--rollback select 2;\n"
                "--changeset atlas:1-2\nselect 3;\n--rollback select 4;\n"
            },
            {
                "1_a.up.sql": "--changeset atlas:1-1\nselect 1;\n--changeset atlas:1-2\nselect 3;\n",
                "1_a.down.sql": "select 4;\nselect 2;\n",
            },
        ),
    ],
    ids=["golang-migrate", "dbmate", "goose", "Flyway", "Liquibase"],
)
def test_folders_in_the_formats_of_other_tools(
    project: Project, files: dict[str, str], expected: dict[str, str]
) -> None:
    """Atlas executes what makes the change; what undoes it becomes the down file."""
    summed = {name: text for name, text in files.items() if not name.startswith("U") and ".down." not in name}
    sums = write(project, summed)
    write_old(project, "migrations", files)
    record(project, ("1", next(iter(sums.values()))))
    project = Project(project.folder.parent / ("sql" if expected else "migrations"), project.url)

    ended = project.call("adopt", "--write")

    assert ended.code == 0, ended.stderr
    assert details(project) == [("1", VERIFIED)]
    if expected:
        assert written(project) == expected

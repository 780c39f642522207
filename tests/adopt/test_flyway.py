"""Folders and histories of Flyway, written by hand.

The checksums of `WRITTEN` are those that Flyway 9.22 wrote to its history for these texts on a real server; no package
registry that the tests may use has Flyway.
"""

from __future__ import annotations

import psycopg
import pytest
from old_folders import details, remarks, write_old as write, written
from project import Project

from sqlmigrate.adopt.tools.flyway import checksum_of

POSTS = "create table posts (id bigint primary key, user_id bigint references users (id), title text);\n"
CRLF = "alter table posts add column body text;\r\nalter table posts add column words int;\r\n"
NO_END = "comment on table posts is $$no; newline at the end$$;"
ACCENT = "insert into posts (id, user_id, title) select g, 1, 'größe ' || g from generate_series(1, 5) g;\n"
WRITTEN = {
    "\ufeffselect 1;\n": -690524359,
    "select 1;\n": -690524359,
    POSTS: -820276878,
    CRLF: -376783265,
    NO_END: 642702822,
    ACCENT: -1204448503,
}
HISTORY = """\
create table flyway_schema_history (
    installed_rank integer primary key, version varchar(50), description varchar(200) not null,
    type varchar(20) not null, script varchar(1000) not null, checksum integer, installed_by varchar(100) not null,
    installed_on timestamp not null default now(), execution_time integer not null, success boolean not null)"""


def record(project: Project, *rows: tuple[str | None, str, str, bool]) -> None:
    """Write rows of a history: version, type, script, success; the checksum is that of the file, if there is one."""
    project.execute(HISTORY)
    for rank, (version, kind, script, success) in enumerate(rows, 1):
        path = project.folder.parent / "db/migration" / script
        checksum = checksum_of(path.read_bytes()) if path.is_file() and kind == "SQL" else None
        project.execute(
            "insert into flyway_schema_history values"
            " (%s, %s, 'x', %s, %s, %s, 'anna', '2024-05-06 07:08:09.5', 12, %s)",
            rank, version, kind, script, checksum, success,
        )  # fmt: skip


@pytest.fixture
def flyway(project: Project) -> Project:
    """A folder with everything that Flyway reads, of which all but the last version is executed."""
    files = {
        "V1__users.sql": "-- the users\ncreate table users (id bigint primary key);\n",
        "U1__users.sql": "drop table users;\n",
        "V2__posts.sql": POSTS,
        "V2.1__posts_title.sql": "create index concurrently posts_title on posts (title);\n",
        "V2.1__posts_title.sql.conf": "# as it was\nexecuteInTransaction=false\n",
        "later/V10_0__body.sql": CRLF,
        "V11__vacuum.sql": "select 1;\nvacuum posts;\n",
        "R__a_view.sql": "create or replace view v as select 1;",
        "afterMigrate.sql": "select 1;",
        "U77__gone.sql": "select 1;",
    }
    write(project, "db/migration", files)
    record(
        project,
        (None, "SCHEMA", "app", True),
        ("1", "SQL", "V1__users.sql", True),
        ("2", "SQL", "V2__posts.sql", True),
        ("2.1", "SQL", "V2.1__posts_title.sql", True),
        (None, "SQL", "R__a_view.sql", True),
        ("10.0", "SQL", "later/V10_0__body.sql", True),
    )
    return project


@pytest.mark.parametrize("text", list(WRITTEN))
def test_the_checksum_is_the_one_that_flyway_writes(text: str) -> None:
    """The line ends, the last one and a byte order mark do not count."""
    assert checksum_of(text.encode()) == WRITTEN[text]


def test_looking_says_what_converts_and_what_does_not(flyway: Project) -> None:
    """Versions, callbacks and repeatable scripts are told, with their places."""
    ended = flyway.call("adopt")

    head, said = ended.stdout.split("\n\n", 1)
    assert head.endswith(" · adopt into public.migrations")
    assert (
        said
        == """\
Flyway
   files     db/migration/ · 5 migrations, to be converted
   history   flyway_schema_history · 4 executed, 1 pending
             from 2024-05-06 07:08:09 UTC to 2024-05-06 07:08:09 UTC by anna

⚠️ db/migration/V2.1__posts_title.sql.conf:2:1: `executeInTransaction=false` becomes the directive `no-transaction`
⚠️ db/migration/V11__vacuum.sql:2:1: Flyway executes this file without a transaction: the directive says so
⚠️ db/migration/R__a_view.sql is repeatable: it is not converted; write a migration for each change of it
⚠️ db/migration/U77__gone.sql undoes a version that has no file: it is not converted
⚠️ db/migration/afterMigrate.sql is a callback: it is not converted, and is not executed any more

nothing was written
next: sqlmigrate adopt --write
"""
    )


def test_files_rows_and_log(flyway: Project) -> None:
    """Texts stay byte for byte, dotted versions become numbers of one width, and each checksum is verified."""
    ended = flyway.call("adopt", "--write")

    assert ended.code == 0, ended.stderr
    assert written(flyway) == {
        "010_users.down.sql": "-- before: V1__users.sql\ndrop table users;\n",
        "010_users.up.sql": "-- before: V1__users.sql\n-- the users\ncreate table users (id bigint primary key);\n",
        "020_posts.up.sql": f"-- before: V2__posts.sql\n{POSTS}",
        "021_posts_title.up.sql": "-- sqlmigrate: no-transaction\n-- before: V2.1__posts_title.sql\n"
        "create index concurrently posts_title on posts (title);\n",
        "100_body.up.sql": f"-- before: V10_0__body.sql\n{CRLF}",
        "110_vacuum.up.sql": "-- sqlmigrate: no-transaction\n-- before: V11__vacuum.sql\nselect 1;\nvacuum posts;\n",
    }
    assert list(flyway.states().values()) == ["executed", "executed", "executed", "executed", "pending"]
    assert set(
        flyway.query("select duration_ms, executed_by, to_char(executed_at, 'YYYY-MM-DD HH24:MI:SS') from migrations")
    ) == {(12, "anna", "2024-05-06 07:08:09")}
    assert set(flyway.query("select action, detail from migrations_log")) == {
        ("adopt", "adopted from Flyway; the checksum of Flyway agrees with the file")
    }


def test_whole_numbers_stay_as_they_are(project: Project) -> None:
    """Without dots, a file of the old folder and ours have the same version."""
    write(
        project, "db/migration", {"V1__a.sql": "select 1;", "V002__b.sql": "select 2;", "V20240101_120000__c.sql": ""}
    )

    project.call("adopt", "--write", "--tool", "flyway")

    assert sorted(written(project)) == ["002_b.up.sql", "1_a.up.sql", "20240101_120000_c.up.sql"]


def test_a_flipped_byte_is_found(flyway: Project) -> None:
    """A file that is not the executed one keeps the history from being taken over."""
    path = flyway.folder.parent / "db/migration/V2__posts.sql"
    path.write_bytes(path.read_bytes().replace(b"title", b"titel"))

    ended = flyway.call("adopt", "--write")

    assert ended.code == 1
    assert (
        ended.stderr
        == """\
error: db/migration/V2__posts.sql was changed after Flyway executed it: the checksum in its history differs
   nothing was changed
   hint    restore the file; or, if the change is right, take 1 changed file as executed
   next    sqlmigrate adopt --write --trust-changed

"""
    )
    assert written(flyway) == {}


def test_other_line_ends_are_the_same_file(flyway: Project) -> None:
    """Flyway's checksum does not count them: a checkout with CRLF is verified."""
    path = flyway.folder.parent / "db/migration/V2__posts.sql"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert "4 migrations recorded" in flyway.call("adopt", "--write").stdout


def test_undone_and_deleted_versions_are_pending(project: Project) -> None:
    """A later row of `undo` or `repair` cancels the row of the version; executed again, it counts."""
    write(project, "db/migration", {f"V{number}__a.sql": f"select {number};" for number in (1, 2, 3)})
    record(
        project,
        ("1", "SQL", "V1__a.sql", True),
        ("2", "SQL", "V2__a.sql", True),
        ("3", "SQL", "V3__a.sql", True),
        ("3", "UNDO_SQL", "U3__a.sql", True),
        ("2", "DELETE", "V2__a.sql", True),
        ("3", "SQL", "V3__a.sql", True),
    )

    project.call("adopt", "--write")

    assert project.states() == {"1_a": "executed", "2_a": "out of order", "3_a": "executed"}


def test_a_failed_script_is_refused(project: Project) -> None:
    """It says what has to be done with Flyway first; nothing is written."""
    write(project, "db/migration", {"V1__a.sql": "select 1;", "R__v.sql": "select 2;"})
    record(project, ("1", "SQL", "V1__a.sql", False), (None, "SQL", "R__v.sql", False))

    ended = project.call("adopt", "--write")

    assert ended.code == 1
    assert (
        ended.stderr
        == """\
error: flyway_schema_history says that 1, R__v.sql has failed or is not finished
   nothing was changed
   hint    remove from the database what the failed script has left, then execute `flyway repair`
   next    sqlmigrate adopt

"""
    )
    assert not project.relations() - {"flyway_schema_history", "flyway_schema_history_pkey"}


def test_a_baseline_declares_the_versions_below_it(project: Project) -> None:
    """They are baseline here as well: `down` does not undo what was not executed."""
    write(project, "db/migration", {f"V{number}__a.sql": f"select {number};" for number in ("1.5", "2", "3")})
    record(project, ("2.0.0", "BASELINE", "<< Flyway Baseline >>", True), ("3", "SQL", "V3__a.sql", True))

    project.call("adopt", "--write")

    assert project.states() == {"15_a": "baseline", "20_a": "baseline", "30_a": "executed"}
    assert details(project) == [
        ("15", "adopted from Flyway; in its baseline: declared as executed"),
        ("20", "adopted from Flyway; in its baseline: declared as executed"),
        ("30", "adopted from Flyway; the checksum of Flyway agrees with the file"),
    ]


def test_a_baseline_script_stands_for_files_that_are_gone(project: Project) -> None:
    """Where older files were removed, a new database begins with the script; here it is a migration."""
    write(project, "db/migration", {"B3__all.sql": "select 3;", "B2__old.sql": "select 2;", "V4__a.sql": "select 4;"})
    record(project, ("3", "SQL_BASELINE", "B3__all.sql", True))

    ended = project.call("adopt", "--write")

    assert ended.code == 0, ended.stderr
    assert project.states() == {"3_all": "baseline", "4_a": "pending"}


def test_placeholders_and_code_are_obstacles(project: Project) -> None:
    """Each is told with its place; with `placeholderReplacement=false` the text is as it is executed."""
    files = {
        "V1__grant.sql": "select 1;\ngrant select on a to ${reader};\n",
        "V2__text.sql": "select '${not one}';\n",
        "V2__text.sql.conf": "placeholderReplacement = false\n",
        "V3__Load.java": "class V3__Load {}",
        "V4__some.sql": "select 4;",
        "V4__some.sql.conf": "shouldExecute=false\n",
        "V5__a.sql": "select 5;",
        "sub/V05__b.sql": "select 5;",
    }
    write(project, "db/migration", files)

    ended = project.call("adopt", "--tool", "Flyway")

    assert (
        remarks(ended, "❌")
        == """\
❌ db/migration/V1__grant.sql:2:22: `${reader}` is a placeholder: its value is in the settings of Flyway: write \
sql/1_grant.up.sql by hand in its place
❌ db/migration/V3__Load.java is a migration in java, not in SQL: write sql/3_Load.up.sql by hand in its place
❌ db/migration/V4__some.sql.conf:1:1: `shouldExecute=false` executes the script only in some databases: write \
sql/4_some.up.sql by hand in its place
❌ db/migration/sub/V05__b.sql has the version of db/migration/V5__a.sql: Flyway refuses such a folder: rename one of \
them, or remove it
"""
    )


def test_a_pair_by_hand_takes_the_place_of_a_placeholder(project: Project) -> None:
    """It is recorded as executed, with the checksum of the file that Flyway has executed."""
    write(project, "db/migration", {"V1__grant.sql": "grant select on a to ${reader};\n"})
    record(project, ("1", "SQL", "V1__grant.sql", True))
    project.add("1_grant", "grant select on a to app;")

    ended = project.call("adopt", "--write")

    assert ended.code == 0, ended.stderr
    assert project.states() == {"1_grant": "executed"}
    assert project.value("select up_sql from migrations") == "grant select on a to app;"


def test_a_run_of_flyway_keeps_us_out(flyway: Project) -> None:
    """The lock is the one that Flyway takes: 77433833903597 for `public.flyway_schema_history`."""
    with flyway.connection() as conn:
        conn.execute("select pg_advisory_lock(77433833903597)")
        ended = flyway.call("adopt", "--write")

    assert ended.code == 4
    assert "a run of Flyway is under way: it holds its lock" in ended.stderr


def test_flyway_is_stopped_by_a_failed_version(flyway: Project) -> None:
    """It says “Detected failed migration to version 0 (looked after by sqlmigrate)”, and executes nothing.

    The trigger alone would come too late for a script without a transaction.
    """
    flyway.call("adopt", "--write")

    assert flyway.call("adopt", "--finish").stdout == (
        "flyway_schema_history refuses writes from now on: Flyway executes nothing more here\n"
        "to take that back: sqlmigrate adopt --undo\n"
    )
    assert flyway.query("select version, success from flyway_schema_history order by installed_rank desc limit 1") == [
        ("0", False)
    ]
    with pytest.raises(psycopg.errors.RaiseException, match="looked after by sqlmigrate now"):
        flyway.execute("delete from flyway_schema_history where not success")
    assert flyway.call("adopt", "--finish").code == 0
    assert "nothing to do: everything is taken over" in flyway.call("adopt").stdout
    assert flyway.call("adopt", "--undo", "--yes").code == 0
    assert flyway.query("select version from flyway_schema_history where not success") == []

"""Folders and histories of Liquibase, written by hand; the checksums of `WRITTEN` are its own.

Liquibase 4.28 (`9:`) and 4.4 (`8:`) wrote them to their histories for these changesets.
"""

from __future__ import annotations

import json

import pytest
from old_folders import details, remarks, write_old, written
from project import Project

from sqlmigrate.adopt.foreign import Listing
from sqlmigrate.adopt.tools.liquibase import LIQUIBASE, checksum_of

HEADER = "--liquibase formatted sql\n\n"
POSTS = (
    "--changeset ann:posts\n--comment a note\n"
    "create table posts (id bigint primary key, user_id bigint references users (id), title text);\n"
    "--rollback drop table posts;\n"
)
TOUCH = """\
--changeset ann:touch splitStatements:false
--comment a note
-- a function body with semicolons
create function touch() returns trigger language plpgsql as $body$
declare n int := 0;
begin
  n := n + 1; -- inner; comment
  if new.title = 'x;y' then raise notice '%', n; end if;
  return new;
end;
$body$;
--rollback drop function touch();
"""
CRLF = (
    "--changeset ann:crlf\n--comment a note\nalter table posts add column body text;\r\n"
    "alter table posts add column words int;\r\n"
    "--rollback alter table posts drop column words;\n--rollback alter table posts drop column body;\n"
)
SECOND = "-- changeset ann:second labels:x context:prod\nselect 1;\nselect 2;\n--rollback empty\n"
WRITTEN = {
    POSTS: ("9:807b4bef8a83696b0809a19798f3bb87", "8:2661958d53fa42b6ef66eed2b4b25155"),
    TOUCH: ("9:02cbb6a3192083ea3e6186ca4ac96124", "8:bf3f5cb75cc287e1d161797836c79b9e"),
    CRLF: ("9:4970dc5461584c23d7a3cf2f53640dc5", "8:8c17ca4892e6cdf5dbcb4f474ee7650e"),
    SECOND: ("9:d0ac68cf3699decff59c77fea078a7a8", "8:8dab6f192104e6d901edd409f45042ac"),
}
ROOT = """\
<?xml version="1.0" encoding="UTF-8"?>
<databaseChangeLog xmlns="http://www.liquibase.org/xml/ns/dbchangelog">
  <include file="db/changelog/posts.sql"/>
  <include file="crlf.sql" relativeToChangelogFile="true"/>
</databaseChangeLog>
"""
HISTORY = """\
create table databasechangelog (
    id varchar(255) not null, author varchar(255) not null, filename varchar(255) not null,
    dateexecuted timestamp not null, orderexecuted int not null, exectype varchar(10) not null, md5sum varchar(35),
    description varchar(255), comments varchar(255), tag varchar(255), liquibase varchar(20), contexts varchar(255),
    labels varchar(255), deployment_id varchar(10));
create table databasechangeloglock (id int primary key, locked boolean not null, lockgranted timestamp,
    lockedby varchar(255));
insert into databasechangeloglock values (1, false, null, null)"""


def record(project: Project, *rows: tuple[str, str, str, str | None]) -> None:
    """Write rows of a history: id, path of the file, exectype, checksum; the author is Ann."""
    project.execute(HISTORY)
    for order, (name, path, kind, checksum) in enumerate(rows, 1):
        project.execute(
            "insert into databasechangelog (id, author, filename, dateexecuted, orderexecuted, exectype, md5sum)"
            " values (%s, 'ann', %s, '2024-05-06 07:08:09', %s, %s, %s)",
            name, path, order, kind, checksum,
        )  # fmt: skip


@pytest.fixture
def liquibase(project: Project) -> Project:
    """A changelog in XML that includes two files with three changesets, of which two are executed."""
    files = {"root.xml": ROOT, "posts.sql": HEADER + POSTS, "crlf.sql": f"-- by Ann\n{CRLF}\n{SECOND}"}
    files["crlf.sql"] = "-- liquibase formatted sql\n" + files["crlf.sql"]
    write_old(project, "src/main/resources/db/changelog", files)
    record(
        project,
        ("posts", "db/changelog/posts.sql", "EXECUTED", WRITTEN[POSTS][0]),
        ("crlf", "classpath:db/changelog/crlf.sql", "RERAN", WRITTEN[CRLF][1]),
    )
    return project


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("text", list(WRITTEN))
def test_the_checksum_is_the_one_that_liquibase_writes(text: str, version: int) -> None:
    """Version 9 counts no white space at all, version 8 some of it; directives and rollback count in neither."""
    listing = Listing("m", {"a.sql": (HEADER + text).encode()})
    reading = LIQUIBASE.read(listing)
    assert reading is not None
    summed, options, _ = json.loads(reading.migrations[0].raw)

    expected = WRITTEN[text][version]
    assert checksum_of(expected[0], summed, options) == expected


def test_looking_says_what_converts_with_a_note(liquibase: Project) -> None:
    """The order is that of the changelog, and attributes without an effect here are told with their places."""
    ended = liquibase.call("adopt")

    assert (
        ended.stdout.split("\n\n", 1)[1]
        == """\
Liquibase
   files     src/main/resources/db/changelog/ · 3 migrations, to be converted
   history   databasechangelog · 2 executed, 1 pending
             from 2024-05-06 07:08:09 UTC to 2024-05-06 07:08:09 UTC

⚠️ src/main/resources/db/changelog/crlf.sql:10:25: `labels:x` has no effect here: the migration is executed in every \
environment
⚠️ src/main/resources/db/changelog/crlf.sql:10:34: `context:prod` has no effect here: the migration is executed in \
every environment
⚠️ src/main/resources/db/changelog/crlf.sql:10:1: its rollback is empty: there is no down file
⚠️ the text of `--rollback` lines becomes the down files, without this prefix

nothing was written
next: sqlmigrate adopt --write
"""
    )


def test_files_rows_and_log(liquibase: Project) -> None:
    """Each changeset becomes a pair, numbered in order; both versions of the checksum are verified."""
    ended = liquibase.call("adopt", "--write")

    assert ended.code == 0, ended.stderr
    assert written(liquibase) == {
        "001_posts.down.sql": "-- before: posts.sql\ndrop table posts;\n",
        "001_posts.up.sql": "-- before: posts.sql\n" + POSTS.replace("--rollback drop table posts;\n", ""),
        "002_crlf.down.sql": (
            "-- before: crlf.sql\nalter table posts drop column words;\nalter table posts drop column body;\n"
        ),
        "002_crlf.up.sql": f"-- before: crlf.sql\n-- by Ann\n{CRLF.partition('--rollback')[0]}\n",
        "003_second.up.sql": "-- before: crlf.sql\n" + SECOND.replace("--rollback empty\n", ""),
    }
    assert liquibase.states() == {"001_posts": "executed", "002_crlf": "executed", "003_second": "pending"}
    assert details(liquibase) == [
        ("001", "adopted from Liquibase; the checksum of Liquibase agrees with the file"),
        ("002", "adopted from Liquibase; the checksum of Liquibase agrees with the file"),
    ]
    assert liquibase.call("up").code == 0


def test_a_flipped_byte_is_found(liquibase: Project) -> None:
    """White space does not count in the checksum; any other byte does."""
    path = liquibase.folder.parent / "src/main/resources/db/changelog/posts.sql"
    path.write_bytes(path.read_bytes().replace(b"title text", b"titel text"))

    ended = liquibase.call("adopt", "--write")

    assert ended.code == 1
    assert (
        ended.stderr
        == """\
error: src/main/resources/db/changelog/posts.sql was changed after Liquibase executed it: the checksum in its history \
differs
   nothing was changed
   hint    restore the file; or, if the change is right, take 1 changed file as executed
   next    sqlmigrate adopt --write --trust-changed

"""
    )
    path.write_bytes(path.read_bytes().replace(b"titel text", b"title   text"))
    assert liquibase.call("adopt", "--write").code == 0


def test_a_checksum_that_the_changeset_allows_is_no_change(project: Project) -> None:
    """`--validCheckSum` accepts the one that was executed."""
    files = {"a.sql": f"{HEADER}--changeset ann:a\n--validCheckSum: 9:aa\nselect 1;\n"}
    write_old(project, "db/changelog", files)
    record(project, ("a", "db/changelog/a.sql", "EXECUTED", "9:aa"))

    assert project.call("adopt", "--write").code == 0
    assert details(project) == [("001", "adopted from Liquibase; the checksum of Liquibase agrees with the file")]


def test_a_cleared_checksum_is_taken_on_trust(project: Project) -> None:
    """`clear-checksums` leaves none, and so do versions of the checksum before 8."""
    files = {"a.sql": f"{HEADER}--changeset ann:a\nselect 1;\n--changeset ann:b\nselect 2;\n"}
    write_old(project, "db/changelog", files)
    record(project, ("a", "a.sql", "EXECUTED", None), ("b", "a.sql", "MARK_RAN", "7:ab"))

    project.call("adopt", "--write")

    said = "adopted from Liquibase; taken on trust: the history of Liquibase has no checksum of it"
    assert details(project) == [("001", said), ("002", said)]


def test_one_id_in_two_folders(project: Project) -> None:
    """The path in the history tells which file it was, wherever Liquibase was told to search."""
    text = f"{HEADER}--changeset ann:1\nselect 1;\n"
    write_old(project, "db/changelog", {"v1/changes.sql": text, "v2/changes.sql": text})
    record(project, ("1", "db/changelog/v2/changes.sql", "EXECUTED", None))

    project.call("adopt", "--write")

    assert project.states() == {"001_changes_1": "out of order", "002_changes_1": "executed"}


def test_transactions_blocks_and_what_is_not_for_us(project: Project) -> None:
    """`runInTransaction:false` becomes the directive, for both directions; a block of rollback is cut as it is."""
    files = {
        "a.sql": f"""\
{HEADER}--changeset ann:index runInTransaction:false
create index concurrently i on a (id);
/* liquibase rollback
drop index
  concurrently i; */
--changeset "Ann B":"two words" dbms:postgresql,h2 runOnChange:true
--preconditions onFail:HALT
--precondition-sql-check expectedResult:0 select count(*) from a
select 1;
--changeset ann:mysql dbms:mysql
select `a`;
--changeset ann:off ignore:true
select 2;
--changeset ann:not_mysql dbms:!mysql
select 3;
--ignoreLines:1
this is no SQL
--ignoreLines:start
nor is this
--ignoreLines:end
--rollback changesetId:index changesetAuthor:ann
"""
    }
    write_old(project, "db/changelog", files)

    ended = project.call("adopt", "--write")

    assert ended.code == 0, ended.stderr
    assert written(project) == {
        "001_index.down.sql": ("-- sqlmigrate: no-transaction\n-- before: a.sql\ndrop index\n  concurrently i; \n"),
        "001_index.up.sql": (
            "-- sqlmigrate: no-transaction\n-- before: a.sql\n"
            "--changeset ann:index runInTransaction:false\ncreate index concurrently i on a (id);\n"
        ),
        "002_two_words.up.sql": (
            '-- before: a.sql\n--changeset "Ann B":"two words" dbms:postgresql,h2 runOnChange:true\n'
            "--preconditions onFail:HALT\n"
            "--precondition-sql-check expectedResult:0 select count(*) from a\nselect 1;\n"
        ),
        "003_not_mysql.up.sql": "-- before: a.sql\n--changeset ann:not_mysql dbms:!mysql\nselect 3;\n",
    }
    project.remove("001_index").remove("002_two_words").remove("003_not_mysql")
    assert (
        remarks(project.call("adopt"), "⚠️")
        == """\
⚠️ db/changelog/a.sql:3:23: `runInTransaction:false` becomes the directive `no-transaction`
⚠️ db/changelog/a.sql:8:52: `runOnChange:true` has no effect here: a migration is executed once
⚠️ db/changelog/a.sql:9:1: preconditions are not checked here: the line stays as a comment
⚠️ db/changelog/a.sql:10:1: preconditions are not checked here: the line stays as a comment
⚠️ db/changelog/a.sql:16:1: its rollback is the text of another changeset: there is no down file
⚠️ db/changelog/a.sql:18:1: lines that Liquibase ignores are left out
⚠️ db/changelog/a.sql:12:23: this changeset is not for PostgreSQL, but for mysql: it is left out
⚠️ db/changelog/a.sql:14:21: Liquibase ignores this changeset: it is left out
⚠️ the text of `--rollback` lines becomes the down files, without this prefix
"""
    )


def test_obstacles(project: Project) -> None:
    """Changesets that are not SQL, parameters and other delimiters are told with their places."""
    files = {
        "root.yaml": """\
databaseChangeLog:
  - changeSet:
      id: 1
      author: ann
      changes: []
  - includeAll:
      path: db/changelog/sql/
""",
        "sql/a.sql": f"{HEADER}--changeset ann:a endDelimiter://\nselect 1 //\nselect 2 //\n",
        "sql/b.sql": f"{HEADER}--changeset ann:b endDelimiter:#\nselect ${{schema}}.f();\n",
        "sql/plain.sql": "select 3;\n",
        "other.json": '{"databaseChangeLog": [{"changeSet": {"id": "9", "author": "ann"}}]}',
        "sql/latin.sql": HEADER.encode() + b"--changeset ann:c\nselect '\xe9';\n",
    }
    write_old(project, "db/changelog", files)

    ended = project.call("adopt")

    by_hand = "in its place"
    assert (
        remarks(ended, "❌")
        == f"""\
❌ db/changelog/root.yaml:2:5: the changeset 1 of ann is in YAML, not in SQL: write sql/001_1.up.sql by hand {by_hand}
❌ db/changelog/sql/a.sql:3:19: statements of this changeset end with `//`, not with a semicolon: write \
sql/002_a.up.sql by hand {by_hand}
❌ db/changelog/sql/b.sql:4:8: `${{schema}}` is a parameter: its value is in the settings of Liquibase: write \
sql/003_b.up.sql by hand {by_hand}
❌ db/changelog/sql/latin.sql:4:9: the byte 0xE9 is not UTF-8: save it as UTF-8
"""
    )
    assert remarks(ended, "⚠️") == "⚠️ db/changelog/other.json is included by no changelog: it is left out\n"


def test_a_failed_changeset_is_refused(project: Project) -> None:
    """It says what has to be done first; nothing is written."""
    write_old(project, "db/changelog", {"a.sql": f"{HEADER}--changeset ann:a failOnError:false\nselect 1;\n"})
    record(project, ("a", "a.sql", "FAILED", None))

    ended = project.call("adopt", "--write")

    assert ended.code == 1
    assert (
        ended.stderr
        == """\
error: databasechangelog says that a::ann::db/changelog/a.sql has failed or is not finished
   nothing was changed
   hint    remove from the database what the failed changeset has left, and its row from the history
   next    sqlmigrate adopt

"""
    )


def test_a_lock_is_refused(liquibase: Project) -> None:
    """A run that was killed leaves it: the message says who holds it, and how it is released."""
    liquibase.execute(
        "update databasechangeloglock set locked = true, lockgranted = '2024-05-06 07:08:09', lockedby = 'db1 (::1)'"
    )

    ended = liquibase.call("adopt", "--write")

    assert ended.code == 4
    assert (
        ended.stderr
        == """\
error: a run of Liquibase is under way: it holds its lock (db1 (::1) since 2024-05-06 07:08:09)
   nothing was changed
   hint    try again when it has ended; if no run is left, execute `liquibase release-locks`
   next    sqlmigrate adopt --write

"""
    )
    assert written(liquibase) == {}

"""`adopt`, the whole way: look, write, go on, finish, undo."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from project import Project

USERS = """\
-- the users of the shop
-- migrate:up
create table users (id int);

-- migrate:down
drop table users;
"""
INDEX = """\
-- migrate:up transaction:false
create index concurrently users_id on users (id);
-- migrate:down transaction:false
drop index concurrently users_id;
"""
ORDERS = "-- migrate:up\ncreate table orders (id int);\n-- migrate:down\ndrop table orders;\n"


def write(project: Project, folder: str, **files: str) -> None:
    """Write the files of another tool beside our folder."""
    target = project.folder.parent / folder
    target.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (target / f"{name}.sql").write_text(text, encoding="utf-8", newline="")


@pytest.fixture
def dbmate(project: Project) -> Project:
    """A folder of dbmate with three migrations, two of which are executed."""
    names = {"20240101120000_users": USERS, "20240102120000_index": INDEX, "20240103120000_orders": ORDERS}
    write(project, "db/migrations", **names)
    project.execute("create table users (id int); create index users_id on users (id)")
    project.execute("create table schema_migrations (version varchar primary key)")
    project.execute("insert into schema_migrations values ('20240101120000'), ('20240102120000')")
    return project


def files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir())} if folder.is_dir() else {}


def test_looking_writes_nothing(dbmate: Project) -> None:
    """It says what was found, where, and how far it is."""
    ended = dbmate.call("adopt")

    assert ended.stdout.splitlines()[1:] == [
        "",
        "dbmate",
        "   files     db/migrations/ · 3 migrations, to be converted",
        "   history   schema_migrations · 2 executed, 1 pending",
        "",
        "⚠️ db/migrations/20240102120000_index.sql:1:1: `transaction:false` becomes the directive `no-transaction`",
        "⚠️ db/migrations/20240102120000_index.sql:3:1: `transaction:false` becomes the directive `no-transaction`",
        "",
        "nothing was written",
        "next: sqlmigrate adopt --write",
    ]
    assert files(dbmate.folder) == {}
    assert dbmate.relations() == {"users", "users_id", "schema_migrations", "schema_migrations_pkey"}


def test_files_and_history_are_taken_over(dbmate: Project) -> None:
    """What dbmate has executed is executed, what was pending is pending, and `up` executes exactly that."""
    ended = dbmate.call("adopt", "--write")

    assert ended.code == 0, ended.stderr
    assert files(dbmate.folder) == {
        "20240101120000_users.down.sql": "drop table users;\n",
        "20240101120000_users.up.sql": "-- the users of the shop\ncreate table users (id int);\n\n",
        "20240102120000_index.down.sql": "-- sqlmigrate: no-transaction\ndrop index concurrently users_id;\n",
        "20240102120000_index.up.sql": "-- sqlmigrate: no-transaction\n"
        "create index concurrently users_id on users (id);\n",
        "20240103120000_orders.down.sql": "drop table orders;\n",
        "20240103120000_orders.up.sql": "create table orders (id int);\n",
    }
    assert list(dbmate.states().values()) == ["executed", "executed", "pending"]
    assert dbmate.logged() == [("adopt", "20240101120000"), ("adopt", "20240102120000")]
    assert [event.step.label for event in dbmate.up() if hasattr(event, "step")][-1] == "20240103120000_orders"
    assert dbmate.call("down", "--to", "20240101120000").code == 0
    assert "users_id" not in dbmate.relations()


def test_a_large_file_is_recorded_with_its_beginning(dbmate: Project) -> None:
    """What was adopted is as what was executed: the checksum is that of the whole file."""
    rows = "".join(f"insert into users values ({number});\n" for number in range(50_000))
    users = USERS.replace("-- migrate:down", f"{rows}\n-- migrate:down")
    write(dbmate, "db/migrations", **{"20240101120000_users": users})

    assert dbmate.call("adopt", "--write").code == 0

    assert list(dbmate.states().values()) == ["executed", "executed", "pending"]
    (kept,) = dbmate.query("select length(up_sql) < 1200, down_sql from migrations where version = '20240101120000'")
    assert kept == (True, "drop table users;\n")


def test_a_second_adoption_has_nothing_to_do(dbmate: Project) -> None:
    """No file is written again, no row is recorded again."""
    dbmate.call("adopt", "--write")

    looked, again = dbmate.call("adopt"), dbmate.call("adopt", "--write")

    assert looked.stdout.splitlines()[-2:] == ["nothing to do: everything is taken over", "next: sqlmigrate status"]
    assert "0 files written, 0 migrations recorded as executed" in again.stdout
    assert len(dbmate.logged()) == 2


def test_the_old_history_refuses_writes(dbmate: Project) -> None:
    """After --finish the other tool cannot record anything, and reads a sentence that names us."""
    dbmate.call("adopt", "--write")

    assert dbmate.call("adopt", "--finish").code == 0

    for statement in ("insert into schema_migrations values ('3')", "truncate schema_migrations"):
        with pytest.raises(psycopg.errors.RaiseException, match="looked after by sqlmigrate now"):
            dbmate.execute(statement)


def test_it_can_be_taken_back(dbmate: Project) -> None:
    """--undo leaves the database and the folder as they were before."""
    before = dbmate.relations()
    dbmate.call("adopt", "--write")
    dbmate.call("adopt", "--finish")

    ended = dbmate.call("adopt", "--undo", "--yes")

    assert ended.code == 0, ended.stderr
    assert files(dbmate.folder) == {}
    assert dbmate.relations() == before
    dbmate.execute("insert into schema_migrations values ('20240103120000')")


def test_it_is_not_taken_back_after_an_up(dbmate: Project) -> None:
    """The other tool would not know of what was executed since."""
    dbmate.call("adopt", "--write")
    dbmate.up()

    ended = dbmate.call("adopt", "--undo", "--yes")

    assert ended.code == 1
    assert "after it came up of 20240103120000_orders" in ended.stderr


def test_what_was_executed_here_since_is_not_pending(dbmate: Project) -> None:
    """The other tool's history does not have it, ours does."""
    dbmate.call("adopt", "--write")
    dbmate.up()

    ended = dbmate.call("adopt", "--dry-run")

    assert "2 executed, 1 executed by sqlmigrate since, 0 pending" in ended.stdout
    assert "✅ 20240103120000_orders   executed by sqlmigrate\n" in ended.stdout
    assert ended.stdout.endswith("nothing to do: everything is taken over\nnext: sqlmigrate status\n")


def test_a_file_that_needs_the_old_history_is_told(dbmate: Project) -> None:
    """A database that is built from the files does not have that table."""
    text = "-- migrate:up\ncreate view applied as\n  select version from schema_migrations;\n"
    write(dbmate, "db/migrations", **{"20240104120000_applied": text + "-- migrate:down\ndrop view applied;\n"})

    ended = dbmate.call("adopt")

    assert (
        "⚠️ sql/20240104120000_applied.up.sql:2:23: this file needs schema_migrations, which a new database does not "
        "have: if new databases are built from these files, create the table in a file before it\n"
    ) in ended.stdout


def test_a_remark_on_many_files_is_one_line(dbmate: Project) -> None:
    """It has the first place, and the number of all."""
    write(dbmate, "db/migrations", **{f"2024020{number}120000_index": INDEX for number in range(1, 6)})

    lines = [line for line in dbmate.call("adopt").stdout.splitlines() if line.startswith("⚠️")]

    said = "`transaction:false` becomes the directive `no-transaction`"
    assert lines == [f"⚠️ {said} (12 places, the first is db/migrations/20240102120000_index.sql:1:1)"]


def test_a_history_without_its_folder_is_told(dbmate: Project) -> None:
    """The files that were written from it are there, but do not say what was executed in this database."""
    dbmate.call("adopt", "--write")
    dbmate.execute("drop table migrations, migrations_log")
    dbmate.folder.parent.joinpath("db").rename(dbmate.folder.parent / "away")

    for command in (["adopt"], ["adopt", "--write"]):
        assert dbmate.call(*command).stderr == (
            "error: schema_migrations is the history of dbmate, and no files of dbmate were found\n"
            "   nothing was changed\n"
            "   hint    bring its folder back until every database is taken over; or, if the files in sql/ are "
            "complete, record the newest one that this database has\n"
            "   next    sqlmigrate adopt --from FOLDER\n"
            "           or: sqlmigrate baseline 20240102120000\n\n"
        )


def test_the_history_of_a_tool_that_cannot_be_taken_over_is_told(project: Project) -> None:
    """There is a way all the same: a file with the schema as it is."""
    project.execute('create table "SequelizeMeta" (name varchar primary key)')
    project.execute("""insert into "SequelizeMeta" values ('20240101120000-users.js')""")

    assert project.call("adopt").stderr == (
        "error: SequelizeMeta is the history of Sequelize, which cannot be taken over\n"
        "   nothing was changed\n"
        "   hint    write its SQL as files into sql/, then record the newest one that this database has\n"
        "   next    sqlmigrate baseline VERSION\n\n"
    )


def test_the_old_history_takes_writes_again_by_hand(dbmate: Project) -> None:
    """After an `up` the adoption stays; --finish and --undo say which SQL gives the old tool its history back."""
    dbmate.call("adopt", "--write")
    dbmate.up()
    sql = 'drop function "public"."sqlmigrate_refuses_writes"() cascade'

    finished, refused = dbmate.call("adopt", "--finish"), dbmate.call("adopt", "--undo", "--yes")

    assert finished.stdout.endswith(f"to take that back: {sql}\n")
    assert f"to let schema_migrations take writes again, execute: {sql}\n" in refused.stderr
    dbmate.execute(sql)
    dbmate.execute("insert into schema_migrations values ('20240103120000')")


def test_files_that_no_row_of_the_history_knows_are_refused(dbmate: Project) -> None:
    """A folder that was renamed or of another release would be recorded as if nothing had been executed."""
    dbmate.execute("update schema_migrations set version = '9' || version")

    ended = dbmate.call("adopt", "--write")

    assert ended.code == 1
    assert (
        "error: schema_migrations has 2 executed migrations without a file in db/migrations: "
        "920240101120000, 920240102120000\n"
    ) in ended.stderr
    assert files(dbmate.folder) == {}


def test_what_the_old_tool_executes_later_is_recorded_by_a_second_adoption(dbmate: Project) -> None:
    """As long as its history takes writes, both tools may go on."""
    dbmate.call("adopt", "--write")
    dbmate.execute("create table orders (id int); insert into schema_migrations values ('20240103120000')")

    assert "0 files written, 1 migration recorded as executed" in dbmate.call("adopt", "--write").stdout
    assert list(dbmate.states().values()) == ["executed"] * 3


def test_without_a_database_only_files_are_written(dbmate: Project) -> None:
    """The screens say that no history was looked for."""
    without = {"DATABASE_URL": ""}

    assert "   history   not looked for: no database is named\n" in dbmate.call("adopt", **without).stdout
    assert "6 files written, no history, because no database is named\n" in (
        dbmate.call("adopt", "--write", **without).stdout
    )
    assert len(files(dbmate.folder)) == 6


def test_files_that_were_changed_stay_when_it_is_taken_back(dbmate: Project) -> None:
    """--undo names them."""
    dbmate.call("adopt", "--write")
    dbmate.folder.joinpath("20240103120000_orders.up.sql").write_text("create table orders ();\n")

    ended = dbmate.call("adopt", "--undo", "--yes")

    assert ended.stdout.splitlines()[1:] == [
        "2 rows removed, 4 files removed; the history, which held nothing else, was dropped",
        "sql/20240103120000_orders.up.sql stays: the pair was written or changed by hand",
        "sql/20240103120000_orders.down.sql stays: the pair was written or changed by hand",
    ]


def test_a_project_of_ours_is_said_to_be_ours(project: Project) -> None:
    """Pairs are named as those of golang-migrate are; what our history has executed belongs to no other tool."""
    project.add("001_users", "create table users (id int);", "drop table users;")
    project.add("002_orders", "create table orders (id int);", "drop table orders;")
    assert project.call("up", "--to", "001").code == 0

    ended = project.call("adopt")

    assert ended.code == 0
    assert ended.stdout.splitlines()[2:] == [
        "sqlmigrate",
        "   files     sql/ · 2 migrations, read as they are",
        "   history   that of sqlmigrate · 1 executed, 1 pending",
        "",
        "nothing to take over: sqlmigrate looks after this folder already",
        "next: sqlmigrate status",
    ]


def test_a_folder_above_the_files_is_told(dbmate: Project) -> None:
    """`--from db` is one level too high: the message names the folder that has the files."""
    (dbmate.folder.parent / "db" / "schema.sql").write_text("-- a dump\ncreate table users (id int);")

    ended = dbmate.call("adopt", "--from", "db")

    assert (ended.code, ended.stderr) == (
        2,
        """\
error: schema_migrations is the history of dbmate, and db has no files of dbmate
   db/migrations: 3 migrations of dbmate
   nothing was changed
   hint    name their folder
   next    sqlmigrate adopt --from db/migrations

""",
    )

"""Squashed migrations and databases: what is executed, what is folded, what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import children
import pytest
from pgbouncer import bouncer
from postgres_servers import Server
from project import Project, at_once, failure, finished, told
from psycopg.conninfo import conninfo_to_dict
from squashed_folder import squash

from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.executor.events import Event, Folded, Planned
from sqlmigrate.files.migration import checksum
from sqlmigrate.plan.plan import Limits

SQUASHED = "003_squashed_core"
ALL = ("001_a", "002_b", "003_c")


@pytest.fixture
def project(database: str, tmp_path: Path) -> Project:
    """A folder with three migrations, ``001_a`` to ``003_c``, and an empty database."""
    return Project(tmp_path / "sql", database).add_tables("a", "b", "c")


def squashed(project: Project) -> Project:
    """Squash the three, and add a fourth migration."""
    squash(project.folder, "3")
    return project.add("004_d", "create table d (id int);", "drop table d;")


def folded(events: list[Event]) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.fold.migration.label, each.fold.labels) for each in events if isinstance(each, Folded)]


def names(events: list[Event]) -> list[str]:
    """Name what was executed and what was folded, in their order."""
    return [
        f"fold {each.fold.migration.label}" if isinstance(each, Folded) else finished([each])[0]
        for each in events
        if isinstance(each, Folded) or finished([each])
    ]


def refusal(work: Callable[[], object]) -> SqlmigrateError:
    with pytest.raises(SqlmigrateError) as caught:
        work()
    return caught.value


def history(project: Project) -> list[tuple[str, str, str]]:
    return [(f"{v}_{n}", s, t) for v, n, s, t in project.query(
        "select version, name, status, tool_version from migrations order by version")]  # fmt: skip


# -- up ----------------------------------------------------------------------------------------------------------------


def test_a_fresh_database_executes_the_squashed_one(project: Project) -> None:
    """It is executed as any migration, and nothing is folded."""
    events = squashed(project).up()

    assert names(events) == [SQUASHED, "004_d"]
    assert project.relations() == {"a", "b", "c", "d"}
    assert project.recorded() == [("003", "executed"), ("004", "executed")]


def test_a_database_that_has_all_of_them_is_folded(project: Project) -> None:
    """Their rows become one, the log keeps its entries and gets one more, and nothing of the schema is touched."""
    project.up()
    project.execute("insert into a values (1)")
    times = project.query("select max(executed_at), sum(duration_ms) from migrations")
    squash(project.folder, "3")

    events = project.up()

    assert names(events) == [f"fold {SQUASHED}"]
    assert folded(events) == [(SQUASHED, ALL)]
    (row,) = project.query(
        "select version, name, status, checksum, up_sql, down_sql, statements, statements_done from migrations"
    )
    up, down = ((project.folder / f"{SQUASHED}.{way}.sql").read_text() for way in ("up", "down"))
    assert row == ("003", "squashed_core", "executed", checksum(up), up, down, 3, 3)
    assert project.query("select executed_at, duration_ms from migrations") == times
    assert project.logged() == [("up", "001"), ("up", "002"), ("up", "003"), ("fold", "003")]
    assert project.value("select detail from migrations_log where action = 'fold'") == (
        "folded 3 migrations, 001_a to 003_c, into this one"
    )
    assert project.value("select count(*) from a") == 1
    assert [type(each) for each in project.up()] == [Planned]


@pytest.mark.parametrize("executed", [1, 2])
def test_a_database_in_the_middle_goes_through_the_archive(project: Project, executed: int) -> None:
    """It executes the rest, one by one; then they are folded, and the later migrations follow."""
    project.up(steps=executed)

    events = squashed(project).up()

    assert names(events) == [*ALL[executed:], f"fold {SQUASHED}", "004_d"]
    assert project.relations() == {"a", "b", "c", "d"}
    assert project.recorded() == [("003", "executed"), ("004", "executed")]
    assert [type(each) for each in project.up()] == [Planned]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"to": "2"}, ["002_b"]),
        ({"steps": 1}, ["002_b"]),
        ({"to": "3"}, ["002_b", "003_c", f"fold {SQUASHED}"]),
        ({"to": SQUASHED}, ["002_b", "003_c", f"fold {SQUASHED}"]),
        ({"steps": 2}, ["002_b", "003_c", f"fold {SQUASHED}"]),
        ({"to": "004_d"}, ["002_b", "003_c", f"fold {SQUASHED}", "004_d"]),
    ],
)
def test_a_part_of_the_archive(project: Project, options: dict[str, str | int], expected: list[str]) -> None:
    """A run may end inside of the archive: then it does not fold, and the next one goes on."""
    project.up(steps=1)

    assert names(squashed(project).up(**options)) == expected
    project.up()
    assert project.recorded() == [("003", "executed"), ("004", "executed")]


def test_a_failure_in_the_archive_stops_before_the_fold(project: Project) -> None:
    """What failed is tried again by the next run, with the text of the archive."""
    project.up(steps=1)
    squashed(project).execute("create table c ()")

    events = project.up()

    assert (names(events), failure(events).step.label) == (["002_b"], "003_c")
    assert [label for label, _, _ in history(project)] == list(ALL)
    project.execute("drop table c")
    assert names(project.up()) == ["003_c", f"fold {SQUASHED}", "004_d"]


def test_the_database_may_be_past_the_range(project: Project) -> None:
    """What was executed later stays, and stays the last: `down` takes it first."""
    project.add("004_d", "create table d (id int);", "drop table d;").up()
    squash(project.folder, "3")

    assert names(project.up()) == [f"fold {SQUASHED}"]
    assert finished(project.down()) == ["004_d"]


def test_a_folded_database_can_be_undone_and_executed_again(project: Project) -> None:
    """What the log says of the replaced migrations is over: nothing of them is executed any more."""
    project.add("004_d", "create table d (id int);", "drop table d;").up()
    squash(project.folder, "3")
    project.up()

    reset = project.call("reset", "--yes")

    assert (reset.code, reset.stderr) == (0, "")
    assert set(project.states().values()) == {"executed"}
    assert project.logged()[-4:] == [("down", "004"), ("down", "003"), ("up", "003"), ("up", "004")]


def test_a_folded_history_that_is_lost_is_noticed(project: Project) -> None:
    """The log says then what is executed, in the folder's own numbers."""
    project.add("004_d", "create table d (id int);", "drop table d;").up()
    squash(project.folder, "3")
    project.up()
    project.execute("delete from migrations")

    ended = project.call("up")

    assert ended.code == 1
    assert "executed, as the log says: 004, 003\n" in ended.stderr


def test_a_dry_run_folds_and_rolls_back(project: Project) -> None:
    """Everything is tried, in the middle and with all of them, and nothing is changed."""
    project.up(steps=2)
    before = history(squashed(project))

    assert names(project.up(dry_run=True)) == ["003_c", f"fold {SQUASHED}", "004_d"]
    assert history(project) == before
    project.up(to="003_c")
    assert names(project.up(dry_run=True)) == ["004_d"]


def test_two_runs_at_once_fold_once(project: Project) -> None:
    """The second run waits for the first, and finds nothing to do."""
    project.up(steps=1)
    squashed(project)

    results = at_once(*[lambda: names(project.up(limits=Limits(lock_wait=60)))] * 3)

    assert sorted(results, key=len) == [[], [], ["002_b", "003_c", f"fold {SQUASHED}", "004_d"]]
    assert [action for action, _ in project.logged()].count("fold") == 1


def test_a_log_of_an_older_version_learns_to_fold(project: Project) -> None:
    """Its check did not know the action."""
    project.up()
    project.execute(
        "alter table migrations_log drop constraint migrations_log_action_check, add constraint old check"
        " (action in ('up', 'down', 'failure', 'repair', 'baseline', 'adopt'))"
    )
    squash(project.folder, "3")

    assert names(project.up()) == [f"fold {SQUASHED}"]


# -- rows of other kinds -----------------------------------------------------------------------------------------------


def test_what_was_declared_stays_declared(project: Project) -> None:
    """If one of the rows is a baseline, the one row is: what was not executed here cannot be undone here."""
    assert project.call("baseline", "1", "--yes").code == 0
    project.up()

    assert names(squashed(project).up(to="3")) == [f"fold {SQUASHED}"]
    assert project.recorded() == [("003", "baseline")]
    assert told(refusal(project.down)) == (
        "003_squashed_core is a baseline: it was declared, not executed, so it cannot be undone\n"
        "  nothing was executed\n"
        "  hint: to execute it here, let the history forget it first\n"
        "  next: sqlmigrate repair 003"
    )


def test_what_was_adopted_stays_adopted(project: Project) -> None:
    """The one row says that another tool has executed a part of it."""
    project.up()
    project.execute("update migrations set tool_version = '0.1.0, adopted' where version = '001'")

    squashed(project).up(to="3")

    assert [tool for _, _, tool in history(project)] == ["0.1.0, adopted"]


def test_the_order_of_execution_does_not_matter(project: Project) -> None:
    """What was executed out of order is folded as well."""
    second = {way: (project.folder / f"002_b.{way}.sql").read_text() for way in ("up", "down")}
    project.remove("002_b").up()
    project.add("002_b", second["up"], second["down"]).up(out_of_order=True)

    assert names(squashed(project).up(to="3")) == [f"fold {SQUASHED}"]


def test_a_gap_in_the_middle_is_out_of_order(project: Project) -> None:
    """What was left out is refused as without a squash, and executed where that is asked for."""
    second = {way: (project.folder / f"002_b.{way}.sql").read_text() for way in ("up", "down")}
    project.remove("002_b").up()
    squashed(project.add("002_b", second["up"], second["down"]))

    assert refusal(project.up).message.startswith("002_b: out of order, the later 003_c is already executed")
    assert names(project.up(out_of_order=True)) == ["002_b", f"fold {SQUASHED}", "004_d"]


def test_a_migration_that_was_edited_is_not_folded(project: Project) -> None:
    """If a database has executed another text than the one that was squashed, the difference is shown, as always."""
    project.up()
    project.add("002_b", "create table b (id bigint);", "drop table b;")
    squashed(project)

    error = refusal(project.up)

    assert told(error) == (
        "002_b: this database has executed another text than the one that was squashed\n"
        "  executed by postgres on TIME UTC\n"
        "  @@ -1 +1 @@\n"
        "  -create table b (id int);\n"
        "  +create table b (id bigint);\n"
        "  nothing was executed by this run\n"
        "  hint: if both make the same schema, accept the one that was squashed; if they do not, change this database "
        "by hand first\n"
        "  next: sqlmigrate repair 002"
    )
    assert project.call("repair", "2", "--yes").code == 0
    assert names(project.up()) == [f"fold {SQUASHED}", "004_d"]


def test_a_migration_that_the_squash_does_not_know_stops_it(project: Project) -> None:
    """A row in the range that is not in the list was not squashed: it is not thrown away."""
    project.add("0025_x", "create table x ();").remove("003_c")
    project.add("0030_c", "create table c (id int);", "drop table c;").up()
    project.remove("0025_x")
    squash(project.folder, "30")
    project.add("0031_d", "create table d (id int);")

    assert told(refusal(project.up)).startswith(
        "0025_x: executed on this database, but the file is missing\n  nothing was executed\n  hint: restore the file"
    )
    assert len(project.recorded()) == 4


def test_what_stopped_half_way_goes_on_first(project: Project) -> None:
    """A file without a transaction goes on at its statement, from the archive; then all of them are folded."""
    text = "-- sqlmigrate: no-transaction\ncreate table c (id int);\nselect 1 / id from b;\ninsert into c values (1);"
    project.add("003_c", text, "drop table c;")
    project.add("002_b", "create table b (id int);\ninsert into b values (0);", "drop table b;")
    project.up()
    squashed(project)
    project.execute("update b set id = 1")

    assert names(project.up()) == ["003_c", f"fold {SQUASHED}", "004_d"]
    assert project.recorded() == [("003", "executed"), ("004", "executed")]


def test_a_failed_squashed_migration_is_tried_again(project: Project) -> None:
    """Its own row is not one of those that it replaces."""
    squashed(project).execute("create table c ()")
    assert failure(project.up(into_existing=True)).step.label == SQUASHED
    project.execute("drop table c")

    assert names(project.up()) == [SQUASHED, "004_d"]


# -- without the archive -----------------------------------------------------------------------------------------------


def test_without_the_archive_all_or_nothing_goes(project: Project) -> None:
    """A database that has all of them, or none, needs no archive: the squashed file lists what they were."""
    project.up()
    for path in (squash(project.folder, "3") and project.folder / "squashed").iterdir():
        path.unlink()
    (project.folder / "squashed").rmdir()

    assert names(project.up()) == [f"fold {SQUASHED}"]


def git(project: Project, *arguments: str) -> None:
    identity = ("-c", "user.name=ann", "-c", "user.email=ann@example.com")
    children.run(["git", *identity, *arguments], cwd=project.folder.parent, check=True, capture_output=True)


def test_in_the_middle_without_the_archive(project: Project) -> None:
    """It is refused, with the command that brings the archive back from git; then it goes on."""
    project.up(steps=1)
    squashed(project)
    git(project, "init", "--quiet")
    git(project, "add", ".")
    git(project, "commit", "--quiet", "-m", "squashed")
    git(project, "rm", "--quiet", "-r", "sql/squashed")
    git(project, "commit", "--quiet", "-m", "all databases are past it")
    git(project, "commit", "--quiet", "--allow-empty", "-m", "later")

    ended = project.call("up")

    assert ended.code == 1
    assert (
        ended.stderr.rstrip()
        == """\
error: this database has 1 of the 3 migrations that 003_squashed_core replaces; sql/squashed/ is not there
  ──▶ sql/003_squashed_core.up.sql:1:1
   │
 1 │ -- sqlmigrate: replaces 001-003
   │ ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
 2 │ --   001_a   519a1e8e560bfe84
   │
   002_b, 003_c have to be executed first
   nothing was executed
   hint    bring the folder back as it was before it was deleted; it can go when all databases are past it
   next    git checkout "$(git log -n 1 --diff-filter=AM --format=%H -- sql/squashed/001_a.up.sql)" -- sql/squashed
           sqlmigrate up"""
    )
    command = ended.stderr.rstrip().splitlines()[-2].partition("next    ")[2]
    children.run(command, shell=True, cwd=project.folder.parent, check=True, capture_output=True)
    assert names(project.up()) == ["002_b", "003_c", f"fold {SQUASHED}", "004_d"]


GONE = {
    "one file, in the working tree": ["sql/squashed/002_b.up.sql"],
    "the whole folder, in the working tree": ["-r", "sql/squashed"],
}


@pytest.mark.parametrize("gone", GONE.values(), ids=GONE)
def test_an_archive_that_is_not_committed_as_deleted(gone: list[str], project: Project) -> None:
    """The command brings it back, and deletes nothing."""
    project.up(steps=1)
    squashed(project)
    git(project, "init", "--quiet")
    git(project, "add", ".")
    git(project, "commit", "--quiet", "-m", "squashed")
    children.run(["rm", *gone], cwd=project.folder.parent, check=True)

    ended = project.call("up")

    command = ended.stderr.rstrip().splitlines()[-2].partition("next    ")[2]
    children.run(command, shell=True, cwd=project.folder.parent, check=True, capture_output=True)
    assert names(project.up()) == ["002_b", "003_c", f"fold {SQUASHED}", "004_d"]


def test_a_part_of_the_archive_is_missing(project: Project) -> None:
    """Which files are missing is said; also those that are executed here already are needed to be sure."""
    project.up(steps=1)
    squashed(project)
    (project.folder / "squashed" / "003_c.up.sql").unlink()

    assert told(refusal(project.up)).splitlines()[0] == (
        "this database has 1 of the 3 migrations that 003_squashed_core replaces; "
        f"{project.folder}/squashed/ lacks 003_c"
    )


def test_an_edited_archive_is_refused(project: Project) -> None:
    """What would be executed is not what was squashed."""
    project.up(steps=1)
    squashed(project)
    (project.folder / "squashed" / "003_c.up.sql").write_text("create table c (id bigint);")
    path = f"{project.folder}/squashed/003_c.up.sql"

    assert told(refusal(project.up)) == (
        f"{path}: not the text that was squashed into 003_squashed_core\n"
        "  nothing was executed\n"
        "  hint: the archive has to stay as it was: take the file from the commit that has put it there\n"
        f'  next: git checkout "$(git log -n 1 --diff-filter=A --format=%H -- {path})" -- {path}'
    )


# -- down --------------------------------------------------------------------------------------------------------------


def test_down_of_a_squashed_migration_undoes_all_of_it(project: Project) -> None:
    """It is one migration; its down file drops everything."""
    squashed(project).up()

    assert finished(project.down(all=True)) == ["004_d", SQUASHED]
    assert project.relations() == set()
    assert project.recorded() == []


def test_down_of_a_folded_migration(project: Project) -> None:
    """The file of the squashed one is executed, in one transaction."""
    project.up()
    squashed(project).up()

    assert finished(project.down(to="0")) == ["004_d", SQUASHED]
    assert project.relations() == set()


def test_down_asks_before_it_undoes_a_squashed_migration(project: Project) -> None:
    """It stands for many migrations: one word too many would drop all of their tables."""
    squashed(project).up(to="3")

    ended = project.call("down")

    assert (ended.code, project.relations()) == (2, {"a", "b", "c"})
    assert (
        ended.stderr
        == """\
error: `down` asks a question first, and there is no terminal to ask on
   003_squashed_core replaces 001-003
   nothing was changed
   hint    to go on without the question, add --yes

"""
    )
    assert project.call("down", "--yes").code == 0
    assert project.relations() == set()


def test_down_into_the_range_of_a_folded_migration_is_refused(project: Project) -> None:
    """Its rows are one: there is no way back to the middle."""
    project.up()
    squashed(project).up()

    assert told(refusal(lambda: project.down(to="2"))) == (
        "002_b was replaced by 003_squashed_core, which stands for 001-003\n"
        "  nothing was changed\n"
        "  hint: it is executed and undone as a whole: name 003; "
        "to change a part of it, write a new migration"
    )
    assert project.recorded() == [("003", "executed"), ("004", "executed")]


def test_down_before_the_fold(project: Project) -> None:
    """What is not folded yet is undone one by one, with the archive and without it; then `up` goes through it again."""
    project.up()
    squashed(project)

    assert finished(project.down()) == ["003_c"]
    assert names(project.up(to="3")) == ["003_c", f"fold {SQUASHED}"]


def test_down_before_the_fold_without_the_archive(project: Project) -> None:
    """The text that the history has recorded is executed, of that migration and not of the squashed one."""
    project.up()
    squashed(project)
    shutil.rmtree(project.folder / "squashed")

    assert finished(project.down()) == ["003_c"]
    assert project.relations() == {"a", "b"}


# -- an older folder ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("added", ["", f"-- {'x' * (1 << 20)}\n"], ids=["small", "shortened in the history"])
def test_an_older_folder_is_told_as_such(added: str, project: Project) -> None:
    """A branch without the squash must not undo what is there, nor execute it again."""
    project.up()
    shutil.copytree(project.folder, project.folder.parent / "older" / "sql")
    squashed(project)
    with (project.folder / f"{SQUASHED}.up.sql").open("a") as file:
        file.write(added)
    project.up()
    assert project.value("select length(up_sql) < 2000 from migrations where version = '003'") is True
    older = Project(project.folder.parent / "older" / "sql", project.url)
    expected = (
        "003_c: this database has 003_squashed_core, which replaces 001-003: this folder is older than the database\n"
        "  {}\n"
        "  hint: update the folder\n"
        "  next: git pull"
    )

    assert told(refusal(older.up)) == expected.format("nothing was executed by this run")
    assert told(refusal(lambda: older.down(steps=2))) == expected.format("nothing was executed")
    before = history(project)
    for command in (("repair", "3"), ("baseline", "3"), ("baseline", "2")):
        assert older.call(*command, "--yes").stderr.splitlines() == [
            "error: " + expected.splitlines()[0],
            "  ──▶ sql/003_c.up.sql",
            "   nothing was changed",
            "   hint    update the folder",
            "   next    git pull",
            "",
        ]
    assert history(project) == before
    assert "out of order" not in older.call("verify").stderr
    assert project.relations() == {"a", "b", "c", "d"}


# -- squashed again ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("executed", range(6))
def test_a_squash_of_a_squash(project: Project, executed: int) -> None:
    """Whatever a database has of the first, the second or none, it ends with one row and the same tables."""
    for number, name in enumerate("de", 4):
        project.add(f"{number:03}_{name}", f"create table {name} (id int);", f"drop table {name};")
    if executed:
        project.up(steps=executed)
    squash(project.folder, "3")
    squash(project.folder, "5", "squashed_all")

    events = project.up()

    later = ["004_d", "005_e"]
    expected = {
        0: ["005_squashed_all"],
        1: ["002_b", "003_c", f"fold {SQUASHED}", *later, "fold 005_squashed_all"],
        2: ["003_c", f"fold {SQUASHED}", *later, "fold 005_squashed_all"],
        3: [f"fold {SQUASHED}", *later, "fold 005_squashed_all"],
        4: [f"fold {SQUASHED}", "005_e", "fold 005_squashed_all"],
        5: [f"fold {SQUASHED}", "fold 005_squashed_all"],
    }
    assert names(events) == expected[executed]
    assert project.recorded() == [("005", "executed")]
    assert project.relations() == {"a", "b", "c", "d", "e"}
    assert [type(each) for each in project.up()] == [Planned]


def test_a_squash_of_a_squash_that_was_executed(project: Project) -> None:
    """A database that was new after the first squash has its row, and that is folded with the others."""
    squash(project.folder, "3")
    project.add("004_d", "create table d (id int);", "drop table d;").up()
    squash(project.folder, "4", "squashed_all")

    assert names(project.up()) == ["fold 004_squashed_all"]
    assert folded(project.up()) == []


# -- other commands ----------------------------------------------------------------------------------------------------


def test_baseline_declares_a_squashed_migration(project: Project) -> None:
    """Its version declares the whole of it."""
    squashed(project)

    assert project.call("baseline", "3", "--yes").code == 0
    assert project.recorded() == [("003", "baseline")]


def test_baseline_inside_of_the_range(project: Project) -> None:
    """A database that was left in the middle by other means is declared with the archive, and goes on from there."""
    squashed(project).execute("create table a (id int); create table b (id int)")

    assert project.call("baseline", "2").code == 0  # it is what these files make, so there is no question
    assert project.recorded() == [("001", "baseline"), ("002", "baseline")]
    assert names(project.up()) == ["003_c", f"fold {SQUASHED}", "004_d"]


def test_repair_of_what_was_folded(project: Project) -> None:
    """There is nothing to repair of one of them."""
    project.up()
    squashed(project).up()

    assert (
        project.call("repair", "2", "--yes").stderr
        == """\
error: 002_b was replaced by 003_squashed_core, which stands for 001-003
   nothing was changed
   hint    it is executed and undone as a whole: name 003; to change a part of it, write a new migration

"""
    )


def test_repair_does_not_forget_what_the_archive_would_execute_again(project: Project) -> None:
    """Without the archive its rows have no files; they are not offered to be forgotten."""
    project.up(steps=2)
    squashed(project)
    shutil.rmtree(project.folder / "squashed")

    ended = project.call("repair", "1", "--yes")

    assert ended.stderr.startswith("error: this database has 2 of the 3 migrations that 003_squashed_core replaces")
    assert len(project.recorded()) == 2


def test_a_wrong_range_stops_everything(project: Project) -> None:
    """As long as it is not known what is replaced, the history cannot be compared with the folder."""
    project.up()
    squashed(project)
    path = project.folder / f"{SQUASHED}.up.sql"
    path.write_text(path.read_text().replace("001-003", "001-004"))

    assert refusal(project.up).message == "the file replaces 001-004, but its own version is 003"


def test_two_squashed_migrations_of_one_range(project: Project) -> None:
    """Two branches have squashed: it is not known which one counts, so nothing is folded."""
    project.up()
    squashed(project)
    text = (project.folder / f"{SQUASHED}.up.sql").read_text()
    project.add("003_squashed_mine", text)

    error = refusal(project.up)

    assert [each.message for each in (error, *error.others)] == [
        "003_squashed_core and 003_squashed_mine replace the same migrations: keep one of them"
    ]
    assert len(project.recorded()) == 3


def test_create_numbers_after_the_squashed_one(project: Project) -> None:
    """The archive does not count."""
    squash(project.folder, "3")

    assert project.call("create", "d").stdout.splitlines()[0] == "✅ sql/004_d.up.sql"


# -- behind a pooler that shares sessions ------------------------------------------------------------------------------


@pytest.fixture
def pooled(project: Project, pgbouncer: str, postgres: Server) -> Iterator[Project]:
    with bouncer(pgbouncer, postgres, "transaction") as url:
        yield project.at(f"{url}{conninfo_to_dict(project.url)['dbname']}")


def test_two_runs_behind_a_pooler_fold_once(project: Project, pooled: Project) -> None:
    """No lock keeps the second one out there; the rows do: the second finds them folded, and goes on."""
    project.up()
    squashed(project)

    results = at_once(*[lambda: names(pooled.up(limits=Limits(lock_wait=60)))] * 3)

    assert sorted(each for result in results for each in result) == ["004_d", f"fold {SQUASHED}"]
    assert [action for action, _ in project.logged()].count("fold") == 1


def test_the_archive_needs_a_session_of_its_own(project: Project, pooled: Project) -> None:
    """A row that a second run has folded meanwhile would not keep this one out: it would execute the file again."""
    project.up(steps=1)
    squashed(project)

    assert refusal(pooled.up).message == (
        "002_b comes from the archive and needs its own session; "
        "this connection goes through a pooler that shares sessions (PgBouncer in transaction mode)"
    )

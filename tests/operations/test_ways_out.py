"""What a user is told where files and history do not fit: the first command never loses anything, and it works."""

from __future__ import annotations

import json

import pytest
from project import Project, finished, told

from sqlmigrate import load
from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.operations import status
from sqlmigrate.operations.repair import repairable
from sqlmigrate.parsing.comments import has_sql

WRITE = (
    "write the SQL that undoes it, or `select 1;` if there is nothing to undo; "
    "if it cannot be undone, delete the down file"
)

# -- down files without SQL --------------------------------------------------------------------------------------------

WITHOUT_SQL = {
    "empty": "", "white space": " \n\t\r\n", "a line comment": "-- nothing\n", "a block comment": "/* a /* b */ */\n",
    "semicolons": ";;\n", "a directive": "-- sqlmigrate: lock-timeout 5s\n", "a byte order mark": "\ufeff",
    "the template": "-- Undo the statements of the up file, in reverse order.\n",
}  # fmt: skip


@pytest.mark.parametrize("text", WITHOUT_SQL.values(), ids=WITHOUT_SQL)
def test_a_down_file_without_sql_is_refused(text: str, project: Project) -> None:
    """It would undo nothing, and the history would say that the migration is undone. `up` does not mind."""
    project.add("001_a", "create table a ();", text)
    assert finished(project.up()) == ["001_a"]

    with pytest.raises(SqlmigrateError) as refused:
        project.down()

    assert told(refused.value) == (
        "001_a cannot be undone: sql/001_a.down.sql contains no SQL\n  nothing was executed\n  hint: " + WRITE
    ).replace("sql/", f"{project.folder}/")
    assert (project.relations(), project.recorded()) == ({"a"}, [("001", "executed")])


def test_a_no_op_on_purpose_is_a_down_file(project: Project) -> None:
    """`select 1;` is what the message advises; the migration counts as undone."""
    project.add("001_a", "update pg_class set relname = relname where false;", "-- on purpose\nselect 1;").up()

    assert finished(project.down()) == ["001_a"]
    assert project.recorded() == []


def test_all_down_files_without_sql_are_named_at_once(project: Project) -> None:
    """Before anything is undone, though the newest migration could be."""
    project.add("001_a", "create table a ();", "").add("002_b", "create table b ();", "-- none").add_tables("a", "b")
    project.add("001_a", "create table a ();", "").add("002_b", "create table b ();", "-- none")
    project.add("003_c", "create table c ();", "drop table c;").up()

    ended = project.call("down", "--all", "--yes")

    assert ended.code == 1
    assert [line for line in ended.stderr.splitlines() if line.startswith("error")] == [
        "error: 002_b cannot be undone: sql/002_b.down.sql contains no SQL",
        "error: 001_a cannot be undone: sql/001_a.down.sql contains no SQL",
    ]
    assert project.relations() == {"a", "b", "c"}


def test_a_recorded_down_text_without_sql_is_none(project: Project) -> None:
    """The file is deleted since, and the history has kept nothing that could undo the migration."""
    project.add("001_a", "create table a ();", "-- none").up()
    project.remove("001_a", "down")

    with pytest.raises(SqlmigrateError, match="001_a is irreversible: it has no down file"):
        project.down()

    assert project.relations() == {"a"}


@pytest.mark.parametrize("command", ["up", "status", "verify"])
def test_down_files_without_sql_are_noted(command: str, project: Project) -> None:
    """In one line, however many there are; no command fails for it."""
    for number in range(1, 6):
        project.add(f"00{number}_t", "select 1;", "")
    project.up()

    ended = project.call(command)

    paths = "sql/001_t.down.sql, sql/002_t.down.sql, sql/003_t.down.sql and 2 more"
    note = f"⚠️ note: 5 down files contain no SQL, so `down` refuses them: {paths}: {WRITE}"
    assert (ended.code, ended.screen.splitlines().count(note)) == (0, 1)


def test_one_down_file_without_sql_is_noted(project: Project) -> None:
    ended = project.add("001_t", "select 1;", "").call("up", "--format", "json")

    notes = json.loads(ended.stdout.splitlines()[0])["notes"]
    assert [note["message"] for note in notes] == ["sql/001_t.down.sql contains no SQL, so `down` refuses it"]


@pytest.mark.parametrize("text", ["select 1", "/* a */ select 1;", "-- a\n;do $$ begin end $$", "'", "--a\rselect 1"])
def test_what_is_sql(text: str) -> None:
    assert has_sql(text)


# -- missing files -----------------------------------------------------------------------------------------------------


def test_the_first_command_for_a_missing_file_brings_it_back(project: Project) -> None:
    """What is printed is executed here: the recorded text is the file again, and `verify` has nothing to say."""
    project.add("001_a", "create table a ();\r\n-- é \x0c  \n\n").add_tables().add("002_b", "create table b ();").up()
    project.remove("001_a")

    ended = project.call("verify")

    assert (
        ended.screen
        == """\
error: 001_a: executed on this database, but the file is missing
   nothing was executed
   hint    restore the file, or let the history forget it: if the file comes back, the next `up` executes it again
   next    git log --all -- '*001_a.up.sql'
           or: sqlmigrate log 001 --sql up > sql/001_a.up.sql
           or: sqlmigrate repair 001

"""
    )
    assert ended.code == 1
    project.add("001_a", project.call("log", "001", "--sql", "up").stdout)
    assert (project.folder / "001_a.up.sql").read_bytes() == "create table a ();\r\n-- é \x0c  \n\n".encode()
    assert project.call("verify").code == 0


def test_a_folder_that_is_older_is_updated(project: Project) -> None:
    """Nothing is forgotten where the folder is only old."""
    project.add_tables("a", "b").up()
    project.remove("002_b")

    _, (error,) = status.verify(project.url, load(project.folder))

    assert error.next_steps == ("git pull", "or: sqlmigrate down --to 001", "or: sqlmigrate repair 002")


def test_the_question_of_repair_says_what_follows(project: Project) -> None:
    """Forgetting a migration whose file comes back has it executed again."""
    project.add_tables("a", "b").up()
    project.remove("001_a")

    assert repairable(project.url, load(project.folder), "1")[1] == (
        "Let the history forget 001_a (missing), without changing the database itself; "
        "if its file comes back, the next up executes it again?"
    )


def test_up_to_date_with_a_missing_file_is_noted(project: Project) -> None:
    """`up` has nothing to execute, so nothing stops it; it says that a file is missing."""
    project.add_tables("a", "b").up()
    project.remove("001_a")

    ended = project.call("up")

    assert ended.code == 0
    assert ended.stderr == "⚠️ note: 001_a: executed on this database, but the file is missing\n"
    assert ended.stdout.endswith(" · up to date\nnext: sqlmigrate verify\n")


# -- the recorded text -------------------------------------------------------------------------------------------------


def test_the_recorded_text_of_an_edited_file(project: Project) -> None:
    """The message names the command, which also works where the edit is committed."""
    project.add("001_a", "create table a (id int);\n", "drop table a;").up()
    project.add("001_a", "create table a (id bigint);\n")

    error = project.call("up").stderr

    assert (
        error[error.index("   next") :]
        == """\
   next    git stash push -- sql/001_a.up.sql
           or: sqlmigrate log 001 --sql up > sql/001_a.up.sql
           or: sqlmigrate repair 001

"""
    )
    assert project.call("log", "1", "--sql", "up").stdout == "create table a (id int);\n"
    assert project.call("log", "001_a", "--sql", "down").stdout == "drop table a;"


def test_the_recorded_text_as_json(project: Project) -> None:
    project.add("001_a", "select 1;\n").up()

    ended = project.call("log", "1", "--sql", "up", "--format", "json")

    assert json.loads(ended.stdout) == {"version": "001", "name": "a", "direction": "up", "sql": "select 1;\n"}


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (("--sql", "up"), "`log --sql` needs a version", 2),
        (("7", "--sql", "up"), "there is no migration `7` in the folder or in the history", 2),
        (("1", "--sql", "down"), "the history has no down text of 001_a", 1),
    ],
    ids=["no version", "an unknown version", "no down text"],
)
def test_a_text_that_is_not_recorded(arguments: tuple[str, ...], message: str, code: int, project: Project) -> None:
    """Nothing is written to stdout, where a file may be."""
    ended = project.add("001_a", "select 1;").call("up") and project.call("log", *arguments)

    assert (ended.stdout, ended.stderr.splitlines()[0], ended.code) == ("", f"error: {message}", code)


def test_the_log_of_one_migration(project: Project) -> None:
    """Also of one that was undone, so that its row is gone from the history."""
    project.add_tables("a", "b").up()
    project.down()

    lines = project.call("log", "002").screen.splitlines()

    assert [line.split()[3:5] for line in lines if "TIME" in line] == [["up", "002_b"], ["down", "002_b"]]
    assert lines[-1] == "Total: 2"


# -- verify and status -------------------------------------------------------------------------------------------------


def test_verify_without_a_history(project: Project) -> None:
    """Nothing agrees where nothing is."""
    last = project.add_tables("a").call("verify").stdout.splitlines()[1]

    assert last.endswith(
        "history in public.migrations: not created yet, nothing is executed · Total: 1 | Executed: 0 | Pending: 1"
    )


def test_verify_with_a_failed_migration(project: Project) -> None:
    """It is pending, and no error of `verify`; but the line does not read as if all were well."""
    project.add_tables("a").add("002_b", "select nothing;").up()

    ended = project.call("verify")

    assert ended.code == 0
    assert ended.stdout.splitlines()[1] == (
        "⚠️ history in public.migrations: no executed file was changed, and 1 migration failed · "
        "Total: 2 | Executed: 1 | Pending: 0 | Failed: 1"
    )


def test_verify_tells_a_conflict_and_the_edit(project: Project) -> None:
    """A conflict marker in an executed file: to keep one side is not enough, it has to be the executed one."""
    project.add("001_a", "create table a (id int);\n").up()
    project.add("001_a", "<<<<<<< HEAD\ncreate table a (id int);\n=======\nselect 1;\n>>>>>>> b\n")

    errors = [line for line in project.call("verify").stderr.splitlines() if line.startswith("error")]

    assert len(errors) == 2
    assert "is a conflict marker" in errors[0]
    assert errors[1] == "error: 001_a: the file was edited after it was executed: SQL changed"


def test_verify_tells_what_up_refuses(project: Project) -> None:
    """A statement that is done was edited: `up` cannot go on, so `verify` is not content."""
    project.add("001_a", "-- sqlmigrate: no-transaction\nselect 1;\nselect 1 / 0;").up()
    project.add("001_a", "-- sqlmigrate: no-transaction\nselect 2;\nselect 1;")

    verified, executed = project.call("verify"), project.call("up")

    message = "error: 001_a: statement 1 was executed already, and its text has changed since"
    assert (verified.code, verified.stderr.splitlines()[0]) == (1, message)
    assert (executed.code, executed.stderr.splitlines()[0]) == (1, message)
    assert "statement 1 is executed; it continues only if it is unchanged" in verified.stderr


def test_status_of_a_failure_says_to_fix_it(project: Project) -> None:
    """`up` alone would fail again."""
    project.add("001_a", "select nothing;").up()

    assert project.call("status").stdout.splitlines()[-1] == "next: fix the file or the data, then: sqlmigrate up"


@pytest.mark.parametrize(
    "arguments", [("baseline", "1", "--yes"), ("repair", "1", "--yes")], ids=["baseline", "repair"]
)
def test_what_changes_the_history_says_in_which_database(arguments: tuple[str, ...], project: Project) -> None:
    """The first line is that of `status`."""
    project.add("001_a", "select nothing;").up()
    first = project.call("status").stdout.splitlines()[0].replace(" · sql/", "")

    ended = project.call(*arguments)

    assert (ended.code, ended.stdout.splitlines()[0]) == (0, first)


# -- files without a transaction ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["select 1 / 0;", "create index concurrently on no_table (a);", "insert into none values (1);"]
)
def test_a_failure_at_the_first_statement(text: str, project: Project) -> None:
    """Nothing of the file is in the database, and the screen says so."""
    ended = project.add("001_a", f"-- sqlmigrate: no-transaction\n{text}\nselect 2;").call("up")

    assert "it stopped at statement 1 of 2\n                nothing of it is in the database\n" in ended.stderr


def test_where_the_directive_is_written(project: Project) -> None:
    """One directive is for all statements of the file, so it is named once, with its place."""
    ended = project.add("001_a", "vacuum;\nselect 1;\nvacuum;\n").call("up")

    (hint,) = [line for line in ended.stderr.splitlines() if "hint" in line]
    assert hint == (
        "   hint    put it in a file of its own; or write `-- sqlmigrate: no-transaction` in the first line "
        "of this file: then each statement runs and is recorded on its own"
    )
    assert ended.stderr.count("cannot run in a transaction") == 2


@pytest.mark.parametrize("text", ["select 1;", "select 1"])
def test_one_statement_is_one(text: str, project: Project) -> None:
    project.add("001_a", text)

    assert project.call("split", "sql/001_a.up.sql").stdout.splitlines()[-1] == "1 statement, in one transaction"

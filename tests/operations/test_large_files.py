"""Files above 1 MB: whatever reads their texts in the history knows that they are not whole."""

from __future__ import annotations

import json

import pytest
from project import Project, failure, succeeded

from sqlmigrate.files.migration import checksum

CREATE = "create table a (n int, t text);\n"
LARGE = f"{CREATE}insert into a values\n{'(1, $$a text$$),' * 70_000}\n(2, 'b');\n"  # more than 1 MB
LINE = "1\ta text\n"
WITH_DATA = f"{CREATE}copy a from stdin;\n{LINE * 130_000}\\.\n"
TEXTS = {"insert": LARGE, "copy": WITH_DATA}
large = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
ADVICE = "hint    take the file from your repository; `verify` tells whether it is the one that was executed"


@large
def test_it_is_recorded_with_its_checksum(text: str, project: Project) -> None:
    """The checksum is that of the whole file, so the file is unchanged for every command."""
    assert succeeded(project.add("001_a", text, "drop table a;").up()) == ["001_a"]

    assert project.value("select checksum from migrations") == checksum(text)
    assert project.value("select length(up_sql) from migrations") < 1200
    assert project.states() == {"001_a": "executed"}
    assert project.call("verify").code == 0
    assert project.call("up").stdout.endswith("up to date\n")


@large
def test_without_files_its_down_text_is_executed(text: str, project: Project) -> None:
    """`down` has the down text alone, and needs no more."""
    project.add("001_a", text, "drop table a;").up()
    project.remove("001_a")

    assert succeeded(project.down()) == ["001_a"]
    assert project.relations() == set()


@large
def test_what_was_edited_is_not_known(text: str, project: Project) -> None:
    """The error says why it shows no difference, and does not offer the recorded text; `repair` accepts the file."""
    project.add("001_a", text, "drop table a;").up()
    project.add("001_a", text.replace("a text", "A text", 1))

    for command in ("up", "verify"):
        ended = project.call(command)
        assert ended.code != 0
        assert "001_a: the file was edited after it was executed\n" in ended.stderr
        assert "the history keeps only the beginning of a text above 1 MB" in ended.stderr
        assert "--sql up" not in ended.stderr
    assert project.call("repair", "001", "--yes").code == 0
    assert project.states() == {"001_a": "executed"}
    assert project.value("select length(up_sql) from migrations") < 1200


def test_a_file_that_has_become_large_is_not_compared(project: Project) -> None:
    """Its data stay on disk, so the difference would not be the one that was made."""
    project.add("001_a", CREATE).up()
    project.add("001_a", WITH_DATA)

    ended = project.call("up")

    assert "001_a: the file was edited after it was executed\n" in ended.stderr
    assert "what was edited is not shown: the file has more than 1 MB now\n" in ended.stderr
    assert "or: sqlmigrate log 001 --sql up > sql/001_a.up.sql" in ended.stderr


def test_another_migration_with_its_number_is_recognised(project: Project) -> None:
    """The beginnings of both texts are compared: they have nothing in common."""
    project.add("001_a", LARGE, "drop table a;").up()
    project.remove("001_a").add(
        "001_b", "comment on schema public is 'of another migration, which was never executed';"
    )

    assert "another migration was executed with this number, 001_a\n" in project.call("up").stderr


def test_the_recorded_text_is_not_written_in_part(project: Project) -> None:
    """`log --sql up` refuses, also as JSON; the down text is written."""
    project.add("001_a", LARGE, "drop table a;").up()

    ended = project.call("log", "001", "--sql", "up")

    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr == (
        "error: the history has only the beginning of the up text of 001_a: the file has more than 1 MB\n"
        f"   {ADVICE}\n   next    git log --all -- '*001_a.up.sql'\n\n"
    )
    (error,) = json.loads(project.call("--format", "json", "log", "001", "--sql", "up").stderr)["error"]
    assert error["message"].startswith("the history has only the beginning of the up text of 001_a")
    assert project.call("log", "001", "--sql", "down").stdout == "drop table a;"


def test_without_a_transaction_every_statement_is_kept(project: Project) -> None:
    """A file that failed can be mended behind what is executed, as a small one; it is kept so afterwards."""
    head = "-- sqlmigrate: no-transaction\n"
    project.add("001_a", f"{head}{LARGE}select 1 / 0;\n")
    assert failure(project.up()).number == 3
    project.add("001_a", f"{head}{LARGE}select 1;\n")

    assert succeeded(project.up()) == ["001_a"]

    assert project.value("select count(*) from a") == 70_001
    assert project.value("select up_sql from migrations") == f"{head}{LARGE}select 1;\n"


def test_a_statement_that_is_executed_and_has_changed_is_refused(project: Project) -> None:
    """The statements in the history tell which one."""
    head = "-- sqlmigrate: no-transaction\n"
    project.add("001_a", f"{head}{LARGE}select 1 / 0;\n").up()
    project.add("001_a", f"{head}{LARGE.replace('a text', 'A text', 1)}select 1;\n")

    ended = project.call("up")

    assert "001_a: statement 2 was executed already, and its text has changed since" in ended.stderr


@large
def test_it_is_declared_by_a_baseline(text: str, project: Project) -> None:
    """What is declared is recorded like what is executed."""
    project.add("001_a", text).call("baseline", "001", "--yes")

    assert project.states() == {"001_a": "baseline"}
    assert project.value("select length(up_sql) from migrations") < 1200


IRREVERSIBLE = {
    "with a reason": ("-- sqlmigrate: irreversible (the rows are gone)\n", "the rows are gone"),
    "without a reason": ("", "it has no down file"),
    "behind a long comment": (
        f"/* {'x' * 2000} */\n-- sqlmigrate: irreversible (the rows are gone)\n",
        "it has no down file",
    ),
}


@pytest.mark.parametrize(("head", "reason"), IRREVERSIBLE.values(), ids=IRREVERSIBLE)
def test_why_it_is_irreversible(head: str, reason: str, project: Project) -> None:
    """Without its file, the reason comes from the beginning in the history."""
    project.add("001_a", head + LARGE).up()
    project.remove("001_a").add("000_z", "select 1;")

    assert f"001_a is irreversible: {reason}\n" in project.call("down").stderr


def test_drift_does_not_build_on_a_part_of_it(project: Project) -> None:
    """Without the file, what it makes is not known; the exit code is that of an unknown result."""
    project.add("001_a", LARGE, "drop table a;").add("002_b", "select 1;").up()
    project.remove("001_a")

    ended = project.call("drift", "--against", "files")

    assert ended.code == 3
    assert "the history has only the beginning of the up text of 001_a: the file has more than 1 MB\n" in ended.stderr

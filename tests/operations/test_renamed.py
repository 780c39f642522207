"""A number that was used again: what is executed under which name, and what is in the folder."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from project import Project, succeeded


def renamed(project: Project) -> None:
    for direction in ("up", "down"):
        (project.folder / f"002_b.{direction}.sql").rename(project.folder / f"002_new.{direction}.sql")


def replaced(project: Project) -> None:
    project.remove("002_b").add("002_new", "create table new (id int);", "drop table new;")


def renumbered(project: Project) -> None:
    for direction in ("up", "down"):
        (project.folder / f"002_b.{direction}.sql").rename(project.folder / f"004_b.{direction}.sql")


def renumbered_and_replaced(project: Project) -> None:
    renumbered(project)
    project.add("002_new", "create table new (id int);", "drop table new;")


def another_file(project: Project) -> None:
    project.add("002_new", "create table new (id int);")


@dataclass(frozen=True)
class Case:
    """What is done to the files of 002_b, and what is said of it.

    Attributes:
        change: Changes the folder.
        lines: The lines of `status`.
        error: How the error of `up` and `verify` begins.
        moved: Whether that has the commands that rename the files back.
        json: The first row that has something to say: its name, `executed_as`, `renumbered_to`.
        down: The note and the line of `down`, the last migration of two.
    """

    change: Callable[[Project], None]
    lines: tuple[str, ...]
    error: str
    moved: str = ""
    json: tuple[str, str | None, str | None] | None = None
    down: tuple[str, ...] = ("↩️ 002_b",)


CASES = {
    "renamed": Case(
        renamed,
        ("⚠️ 002_new   executed  as 002_b: the file was renamed since",),
        "002_new: executed as 002_b and renamed since",
        "mv sql/002_new.up.sql sql/002_b.up.sql",
        ("new", "002_b", None),
        ("note: 002_new: executed as 002_b, and renamed since", "↩️ 002_new"),
    ),
    "replaced": Case(
        replaced,
        ("⚠️ 002_new   executed  as 002_b: the file has another name and another text",),
        "002_new: executed as 002_b and renamed since; the file was edited",
        "",
        ("new", "002_b", None),
        ("note: 002_b: the number belongs to 002_new now, so the text recorded in the history is used", "↩️ 002_b"),
    ),
    "renumbered": Case(
        renumbered,
        ("⚠️ 002_b   executed  its file is 004_b now", "⏸️ 004_b   pending"),
        "executed on this database with another number: 002_b, whose files are 004_b now",
        "mv sql/004_b.up.sql sql/002_b.up.sql",
        ("b", None, "004_b"),
        ("note: 002_b: the down file is missing, so the text recorded in the history is used", "↩️ 002_b"),
    ),
    "renumbered and replaced": Case(
        renumbered_and_replaced,
        ("⚠️ 002_new   executed  as 002_b, which is 004_b now: this file was not executed", "⏸️ 004_b     pending"),
        "002_new: another migration was executed with this number, 002_b, which is 004_b now",
        "",
        ("new", "002_b", "004_b"),
        ("note: 002_b: the number belongs to 002_new now, so the text recorded in the history is used", "↩️ 002_b"),
    ),
    "two files": Case(
        another_file,
        ("✅ 002_b     executed", "⏸️ 002_new   pending"),
        "2 migrations have version 2: sql/002_b.up.sql and sql/002_new.up.sql",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_name_is_said(case: Case, project: Project) -> None:
    """What is in the database has the name of the history, what is in the folder that of the file."""
    succeeded(project.add_tables("a", "b").up())
    case.change(project)

    status = re.sub(r" \d{4}-\S+ \S+ UTC +\d+ ms", "", project.call("status").stdout)
    assert [line for line in status.splitlines() if " 002_" in line or " 004_" in line][:2] == list(case.lines)
    for command in ("verify", "up"):
        ended = project.call(command)
        assert (ended.code, ended.stderr.startswith(f"error: {case.error}")) == (1, True)
        assert case.moved in ended.stderr
    assert project.relations() >= {"a", "b"}
    assert "new" not in project.relations()

    rows = json.loads(project.call("status", "--format", "json").stdout)["migrations"]
    said = [(row["name"], row["executed_as"], row["renumbered_to"]) for row in rows]
    assert next((each for each in said if any(each[1:])), None) == case.json
    assert "002_b" in project.call("log").stdout

    undone = project.call("down", "--yes")
    lines = [line for line in (undone.stderr + undone.stdout).splitlines() if line.startswith(("note", "↩️"))]
    assert tuple(line.partition("   ")[0] for line in lines) == case.down
    assert project.relations() >= {"a"}
    assert "b" not in project.relations()


def test_a_renumbered_file_is_not_executed_twice(project: Project) -> None:
    """Also where it is older than what is executed, and is asked for out of order; after it was undone it is new."""
    project.add("003_rows", "create table rows as select 1 as one;", "drop table rows;")
    succeeded(project.up())
    for direction in ("up", "down"):
        (project.folder / f"003_rows.{direction}.sql").rename(project.folder / f"001_rows.{direction}.sql")

    refused = project.call("up", "--out-of-order")
    assert refused.code == 1
    assert refused.stderr.startswith("error: executed on this database with another number: 003_rows, whose files are")

    assert project.call("down", "--yes").code == 0
    assert project.call("up").code == 0
    assert project.states() == {"001_rows": "executed"}


def test_the_same_text_under_another_name_is_another_migration(project: Project) -> None:
    """A deleted file and a new one with the same words: the deleted one is missing, and that stops up."""
    project.add("001_first", "select 1;").add("002_second", "select 2;")
    succeeded(project.up())
    project.remove("001_first").add("003_third", "select 1;")

    assert project.call("up").stderr.startswith("error: 001_first: executed on this database, but the file is missing")

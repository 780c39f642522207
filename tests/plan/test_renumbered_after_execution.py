"""Files that were renumbered after they were executed: the message says so, and the history stays right."""

from __future__ import annotations

from pathlib import Path

import pytest
from git_repository import Repository
from in_process import said
from project import Project, succeeded


@pytest.fixture
def renumbered(project: Project) -> Project:
    """`002_prices` was executed; then another `002_gifts` was merged, and the executed file is `003_prices` now."""
    project.add("001_a", "create table a ();").add("002_prices", "alter table a add column price numeric(12, 2);").up()
    project.remove("002_prices", "up")
    return project.add("002_gifts", "create table gifts (id bigint primary key, giver text not null);").add(
        "003_prices", "alter table a add column price numeric(12, 2);"
    )


def test_up_says_that_the_number_was_another(renumbered: Project) -> None:
    """`002_gifts` was never executed, so it is called neither renamed nor edited, and `repair` is not offered."""
    ended = renumbered.call("up")

    assert ended.code == 1
    assert said(ended).splitlines()[0] == (
        "error: 002_gifts: another migration was executed with this number, 002_prices, which is 003_prices now"
    )
    assert "repair" not in said(ended)


def test_repair_refuses(renumbered: Project) -> None:
    """If it were accepted, the history would call it executed."""
    ended = renumbered.call("repair", "2", "--yes")

    assert (ended.code, said(ended).splitlines()[0]) == (
        1,
        "error: 002_gifts was not executed: 002_prices was, with this number, and has another number now",
    )
    assert renumbered.states()["002_gifts"] == "changed"


def test_alike_texts_are_told_apart_by_the_renumbered_file(project: Project) -> None:
    """Two short files can be similar by chance; the executed text under another number decides."""
    project.add("002_mine", "create table mine ();", "drop table mine;").up()
    project.remove("002_mine")
    project.add("002_theirs", "create table theirs ();", "drop table if exists theirs;")
    project.add("003_mine", "create table mine ();", "drop table mine;")

    assert said(project.call("up")).splitlines()[0] == (
        "error: 002_theirs: another migration was executed with this number, 002_mine, which is 003_mine now"
    )


def test_down_undoes_what_was_executed(project: Project) -> None:
    """The down file that has the number now belongs to another migration and is not used."""
    project.add("002_mine", "create table mine ();", "drop table mine;").up()
    project.remove("002_mine")
    project.add("002_theirs", "create table theirs ();", "drop table if exists theirs;")
    project.add("003_mine", "create table mine ();", "drop table mine;")

    ended = project.call("down")

    assert (ended.code, project.relations()) == (0, set())
    assert "note: 002_mine: the number belongs to 002_theirs now, so the text recorded in the history is used" in (
        ended.stderr
    )
    assert succeeded(project.up()) == ["002_theirs", "003_mine"]


def test_without_a_recorded_text_down_refuses(project: Project) -> None:
    """The down file of another migration is never executed instead."""
    project.add("002_mine", "create table mine ();").up()
    project.remove("002_mine", "up")
    project.add("002_theirs", "create table theirs ();", "drop table if exists theirs;")

    ended = project.call("down")

    assert (ended.code, said(ended).splitlines()[0], project.relations()) == (
        1,
        (
            "error: 002_mine cannot be undone: the history has no down text of it, "
            "and its number belongs to 002_theirs now"
        ),
        {"mine"},
    )


def test_after_a_merge_renumber_down_and_up_bring_the_database_to_the_folder(project: Project, tmp_path: Path) -> None:
    """Renumber advises exactly this for a database that has executed the files with their old versions."""
    repository = Repository(project.folder.parent, tmp_path / "home").init()
    project.add_tables("a")
    repository.commit()
    repository.git("checkout", "-q", "-b", "mine")
    project.add("002_x", "create table x ();", "drop table x;").add("003_y", "create table y ();", "drop table y;").up()
    repository.commit()
    repository.git("checkout", "-q", "main")
    project.add("002_b", "create table b ();", "drop table b;")
    repository.commit()
    repository.git("checkout", "-q", "mine")
    repository.git("merge", "-q", "main")

    assert project.call("status").stdout.splitlines()[-1] == "next: sqlmigrate renumber"
    refused = project.call("up")
    assert (refused.code, refused.stderr.splitlines()[-4:]) == (
        1,
        [
            "   nothing was executed",
            "   hint    rename both files of one of them to the next free version; in git, renumber does it",
            "   next    sqlmigrate renumber",
            "",
        ],
    )

    assert said(project.call("renumber", **repository.environment)) == (
        "sql/002_x.up.sql ──▶ sql/003_x.up.sql\n"
        "sql/002_x.down.sql ──▶ sql/003_x.down.sql\n"
        "sql/003_y.up.sql ──▶ sql/004_y.up.sql\n"
        "sql/003_y.down.sql ──▶ sql/004_y.down.sql\n"
        "If a database has executed them with their old versions, undo them there: sqlmigrate down. It uses the texts "
        "recorded in the history, and undoes the newest migration; --steps undoes more. Then: sqlmigrate up\n"
        "next: git add --all sql\n"
    )
    assert (project.call("down", "--steps", "2").code, project.relations()) == (0, {"a"})
    assert succeeded(project.up()) == ["002_b", "003_x", "004_y"]

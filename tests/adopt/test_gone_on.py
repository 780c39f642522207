"""Two tools on one database after `adopt --write`: nothing is executed twice, and no record says what is not so."""

from __future__ import annotations

import dbmate_project
import pytest
from project import Project


@pytest.fixture
def adopted(project: Project) -> Project:
    """Three migrations of dbmate, of which two were executed and taken over."""
    made = dbmate_project.made(project.folder.parent, project.url)
    assert made.call("adopt", "--write").code == 0
    return made


def go_on(project: Project) -> None:
    """Do what dbmate would do with the pending migration."""
    project.execute("create table items (id int)")
    project.execute("insert into schema_migrations values ('3')")


def test_up_is_refused_where_the_old_tool_has_gone_on(adopted: Project) -> None:
    """What dbmate has executed in the meantime is not executed again; it is taken over."""
    go_on(adopted)

    ended = adopted.call("up")

    assert (ended.code, ended.stderr) == (
        1,
        """\
error: dbmate has executed 3_items since its history was taken over
   schema_migrations says so; `up` would execute it again
   nothing was executed
   hint    take it over, then let schema_migrations refuse further writes
   next    sqlmigrate adopt --write
           sqlmigrate adopt --finish

""",
    )
    assert (
        adopted.call("adopt", "--write").stdout.splitlines()[1] == "0 files written, 1 migration recorded as executed"
    )
    assert adopted.call("adopt", "--finish").code == 0
    assert list(adopted.states().values()) == ["executed"] * 3


def test_up_goes_on_beside_the_old_history(adopted: Project) -> None:
    """The old history keeps nothing from being executed that it does not have."""
    assert adopted.call("up").code == 0
    assert list(adopted.states().values()) == ["executed"] * 3
    assert "   history   schema_migrations · 2 executed, 1 executed by sqlmigrate since, 0 pending" in (
        adopted.call("adopt").stdout.splitlines()
    )


def test_what_was_undone_here_is_not_recorded_again(adopted: Project) -> None:
    """The old history still has it. `up` executes it again, and `adopt` does not call it executed."""
    assert adopted.call("down", "--yes").code == 0

    looked = adopted.call("adopt").stdout

    assert "⚠️ 2_orders was undone here by sqlmigrate: it stays pending, whatever the old history says" in looked
    assert (
        adopted.call("adopt", "--write").stdout.splitlines()[1] == "0 files written, 0 migrations recorded as executed"
    )
    assert list(adopted.states().values()) == ["executed", "pending", "pending"]
    assert adopted.call("up").code == 0
    assert {"users", "orders", "items"} <= adopted.relations()


def test_what_failed_here_is_forgotten_first(adopted: Project) -> None:
    """`up` met what dbmate had made before its history was written: the way out is said, and it works."""
    adopted.execute("create table items (id int)")
    assert adopted.call("up").code == 1
    adopted.execute("insert into schema_migrations values ('3')")

    ended = adopted.call("adopt", "--write")

    assert (ended.code, ended.stderr) == (
        1,
        """\
error: 3_items has failed here, and dbmate has executed it
   nothing was changed
   hint    forget the failure, then take it over
   next    sqlmigrate repair 3
           sqlmigrate adopt --write

""",
    )
    assert adopted.call("repair", "3", "--yes").code == 0
    assert adopted.call("adopt", "--write").code == 0
    assert list(adopted.states().values()) == ["executed"] * 3


def test_write_tells_which_files_it_kept(adopted: Project) -> None:
    """A file of ours that is not what the old one becomes stays, and is named."""
    (adopted.folder / "3_items.up.sql").write_text("create table items (id bigint);")
    go_on(adopted)

    assert adopted.call("adopt", "--write").stdout.splitlines()[2] == (
        "⚠️ sql/3_items.up.sql is not what db/migrations/3_items.sql becomes: it is kept as it is, "
        "and recorded as executed"
    )

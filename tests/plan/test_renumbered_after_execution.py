"""Files that were renumbered after they were executed: said as it is, and nothing lets the history lie."""

from __future__ import annotations

import pytest
from in_process import said
from project import Project


@pytest.fixture
def renumbered(project: Project) -> Project:
    """`002_prices` was executed; then somebody else's `002_gifts` came, and it is `003_prices` now."""
    project.add("001_a", "create table a ();").add("002_prices", "alter table a add column price numeric(12, 2);").up()
    project.remove("002_prices", "up")
    return project.add("002_gifts", "create table gifts (id bigint primary key, giver text not null);").add(
        "003_prices", "alter table a add column price numeric(12, 2);"
    )


def test_up_says_that_the_number_was_another(renumbered: Project) -> None:
    """The one in its place was never executed, so it is neither renamed nor changed; repairing is not offered."""
    ended = renumbered.call("up")

    assert ended.code == 1
    assert said(ended).splitlines()[0] == (
        "error: 002_gifts: another migration was executed with this number, 002_prices"
    )
    assert "repair" not in said(ended)


def test_repair_refuses(renumbered: Project) -> None:
    """Accepted, it would pass for executed."""
    ended = renumbered.call("repair", "2", "--yes")

    assert (ended.code, said(ended).splitlines()[0]) == (
        1,
        "error: 002_gifts was not executed: 002_prices was, with this number, and has another number now",
    )
    assert renumbered.states()["002_gifts"] == "changed"

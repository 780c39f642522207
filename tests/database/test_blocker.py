"""A session that blocks ours: what is shown of it, and what our role may not see."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sqlmigrate.database.blocker import Blocker

STARTED = "backend_start = '2026-02-13 01:16:28.000000+00'"
CONNECTED = datetime(2026, 2, 13, 1, 16, 28, tzinfo=UTC)


def blocker(**fields: Any) -> Blocker:
    known: dict[str, Any] = {
        "pid": 4711, "application": "reports", "user": "ann", "state": "idle in transaction", "seconds": 5,
        "statement": "select 1", "host": "10.0.0.5", "since": CONNECTED,
    }  # fmt: skip
    return Blocker(**{**known, **fields})


WHO = {
    "over the network": ({}, "process 4711 (reports, user ann, from 10.0.0.5)"),
    "over a socket": ({"host": "local"}, "process 4711 (reports, user ann, local socket)"),
    "without a name": ({"application": ""}, "process 4711 (without a name, user ann, from 10.0.0.5)"),
    "unseen": ({"host": "", "state": ""}, "process 4711 (reports, user ann, from an unknown host)"),
    "on another node": (
        {"node": "worker1:5432", "global_pid": "20000004711"},
        "process 4711 on worker1:5432 (reports, user ann, from 10.0.0.5)",
    ),
    "of the server": (
        {"application": "", "user": "autovacuum worker", "state": "background", "host": ""},
        "process 4711 (autovacuum worker)",
    ),
}
DOING = {
    "forgotten": ({}, "idle in transaction, open for 5 s: select 1"),
    "failed": ({"state": "idle in transaction (aborted)"}, "idle in transaction (aborted), open for 5 s: select 1"),
    "at work": ({"state": "active", "seconds": 4000}, "active, transaction open for 1 h 6 min: select 1"),
    "idle": ({"state": "idle", "seconds": -1}, "idle, no transaction: select 1"),
    "unseen": (
        {"state": "", "seconds": -1, "statement": "<insufficient privilege>", "seen_by": "deployer"},
        "what it does may not be seen: grant pg_read_all_stats to deployer",
    ),
}


@pytest.mark.parametrize(("fields", "expected"), WHO.values(), ids=WHO)
def test_who_it_is(fields: dict[str, object], expected: str) -> None:
    """Process, application, role, and where its client is."""
    assert blocker(**fields).who == expected


@pytest.mark.parametrize(("fields", "expected"), DOING.values(), ids=DOING)
def test_what_it_does(fields: dict[str, object], expected: str) -> None:
    """State, age of the transaction, statement; what our role may not see is shown as unknown."""
    assert blocker(**fields).doing == expected


def test_how_to_end_it() -> None:
    """The command names the process; for a process of the server itself there is none."""
    assert blocker().ending == (
        "if its program is gone, end the session:",
        f"select pg_terminate_backend(pid) from pg_stat_activity where pid = 4711 and {STARTED};",
    )
    assert blocker(state="background").ending == ()
    assert blocker(since=None).ending == (
        "whether its program is gone, a role with more rights can see:",
        "select * from pg_stat_activity where pid = 4711;",
    )


def test_how_to_end_it_on_another_node() -> None:
    """Citus ends the sessions of all nodes by a number of its own, from the coordinator."""
    there = {"node": "worker1:5432", "global_pid": "20000004711"}
    view = "from citus_stat_activity where not is_worker_query and global_pid = 20000004711"

    assert blocker(**there).ending == (
        "if its program is gone, end the session, on the coordinator:",
        f"select pg_terminate_backend(global_pid) {view} and {STARTED};",
    )
    assert blocker(**there, since=None).ending[1] == f"select * {view};"


def test_all_of_it_in_lines() -> None:
    """Who it is and since when; what it does; how to end it."""
    assert blocker().lines == (
        "process 4711 (reports, user ann, from 10.0.0.5, since 2026-02-13 01:16:28 UTC)",
        "idle in transaction, open for 5 s: select 1",
        *blocker().ending,
    )

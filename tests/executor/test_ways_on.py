"""What is tried again by itself, and what a failure says is to be done next."""

from __future__ import annotations

import threading
from contextlib import closing

import psycopg
import pytest
from project import Project, failure, succeeded
from psycopg.conninfo import conninfo_to_dict
from waiting import until

from sqlmigrate.executor.events import Blocked, Event, StatementDone
from sqlmigrate.plan.plan import Limits

END = """\
select pg_terminate_backend(pid, 5000) from pg_stat_activity
 where datname = current_database() and application_name = 'sqlmigrate'"""
ALONE = "-- sqlmigrate: no-transaction\n"


@pytest.mark.parametrize("before", ["", ALONE], ids=["in a transaction", "without"])
def test_a_transaction_that_cannot_be_serialized_is_tried_again(before: str, project: Project) -> None:
    """Another session has changed the same row: the file, or its statement, is executed once more, as a whole."""
    project.execute("create table a (n int); insert into a values (1)")
    name = conninfo_to_dict(project.url)["dbname"]
    project.execute(f"alter database \"{name}\" set default_transaction_isolation = 'serializable'")
    project.add("001_b", f"{before}update a set n = n + 10;")
    seen: list[Event] = []
    with psycopg.connect(project.url) as other:
        other.execute("update a set n = n + 100")
        thread = threading.Thread(
            target=lambda: seen.extend(project.up(limits=Limits(lock_timeout="1h"), into_existing=True))
        )
        thread.start()
        until(lambda: project.query("select from pg_stat_activity where wait_event_type = 'Lock' and state = 'active'"))
        other.commit()
        thread.join()

    assert succeeded(seen) == ["001_b"]
    assert [event.message for event in seen if isinstance(event, Blocked)] == [
        "could not serialize access due to concurrent update"
    ]
    assert project.value("select n from a") == 111


def test_an_internal_error_passes_the_hint_on(project: Project) -> None:
    """Citus has this code for ordinary mistakes, with a hint that says what to write."""
    project.add("001_a", "do $$ begin raise 'parallel' using errcode = 'XX000', hint = 'set it to sequential'; end $$;")

    failed = failure(project.up())

    assert ("hint", "set it to sequential") in failed.error.fields
    assert list(failed.error.next_steps) == [
        "fix the file, or find out what the server's log says, then: sqlmigrate up"
    ]


def test_a_session_that_was_idle_for_too_long_names_the_setting(project: Project) -> None:
    """A file sets it for its own session, which waits between two tries for a lock."""
    project.add_tables("a").up()
    project.add("002_b", f"{ALONE}set idle_session_timeout = '20ms';\nalter table a add n int;")
    with psycopg.connect(project.url) as other:
        other.execute("lock table a")
        failed = failure(project.up(limits=Limits(lock_timeout="10ms")))

    assert failed.error.message == "terminating connection due to idle-session timeout"
    assert list(failed.error.next_steps) == [
        "raise idle_session_timeout for this role (it goes on at statement 2), then: sqlmigrate up"
    ]


@pytest.mark.parametrize("flags", [["--all"], ["--to", "001"]], ids=" ".join)
def test_the_next_command_keeps_what_was_chosen(flags: list[str], project: Project) -> None:
    """`down` alone would undo one migration only."""
    project.add_tables("a", "b", "c").add("002_b", "create table b ();", "drop table missing;")
    assert project.call("up").code == 0

    ended = project.call("down", *flags, *(["--yes"] if "--all" in flags else []))

    assert f"what now        fix the file, then: sqlmigrate down {' '.join(flags)}\n" in ended.stderr


def test_status_after_a_lost_connection_does_not_blame_the_file(project: Project) -> None:
    """The next step is `up` again; after a failure of the file it is to fix that."""
    text = f"{ALONE}select 1;\nselect 2;"
    with closing(project.add("001_a", text).running_up()) as events:  # type: ignore[type-var]
        for event in events:
            if isinstance(event, StatementDone) and event.number == 1:
                project.execute(END)
    assert project.call("status").stdout.endswith("\nnext: sqlmigrate up\n")

    project.add("001_a", f"{ALONE}select 1;\nselect nothing;").up()
    assert project.call("status").stdout.endswith("\nnext: fix the file or the data, then: sqlmigrate up\n")

"""Many databases with one folder: what is left out, what fails, what goes on, on real servers."""

from __future__ import annotations

import html
import json
import re
import shlex
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import children
import documents
import psycopg
import pytest
from fleet_project import Fleet
from in_process import Quick
from narrow_terminal import on_terminal
from pgbouncer import bouncer
from postgres_servers import PasswordServer, Server, Standby
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from terminal import Ended as Exited, stable
from waiting import until

from sqlmigrate.errors import ConfigError
from sqlmigrate.executor.events import Finished
from sqlmigrate.files.folder import load
from sqlmigrate.fleet.policy import FleetPolicy
from sqlmigrate.fleet.results import Ended, Looked, Queued
from sqlmigrate.fleet.run import fleet
from sqlmigrate.fleet.target import Target
from sqlmigrate.plan.plan import Limits

Make = Callable[[int], Fleet]


def states(events: list[tuple[str, object]]) -> dict[str, str]:
    """Give how each target has ended, by its name; or what the look has said of it."""
    found: dict[str, str] = {}
    for name, event in events:
        if isinstance(event, Looked):
            found[name] = event.look.state
        elif isinstance(event, Ended):
            found[name] = event.state
    return found


def summary_of(text: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(text.splitlines()[-1])["summary"]
    return found


@contextmanager
def table_locked(url: str, table: str) -> Iterator[None]:
    with psycopg.connect(url, application_name="reports") as conn:
        conn.execute(f"lock table {table} in access exclusive mode")
        yield


# -- looking -----------------------------------------------------------------------------------------------------------


def test_a_look_executes_nothing_and_says_what_is_needed(fleet_of: Make) -> None:
    shops = fleet_of(4)
    shops.sql.add_tables("a")
    shops["shop_01"].up()
    shops.sql.add_tables("a", "b", "c")
    shops.write("gone host=/nowhere dbname=x")

    ended = shops.call("up", "--strict")

    assert ended.stdout.splitlines()[0] == ("5 targets: 3 need 001 to 003, 1 needs 002 to 003, 1 cannot be reached")
    assert "stopped: 1 left out, and --strict is set" in ended.stderr
    assert ended.code == 5
    assert shops.recorded() == {"shop_01": [("001", "executed")], "shop_02": [], "shop_03": [], "shop_04": []}


def test_who_is_changed_missing_late_or_of_another_tool_is_left_out(fleet_of: Make) -> None:
    """Each with its reason; the others are executed."""
    shops = fleet_of(6)
    shops.sql.add_tables("a", "b", "c")
    shops["shop_01"].up()
    shops.execute("shop_01", "update migrations set checksum = 'other' where version = '001'")
    shops["shop_02"].up()
    shops.execute("shop_02", "insert into migrations (version, name, status) values ('0002', 'gone', 'executed')")
    shops["shop_03"].up()
    shops.execute("shop_03", "delete from migrations where version = '002'")
    shops.execute("shop_04", "create table schema_migrations (version varchar(128) primary key); "
                             "insert into schema_migrations values ('001')")  # fmt: skip
    shops.sql.add("004_d", "create table d ();")

    ended = shops.call("up", "--format", "json")

    looks = [json.loads(line) for line in ended.stdout.splitlines() if '"looked"' in line]
    reasons = {each["target"]: each["error"]["message"] for each in looks if each["error"]}
    assert set(reasons) == {"shop_01", "shop_02", "shop_03", "shop_04"}
    assert "changed" in reasons["shop_01"]
    assert "0002_gone" in reasons["shop_02"]
    assert "002_b" in reasons["shop_03"]
    assert "dbmate" in reasons["shop_04"] or "another tool" in reasons["shop_04"]
    assert shops["shop_05"].states() == dict.fromkeys(("001_a", "002_b", "003_c", "004_d"), "executed")
    assert ended.code == 1


def test_a_standby_is_not_called_up_to_date(fleet_of: Make, standby: Standby) -> None:
    """It may be behind its primary, so it is left out with this reason."""
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    shops.run()
    database = str(conninfo_to_dict(shops.urls["shop_01"])["dbname"])
    shops.write(f"copy {standby.url(database)}")

    ended = shops.call("up")

    assert ended.stdout.splitlines()[0] == "2 targets: 1 up to date, 1 left out"
    assert "is a standby: nothing is to be done by its history, but it may be behind its primary" in ended.stderr
    assert ended.code == 1


def test_status_counts_the_targets_of_each_version(fleet_of: Make) -> None:
    shops = fleet_of(3)
    shops.sql.add_tables("a", "b")
    shops.call("up", "--only", "shop_01")
    shops.call("up", "--only", "shop_02", "--to", "1")
    shops.write("gone host=/nowhere dbname=x")

    ended = shops.call("status")

    assert ended.stdout.splitlines() == [
        "sql/ · 4 targets",
        "",
        "✅ 002_b              1 target   up to date",
        "⏸️ 001_a              1 target   1 pending: shop_02",
        "⏸️ nothing executed   1 target   2 pending: shop_03",
        "❌                    1 target   cannot be reached: gone",
        "",
        "❌ cannot connect: socket /nowhere/.s.PGSQL.5432: No such file or directory",
        "   1 target: gone",
        "   hint    no server listens on that socket: check that it runs, and that the folder is right",
        "",
        "1 up to date · 2 pending · 1 cannot be reached",
        "next: sqlmigrate fleet up --targets targets.txt",
    ]
    assert ended.code == 5
    assert shops.call("status", "--check", "--skip", "gone").code == 3


def test_a_fleet_on_one_version_is_one_line(fleet_of: Make) -> None:
    shops = fleet_of(3)
    shops.sql.add_tables("a", "b")
    shops.call("up")

    ended = shops.call("status", "--check")

    assert ended.stdout == "sql/ · 3 targets, all at 002_b, up to date\n"
    assert ended.code == 0


# -- executing ---------------------------------------------------------------------------------------------------------


def test_planted_failures_of_four_kinds_leave_an_exact_matrix(fleet_of: Make) -> None:
    """A file that fails on its data, a changed file, a locked table, a target that is gone; all others are done."""
    shops = fleet_of(24)
    shops.sql.add_tables("a", "b")
    shops.call("up")
    shops.sql.add("003_unique", "alter table a add unique (id);").add("004_d", "create table d ();")
    for name in ("shop_03", "shop_11"):
        shops.execute(name, "insert into a values (1), (1)")
    shops.execute("shop_05", "update migrations set checksum = 'other' where version = '002'")
    shops.write("gone host=/nowhere dbname=x")
    before = [("001", "executed"), ("002", "executed")]

    with table_locked(shops.urls["shop_07"], "a"):
        ended = shops.call(
            "up", "--max-failures", "10", "--lock-timeout", "50ms", "--lock-retries", "1", "--format", "json"
        )

    assert ended.code == 1
    summary = summary_of(ended.stdout)
    assert summary["states"] == {"done": 20, "failed": 2, "left_out": 1, "locked": 1, "unreachable": 1}
    assert set(summary["failed"]) == {"shop_03", "shop_11", "shop_07", "gone"}  # type: ignore[call-overload]
    assert summary["left"] == ["shop_05"]
    done = [*before, ("003", "executed"), ("004", "executed")]
    failed = [*before, ("003", "failed")]
    expected = dict.fromkeys(shops.urls, done) | dict.fromkeys(("shop_03", "shop_07", "shop_11"), failed)
    assert shops.recorded() == expected | {"shop_05": before}


def test_the_logs_of_all_targets_call_a_run_the_same(fleet_of: Make) -> None:
    """Its summary says how; the next run has another name."""
    shops = fleet_of(3)
    shops.sql.add_tables("a", "b")
    first = summary_of(shops.call("up", "--format", "json").stdout)["run"]
    second = summary_of(shops.call("down", "--yes", "--format", "json").stdout)["run"]

    runs = [shops[name].query("select run from migrations_log order by id") for name in shops.urls]

    assert runs == [[(first,), (first,), (second,)]] * 3
    assert first != second


def test_the_same_call_goes_on(fleet_of: Make) -> None:
    shops = fleet_of(4)
    shops.sql.add_tables("a").add("002_b", "create table b (id int primary key);")
    shops.execute("shop_02", "create table b ()")

    first = shops.call("up", "--jobs", "1", "--into-existing")
    shops.execute("shop_02", "drop table b")
    second = shops.call("up", "--into-existing")

    assert first.code == 1
    assert "1 done · 1 failed · 2 not begun" in first.stdout
    assert "next: sqlmigrate fleet up --targets targets.txt" in first.stdout
    assert second.code == 0
    assert shops.recorded() == {name: [("001", "executed"), ("002", "executed")] for name in shops.urls}


def test_the_same_error_on_three_targets_ends_it_whatever_the_number(fleet_of: Make) -> None:
    shops = fleet_of(6)
    shops.sql.add("001_a", "select 1/0;")

    events = shops.run(policy=FleetPolicy(jobs=1, max_failures="100%"))

    assert Counter(states(events).values()) == {"failed": 3, "not begun": 3}


@pytest.mark.parametrize("most", ["1", "4"])
def test_canaries_come_first_and_a_failure_there_ends_it(most: str, fleet_of: Make) -> None:
    shops = fleet_of(4)
    shops.sql.add_tables("a")
    shops.execute("shop_03", "create table a ()")
    shops.write(tags={"shop_03": "@canary"})

    ended = shops.call("up", "--into-existing", "--max-failures", most)

    assert ended.code == 1
    assert ended.stdout.splitlines()[:2] == ["4 targets: 4 need 001", "canary first: shop_03"]
    assert "stopped: canary shop_03 failed, so the other targets were not begun" in ended.stderr
    assert {name for name, rows in shops.recorded().items() if rows} == {"shop_03"}


def test_a_tagged_canary_that_is_up_to_date_is_not_replaced(fleet_of: Make) -> None:
    shops = fleet_of(3)
    shops.sql.add_tables("a")
    shops.write(tags={"shop_01": "@canary"})
    shops.call("up", "--only", "@canary")

    ended = shops.call("up")

    assert "canary" not in ended.stdout
    assert "2 done · 1 up to date" in ended.stdout


@pytest.mark.parametrize("number", ["0", "2"])
def test_a_number_of_canaries_and_tags_contradict_each_other(number: str, fleet_of: Make) -> None:
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    shops.write(tags={"shop_01": "@canary"})

    ended = shops.call("up", "--canary", number)

    assert (ended.code, shops.recorded()) == (2, {"shop_01": [], "shop_02": []})
    assert "--canary contradicts the tag @canary, which shop_01 has" in ended.stderr


@pytest.mark.parametrize(("typed", "executed"), [("y\n", 4), ("n\n", 1)])
def test_the_question_behind_the_canaries_is_asked_on_the_terminal(typed: str, executed: int, fleet_of: Make) -> None:
    shops = fleet_of(4)
    shops.sql.add_tables("a")
    call = ["fleet", "up", "--targets", "targets.txt", "--canary", "1", "--ask"]

    screen = on_terminal(shops.folder, shops.urls["shop_01"], *call, answer=("The canaries are done. Go on?", typed))

    assert "The canaries are done. Go on? (3 targets) [y/N]: " in screen
    assert ("stopped: the answer was no" in screen) == (executed == 1)
    assert sum(bool(rows) for rows in shops.recorded().values()) == executed


def test_without_a_terminal_the_question_is_refused_before_anything_is_executed(fleet_of: Make) -> None:
    shops = fleet_of(2)
    shops.sql.add_tables("a")

    ended = shops.call("up", "--canary", "1", "--ask")

    assert ended.code == 2
    assert "there is no terminal to ask on" in ended.stderr
    assert shops.recorded() == {"shop_01": [], "shop_02": []}


def test_a_share_of_failures_ends_it(fleet_of: Make) -> None:
    """A quarter of eight targets: two have failed, and no other is begun. Each fails in a file of its own."""
    shops = fleet_of(8)
    shops.sql.add("001_a", "create table a ();").add("002_b", "create table b ();")
    shops.execute("shop_02", "create table a ()")
    shops.execute("shop_03", "create table b ()")

    ended = shops.call("up", "--into-existing", "--jobs", "1", "--max-failures", "25%")

    assert "stopped: 2 failed, so the others were not begun (--max-failures)" in ended.stderr
    assert "1 done · 2 failed · 5 not begun" in ended.stdout


def test_after_a_no_behind_the_canaries_nothing_else_is_begun(fleet_of: Make) -> None:
    shops = fleet_of(4)
    shops.sql.add_tables("a")

    events = shops.run(policy=FleetPolicy(canaries=2), ask=lambda _summary: False)

    assert states(events) == {"shop_01": "done", "shop_02": "done", "shop_03": "not begun", "shop_04": "not begun"}


def test_a_target_whose_locks_are_held_makes_room_for_the_others(fleet_of: Make) -> None:
    """With one thread: the others are executed in between; no failure is recorded for the tries."""
    shops = fleet_of(3)
    shops.sql.add_tables("a")
    shops.run()
    shops.sql.add("002_b", "alter table a add b int;")
    limits = Limits(lock_timeout="50ms", lock_retries=1000)
    order: list[tuple[str, str]] = []

    with psycopg.connect(shops.urls["shop_01"]) as holder:
        holder.execute("select from a")
        happening = fleet(shops.targets, load(shops.folder / "sql"), limits=limits, policy=FleetPolicy(jobs=1))
        with closing(happening):
            for target, event in happening:
                if isinstance(event, (Queued, Ended)):
                    order.append((target.name, type(event).__name__))
                if ("shop_03", "Ended") in order and not holder.closed:
                    holder.rollback()

    assert order[0] == ("shop_01", "Queued")
    assert order[-1] == ("shop_01", "Ended")
    assert [name for name, what in order if what == "Ended"] == ["shop_02", "shop_03", "shop_01"]
    logged = shops["shop_01"].logged()
    assert logged == [("up", "001"), ("up", "002")]


def test_if_only_locks_were_in_the_way_the_exit_code_says_so(fleet_of: Make) -> None:
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    shops.call("up")
    shops.sql.add("002_b", "alter table a add b int;")

    with table_locked(shops.urls["shop_01"], "a"):
        ended = shops.call("up", "--lock-timeout", "50ms", "--lock-retries", "1")

    assert "1 done · 1 did not get locks" in ended.stdout
    assert ended.code == 4


def test_a_row_that_another_session_has_changed_counts_as_a_lock(fleet_of: Make) -> None:
    """`up` tries 40001 again as it does locks; so it is one for a fleet as well."""
    shops = fleet_of(1)
    shops.sql.add("001_a", "do $$ begin raise exception 'changed meanwhile' using errcode = '40001'; end $$;")

    ended = shops.call("up", "--lock-retries", "0")

    assert "1 did not get locks" in ended.stdout
    assert ended.code == 4


def test_a_blocked_target_names_who_blocks_it(fleet_of: Make) -> None:
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    shops.call("up")
    shops.sql.add("002_b", "alter table a add b int;")

    with table_locked(shops.urls["shop_01"], "a"):
        ended = shops.call("up", "--lock-timeout", "2s", "--lock-retries", "1")  # who blocks is asked meanwhile

    assert re.search(r"blocked by .*reports", ended.stderr)
    told = [line for line in ended.stderr.splitlines() if line.startswith("⏳")]
    assert len(told) == 1
    assert re.match(r"⏳ shop_01   002_b: blocked by .*reports", told[0])


def test_a_target_in_the_queue_is_told_when_nothing_new_begins(fleet_of: Make) -> None:
    """It has executed a file, waits for locks, and another target fails."""
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    shops.run()
    shops.sql.add("002_c", "create table c ();").add("003_b", "alter table a add b int unique;")
    shops.execute("shop_02", "create table c ()")

    with table_locked(shops.urls["shop_01"], "a"):
        events = shops.run(limits=Limits(lock_timeout="50ms"), policy=FleetPolicy(jobs=1))

    ends = {name: event for name, event in events if isinstance(event, Ended)}
    assert states(events) == {"shop_01": "interrupted", "shop_02": "failed"}
    assert ends["shop_01"].executed == ("002_c",)


def test_a_target_that_was_in_the_queue_takes_its_snapshot(fleet_of: Make) -> None:
    """What was executed before the pause is not called a change by hand afterwards."""
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    shops.run()
    shops.sql.add("002_c", "create table c ();").add("003_b", "alter table a add b int;")
    limits = Limits(lock_timeout="50ms", lock_retries=1000)

    notes = []
    with psycopg.connect(shops.urls["shop_01"]) as holder:
        holder.execute("select from a")
        for target, event in fleet(
            shops.targets, load(shops.folder / "sql"), limits=limits, policy=FleetPolicy(jobs=1)
        ):
            notes += [event] if type(event).__name__ == "Noted" else []
            if target.name == "shop_02" and isinstance(event, Ended):
                holder.rollback()

    assert notes == []
    assert shops["shop_01"].states() == dict.fromkeys(("001_a", "002_c", "003_b"), "executed")


def test_only_the_failed_ones_of_a_report(fleet_of: Make) -> None:
    shops = fleet_of(3)
    shops.sql.add_tables("a")
    shops.execute("shop_02", "create table a ()")
    report = shops.call("up", "--into-existing", "--jobs", "1", "--format", "json")
    (shops.folder / "report.json").write_text(report.stdout, encoding="utf-8")
    shops.execute("shop_02", "drop table a")

    ended = shops.call("up", "--into-existing", "--only-failed", "report.json")

    assert ended.stdout.splitlines()[0] == "2 targets: 2 need 001"
    assert "2 done" in ended.stdout


def test_two_fleets_at_once_execute_each_file_once(fleet_of: Make) -> None:
    shops = fleet_of(12)
    for number in range(1, 6):
        shops.sql.add(f"{number:03}_t", f"create table t{number} (); select pg_sleep(0.01);")
    found: list[list[tuple[str, object]]] = []
    runs = [threading.Thread(target=lambda: found.append(shops.run(policy=FleetPolicy(jobs=4)))) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()

    finished = Counter((name, event.step.label) for events in found for name, event in events
                       if isinstance(event, Finished))  # fmt: skip
    assert len(found) == 2
    assert set(finished.values()) == {1}
    assert len(finished) == 12 * 5
    assert set(states(found[0]).values()) | set(states(found[1]).values()) <= {"done", "up to date"}
    assert shops["shop_01"].logged() == [("up", f"{number:03}") for number in range(1, 6)]


def test_there_are_never_more_connections_than_said(fleet_of: Make, postgres: Server) -> None:
    """One for each job, and one more that looks at a statement that takes long."""
    shops = fleet_of(10)
    shops.sql.add("001_slow", "select pg_sleep(1.2);")
    names = [url.split("/")[3].split("?")[0] for url in shops.urls.values()]
    query = "select count(*) from pg_stat_activity where datname = any (%s)"
    seen: list[int] = []
    is_over = threading.Event()

    def count() -> None:
        while not is_over.is_set():
            row = postgres.admin.execute(query, [names]).fetchone()
            assert row
            seen.append(row[0])

    counting = threading.Thread(target=count)
    counting.start()
    events = shops.run(policy=FleetPolicy(jobs=4))
    is_over.set()
    counting.join()

    assert set(states(events).values()) == {"done"}
    assert max(seen) <= 5
    assert max(seen) >= 4


def test_per_server_bounds_what_is_under_way_on_one_server(fleet_of: Make) -> None:
    shops = fleet_of(6)
    shops.sql.add("001_a", "select pg_sleep(0.05);")
    under_way, most = set(), 0

    happening = fleet(shops.targets, load(shops.folder / "sql"), policy=FleetPolicy(jobs=6, per_server=2))
    for target, event in happening:
        if type(event).__name__ == "Planned":
            under_way.add(target.name)
        elif isinstance(event, Ended):
            under_way.discard(target.name)
        most = max(most, len(under_way))

    assert most <= 2


def test_closing_cancels_and_records_what_is_under_way(fleet_of: Make) -> None:
    shops = fleet_of(3)
    shops.sql.add("001_a", "create table a ();").add("002_b", "create table b (); select pg_sleep(600);")
    happening = fleet(shops.targets, load(shops.folder / "sql"), policy=FleetPolicy(jobs=2))
    seen = set()
    for target, event in happening:
        if type(event).__name__ == "StatementDone" and event.step.label == "002_b":
            seen.add(target.name)
        if seen == {"shop_01", "shop_02"}:
            break
    happening.close()

    cut = [("001", "executed"), ("002", "failed")]
    assert shops.recorded() == {"shop_01": cut, "shop_02": cut, "shop_03": []}


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_records_and_tells_and_the_same_call_goes_on(fleet_of: Make, number: int) -> None:
    shops = fleet_of(3)
    shops.sql.add("001_a", "create table a ();").add("002_b", "select pg_sleep(600);")
    process = children.start(
        [sys.executable, "-m", "sqlmigrate", "fleet", "up", "--targets", "targets.txt", "--jobs", "2"],
        cwd=shops.folder, stdout=-1, stderr=-1, text=True,
    )  # fmt: skip
    until(lambda: shops.sleeping() == 2)
    process.send_signal(number)
    out, err = process.communicate()

    assert process.returncode == 128 + number
    assert "interrupted: what is being executed is cancelled" in err
    assert "2 interrupted · 1 not begun" in out
    cut = [("001", "executed"), ("002", "failed")]
    assert shops.recorded() == {"shop_01": cut, "shop_02": cut, "shop_03": []}
    shops.sql.add("002_b", "select 1;")
    assert shops.call("up").code == 0


def test_killed_and_called_again_everything_is_executed_once(fleet_of: Make) -> None:
    shops = fleet_of(10)
    for number in range(1, 6):
        shops.sql.add(f"{number:03}_t", f"create table t{number} (); select pg_sleep(0.02);")
    process = children.start(
        [sys.executable, "-m", "sqlmigrate", "fleet", "up", "--targets", "targets.txt", "--jobs", "2",
         "--format", "json"],
        cwd=shops.folder, stdout=-1, stderr=-1, text=True,
    )  # fmt: skip
    assert process.stdout
    ends = 0
    for line in process.stdout:
        ends += '"ended"' in line
        if ends == 3:
            break
    process.kill()
    process.communicate()

    ended = shops.call("up")

    assert ended.code == 0
    done = [(f"{number:03}", "executed") for number in range(1, 6)]
    assert shops.recorded() == dict.fromkeys(shops.urls, done)
    assert all(Counter(shops[name].logged()) == Counter(("up", version) for version, _ in done) for name in shops.urls)


def test_down_needs_a_yes_and_undoes_on_each(fleet_of: Make) -> None:
    shops = fleet_of(3)
    shops.sql.add_tables("a", "b")
    shops.call("up")

    refused = shops.call("down")
    ended = shops.call("down", "--yes")

    assert refused.code == 2
    assert "`fleet down` asks a question first" in refused.stderr
    assert ended.stdout.splitlines()[0] == "3 targets: 3 undo 002"
    assert shops.recorded() == {name: [("001", "executed")] for name in shops.urls}


@pytest.mark.parametrize(("typed", "version"), [("y\n", "001"), ("n\n", "003")])
def test_down_says_what_it_undoes_before_it_asks(typed: str, version: str, fleet_of: Make) -> None:
    """The question counts those that have something to undo."""
    shops = fleet_of(3)
    shops.sql.add_tables("a", "b", "c")
    shops.call("up", "--skip", "shop_03")
    shops.call("up", "--only", "shop_03", "--to", "1")
    question = "Undo these migrations, and lose the data in their tables?"

    screen = on_terminal(
        shops.folder, shops.urls["shop_01"], "fleet", "down", "--targets", "targets.txt", "--to", "1",
        answer=(question, typed), columns=120,
    )  # fmt: skip

    said, _, _ = screen.partition(f"{question} (2 targets) [y/N]: ")
    assert "3 targets: 2 undo 003 to 002, 1 has nothing to undo" in said
    assert {rows[-1][0] for name, rows in shops.recorded().items() if name != "shop_03"} == {version}


def test_a_dry_run_changes_nothing(fleet_of: Make) -> None:
    shops = fleet_of(2)
    shops.sql.add_tables("a")

    ended = shops.call("up", "--dry-run")

    assert "the dry run was rolled back" in ended.stdout
    assert shops.recorded() == {"shop_01": [], "shop_02": []}


def test_a_dry_run_says_what_was_tried_and_what_was_not(fleet_of: Make) -> None:
    shops = fleet_of(2)
    shops.sql.add("001_a", "create table a (b int);")
    shops.sql.add("002_b", "create index concurrently b on a (b);").add("003_c", "create table c ();")

    ended, as_json = shops.call("up", "--dry-run"), shops.call("up", "--dry-run", "--format", "json")
    rest = shops.call("up", "--dry-run", "--steps", "1")

    assert "002_b was not tried: it runs without a transaction" in ended.stdout
    assert "nor 1 migration after it\n   2 targets: shop_01, shop_02\n" in ended.stdout
    assert "\n2 tried in part\n" in ended.stdout
    assert "\n2 tried\n" in rest.stdout
    assert (ended.code, rest.code) == (0, 0)
    assert "run: " not in ended.stdout + rest.stdout
    assert "done" not in ended.stdout + rest.stdout
    events = list(map(json.loads, as_json.stdout.splitlines()))
    assert [each["not_tried"] for each in events if each.get("event") == "ended"] == [["002_b", "003_c"]] * 2
    assert events[-1]["summary"]["states"] == {"tried_in_part": 2}


def test_a_dry_run_that_can_try_nothing_says_so(fleet_of: Make) -> None:
    shops = fleet_of(1)
    shops.sql.add("001_a", "-- sqlmigrate: no-transaction\ncreate table a ();")

    ended = shops.call("up", "--dry-run")

    assert "\n1 not tried\n" in ended.stdout
    assert "rolled back: the databases" not in ended.stdout
    assert "next:" not in ended.stdout  # nothing speaks for the run itself
    assert ended.code == 3


def test_a_dry_run_down_says_tried(fleet_of: Make) -> None:
    shops = fleet_of(1)
    shops.sql.add("001_a", "create table a ();", "drop table a;")
    shops.call("up")

    ended = shops.call("down", "--dry-run", "--verbose")

    assert "✅ shop_01   1 tried" in ended.stdout
    assert "\n1 tried\n" in ended.stdout
    assert shops.recorded() == {"shop_01": [("001", "executed")]}


def test_verify_and_drift_name_who_differs(fleet_of: Make) -> None:
    shops = fleet_of(4)
    shops.sql.add_tables("a")
    shops.call("up")
    assert shops.call("verify").stdout == "4 targets agree with the files\n"
    assert shops.call("drift").stdout == "0 of 4 targets changed by hand\n"
    for name in ("shop_02", "shop_04"):
        shops.execute(name, "create table own ()")
    shops.execute("shop_03", "update migrations set checksum = 'other'")

    drift, verify = shops.call("drift", "--skip", "shop_03"), shops.call("verify")

    assert drift.stdout.splitlines()[:2] == ["2 targets: shop_02, shop_04", "   added: table public.own"]
    assert drift.code == 1
    assert "targets 1: shop_03" in verify.stderr
    assert verify.stdout == "3 targets agree with the files · 1 do not\n"
    assert verify.code == 1


# -- schemas -----------------------------------------------------------------------------------------------------------


def test_schemas_of_one_database_have_their_own_tables_and_histories(fleet_of: Make) -> None:
    shops = fleet_of(1)
    shops.sql.add_tables("a", "b")
    for name in ("tenant_1", "tenant_2", 'tenant_"3"', "other"):
        shops.execute("shop_01", psycopg.sql.SQL("create schema {}").format(psycopg.sql.Identifier(name)).as_string())
    call = Quick(shops.folder, {"DATABASE_URL": shops.urls["shop_01"]})

    ended = call("fleet", "up", "--schemas", "tenant_*")

    assert ended.code == 0
    found = shops.sql.query(
        "select schemaname, count(*), bool_or(tablename = 'migrations') from pg_tables "
        "where schemaname !~ '^pg_' and schemaname <> 'information_schema' group by 1 order by 1"
    )
    assert found == [('tenant_"3"', 5, True), ("tenant_1", 5, True), ("tenant_2", 5, True)]
    assert call("fleet", "drift", "--schemas", "tenant_*").stdout == "0 of 3 targets changed by hand\n"
    refused = call("fleet", "up", "--schemas", "tenant_*", "--table", "public.migrations")
    assert "names a schema, and each target that is a schema has a history in it" in refused.stderr


def test_the_snapshot_of_a_schema_has_nothing_of_the_others(fleet_of: Make) -> None:
    """Also that of the first, whose schema is not known yet to be one of many: with 1,000 others it would be slow."""
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    for name in ("tenant_1", "tenant_2"):
        shops.execute("shop_01", f"create schema {name}")
    shops.execute("shop_01", "create table tenant_2.b (); create table public.c ();")

    list(fleet([Target("one", shops.urls["shop_01"], "tenant_1")], load(shops.folder / "sql")))

    assert shops.sql.value("select objects from tenant_1.migrations_schema") == 3  # the schema, a, a.id


def test_a_file_that_leaves_the_search_path_does_not_lead_the_next_one_away(fleet_of: Make) -> None:
    shops = fleet_of(1)
    shops.sql.add("001_a", "set search_path to public; create table p ();").add("002_b", "create table b ();")
    shops.sql.add("003_c", "create index concurrently on b ((1));").add("004_d", "create table d ();")
    shops.execute("shop_01", "create schema tenant_1")
    target = Target("one", shops.urls["shop_01"], "tenant_1")

    events = [(each.name, event) for each, event in fleet([target], load(shops.folder / "sql"))]

    assert states(events) == {"one": "done"}
    assert shops.sql.query(
        "select schemaname, tablename from pg_tables where tablename in ('p', 'b', 'd') order by 2"
    ) == [("tenant_1", "b"), ("tenant_1", "d"), ("public", "p")]


def test_files_without_a_transaction_run_one_at_a_time_in_one_database(fleet_of: Make) -> None:
    """Two CREATE INDEX CONCURRENTLY of one database would wait for each other."""
    shops = fleet_of(1)
    shops.sql.add("001_a", "create table a (id int);").add("002_i", "create index concurrently on a (id);")
    for number in range(6):
        shops.execute("shop_01", f"create schema tenant_{number}")
    targets = [Target(f"tenant_{number}", shops.urls["shop_01"], f"tenant_{number}") for number in range(6)]
    under_way, most = set(), 0

    for target, event in fleet(targets, load(shops.folder / "sql")):
        if type(event).__name__ == "Planned":
            under_way.add(target.name)
        elif isinstance(event, Ended):
            assert event.state == "done"
            under_way.discard(target.name)
        most = max(most, len(under_way))

    assert most == 1


def test_a_schema_that_is_gone_is_left_out(fleet_of: Make) -> None:
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    (shops.folder / "targets.txt").write_text("one schema=gone\n")

    ended = shops.call("up", DATABASE_URL=shops.urls["shop_01"])

    assert ended.stdout.splitlines()[0] == "1 target: 1 left out"
    assert "the schema gone of the history does not exist" in ended.stderr


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_a_pooler_that_drops_options_cannot_mislead_a_schema(
    mode: str, fleet_of: Make, pgbouncer: str, postgres: Server
) -> None:
    """The schema is set by a statement; other clients of the pool do not get it."""
    shops = fleet_of(1)
    shops.sql.add_tables("a", "b").add("003_c", "set search_path to public;")
    shops.sql.add("004_d", "create table d ();")
    shops.execute("shop_01", "create schema tenant_1")
    shops.execute("shop_01", "create schema tenant_2")
    database = shops.urls["shop_01"].split("/")[3].split("?")[0]

    with bouncer(pgbouncer, postgres, mode, "ignore_startup_parameters = options") as url:
        targets = [Target(name, url + database, name) for name in ("tenant_1", "tenant_2")]
        events = [
            (each.name, event) for each, event in fleet(targets, load(shops.folder / "sql"), policy=FleetPolicy(jobs=1))
        ]
        with psycopg.connect(url + database) as conn:
            others = conn.execute("select current_setting('search_path')").fetchone()

    assert states(events) == {"tenant_1": "done", "tenant_2": "done"}
    assert others == ('"$user", public',)
    found = shops.sql.query(
        "select schemaname, tablename from pg_tables where tablename in ('a', 'b', 'd') order by 1, 2"
    )
    assert found == [(name, table) for name in ("tenant_1", "tenant_2") for table in "abd"]


@pytest.mark.parametrize("action", ["up", "down"])
def test_a_version_that_nothing_has_is_a_wrong_call(action: str, fleet_of: Make) -> None:
    """One error of the call, not one of each target; a history that has it makes it one of the others."""
    shops = fleet_of(2)
    shops.sql.add_tables("a", "b")
    shops.call("up")
    shops.write("gone host=/nowhere dbname=x")

    ended = shops.call(action, "--to", "99", *["--yes"] * (action == "down"))

    assert ended.code == 2
    assert ended.stderr.count("there is no migration `99` in the folder or in the history") == 1
    shops.execute("shop_01", "insert into migrations (version, name, status) values ('99', 'x', 'executed')")
    assert shops.call(action, "--to", "99", *["--yes"] * (action == "down")).code == 1


@pytest.mark.parametrize("command", ["repair", "baseline"])
def test_what_is_for_one_database_says_how_it_is_done(command: str, fleet_of: Make) -> None:
    ended = fleet_of(1).call(command)

    assert ended.code == 2
    assert f"sqlmigrate {command} VERSION --database-url URL" in " ".join(ended.stderr.split())


def test_the_same_database_by_another_address_is_left_out(fleet_of: Make, pgbouncer: str, postgres: Server) -> None:
    """Here through a pooler: it is executed once, by the first of the two names."""
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    with bouncer(pgbouncer, postgres, "session") as pool:
        shops.write(f"again {pool}{conninfo_to_dict(shops.urls['shop_01'])['dbname']}")
        ended = shops.call("up")

    assert "`again` is the same database as `shop_01`, by another address" in ended.stderr
    assert ended.stdout.splitlines()[0] == "3 targets: 2 need 001, 1 left out"
    assert ended.code == 1
    assert shops["shop_01"].logged() == [("up", "001")]


# -- targets of a query, passwords -------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", ["array['eu', 'Canary']", "'{eu,\"Canary\"}'", "'@eu, @Canary'"])
def test_a_query_gives_tags_also_as_an_array(tag: str, fleet_of: Make) -> None:
    """`Canary` is the tag `canary`."""
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    names = [str(conninfo_to_dict(url)["dbname"]) for url in shops.urls.values()]
    sql = f"select datname as dbname, {tag} as tag from pg_database where datname = any ('{{{','.join(names)}}}')"
    call = Quick(shops.folder, {"DATABASE_URL": shops.urls["shop_01"]})

    ended = call("fleet", "up", "--query", sql, "--only", "@EU")

    assert ended.stdout.splitlines()[1].startswith("canaries first, one by one: ")


def test_a_query_names_the_targets(fleet_of: Make) -> None:
    shops = fleet_of(3)
    shops.sql.add_tables("a")
    names = ", ".join("'" + url.split("/")[3].split("?")[0] + "'" for url in shops.urls.values())
    call = Quick(shops.folder, {"DATABASE_URL": shops.urls["shop_01"]})
    sql = (
        f"select datname as dbname, 'shop ' || row_number() over () as name from pg_database where datname in ({names})"
    )

    assert "3 done" in call("fleet", "up", "--query", sql).stdout
    assert call("fleet", "up", "--query", "select 1 as nothing").code == 2
    assert "is not a keyword of libpq" in call("fleet", "up", "--query", "select 1 as nothing").stderr
    writes = call("fleet", "up", "--query", "create table x (); select 1 as dbname")
    assert writes.code == 2
    assert shops.sql.value("select to_regclass('x')") is None


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select * from (values ('a'), ('')) as t(dbname)", "--query, row 2: `dbname` is empty"),
        ("select 'a' as dbname, ' ' as schema", "--query, row 1: `schema` is empty"),
        ("select 'a' as dbname, 'b' as dbname", "the column `dbname` is given twice"),
        ("select 'db2' as host, null as dbname", "neither --query, row 1, nor --database-url names the database"),
    ],
)
def test_a_row_that_leaves_the_database_to_libpq_is_refused(sql: str, message: str, fleet_of: Make) -> None:
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    server = {name: value for name, value in conninfo_to_dict(shops.urls["shop_01"]).items() if name != "dbname"}
    call = Quick(shops.folder, {"PGDATABASE": "postgres", "DATABASE_URL": make_conninfo(**server)})

    ended = call("fleet", "up", "--query", sql)

    assert (ended.code, message in " ".join(ended.stderr.split())) == (2, True)


def test_a_password_appears_nowhere(password_server: PasswordServer, tmp_path: Path) -> None:
    """On no screen, in no JSON, in no error: also where the server refuses it."""
    sql = tmp_path / "sql"
    sql.mkdir()
    (sql / "001_a.up.sql").write_text("select 1/0;")
    good = password_server.tcp_url()
    bad = password_server.tcp_url(password="Wrong-Secret-43")
    keywords = f"host=127.0.0.1 port={password_server.port} user=app dbname=app password='Wrong-Secret-43' schema=x"
    (tmp_path / "targets.txt").write_text(f"good {good}\nkeywords {keywords}\n")
    call = Quick(tmp_path, {})
    said, pages = [], []
    for action in ("status", "up", "verify", "drift"):
        for form in ("text", "json"):
            said.append(call("fleet", action, "--targets", "targets.txt", "--format", form))
            said.append(call("fleet", action, "--schemas", "x*", "--database-url", bad, "--format", form))
    for action in ("status", "up"):
        call("fleet", action, "--targets", "targets.txt", "--output", f"html={action}.html")
        pages.append((tmp_path / f"{action}.html").read_text(encoding="utf-8"))
    (tmp_path / "targets.txt").write_text(f"good {good}\ngood {bad} nonsense\n")
    said.append(call("fleet", "up", "--targets", "targets.txt"))

    text = "".join([*(each.stdout + each.stderr for each in said), *pages])
    assert all("password authentication failed" in page for page in pages)
    assert "division by zero" in text
    assert "password authentication failed" in text
    assert re.findall(r"\S*Secret\S*", text) == []


# -- what is shown -----------------------------------------------------------------------------------------------------


def _next_after(ended: Exited) -> list[str]:
    return [line.removeprefix("next: ") for line in ended.stdout.splitlines() if line.startswith("next: ")]


def test_the_next_call_has_every_option_of_this_one(fleet_of: Make) -> None:
    """Also on the page; without an option, other targets would be executed, or really instead of tried."""
    shops = fleet_of(3)
    shops.sql.add("001_a", "create table a ();").add("002_b", "select 1 / count(*) from a;")
    (shops.folder / "report.json").write_text(shops.call("up", "--format", "json", "--max-failures", "3").stdout)
    options = (
        "--only-failed report.json --only 'shop_*' --skip=shop_03 --dry-run --canary 1 --max-failures 50% "
        "--lock-timeout 4s --lock-retries=2 --jobs 2 --per-server 2 --strict --verbose --output html=page.html"
    )

    failed = shops.call("up", *shlex.split(options))
    for name in ("shop_01", "shop_02"):
        shops.execute(name, "insert into a default values")
    tried = shops.call("up", *shlex.split(options))

    again = shlex.join(shlex.split(options))
    assert _next_after(failed) == [f"sqlmigrate fleet up --targets targets.txt {again}"]
    assert _next_after(tried) == [f"sqlmigrate fleet up --targets targets.txt {again.replace(' --dry-run', '')}"]
    page = (shops.folder / "page.html").read_text(encoding="utf-8")
    assert html.escape(f"sqlmigrate fleet up --targets targets.txt {again}") in page
    assert shops.recorded()["shop_02"] == [("001", "executed"), ("002", "failed")]


def test_the_next_call_masks_a_password_and_leaves_out_what_the_command_does_not_have(fleet_of: Make) -> None:
    """Options before the command count too; `--check` belongs to `status`, and a page is of one action."""
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    base = "postgresql://app:Planted-1@db.internal/shop"

    ended = Quick(shops.folder, {})(
        "--database-url", base, "fleet", "--jobs=3", "status", "--targets", "targets.txt", "--check",
        "--output", "html=page.html", "--table", "migrations",
    )  # fmt: skip

    url = "'postgresql://app:***@db.internal/shop'"
    assert _next_after(ended) == [
        f"sqlmigrate fleet up --database-url {url} --jobs=3 --targets targets.txt --table migrations"
    ]
    assert "Planted-1" not in ended.stdout + ended.stderr + (shops.folder / "page.html").read_text(encoding="utf-8")


def test_on_a_terminal_one_line_shows_how_far_it_is(fleet_of: Make) -> None:
    """It is written over itself, is never wider than the terminal, and nothing of it stays."""
    shops = fleet_of(4)
    shops.sql.add("001_a", "select pg_sleep(0.3);")

    screen = on_terminal(
        shops.folder, shops.urls["shop_01"], "fleet", "up", "--targets", "targets.txt", "--jobs", "2", columns=60
    )

    drawn = re.findall(r"\r\x1b\[K([^\r\n]*)", screen)
    assert any(re.match(r"   looked at \d of 4", line) for line in drawn)
    assert any(re.match(r"   \d done · \d under way · \d waiting · slowest: shop_0\d, \d s", line) for line in drawn)
    assert max(map(len, drawn)) < 60
    assert re.sub(r"[^\r\n]*\r\x1b\[K", "", screen).splitlines()[:3] == ["4 targets: 4 need 001", "", "4 done"]


def test_on_a_terminal_it_says_when_it_tries_again(fleet_of: Make) -> None:
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    shops.call("up")
    shops.sql.add("002_b", "alter table a add b int;")
    call = ["fleet", "up", "--targets", "targets.txt", "--lock-timeout", "50ms", "--lock-retries", "2"]

    with table_locked(shops.urls["shop_01"], "a"):
        screen = on_terminal(shops.folder, shops.urls["shop_01"], *call)

    drawn = re.findall(r"\r\x1b\[K([^\r\n]*)", screen)
    assert "   0 done · 0 under way · 1 waiting (1 for locks, next try in 1 s)" in drawn


def test_on_a_terminal_it_is_coloured(fleet_of: Make) -> None:
    """Marks, the headings of errors, the counts, and the next command; and the words are those without colours."""
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    shops.execute("shop_02", "create table a ()")
    call = ["fleet", "up", "--targets", "targets.txt", "--into-existing", "--verbose"]

    screen = on_terminal(shops.folder, shops.urls["shop_01"], *call, columns=120, has_colours=True)

    for style, words in (("32", "✅"), ("31", "❌"), ("1;31", "error"), ("1", "1 done · 1 failed")):
        assert f"\x1b[{style}m{words}\x1b[0m" in screen
    assert "next: \x1b[36msqlmigrate fleet up --targets targets.txt --into-existing --verbose\x1b[0m" in screen.replace(
        "\x1b[0m\x1b[36m", "\x1b[36m"
    )


def test_verbose_shows_a_line_for_each_target(fleet_of: Make) -> None:
    shops = fleet_of(2)
    shops.sql.add_tables("a", "b")

    ended = shops.call("up", "--verbose", "--jobs", "1")

    assert stable(ended.stdout).splitlines()[:4] == [
        "2 targets: 2 need 001 to 002", "", "✅ shop_01   2 migrations N ms", "✅ shop_02   2 migrations N ms",
    ]  # fmt: skip


def _table(head: str) -> set[str]:
    """Return the words in backticks in the first cells of a table of docs/fleet.md."""
    _, _, rest = (documents.ROOT / "docs" / "fleet.md").read_text(encoding="utf-8").partition(f"\n| {head} |")
    return {line.split("`")[1] for line in rest.split("\n\n")[0].splitlines()[2:]}


def test_the_json_is_what_the_document_says(fleet_of: Make) -> None:
    """Every event has its target; the events of the fleet and the keys of the summary are those of docs/fleet.md."""
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    shops.call("up")
    shops.sql.add("002_b", "alter table a add b int;")

    with table_locked(shops.urls["shop_01"], "a"):
        limits = ["--lock-timeout", "50ms", "--lock-retries", "1", "--jobs", "1"]
        ended = shops.call("up", "--format", "json", *limits)

    *events, last = map(json.loads, ended.stdout.splitlines())
    assert {each["target"] for each in events} == {"shop_01", "shop_02"}
    assert _table("event") <= {each["event"] for each in events}
    assert set(last["summary"]) == _table("key")
    assert ended.stderr == ""


# -- usage -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["up"], "no targets are named"),
        (["up", "--targets", "targets.txt", "--schemas", "x"], "name the targets in one way"),
        (["up", "--targets", "nowhere.txt"], "cannot read `nowhere.txt`"),
        (["status", "--targets", "targets.txt", "--strict"], "`fleet status` has no option --strict"),
        (["up", "--targets", "targets.txt", "--directory", "none"], "there is no migration in `none`"),
        (["up", "--targets", "targets.txt", "--max-failures", "0"], "`0` is not a number of targets"),
        (["up", "--targets", "targets.txt", "--max-failures", "500%"], "`500%` is more than all targets"),
        (["up", "--targets", "targets.txt", "--only", "shop_9"], "no target matches `shop_9`"),
    ],
)
def test_wrong_usage_says_what_is_right(arguments: list[str], message: str, fleet_of: Make) -> None:
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    (shops.folder / "none").mkdir()

    ended = Quick(shops.folder, {})("fleet", *arguments)

    assert (ended.code, message in ended.stderr) == (2, True)


def test_the_help_of_an_action_has_its_options_only(fleet_of: Make) -> None:
    """Without an action, or with a word that is none, it has all of them."""
    shops = fleet_of(1)

    said = {
        action: Quick(shops.folder, {})("fleet", *action.split(), "--help").stdout
        for action in ("", "status", "up", "drift")
    }

    assert all("--targets FILE" in each for each in said.values())
    assert [action for action, each in said.items() if "--canary N" in each] == ["", "up"]
    assert [action for action, each in said.items() if "--check" in each] == ["", "status"]
    assert [action for action, each in said.items() if "--into-existing" in each] == ["", "up"]


def test_targets_come_from_stdin(fleet_of: Make) -> None:
    shops = fleet_of(2)
    shops.sql.add_tables("a")

    ended = children.run(
        [sys.executable, "-m", "sqlmigrate", "fleet", "up", "--targets", "-"], cwd=shops.folder,
        input=(shops.folder / "targets.txt").read_text(), capture_output=True, text=True,
    )  # fmt: skip

    assert "2 done" in ended.stdout


def test_the_library_refuses_two_targets_of_one_name(fleet_of: Make) -> None:
    shops = fleet_of(1)
    shops.sql.add_tables("a")

    with pytest.raises(ConfigError, match="two targets are called `a`"):
        list(fleet([Target("a", "dbname=x"), Target("a", "dbname=y")], load(shops.folder / "sql")))

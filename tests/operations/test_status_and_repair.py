"""Commands that look, and never write, and commands that change the history: status, verify, log, repair, baseline,
reset.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import psycopg
import pytest
from held_lock import held
from postgres_servers import Server, Standby
from project import Project, failure, succeeded, told
from terminal import Terminal, stable
from waiting import until

from sqlmigrate import load
from sqlmigrate.database import run_lock
from sqlmigrate.errors import ConfigError, HistoryError
from sqlmigrate.operations import repair as operations_repair, status as operations_status

LOOKING = ["status", "verify", "log"]


def repair(project: Project, version: str) -> str:
    """Repair without a question; return the sentence that says what was done."""
    row, _ = operations_repair.repairable(project.url, load(project.folder), version)
    return operations_repair.repair(project.url, row)[1]


def baseline(project: Project, version: str) -> list[str]:
    return [row.label for row in operations_repair.baseline(project.url, load(project.folder), version)[1]]


def shown(screen: str) -> str:
    """Return what follows the name of the database, with equal times."""
    return stable(screen).partition(" · ")[2]


# -- looking never writes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", LOOKING)
def test_looking_at_an_empty_database_makes_nothing(command: str, project: Project) -> None:
    """No table, no schema, no row: the database is as empty as before."""
    project.add_tables("a")
    everything = "select count(*), max(oid::bigint) from pg_class"
    before = project.query(everything)

    assert project.call(command).code == 0

    assert project.query(everything) == before


@pytest.fixture
def looker(project: Project, postgres: Server) -> Iterator[str]:
    """The URL for a role that may only read the history; all its transactions are read-only."""
    project.add_tables("a").up()
    project.execute("""\
        create role looker login; alter role looker set default_transaction_read_only = on;
        revoke all on schema public from public; grant usage on schema public to looker;
        grant select on migrations, migrations_log to looker""")
    try:
        yield postgres.url(project.value("select current_database()"), "looker")
    finally:
        project.execute("drop owned by looker; drop role looker")


@pytest.mark.parametrize("command", LOOKING)
def test_looking_needs_no_right_to_write(command: str, looker: str, project: Project) -> None:
    """A role that may only read sees the same as the owner."""
    as_looker, as_owner = project.call(command, DATABASE_URL=looker), project.call(command)

    assert (as_looker.code, as_looker.stderr) == (0, "")
    assert as_looker.stdout == as_owner.stdout
    assert "001_a" in as_looker.stdout or command == "verify"
    assert project.logged() == [("up", "001")]


@pytest.mark.parametrize("command", LOOKING)
def test_looking_works_on_a_standby(command: str, project: Project, standby: Standby) -> None:
    """A read-only standby shows the same as its primary; `status` adds that it is one."""
    project.add_tables("a").up()
    url = standby.url(project.value("select current_database()"))

    on_standby, on_primary = project.call(command, DATABASE_URL=url), project.call(command)

    assert (on_standby.code, on_standby.stderr) == (0, "")
    lines = [each for each in shown(on_standby.stdout).splitlines() if "this is a standby" not in each]
    assert lines == shown(on_primary.stdout).splitlines()


# -- status ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def every_state(project: Project) -> Project:
    """A migration in every state."""
    project.add_tables("base", "done", "changed", "missing").add("006_newest", "select 6;")
    baseline(project, "1")
    succeeded(project.up())
    project.add("003_changed", "create table otherwise ();")
    project.remove("004_missing")
    project.add("005_late", "create table late ();").add("008_pending", "select 8;")
    project.execute("""\
        insert into migrations (version, name, status, error, executed_at, statements, statements_done, up_sql)
        values ('7', 'failed', 'failed', E'no such thing\\nreally', now(), 3, 2, 'select 7; select 8; select 9;')""")
    return project.add("007_failed", "-- sqlmigrate: no-transaction\nselect 7;\nselect 8;\nselect 9;")


STATES = {
    "001_base": "baseline", "002_done": "executed", "003_changed": "changed", "004_missing": "missing",
    "005_late": "out of order", "006_newest": "executed", "007_failed": "failed", "008_pending": "pending",
}  # fmt: skip


def test_every_state(every_state: Project) -> None:
    """Each migration has the state that its file and its row make together."""
    assert every_state.states() == STATES


def test_the_screen_of_every_state(every_state: Project) -> None:
    """Marks first, words with the same meaning next to them; a count for each state; the next command."""
    ended = every_state.call("status")

    assert (ended.code, ended.stderr) == (0, "")
    assert (
        shown(ended.stdout)
        == """\
sql/ · history in public.migrations

✅ 001_base      baseline TIME UTC
✅ 002_done      executed TIME UTC N ms
⚠️ 003_changed   executed TIME UTC N ms  the file was changed since
⚠️ 004_missing   executed TIME UTC N ms  its file is missing
⚠️ 005_late      pending, out of order: a later migration is already executed
✅ 006_newest    executed TIME UTC N ms
❌ 007_failed    failed   TIME UTC  stopped at statement 3 of 3  no such thing
⏸️ 008_pending   pending

Total: 8 | Executed: 2 | Pending: 1 | Baseline: 1 | Failed: 1 | Changed: 1 | Missing: 1 | Out of order: 1
next: sqlmigrate verify
"""
    )
    assert every_state.states() == STATES


def test_an_interrupted_file_is_shown_as_such(project: Project) -> None:
    """A file without a transaction whose run was killed is shown as interrupted, with its last statement."""
    project.add_tables("a").up()
    project.add("002_n", "-- sqlmigrate: no-transaction\nselect 1; select 2;")
    project.execute("""\
        insert into migrations (version, name, status, executed_at, statements, statements_done)
        values ('002', 'n', 'running', now(), 2, 1)""")

    assert shown(project.call("status").stdout).splitlines()[3] == (
        "❌ 002_n   failed   TIME UTC  interrupted  stopped at statement 2 of 2"
    )


def test_a_file_under_way_is_told_from_an_interrupted_one(project: Project) -> None:
    """While the lock of a run is held, the file is running, and `status` names the process."""
    project.add_tables("a").up()
    project.add("002_n", "-- sqlmigrate: no-transaction\nselect 1; select 2;")
    project.execute("""\
        insert into migrations (version, name, status, executed_at, statements, statements_done)
        values ('002', 'n', 'running', now(), 2, 1)""")
    with project.connection() as run:
        run.execute("select pg_advisory_lock(%s)", [run_lock.lock_key("public.migrations")])
        who = f"process {run.info.backend_pid} of postgres"

        assert shown(project.call("status").stdout).splitlines()[3] == (
            f"⏳ 002_n   running  TIME UTC  {who}  at statement 2 of 2"
        )
        assert json.loads(project.call("--format", "json", "status").stdout)["migrations"][1]["under_way"] == who


# -- a run that is under way -------------------------------------------------------------------------------------------


ADVISORY_LOCKS = "select count(*) from pg_locks where locktype = 'advisory'"


def test_a_run_in_a_transaction_is_shown(project: Project) -> None:
    """`status` names the run although the history does not show it yet, takes no lock, and says what to do."""
    project.add_tables("a").up()
    project.add("002_b", "create table b ();").add("003_n", "-- sqlmigrate: no-transaction\nselect 1;")
    with held(project, name="sqlmigrate") as pid:
        ended = project.call("status")
        assert project.value(ADVISORY_LOCKS) == 1

    assert (ended.code, ended.stderr) == (0, "")
    assert (
        shown(ended.stdout)
        == f"""\
sql/ · history in public.migrations

✅ 001_a   executed TIME UTC N ms
⏸️ 002_b   pending
⏸️ 003_n   pending

Total: 3 | Executed: 1 | Pending: 2
⏳ a run is under way: process {pid} (sqlmigrate, user postgres, local socket, since TIME UTC)
   idle, no transaction: select pg_advisory_lock($1)
   if its program is gone, end the session:
   select pg_terminate_backend(pid) from pg_stat_activity where pid = {pid} and backend_start = 'TIME';
next: sqlmigrate status
"""
    )
    assert project.call("status").stdout.endswith("Pending: 2\nnext: sqlmigrate up\n")


def test_a_run_in_a_transaction_is_a_session_in_json(project: Project) -> None:
    """The key `run` holds the session; it is null when no run is under way."""
    project.add_tables("a")
    with held(project, name="deploy 7") as pid:
        run = json.loads(project.call("--format", "json", "status").stdout)["run"]

    assert (run["pid"], run["application"], run["user"], run["host"]) == (pid, "deploy 7", "postgres", "local")
    assert json.loads(project.call("--format", "json", "status").stdout)["run"] is None


def test_the_first_run_is_shown_before_there_is_a_history(project: Project) -> None:
    """The lock belongs to the name of the history, so it is found before the table exists."""
    project.add_tables("a")
    with held(project) as pid:
        assert f"⏳ a run is under way: process {pid} (deploy 7" in project.call("status").stdout


def test_a_run_of_another_role_is_shown_with_what_may_be_seen(looker: str, project: Project) -> None:
    """PostgreSQL shows a role only its own sessions in full; the rest is shown as unknown."""
    with held(project) as pid:
        screen = shown(project.call("status", DATABASE_URL=looker).stdout)

    assert (
        f"⏳ a run is under way: process {pid} (deploy 7, user postgres, from an unknown host)\n"
        "   what it does may not be seen: grant pg_read_all_stats to looker\n"
    ) in screen


def test_looking_works_where_locks_are_hidden(looker: str, project: Project) -> None:
    """A role that may not read pg_locks sees the history, but no run."""
    project.execute("revoke select on pg_locks from public")
    with held(project):
        ended = project.call("status", DATABASE_URL=looker)

    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.endswith("Total: 1 | Executed: 1 | Pending: 0\n")


def test_a_file_that_is_running_is_counted_once(project: Project) -> None:
    """Every migration is counted in one state: the counts add up to the total."""
    project.add_tables("a").up()
    project.add("002_n", "-- sqlmigrate: no-transaction\nselect 1; select 2;").add("003_b", "select 3;")
    project.execute("""\
        insert into migrations (version, name, status, executed_at, statements, statements_done)
        values ('002', 'n', 'running', now(), 2, 1)""")

    assert "Total: 3 | Executed: 1 | Pending: 1 | Failed: 1\n" in project.call("status").stdout
    with held(project):
        assert "Total: 3 | Executed: 1 | Pending: 1 | Running: 1\n" in project.call("status").stdout


@pytest.mark.parametrize("command", ["status", "up", "verify"])
def test_a_row_that_is_not_ours(command: str, project: Project) -> None:
    """A version that is not a number cannot be ordered: every command reports it."""
    project.add_tables("a").up()
    project.execute("insert into migrations (version, name, status) values ('x', 'y', 'executed')")

    ended = project.call(command)

    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr.startswith(
        "error: the history has a row of version `x`, which is not a number: it was not written by sqlmigrate\n"
    )


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda _: None, 0),
        (lambda project: project.add("002_b", "select 2;"), 3),
        (lambda project: project.add("001_a", "select 1;"), 3),
        (lambda project: project.remove("001_a"), 3),
        (lambda project: project.execute("update migrations set status = 'failed'"), 3),
        (lambda project: project.add("000_z", "select 0;"), 3),
        (lambda project: project.execute("update migrations set status = 'baseline'"), 0),
    ],
    ids=["all executed", "pending", "changed", "missing", "failed", "out of order", "baseline"],
)
def test_status_check(prepare: object, code: int, project: Project) -> None:
    """`--check` exits with 3 if anything is pending or needs attention, and shows the same screen; without it the exit
    code is 0.
    """
    project.add_tables("a", "z").remove("002_z")
    project.up()
    prepare(project)  # type: ignore[operator]

    checked, looked = project.call("status", "--check"), project.call("status")

    assert (checked.code, looked.code) == (code, 0)
    assert checked.stdout == looked.stdout


# -- verify ------------------------------------------------------------------------------------------------------------


def test_verify_finds_everything_at_once(every_state: Project) -> None:
    """Edited files (with lines), missing files and wrong order are reported together; exit 1; nothing is written."""
    ended = every_state.call("verify")

    assert (ended.code, ended.stdout) == (1, "")
    assert (
        stable(ended.stderr)
        == """\
error: 003_changed: the file was edited after it was executed: SQL changed
  ──▶ sql/003_changed.up.sql
   executed by postgres on TIME UTC
   @@ -1 +1 @@
   -create table changed (id int);
   +create table otherwise ();
   hint    put the edit aside (if it is committed: take the recorded text), and write a new migration; or accept it
   next    git stash push -- sql/003_changed.up.sql
           or: sqlmigrate log 003 --sql up > sql/003_changed.up.sql
           or: sqlmigrate repair 003

error: 004_missing: executed on this database, but the file is missing
   hint    restore the file, or let the history forget it: if the file comes back, the next `up` executes it again
   next    git log --all -- '*004_missing.up.sql'
           or: sqlmigrate log 004 --sql up > sql/004_missing.up.sql
           or: sqlmigrate repair 004

error: 005_late: out of order, the later 006_newest is already executed (by postgres on TIME UTC)
   hint    renumber it after the newest migration (both files), or execute it out of order
   next    sqlmigrate up --out-of-order

3 errors
"""
    )
    assert every_state.states() == STATES


def test_verify_finds_a_folder_that_is_older_than_the_database(project: Project) -> None:
    """It says the same as `status`, which names `verify` as the next command; exit 1."""
    project.add_tables("a", "b", "c").up()
    project.remove("002_b").remove("003_c")

    looked, ended = project.call("status"), project.call("verify")

    assert looked.stdout.endswith(
        "this folder is older than the database: newer migrations were executed there\nnext: sqlmigrate verify\n"
    )
    assert (ended.code, ended.stdout) == (1, "")
    assert (
        ended.stderr
        == """\
error: 002_b, 003_c: executed on this database, but newer than every file: this folder is older than the database
   nothing was executed
   hint    update the folder, undo it if its data may be lost (the history has the down text), \
or let the history forget it: if the file comes back, the next `up` executes it again
   next    git pull
           or: sqlmigrate down --to 001
           or: sqlmigrate repair 002
           or: sqlmigrate repair 003

"""
    )


def test_verify_finds_a_failure_whose_file_is_gone(project: Project) -> None:
    """`status` does not call it executed, and the next step of `verify` removes the difference."""
    project.add_tables("a").add("002_b", "select nothing;").up()
    project.remove("002_b")

    looked, ended = project.call("status"), project.call("verify")

    assert shown(looked.stdout).splitlines()[3] == (
        '⚠️ 002_b   failed   TIME UTC  its file is missing  column "nothing" does not exist'
    )
    assert (ended.code, ended.stdout) == (1, "")
    assert (
        ended.stderr
        == """\
error: 002_b: failed on this database, and the file is missing
   nothing of it is in the database
   nothing was executed
   hint    restore the file, or let the history forget it: if the file comes back, the next `up` executes it again
   next    git log --all -- '*002_b.up.sql'
           or: sqlmigrate log 002 --sql up > sql/002_b.up.sql
           or: sqlmigrate repair 002

"""
    )
    assert project.call("repair", "002", "--yes").code == 0
    assert project.call("verify").code == 0


def test_verify_needs_no_server_for_the_files(bare_terminal: Terminal) -> None:
    """Without a database only the files are checked, and the screen says so."""
    bare_terminal.write(**{"001_a.up.sql": "select 1;"})

    ended = bare_terminal("verify")

    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout == (
        "✅ 1 migration in sql/: all files are valid\nno database is set: only the files were checked\n"
    )


def test_verify_notes_a_fault_of_an_executed_file(project: Project) -> None:
    """Every file is read, up and down; what is executed is not judged, and `down` will say the same."""
    project.add_tables("a").up()
    project.add("001_a", "create table a (id int);", "drop table a;\ncommit;")

    ended = project.call("verify")

    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1] == (
        "⚠️ note: sql/001_a.down.sql:2:1: `COMMIT` would end the transaction of the migration: remove it: the file and "
        "its history row are committed together (BEGIN and COMMIT around the whole file are allowed)"
    )


# -- repair ------------------------------------------------------------------------------------------------------------


def test_repair_accepts_a_changed_file(project: Project) -> None:
    """The current file counts as executed, and its down file too; the times stay; the log has an entry."""
    project.add_tables("a").up()
    before = project.query("select executed_at, duration_ms, executed_by, status from migrations")
    project.add("001_a", "create table a (id int); -- commented", "drop table a cascade;")

    assert repair(project, "001") == "the history now has the current file of 001_a; nothing was executed"

    assert project.states() == {"001_a": "executed"}
    assert project.query("select up_sql, down_sql from migrations") == [
        ("create table a (id int); -- commented", "drop table a cascade;")
    ]
    assert project.query("select executed_at, duration_ms, executed_by, status from migrations") == before
    log = "select action, version, name, executed_by, detail from migrations_log order by id desc limit 1"
    assert project.query(log) == [("repair", "001", "a", "postgres", "accepted the changed file")]
    assert project.up()[0].plan.steps == ()


def test_repair_accepts_a_new_name_and_a_new_spelling(project: Project) -> None:
    """The row gets the name of a renamed file, and `001` for what was `1`."""
    project.add("1_a", "select 1;").up()
    project.remove("1_a", "up")
    project.add("001_better", "select 1;")

    repair(project, "1")

    assert project.query("select version, name from migrations") == [("001", "better")]
    assert project.states() == {"001_better": "executed"}


@pytest.mark.parametrize(
    ("prepare", "sentence", "detail", "left"),
    [
        ("failed", "the history has forgotten 002_b (failed); the database itself was not changed",
         "forgot the failed execution", {"001_a": "executed", "002_b": "pending"}),
        ("missing", "the history has forgotten 002_b (missing); the database itself was not changed",
         "forgot the executed execution", {"001_a": "executed"}),
        ("baseline", "the history has forgotten 002_b (baseline); the database itself was not changed",
         "forgot the baseline execution", {"001_a": "executed", "002_b": "pending"}),
    ],
    ids=["failed", "missing", "baseline"],
)  # fmt: skip
def test_repair_forgets(prepare: str, sentence: str, detail: str, left: dict[str, str], project: Project) -> None:
    """The row is removed, the database is not changed, the log has an entry."""
    project.add_tables("a", "b").up(steps=1)
    if prepare == "failed":
        project.add("002_b", "select nothing;").up()
    elif prepare == "missing":
        project.up()
        project.remove("002_b")
    else:
        baseline(project, "2")
    relations = project.relations()

    assert repair(project, "002_b") == sentence

    assert (project.states(), project.relations()) == (left, relations)
    log = "select action, version, detail from migrations_log order by id desc limit 1"
    assert project.query(log) == [("repair", "002", detail)]


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("1", "001_a is executed and needs no repair\n  nothing was changed"),
        ("2", "002_b is pending and needs no repair\n  nothing was changed"),
        ("7", ("there is no migration `7` in the folder or in the history\n"
         "  hint: the newest migration is `002_b`")),
    ],
)  # fmt: skip
def test_nothing_to_repair(version: str, message: str, project: Project) -> None:
    """A migration that needs no repair, or an unknown one, is refused."""
    project.add_tables("a", "b").up(steps=1)

    with pytest.raises(ConfigError) as refused:
        repair(project, version)

    assert told(refused.value) == message


def test_repair_does_not_forget_what_has_been_executed_meanwhile(project: Project) -> None:
    """A failed migration that another run executes while `repair` waits for the lock is not forgotten."""
    project.add("001_a", "select nothing;").up()
    project.add("001_a", "select 1;")
    refused: list[Exception] = []

    def work() -> None:
        try:
            repair(project, "1")
        except HistoryError as error:
            refused.append(error)

    with psycopg.connect(project.url, autocommit=True) as other:
        other.execute("select pg_advisory_lock(%s)", [run_lock.lock_key("public.migrations")])
        thread = threading.Thread(target=work)
        thread.start()
        waits = "select count(*) from pg_stat_activity where query like 'select pg_catalog.pg_try_advisory_lock%'"
        until(lambda: project.value(waits) >= 1)
        other.execute("update migrations set status = 'executed'")
    thread.join()

    (error,) = refused
    assert told(error) == (
        "001_a changed since you were asked: another run has executed or repaired it\n"
        "  nothing was changed\n"
        "  next: sqlmigrate status"
    )
    assert project.recorded() == [("001", "executed")]


def test_repair_and_its_log_are_one(project: Project) -> None:
    """If the log cannot be written, nothing is repaired."""
    project.add_tables("a").up()
    project.execute("alter table migrations_log add constraint broken check (action <> 'repair') not valid")
    project.add("001_a", "select 1;")

    with pytest.raises(Exception, match='violates check constraint "broken"'):
        repair(project, "1")

    assert project.states() == {"001_a": "changed"}


def test_the_screen_of_repair(project: Project) -> None:
    """After the database, one line says what was done, one is the next command; exit 0."""
    project.add("001_a", "select nothing;").up()

    ended = project.call("repair", "1", "--yes")

    assert (ended.code, ended.stderr) == (0, "")
    assert shown(ended.stdout) == (
        "history in public.migrations\n"
        "✅ the history has forgotten 001_a (failed); the database itself was not changed\nnext: sqlmigrate status\n"
    )


# -- baseline ----------------------------------------------------------------------------------------------------------


def test_baseline_records_and_executes_nothing(project: Project) -> None:
    """Everything up to the version is recorded with the texts of the files, the rest stays pending; the log has
    entries.
    """
    project.add_tables("a", "b", "c")

    assert baseline(project, "2") == ["001_a", "002_b"]

    assert project.states() == {"001_a": "baseline", "002_b": "baseline", "003_c": "pending"}
    assert project.relations() == set()
    columns = "version, name, status, up_sql, down_sql, executed_by, duration_ms, error, checksum is not null"
    assert project.query(f"select {columns} from migrations where version = '001'") == [
        ("001", "a", "baseline", "create table a (id int);", "drop table a;", "postgres", None, None, True)
    ]
    assert project.logged() == [("baseline", "001"), ("baseline", "002")]
    assert succeeded(project.up()) == ["003_c"]


def test_baseline_leaves_what_is_executed(project: Project) -> None:
    """Only what is not executed is declared; the second time there is nothing to record."""
    project.add_tables("a", "b").up(steps=1)

    assert baseline(project, "002_b") == ["002_b"]
    assert baseline(project, "002_b") == []

    assert project.recorded() == [("001", "executed"), ("002", "baseline")]


def test_a_second_baseline_says_why_it_records_nothing(project: Project) -> None:
    """The migrations may be executed, or recorded by an earlier baseline: the line names both."""
    project.add_tables("a", "b").up(steps=1)

    first, second = (project.call("baseline", "2", "--yes") for _ in range(2))

    assert first.stdout.splitlines()[-2:] == ["1 recorded", "next: sqlmigrate status"]
    assert shown(second.stdout) == (
        "history in public.migrations\nnothing to record: everything is already executed or recorded\n"
    )


@pytest.mark.parametrize("status", ["failed", "running"])
def test_baseline_of_what_has_failed(status: str, project: Project) -> None:
    """A failed or interrupted migration that was executed by hand can be declared; its error is removed."""
    project.add("001_old", "select nothing;").up()
    project.execute("update migrations set status = %s", status)
    project.remove("001_old", "up")
    project.add("001_new", "select 1;")

    assert baseline(project, "1") == ["001_new"]

    columns = "version, name, status, error, unfinished, up_sql"
    assert project.query(f"select {columns} from migrations") == [("001", "new", "baseline", None, None, "select 1;")]


@pytest.mark.parametrize("status", ["failed", "running"])
def test_baseline_of_what_is_half_done(status: str, project: Project) -> None:
    """What is done would be forgotten, and what is missing never executed: it is refused, and the way out works."""
    project.add("001_old", "-- sqlmigrate: no-transaction\nselect 1;\nselect nothing;").up()
    project.execute("update migrations set status = %s", status)
    project.remove("001_old", "up")
    project.add("001_new", "select 1;")

    with pytest.raises(HistoryError) as refused:
        baseline(project, "1")

    assert told(refused.value) == (
        "1 of 2 statements of 001_old is executed: it cannot be declared to be in the database\n"
        "  nothing was changed\n"
        "  hint: execute the rest first; or, if the rest was executed by hand, let the history forget it before\n"
        "  next: sqlmigrate up\n"
        "  next: or: sqlmigrate repair 001"
    )
    assert project.call("repair", "1", "--yes").code == 0
    assert baseline(project, "1") == ["001_new"]


def test_baseline_at_an_unknown_version(project: Project) -> None:
    """It is refused with the nearest name, and the history is not created."""
    with pytest.raises(ConfigError) as refused:
        baseline(project.add_tables("a"), "2")

    assert told(refused.value) == (
        "there is no migration `2` in the folder or in the history\n  hint: the newest migration is `001_a`"
    )
    assert project.value("select to_regclass('migrations')") is None


def test_a_baseline_is_not_undone(project: Project) -> None:
    """It was not executed here: `down` refuses it and says how to forget it, `down --all` skips it."""
    baseline(project.add_tables("a", "b"), "1")
    with pytest.raises(HistoryError) as refused:
        project.down()
    assert told(refused.value) == (
        "001_a is a baseline: it was declared, not executed, so it cannot be undone\n"
        "  nothing was executed\n"
        "  hint: to execute it here, let the history forget it first\n"
        "  next: sqlmigrate repair 001"
    )

    project.up()
    assert succeeded(project.down(all=True)) == ["002_b"]
    assert project.recorded() == [("001", "baseline")]


def test_a_changed_baseline_stops_up(project: Project) -> None:
    """A declared migration is compared with its file like an executed one."""
    baseline(project.add_tables("a"), "1")

    assert project.add("001_a", "select 1;").states() == {"001_a": "changed"}
    with pytest.raises(HistoryError):
        project.up()
    repair(project, "1")
    assert project.states() == {"001_a": "baseline"}


# -- log ---------------------------------------------------------------------------------------------------------------


def test_the_log_keeps_everything(project: Project) -> None:
    """Every up, failure, down, repair and baseline, oldest first, with who and from where; none is ever removed."""
    project.add_tables("a").add("002_b", "select nothing;").up()
    repair(project, "2")
    project.down()
    baseline(project.add("002_b", "select 2;"), "2")

    _, entries = operations_status.log(project.url)

    assert [(entry.action, entry.version, entry.name, entry.detail) for entry in entries] == [
        ("up", "001", "a", None),
        ("failure", "002", "b", 'column "nothing" does not exist'),
        ("repair", "002", "b", "forgot the failed execution"),
        ("down", "001", "a", None),
        ("baseline", "001", "a", None),
        ("baseline", "002", "b", None),
    ]
    assert {entry.executed_by for entry in entries} == {"postgres"}
    assert all(entry.host and entry.logged_at for entry in entries)
    assert [entry.logged_at for entry in entries] == sorted(entry.logged_at for entry in entries)
    assert [entry.duration_ms is not None for entry in entries] == [True, False, False, True, False, False]


def test_the_log_names_the_role_that_connected(project: Project) -> None:
    """Whatever role a migration sets, the log names the role that connected."""
    project.add("001_a", "set role pg_monitor;").add("002_b", "set session authorization pg_monitor;").up()
    project.add("003_c", "set role pg_monitor; select nothing;").up()

    assert project.query("select distinct executed_by from migrations_log") == [("postgres",)]
    assert project.query("select distinct executed_by from migrations") == [("postgres",)]


def test_an_empty_log(project: Project) -> None:
    """The screen says so; exit 0."""
    ended = project.call("log")

    assert (ended.code, ended.stderr) == (0, "")
    assert shown(ended.stdout) == "log of public.migrations\n\nthe log is empty: nothing has been executed yet\n"


# -- reset -------------------------------------------------------------------------------------------------------------


def test_reset_undoes_everything_and_executes_it_again(project: Project) -> None:
    """Everything down in reverse order, then up; edited files are executed as they are now; exit 0."""
    project.add_tables("a", "b").up()
    project.add("002_b", "create table changed ();", "drop table b;").add("003_c", "create table c ();")

    ended = project.call("reset", "--yes")

    assert ended.code == 0
    assert project.relations() == {"a", "c", "changed"}
    assert project.logged() == [
        ("up", "001"), ("up", "002"), ("down", "002"), ("down", "001"), ("up", "001"), ("up", "002"), ("up", "003"),
    ]  # fmt: skip
    where = stable(ended.stdout).partition(" · ")[0]
    assert stable(ended.stdout) == (
        f"{where} · 2 to undo\n\n"
        "↩️ 002_b   1 statement N ms\n"
        "↩️ 001_a   1 statement N ms\n\n"
        "2 undone\n"
        f"{where} · 3 pending\n\n"
        "✅ 001_a   1 statement N ms\n"
        "✅ 002_b   1 statement N ms\n"
        "✅ 003_c   1 statement N ms\n\n"
        "3 executed\n"
    )


def test_reset_of_what_cannot_be_executed_again_undoes_nothing(project: Project) -> None:
    """Every file is read before anything is undone; an irreversible migration stops it as well."""
    project.add_tables("a").up()
    project.add("002_b", "select 'open;")
    assert project.call("reset", "--yes").code == 1
    assert project.relations() == {"a"}

    project.add("002_b", "select 2;").up()
    ended = project.call("reset", "--yes")
    assert (ended.code, ended.stderr.partition("\n")[0]) == (1, "error: 002_b is irreversible: it has no down file")
    assert project.relations() == {"a"}


def test_a_reset_whose_down_fails_does_not_go_up(project: Project) -> None:
    """What could not be undone stays; nothing is executed on top of it; exit 1."""
    project.add_tables("a", "b").up()
    project.add("001_a", "create table a (id int);", "drop table nothing;")

    assert project.call("reset", "--yes").code == 1

    assert project.relations() == {"a"}
    assert project.recorded() == [("001", "executed")]
    assert project.logged()[-1] == ("failure", "001")


def test_a_failed_migration_does_not_hinder_a_reset(project: Project) -> None:
    """A failed migration was rolled back, and is executed again."""
    project.add_tables("a").add("002_b", "select nothing;")
    assert failure(project.up()).step.label == "002_b"
    project.add("002_b", "select 2;")

    assert project.call("reset", "--yes").code == 0
    assert project.states() == {"001_a": "executed", "002_b": "executed"}


def test_an_empty_folder_and_a_database_with_tables(project: Project) -> None:
    """`status` notes the tables; there is no file yet that a baseline could name."""
    project.folder.mkdir(exist_ok=True)
    project.execute("create table orders ()")

    ended = project.call("status")

    assert ended.code == 0
    assert "this database has a table, orders, already, and no history" in ended.stdout + ended.stderr

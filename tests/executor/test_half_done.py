"""What stopped in the middle goes on, or is refused with a way out, whatever happens to its file afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing

import pytest
from postgres_servers import Server
from project import Project, failure, succeeded, told
from waiting import until

from sqlmigrate.errors import HistoryError
from sqlmigrate.executor.events import Event, NotTried, Recovered, StatementDone, Waiting
from sqlmigrate.files.folder import load
from sqlmigrate.operations import up_down
from sqlmigrate.operations.repair import repairable
from sqlmigrate.plan.plan import Limits

NONE = "-- sqlmigrate: no-transaction\n"
PAID = "insert into ledger values (500);"
STOPPED = f"{NONE}{PAID}\nselect nothing;"


@pytest.fixture
def stopped(project: Project) -> Project:
    """002_fee has stopped at its second statement: the first is committed."""
    project.add("001_ledger", "create table ledger (cents int);", "drop table ledger;").add("002_fee", STOPPED).up()
    assert _paid(project) == 1
    return project


def _paid(project: Project) -> int:
    count: int = project.value("select count(*) from ledger")
    return count


def _renumber(project: Project) -> None:
    project.remove("002_fee").add("003_fee", f"{NONE}{PAID}\nselect 2;")


def _take_number(project: Project) -> None:
    project.remove("002_fee").add("002_other", "create table other ();").add("003_fee", STOPPED.replace("nothing", "2"))


AGAIN = (
    "statement 1 of 2 is executed already and stays; the file runs in a transaction now, which would execute it again"
)
AT = "it goes on at statement 2"
# What happens to the file; the message; the end of the hint that says how it goes on.
REFUSED: dict[str, tuple[Callable[[Project], object], str, str]] = {
    "the directive is removed": (
        lambda project: project.add("002_fee", f"{PAID}\nselect 2;"),
        f"002_fee: {AGAIN}",
        "put the directive back (-- sqlmigrate: no-transaction), and it goes on at statement 2",
    ),
    "it is wrapped in BEGIN and COMMIT": (
        lambda project: project.add("002_fee", f"begin;\n{PAID}\nselect 2;\ncommit;"),
        f"002_fee: {AGAIN}",
        "put the directive back (-- sqlmigrate: no-transaction), and it goes on at statement 2",
    ),
    "it is renumbered": (
        _renumber,
        "1 of 2 statements of 002_fee is executed, and its file is missing, which is 003_fee now",
        "rename the files back to 002_fee, and it goes on at statement 2",
    ),
    "it is renumbered, renamed and repaired": (
        lambda project: project.remove("002_fee").add("004_charge", f"{NONE}{PAID}\nselect 2;"),
        "1 of 2 statements of 002_fee is executed, and its file is missing, which is 004_charge now",
        "rename the files back to 002_fee, and it goes on at statement 2",
    ),
    "another file has its number": (
        _take_number,
        "002_other: another migration began with this number, 002_fee, which is 003_fee now",
        f"rename the files of 002_other to a free version, and give 002_fee its number back, so that {AT}",
    ),
    "it is deleted": (
        lambda project: project.remove("002_fee"),
        "1 of 2 statements of 002_fee is executed, and its file is missing",
        "restore the file, and it goes on at statement 2",
    ),
    "a done statement is changed": (
        lambda project: project.add("002_fee", f"{NONE}insert into ledger values (5);\nselect 2;"),
        "002_fee: statement 1 was executed already, and its text has changed since",
        "put the text of that statement back; the statements after the failed one may be changed",
    ),
    "a statement is inserted before": (
        lambda project: project.add("002_fee", f"{NONE}select 0;\n{PAID}\nselect 2;"),
        "002_fee: statement 1 was executed already, and its text has changed since",
        "put the text of that statement back; the statements after the failed one may be changed",
    ),
    "it is split, and the done statement is in the other file": (
        lambda project: project.add("002_fee", f"{NONE}select 2;").add("003_fee", PAID),
        "002_fee: statement 1 was executed already, and its text has changed since",
        "put the text of that statement back; the statements after the failed one may be changed",
    ),
    "it is emptied": (
        lambda project: project.add("002_fee", f"{NONE}-- nothing"),
        "002_fee: statement 1 was executed already, and its text has changed since",
        "put the text of that statement back; the statements after the failed one may be changed",
    ),
}
BY_HAND = "; or undo by hand what is executed, and let the history forget it"


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_executed_again_is_refused(name: str, stopped: Project) -> None:
    """Nothing is executed, not in a dry run either, and the message says how it goes on."""
    change, message, hint = REFUSED[name]
    change(stopped)

    for options in ({}, {"dry_run": True}, {"to": "2"}, {"steps": 1}):
        if options.get("to") and not any(row.number == 2 for row in stopped.rows()):
            continue
        with pytest.raises(HistoryError) as refused:
            stopped.up(**options)
        assert (refused.value.message, refused.value.hint) == (message, hint + BY_HAND)

    assert _paid(stopped) == 1
    assert stopped.recorded() == [("001", "executed"), ("002", "failed")]
    ended = stopped.call("verify")
    assert (ended.code, message in " ".join(ended.stderr.split())) == (1, True)
    assert stopped.call("status", "--check").code == 3


@pytest.mark.parametrize("name", REFUSED)
def test_the_way_out_leads_on(name: str, stopped: Project) -> None:
    """What was done is undone by hand, and forgotten: then each file is executed once, as it is now."""
    REFUSED[name][0](stopped)
    stopped.add("900_end", "select 1;")
    stopped.execute("delete from ledger")

    forgotten = stopped.call("repair", "2", "--yes")

    assert (forgotten.code, "has forgotten 002_fee" in forgotten.stdout) == (0, True)
    assert succeeded(stopped.up())[-1] == "900_end"
    assert set(stopped.states().values()) == {"executed"}
    assert _paid(stopped) <= 1


GOES_ON = {
    "line ends": STOPPED.replace("nothing", "2").replace("\n", "\r\n"),
    "comments": f"-- more\n{NONE}/* one */ insert into /* two */ ledger values (500); -- three\nselect 2;",
    "white space": f"{NONE}insert  into ledger\n\tvalues (500)\n;select 2;",
    "more statements at the end": f"{NONE}{PAID}\nselect 2;\nselect 3;",
    "nothing but the done statement": f"{NONE}{PAID}",
}


@pytest.mark.parametrize("name", GOES_ON)
def test_what_is_the_same_goes_on(name: str, stopped: Project) -> None:
    """Line ends, white space and comments of a done statement may change, and what comes after it as well."""
    assert succeeded(stopped.add("002_fee", GOES_ON[name]).up()) == ["002_fee"]

    assert _paid(stopped) == 1
    assert stopped.states() == {"001_ledger": "executed", "002_fee": "executed"}


def test_the_rest_may_be_in_a_file_of_its_own(stopped: Project) -> None:
    """A file that was split behind what is done is complete, and the next one has the rest."""
    stopped.add("002_fee", f"{NONE}{PAID}").add("003_rest", "create table rest ();")

    assert succeeded(stopped.up()) == ["002_fee", "003_rest"]
    assert _paid(stopped) == 1


def test_copied_data_of_a_done_statement_are_compared(project: Project) -> None:
    """The lines below a COPY belong to it."""
    text = f"{NONE}copy ledger from stdin;\n1\n\\.\nselect nothing;"
    project.add("001_ledger", "create table ledger (cents int);").add("002_fee", text).up()

    with pytest.raises(HistoryError) as refused:
        project.add("002_fee", text.replace("1\n", "2\n").replace("nothing", "2")).up()

    assert refused.value.message == "002_fee: statement 1 was executed already, and its text has changed since"


def test_repair_says_what_stays(stopped: Project) -> None:
    """Before it forgets, it says what stays in the database."""
    _, question = repairable(stopped.url, load(stopped.folder), "2")

    assert question == (
        "Let the history forget 002_fee (failed), without changing the database itself; "
        "1 of 2 statements of 002_fee is executed, and that stays?"
    )


def test_status_names_what_has_begun_with_the_number(stopped: Project) -> None:
    """If another file has the number now, the line says which migration stopped."""
    _take_number(stopped)

    assert "as 002_fee" in stopped.call("status").stdout


# -- down --------------------------------------------------------------------------------------------------------------

DOWN = f"{NONE}insert into undone values (1);\ndrop index concurrently i;\nselect nothing;\ndrop table t;"
REPAIRED = DOWN.replace("select nothing", "select 3")


@pytest.fixture
def undone(project: Project) -> Project:
    """The down of 002_t has stopped at its third statement: two are committed."""
    project.add("001_undone", "create table undone (n int);", "drop table undone;")
    project.add("002_t", "create table t (a int); create index i on t (a);", DOWN).up()
    assert failure(project.down()).number == 3
    return project


def _counted(project: Project) -> int:
    count: int = project.value("select count(*) from undone")
    return count


def test_a_half_undone_migration_is_shown(undone: Project) -> None:
    """`status`, its JSON, `log` and `verify` show it, and `--check` fails."""
    shown, checked = undone.call("status"), undone.call("status", "--check")
    (_, row) = undone.rows()
    as_json = undone.call("status", "--format", "json").stdout

    assert "down stopped at statement 3 of 4" in shown.stdout
    assert 'column "nothing" does not exist' in shown.stdout
    assert shown.stdout.splitlines()[-1] == "next: sqlmigrate down"
    assert (checked.code, row.state) == (3, "failed")
    assert '"down_statements": 4, "down_statements_done": 2' in as_json
    assert 'down: column "nothing" does not exist' in undone.call("log").stdout
    assert "the down of 002_t stopped after statement 2 of 4" in undone.call("verify").stderr


def test_the_next_down_goes_on(undone: Project) -> None:
    """What is undone is not undone again."""
    ended = undone.add("002_t", "create table t (a int); create index i on t (a);", REPAIRED).call("down")

    assert (ended.code, "002_t stopped at statement 3 of 4 in the last run, and goes on there" in ended.stderr) == (
        0,
        True,
    )
    assert (_counted(undone), undone.relations()) == (1, {"undone"})
    assert undone.recorded() == [("001", "executed")]


@pytest.mark.parametrize("options", [{}, {"dry_run": True}, {"to": "3"}])
def test_up_is_refused_meanwhile(options: dict[str, object], undone: Project) -> None:
    """It would execute something half undone; the message has both ways out."""
    with pytest.raises(HistoryError) as refused:
        undone.add("003_more", "select 3;").up(**options)

    assert told(refused.value) == (
        "the down of 002_t stopped after statement 2 of 4\n"
        "  it is undone in part, and it is not pending\n"
        "  nothing was executed by this run\n"
        "  hint: go on with the down; or bring back by hand what is undone, and let the history count it as executed\n"
        "  next: sqlmigrate down\n"
        "  next: or: sqlmigrate repair 002"
    )


def test_what_was_brought_back_counts_as_executed(undone: Project) -> None:
    """`repair` counts it as executed again; the next `up` and the next whole `down` work."""
    undone.execute("create index i on t (a)")

    repaired = undone.call("repair", "2", "--yes")

    assert (repaired.code, repaired.stdout.splitlines()[1]) == (
        0, "✅ the history counts 002_t as executed; nothing was executed",
    )  # fmt: skip
    assert undone.states() == {"001_undone": "executed", "002_t": "executed"}
    assert succeeded(undone.up()) == []
    undone.add("002_t", "create table t (a int); create index i on t (a);", REPAIRED)
    assert succeeded(undone.down()) == ["002_t"]
    assert _counted(undone) == 2


DOWN_CHANGES = {
    "the directive is removed": (
        REPAIRED.removeprefix(NONE).replace(" concurrently", ""),
        "002_t: statement 2 was executed already, and its text has changed since",
    ),
    "a done statement is changed": (
        REPAIRED.replace("(1)", "(2)"), "002_t: statement 1 was executed already, and its text has changed since",
    ),
    "one is inserted before": (
        REPAIRED.replace(NONE, f"{NONE}select 0;"),
        "002_t: statement 1 was executed already, and its text has changed since",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DOWN_CHANGES)
def test_a_changed_down_file_is_refused(name: str, undone: Project) -> None:
    """What is done of a down keeps its text, as of an up."""
    text, message = DOWN_CHANGES[name]
    undone.add("002_t", "create table t (a int); create index i on t (a);", text)

    for options in ({}, {"dry_run": True}, {"all": True}):
        with pytest.raises(HistoryError) as refused:
            undone.down(**options)
        assert refused.value.message == message
    assert _counted(undone) == 1


def test_a_down_file_without_its_directive_is_refused(project: Project) -> None:
    """A down in a transaction would undo again what is undone."""
    down = f"{NONE}insert into t values (1);\nselect nothing;"
    project.add("001_t", "create table t (a int);", down).up()
    project.down()

    with pytest.raises(HistoryError) as refused:
        project.add("001_t", "create table t (a int);", "insert into t values (1);\ndrop table t;").down()

    assert told(refused.value) == (
        "001_t: statement 1 of 2 is executed already and stays; "
        "the down file runs in a transaction now, which would execute it again\n"
        "  nothing was executed by this run\n"
        "  hint: put the directive back (-- sqlmigrate: no-transaction), and it goes on at statement 2; "
        "or bring back by hand what is undone, and let the history count it as executed\n"
        "  next: sqlmigrate down\n  next: or: sqlmigrate repair 001"
    )


def test_without_its_file_the_text_that_has_begun_is_used(undone: Project) -> None:
    """The history keeps the text of the down that has begun, also where it differed from the one of the up."""
    undone.add("002_t", "create table t (a int); create index i on t (a);", REPAIRED)
    assert succeeded(undone.down()) == ["002_t"]
    undone.up()
    undone.add("002_t", "create table t (a int); create index i on t (a);", DOWN.replace("(1)", "(9)")).down()
    undone.execute("create table nothing (); alter table nothing rename to nothings")
    undone.remove("002_t", "down")

    assert failure(undone.down()).number == 3
    assert undone.value("select down_sql ~ '9' from migrations where version = '002'") is True


def test_a_selection_without_it_is_refused(undone: Project) -> None:
    """It cannot stay executed: its down has to end first."""
    with pytest.raises(HistoryError) as refused:
        undone.down(to="2")

    assert refused.value.message == "002_t is undone in part: its down has to end before it can stay executed"


def test_it_goes_first(undone: Project) -> None:
    """`down` goes on with it, whatever was executed after it."""
    undone.execute("update migrations set executed_at = '2001-01-01' where version = '002'")
    undone.execute("update migrations_log set version = '2' where version = '002' and action = 'up'")
    undone.add("002_t", "create table t (a int); create index i on t (a);", REPAIRED)

    assert succeeded(undone.down()) == ["002_t"]


def test_a_down_that_fails_at_its_first_statement_has_undone_nothing(project: Project) -> None:
    """The migration is executed, as before, and `up` is not refused."""
    project.add("001_t", "create table t (a int);", f"{NONE}select nothing;\ndrop table t;").up()

    ended = project.call("down")

    assert "nothing of it is undone: the migration stays executed" in ended.stderr
    assert project.query("select status, unfinished, error from migrations") == [("executed", None, None)]
    assert succeeded(project.add("002_b", "select 2;").up()) == ["002_b"]


def test_an_up_that_fails_at_its_first_statement_has_left_nothing(project: Project) -> None:
    """It says so, as a file in a transaction does."""
    ended = project.add("001_t", f"{NONE}select nothing;\nselect 2;").call("up")

    assert "nothing of it is in the database" in ended.stderr
    assert project.states() == {"001_t": "failed"}


def test_up_waits_for_a_down_that_is_under_way(project: Project) -> None:
    """It looks as if it had stopped in the middle; it is refused only if it has."""
    project.add("001_t", "create table t (a int);", f"{NONE}select 1;\ndrop table t;").up()
    project.add("002_b", "select 2;")
    events: list[Event] = []
    waiting = threading.Thread(target=lambda: events.extend(iter(project.running_up())))
    with closing(up_down.down(project.url, load(project.folder))) as under_way:
        assert next(event.number for event in under_way if isinstance(event, StatementDone)) == 1
        waiting.start()
        until(lambda: any(isinstance(event, Waiting) for event in events) or not waiting.is_alive())
        undone = list(under_way)
    waiting.join()

    assert succeeded(undone) == ["001_t"]
    assert succeeded(events) == ["001_t", "002_b"]


# -- what a statement has left behind ----------------------------------------------------------------------------------

TWICE = "create table t (email text); insert into t values ('a'), ('a');"
PARTITIONS = "create table p (a int) partition by list (a); create table p1 partition of p for values in (1);"
INVALID = "select count(*) from pg_index where not indisvalid"
LEFT = {
    "an index with a name": "create unique index concurrently i on t (email);",
    "an index without a name": "create unique index concurrently on t (email);",
    "an index without a name, of an expression": "create unique index concurrently on t (lower(email));",
    "an index without a name, with a condition": "create unique index concurrently on only t (email) where email > '';",
}


@pytest.mark.parametrize("name", LEFT)
def test_an_invalid_index_is_told_and_dropped(name: str, project: Project) -> None:
    """It is named in what happened, and each further try leaves one at most; the last leaves none."""
    project.add("001_t", TWICE).add("002_i", LEFT[name])

    (kept,) = failure(project.up()).kept
    assert "left behind, marked invalid: the next up drops it" in kept
    project.up()
    assert project.value(INVALID) == 1
    project.execute("delete from t where ctid = (select max(ctid) from t)")
    assert succeeded(project.up()) == ["002_i"]

    assert project.value(INVALID) == 0
    assert len(project.relations() - {"t"}) == 1


@pytest.mark.parametrize("name", LEFT)
@pytest.mark.parametrize(
    "instead", ["create index i on t (email);", "create index concurrently i2 on t (email);", "select 1;"]
)
def test_it_is_dropped_if_the_statement_is_another_one_now(name: str, instead: str, project: Project) -> None:
    """The file may be in a transaction now, or have another index: the invalid one goes all the same."""
    project.add("001_t", TWICE).add("002_i", LEFT[name]).up()

    events = project.add("002_i", instead).up()

    assert succeeded(events) == ["002_i"]
    assert len([event for event in events if isinstance(event, Recovered)]) == 1
    assert project.value(INVALID) == 0


def test_a_dry_run_leaves_it_alone(project: Project) -> None:
    """What has to be removed first cannot be rolled back: the file is not tried."""
    project.add("001_t", TWICE).add("002_i", LEFT["an index with a name"]).up()

    events = project.add("002_i", "create index i on t (email);").up(dry_run=True)

    assert [event.reason for event in events if isinstance(event, NotTried)] == [
        "what an earlier run has left behind has to be removed first"
    ]
    assert project.value(INVALID) == 1


def test_indexes_of_others_are_never_dropped(project: Project) -> None:
    """An invalid index that was there before, and one of another definition that came since, stay."""
    project.add("001_t", TWICE + "alter table t add n int;").up()
    project.execute("create index before_idx on t (email)")
    project.execute("update pg_index set indisvalid = false where indexrelid = 'before_idx'::regclass")
    project.add("002_i", LEFT["an index without a name"]).up()
    project.execute("create index after_idx on t (n)")
    project.execute("update pg_index set indisvalid = false where indexrelid = 'after_idx'::regclass")
    project.execute("delete from t where ctid = (select max(ctid) from t)")

    assert succeeded(project.up()) == ["002_i"]
    assert project.relations() == {"t", "before_idx", "after_idx", "t_email_idx"}


def _killed(project: Project, mark: str) -> None:
    """Leave the history as a run does that was killed in the first statement of 002_i."""
    project.execute(
        "insert into migrations (version, name, status, up_sql, statements, statements_done, unfinished, executed_at) "
        "values ('002', 'i', 'running', %s, 1, 0, %s, now())",
        (project.folder / "002_i.up.sql").read_text(),
        mark,
    )


UNNAMED = "create index concurrently on t (lower(email), email desc) where email > '';"
INVALIDATE = "update pg_index set indisvalid = false where indexrelid = 't_lower_email_idx'::regclass"
KILLED = {
    "not begun": ("", [], 1),
    "left invalid": (
        f"create index on t (lower(email), email desc) where email > ''; {INVALIDATE}",
        ["the last run left the index public.t_lower_email_idx invalid: it is dropped"], 1,
    ),
    "built": (
        "create index on t (lower(email), email desc) where email > '';",
        ["the last run had created public.t_lower_email_idx already"], 1,
    ),
    "built by somebody else with another definition": ("create index on t (lower(email), email desc);", [], 2),
    "left invalid by somebody else with another definition": (
        f"create index on t (lower(email), email desc); {INVALIDATE}", [], 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KILLED)
def test_after_a_kill_an_index_without_a_name_is_found_by_its_definition(name: str, project: Project) -> None:
    """What came since the statement began is ours if it is what the statement builds; anything else is left alone."""
    meanwhile, said, indexes = KILLED[name]
    project.add("001_t", TWICE).up()
    project.add("002_i", UNNAMED)
    _killed(project, "1 before")
    if meanwhile:
        project.execute(meanwhile)

    events = project.up()

    assert succeeded(events) == ["002_i"]
    assert [event.message for event in events if isinstance(event, Recovered)] == said
    assert project.value("select count(*) from pg_index where indrelid = 't'::regclass") == indexes


REINDEXED = ["reindex index concurrently i;", "reindex table concurrently t;", "reindex schema concurrently public;"]


@pytest.mark.parametrize("text", REINDEXED)
def test_what_a_reindex_has_left_is_dropped(text: str, project: Project) -> None:
    """A unique index over rows that came in twice cannot be built again: `i_ccnew` is named, and dropped."""
    project.add("001_t", "create table t (email int); create unique index i on t (email);").up()
    project.execute("update pg_index set indisunique = false where indexrelid = 'i'::regclass")
    project.execute("insert into t values (1), (1)")
    project.execute("update pg_index set indisunique = true where indexrelid = 'i'::regclass")
    project.add("002_i", f"{NONE}select 1;\n{text}")

    (done, kept) = failure(project.up()).kept
    assert done == "statement 1 is executed and stays"
    assert kept == (
        "the index public.i_ccnew is left behind, marked invalid: the next up drops it and executes the statement again"
    )
    project.execute("delete from t where ctid = (select max(ctid) from t)")
    assert succeeded(project.up()) == ["002_i"]

    assert project.relations() == {"t", "i"}
    assert project.value(INVALID) == 0


def test_what_a_reindex_has_left_of_a_toast_table_is_dropped(project: Project) -> None:
    """A REINDEX of a table builds the index of its TOAST table again, too, and leaves both."""
    project.add("001_t", "create table t (email text); create unique index i on t (email);").up()
    project.execute("update pg_index set indisunique = false where indexrelid = 'i'::regclass")
    project.execute("insert into t values ('a'), ('a')")
    project.execute("update pg_index set indisunique = true where indexrelid = 'i'::regclass")

    (kept,) = failure(project.add("002_i", "reindex table concurrently t;").up()).kept
    assert kept.startswith("the indexes public.i_ccnew, pg_toast.pg_toast_")
    project.execute("delete from t where ctid = (select max(ctid) from t)")
    assert succeeded(project.up()) == ["002_i"]

    assert project.value(INVALID) == 0


def test_reindexing_leaves_those_of_others(project: Project) -> None:
    """A `_ccnew` that was there before our statement is not ours."""
    project.add("001_t", "create table t (a int); create index i on t (a); create index i_ccnew on t (a);").up()
    project.execute("update pg_index set indisvalid = false where indexrelid = 'i_ccnew'::regclass")
    project.add("002_i", "reindex index concurrently i;")
    before = project.value("select 'i_ccnew'::regclass::oid::text")
    _killed(project, f"1 before {before}")

    assert succeeded(project.up()) == ["002_i"]
    assert "i_ccnew" in project.relations()


def test_what_took_effect_is_not_passed_over_if_its_statement_is_another_one_now(project: Project) -> None:
    """The run was killed after the index was built; the file has another statement now: this is refused."""
    project.add("001_t", "create table t (a int);").up()
    project.add("002_i", "create index concurrently i on t (a);")
    _killed(project, "1 none")
    project.execute("create index i on t (a)")

    with pytest.raises(HistoryError) as refused:
        project.add("002_i", "create index i on t (a);").up()

    assert told(refused.value) == (
        "002_i: an earlier run was stopped in statement 1, and its text has changed since\n"
        "  the last run had created i already\n"
        "  it was: create index concurrently i on t (a)\n"
        "  nothing was executed by this run\n"
        "  hint: put the text of that statement back, without a transaction as before; "
        "or undo by hand what it has done, and let the history forget the migration\n"
        "  next: sqlmigrate repair 002"
    )
    assert succeeded(project.add("002_i", "create index concurrently i on t (a);").up()) == ["002_i"]


def test_a_half_detached_partition_is_told_and_finished(project: Project) -> None:
    """A DETACH … CONCURRENTLY that is cancelled while it waits leaves it pending: this is said, and finished."""
    project.add("001_p", PARTITIONS).up()
    project.add("002_d", "-- sqlmigrate: lock-timeout 100ms\nalter table p detach partition p1 concurrently;")
    with project.connection() as reader:
        reader.execute("begin")
        reader.execute("select * from p1")

        (kept,) = failure(project.up(limits=Limits(lock_retries=0))).kept
        reader.execute("rollback")

    assert kept == "the partition p1 is half detached: the next up finishes it"
    assert succeeded(project.up()) == ["002_d"]
    assert project.value("select count(*) from pg_inherits") == 0


def test_a_half_dropped_index_is_told_and_dropped(project: Project) -> None:
    """A DROP INDEX CONCURRENTLY that is cancelled while it waits leaves an invalid index: no query uses it."""
    project.add("001_t", "create table t (a int); create index i on t (a);", "drop table t;").up()
    project.add("002_i", "-- sqlmigrate: lock-timeout 100ms\ndrop index concurrently i;")
    with project.connection() as reader:
        reader.execute("begin")
        reader.execute("select * from t")

        (kept,) = failure(project.up(limits=Limits(lock_retries=0))).kept
        reader.execute("rollback")

    assert kept == "the index i is marked invalid, no query uses it: the next up drops it"
    assert succeeded(project.up()) == ["002_i"]
    assert project.relations() == {"t"}


def test_a_view_is_refreshed_concurrently(project: Project) -> None:
    """REFRESH … CONCURRENTLY runs in a transaction: it leaves nothing behind, and is committed with its record."""
    project.add(
        "001_v", "create table t (a int); insert into t values (1); create materialized view v as select a from t;"
    )
    project.add("002_r", f"{NONE}create unique index concurrently on v (a);\nrefresh materialized view concurrently v;")

    assert succeeded(project.up()) == ["001_v", "002_r"]
    assert project.relations() == {"t", "v", "v_a_idx"}


LEFT_BEHIND = (
    "the index public.t_email_idx is left behind, marked invalid: "
    "the next down drops it and executes the statement again"
)


def test_a_down_drops_what_it_has_left_behind_too(project: Project) -> None:
    """What holds for `up` holds for `down`: an index that cannot be built is named, and dropped by the next one."""
    down = f"{NONE}select 1;\ncreate unique index concurrently on t (email);"
    project.add("001_t", TWICE).add("002_i", "select 2;", down).up()

    assert failure(project.down()).kept == (
        "statement 1 is executed and stays",
        LEFT_BEHIND,
    )
    project.execute("delete from t where ctid = (select max(ctid) from t)")
    assert succeeded(project.down()) == ["002_i"]
    assert project.relations() == {"t", "t_email_idx"}
    assert project.value(INVALID) == 0


def test_an_ordinary_role_drops_what_its_run_has_left(project: Project, postgres: Server) -> None:
    """The owner of the table needs no other right for it, not even that of temporary tables if the name is known."""
    project.execute("create role builder login; grant all on schema public to builder")
    try:
        project.execute(
            "create table t (email text); insert into t values ('a'), ('a'); alter table t owner to builder"
        )
        theirs = project.at(postgres.url(project.value("select current_database()"), "builder"))
        theirs.add("001_i", "create unique index concurrently on t (email);")
        assert failure(theirs.up(into_existing=True)).kept[0].startswith("the index public.t_email_idx is left behind")
        project.execute("delete from t where ctid = (select max(ctid) from t)")

        assert succeeded(theirs.up(into_existing=True)) == ["001_i"]
        assert project.value(INVALID) == 0
    finally:
        project.execute("drop owned by builder; drop role builder")

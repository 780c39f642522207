"""What `status`, `verify` and `drift` of a fleet say: why a target stands where it stands, and what to do about it."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from contextlib import suppress

import documents
import pytest
from fleet_project import Fleet, words
from in_process import Quick
from postgres_servers import Standby
from processes import beginning
from psycopg.conninfo import conninfo_to_dict
from terminal import Ended as Exited, stable

from sqlmigrate.executor.events import StatementDone
from sqlmigrate.files.folder import load
from sqlmigrate.operations import up_down

Make = Callable[[int], Fleet]
OPEN = "create table e (t text default 'x);"


def summary_of(ended: Exited) -> dict[str, object]:
    found: dict[str, object] = json.loads(ended.stdout.splitlines()[-1])["summary"]
    return found


def _database(shops: Fleet, name: str) -> str:
    return str(conninfo_to_dict(shops.urls[name])["dbname"])


# -- why ---------------------------------------------------------------------------------------------------------------


def test_status_says_why_targets_cannot_be_reached_and_why_migrations_failed(fleet_of: Make) -> None:
    """Each reason once, with the names, on the screen, on the page and in JSON."""
    shops = fleet_of(4)
    shops.sql.add("001_a", "create table a (b int);").add("002_b", "alter table a add unique (b);")
    shops.call("up", "--to", "1")
    for name in ("shop_02", "shop_03"):
        shops.execute(name, "insert into a values (1), (1)")
    shops.call("up", "--max-failures", "9")
    shops.write("gone_1 host=/nowhere dbname=x", "gone_2 host=/nowhere dbname=y")

    ended = shops.call("status", "--output", "html=fleet.html")
    page = words((shops.folder / "fleet.html").read_text(encoding="utf-8"))
    summary = summary_of(shops.call("status", "--format", "json"))

    assert ended.stdout.splitlines() == [
        "sql/ · 6 targets",
        "",
        "✅ 002_b   2 targets   up to date",
        "❌ 001_a   2 targets   002_b failed: shop_02, shop_03",
        "❌         2 targets   cannot be reached: gone_1, gone_2",
        "",
        "❌ cannot connect: socket /nowhere/.s.PGSQL.5432: No such file or directory",
        "   2 targets: gone_1, gone_2",
        "   hint    no server listens on that socket: check that it runs, and that the folder is right",
        '❌ 002_b failed: could not create unique index "a_b_key"',
        "   2 targets: shop_02, shop_03",
        "   hint    fix the data: the file stays, 2 other targets have executed it",
        "",
        "2 up to date · 2 need attention · 2 cannot be reached",
        "next: sqlmigrate fleet up --targets targets.txt",
    ]
    stays = "fix the data: the file stays, 2 other targets have executed it"
    assert f'✕ 002_b failed: could not create unique index "a_b_key" Hint: {stays} shop_02 shop_03' in page
    assert "✕ cannot connect: socket /nowhere/.s.PGSQL.5432: No such file or directory Hint:" in page
    assert "✕ shop_02 need attention: 002_b failed 001_a why" in page
    assert summary["failed"] == ["shop_02", "shop_03", "gone_1", "gone_2"]
    groups: list[dict[str, object]] = summary["groups"]  # type: ignore[assignment]
    assert [each["targets"] for each in groups] == [["gone_1", "gone_2"], ["shop_02", "shop_03"]]


def test_status_says_that_a_run_is_under_way(fleet_of: Make) -> None:
    """Also of a migration that is recorded as running: it has not failed. The next command looks again."""
    shops = fleet_of(3)
    shops.sql.add("001_a", "-- sqlmigrate: no-transaction\ncreate table a ();\ncreate table b ();")
    happening = up_down.up(shops.urls["shop_02"], load(shops.folder / "sql"))
    for event in happening:
        if isinstance(event, StatementDone):
            break

    ended = shops.call("status", "--output", "html=fleet.html")
    summary = summary_of(shops.call("status", "--format", "json"))
    with suppress(StopIteration):
        happening.close()

    lines = stable(ended.stdout).splitlines()
    assert lines[2:4] == [
        "⏸️ nothing executed   2 targets   1 pending: shop_01, shop_03",
        "⏳ nothing executed    1 target   1 pending, a run is under way: shop_02",
    ]
    assert lines[5:7] == ["⏳ a run is under way", "   1 target: shop_02"]
    assert re.match(r"   process \w+ \(", lines[7])
    assert lines[9:] == [
        "2 pending · 1 under way",
        "next: sqlmigrate fleet status --targets targets.txt --output html=fleet.html",
    ]
    assert (summary["under_way"], summary["failed"]) == (["shop_02"], [])
    assert "· shop_02 under way nothing executed why" in words((shops.folder / "fleet.html").read_text("utf-8"))


def test_status_says_of_a_standby_that_the_primary_may_be_further(fleet_of: Make, standby: Standby) -> None:
    """Also if all are at one version: `up` leaves it out."""
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    shops.run()
    shops.write(f"copy {standby.url(_database(shops, 'shop_01'))}")

    ended = shops.call("status")

    assert "✅ 001_a   1 target   up to date\n" in ended.stdout
    assert "⚠️ this is a standby, so the primary may be further\n   1 target: copy\n" in ended.stdout
    assert "1 up to date · 1 need attention\n" in ended.stdout
    assert ended.code == 0


def test_a_down_that_stopped_inside_says_so(fleet_of: Make) -> None:
    """`up` begins nothing there: the down of that target is to be ended first, also where others have pending ones."""
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    shops.call("up", "--only", "shop_02")
    none = "-- sqlmigrate: no-transaction\n"
    shops.sql.add("002_b", "create table b (); create table c ();", f"{none}drop table c; select 1/0;")
    shops.call("up", "--only", "shop_01")
    shops.call("down", "--yes", "--only", "shop_01")

    said = shops.call("status").stdout

    assert (
        "❌ the down of 002_b failed: division by zero\n   1 target: shop_01\n   stopped at statement 2 of 2\n" in said
    )
    assert said.endswith("next: sqlmigrate fleet down --targets targets.txt --only shop_01\n")
    assert "--only shop_01" in shops.call("verify").stderr


def test_an_interrupted_migration_is_not_said_to_have_failed(fleet_of: Make) -> None:
    shops = fleet_of(1)
    shops.sql.add("001_a", "-- sqlmigrate: no-transaction\ncreate table a ();\ncreate table b ();")
    happening = up_down.up(shops.urls["shop_01"], load(shops.folder / "sql"))
    next(event for event in happening if isinstance(event, StatementDone))
    with suppress(KeyboardInterrupt):
        happening.throw(KeyboardInterrupt())
        list(happening)

    said = shops.call("status").stdout

    assert "❌ 001_a: interrupted" in said
    assert "\n   stopped at statement 2 of 2\n" in said


def test_status_says_what_keeps_up_from_beginning(fleet_of: Make) -> None:
    """Tables that no history explains; with commands for that one target, and with the options of this call."""
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    shops.execute("shop_02", "create table own ()")

    ended = shops.call("status", "--skip", "shop_01", "--jobs=2", "--lock-wait", "4s")

    assert "⚠️ this database has a table, own, already, and no history" in ended.stdout
    assert "next    sqlmigrate baseline VERSION --database-url" in ended.stdout
    assert f"dbname={_database(shops, 'shop_02')}" in ended.stdout
    again = "sqlmigrate fleet up --targets targets.txt --jobs=2 --lock-wait 4s --into-existing --only shop_02"
    assert f"or: {again}\n" in ended.stdout
    assert "\nnext: " not in ended.stdout
    assert "1 need attention" in ended.stdout


def test_verbose_shows_every_name(fleet_of: Make) -> None:
    shops = fleet_of(8)
    shops.sql.add_tables("a")
    shops.execute("shop_08", "create table own ()")
    names = ", ".join(f"shop_{number:02}" for number in range(1, 8))

    short, whole = shops.call("status"), shops.call("status", "--verbose")
    shops.call("up", "--skip", "shop_08")
    for name in list(shops.urls)[:7]:
        shops.execute(name, f"create table {name} (); update migrations set checksum = 'other', up_sql = '{name}'")

    assert "1 pending: shop_01, shop_02, shop_03, shop_04, shop_05 and 2 more\n" in short.stdout
    assert f"1 pending: {names}\n" in whole.stdout
    assert f"targets 7: {names}\n" in shops.call("verify", "--verbose").stderr
    assert "and 2 more, each with its own" in shops.call("verify").stderr
    assert shops.call("verify", "--verbose").stderr.count("repair 001") == 7
    up = shops.call("up", "--verbose")
    assert f"7 targets: {names}\n" in up.stderr


def test_status_leads_to_verify_where_files_were_edited(fleet_of: Make) -> None:
    """Next to `up`, which is for the others; on the page as well."""
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    shops.call("up")
    shops.execute("shop_02", "update migrations set checksum = 'other'")
    alone = shops.call("status", "--only", "shop_02").stdout.splitlines()
    shops.sql.add("002_b", "create table b ();")

    ended = shops.call("status", "--output", "html=fleet.html")

    assert alone[-1] == "next: sqlmigrate fleet verify --targets targets.txt --only shop_02"
    assert ended.stdout.splitlines()[-2:] == [
        "next: sqlmigrate fleet up --targets targets.txt",
        "      or, for what differs: sqlmigrate fleet verify --targets targets.txt",
    ]
    page = words((shops.folder / "fleet.html").read_text(encoding="utf-8"))
    assert page.endswith("Or, for what differs: sqlmigrate fleet verify --targets targets.txt")


# -- the folder --------------------------------------------------------------------------------------------------------


def test_an_empty_folder_is_told_as_for_one_database(fleet_of: Make) -> None:
    """Once; `status` exits with 0, `verify` with 2. The next command has the options of this call."""
    shops = fleet_of(3)
    shops.sql.add_tables("a")
    shops.call("up")
    (shops.folder / "none").mkdir()
    single = Quick(shops.folder, {"DATABASE_URL": shops.urls["shop_01"]})

    for action in ("status", "verify", "up"):
        ended, one = shops.call(action, "--directory", "none"), single(action, "--directory", "none")
        said = ended.stdout + ended.stderr

        assert ended.code == one.code
        assert said.count("there is no migration in `none`") == 1
        assert said.count("name the folder of the migrations with --directory") == 1
        assert "sqlmigrate fleet status --targets targets.txt --directory sql\n" in said
    status = shops.call("status", "--directory", "none")
    assert "⚠️ this folder is older than the database: newer migrations were executed there\n" in status.stdout
    assert "   3 targets: shop_01, shop_02, shop_03\n" in status.stdout


def test_drift_needs_no_folder_as_for_one_database(fleet_of: Make) -> None:
    """It compares with snapshots."""
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    shops.call("up")

    ended = shops.call("drift", "--directory", "none")

    assert (ended.code, ended.stdout) == (0, "0 of 1 target changed by hand\n")


def test_drift_after_a_killed_run_says_what_is_known_and_what_is_not(fleet_of: Make) -> None:
    """The run had found one change by hand; what has changed since it began may come from its migrations."""
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    shops.call("up")
    shops.execute("shop_01", "create table own ()")
    shops.sql.add("002_b", "create table b ();").add("003_slow", "select pg_sleep(600);")
    with beginning(shops.folder, shops.urls["shop_01"]) as begin:
        running = begin("up")
        running.when("pg_sleep")
        running.signalled(signal.SIGKILL)
    shops.execute(
        "shop_01", "select pg_terminate_backend(pid, 60000) from pg_stat_activity where query ~ '^select pg_sl'"
    )

    ended = shops.call("drift", "--format", "json")

    summary = json.loads(ended.stdout)["summary"]
    assert (ended.code, summary["changed"]) == (1, {"shop_01": ["left over table public.own"]})
    (unknown,) = summary["unknown"].items()
    assert unknown[0] == "shop_01"
    assert unknown[1]["message"].startswith(
        "not all changes by hand are known: the snapshot of the schema of 001 is older"
    )
    assert "\n1 of 2 targets changed by hand · 1 not known\n" in shops.call("drift").stdout


def test_a_folder_that_is_not_there_names_the_call_of_the_fleet(fleet_of: Make) -> None:
    shops = fleet_of(1)
    shops.sql.add_tables("a")

    ended = shops.call("up", "--dry-run", "--jobs", "3", "--directory", "none")

    assert "the folder `none` does not exist" in ended.stderr
    assert "next    sqlmigrate fleet status --targets targets.txt --jobs 3 --directory sql\n" in ended.stderr


def test_a_file_that_cannot_be_read_as_sql_is_told_once(fleet_of: Make) -> None:
    """By `status` in a note, and the next command is not the `up` that would leave all out; by `verify` as an error."""
    shops = fleet_of(3)
    shops.sql.add_tables("a")
    shops.call("up")
    shops.sql.add("002_b", OPEN)
    single = Quick(shops.folder, {"DATABASE_URL": shops.urls["shop_01"]})

    for action, options in (("status", ["--output", "html=fleet.html"]), ("verify", [])):
        ended = shops.call(action, *options)

        assert ended.code == single(action).code
        assert (ended.stdout + ended.stderr).count("the string opened here is never closed") == 1
    status, verify = shops.call("status"), shops.call("verify")
    note = next(line for line in single("status").stdout.splitlines() if "note: " in line)
    assert status.stdout.splitlines()[-2:] == [note, "next: sqlmigrate fleet verify --targets targets.txt"]
    assert verify.stdout == "3 targets agree with the files · 1 fault in the files\n"
    assert "sql/002_b.up.sql:1:32: the string opened here is never closed" in words(
        (shops.folder / "fleet.html").read_text(encoding="utf-8")
    )
    notes: list[dict[str, object]] = summary_of(shops.call("status", "--format", "json"))["notes"]  # type: ignore[assignment]
    assert [each["file"] for each in notes] == ["sql/002_b.up.sql"]


def test_a_note_has_no_cure_that_would_change_what_a_target_has_executed(fleet_of: Make) -> None:
    """Of two files with one version, which one target has executed by a baseline, and another has not."""
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    shops.call("up", "--only", "shop_01")
    shops.sql.add("002_b", "create table b ();").add("0002_c", "create table c ();")
    single = Quick(shops.folder, {"DATABASE_URL": shops.urls["shop_01"]})
    assert single("baseline", "002", "--yes").code == 0

    both, other = shops.call("status").stdout, shops.call("status", "--only", "shop_02").stdout

    assert (both.count("2 migrations have version 2"), other.count("2 migrations have version 2")) == (1, 1)
    assert ("rename" in both, "rename" in other) == (False, True)


def test_a_fault_of_a_file_that_all_have_executed_is_only_a_note(fleet_of: Make) -> None:
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    shops.call("up")
    shops.sql.add("001_a", OPEN)
    (migration,) = load(shops.folder / "sql")
    for name in shops.urls:
        shops.execute(name, f"update migrations set checksum = '{migration.checksum}'")
    one = Quick(shops.folder, {"DATABASE_URL": shops.urls["shop_01"]})("verify")

    ended = shops.call("verify")

    assert (ended.code, one.code) == (0, 0)
    assert "note: sql/001_a.up.sql:1:32: the string opened here is never closed" in ended.stdout
    assert "2 targets agree with the files\n" in ended.stdout


# -- verify and drift --------------------------------------------------------------------------------------------------


def test_verify_shows_each_edited_file_of_a_target(fleet_of: Make) -> None:
    """Files that several have in another text are one error with their names; each says how many agree with it."""
    shops = fleet_of(4)
    shops.sql.add_tables("a", "b")
    shops.run()
    shops.execute("shop_02", "update migrations set checksum = 'other', up_sql = 'select 1;'")
    shops.execute("shop_03", "update migrations set checksum = 'other', up_sql = 'select 1;' where version = '002'")

    said, summary = shops.call("verify").stderr, summary_of(shops.call("verify", "--format", "json"))

    errors = [" ".join(part.split()) for part in said.split("error: ")[1:]]
    assert [each.split(":")[0] for each in errors] == ["002_b", "001_a"]
    assert "2 other targets have executed the text in the folder" in errors[0]
    assert "targets 2: shop_02, shop_03" in errors[0]
    assert "3 other targets have executed the text in the folder" in errors[1]
    assert "targets 1: shop_02" in errors[1]
    groups: list[dict[str, object]] = summary["groups"]  # type: ignore[assignment]
    assert [each["targets"] for each in groups] == [["shop_02", "shop_03"], ["shop_02"]]
    assert summary["failed"] == ["shop_02", "shop_03"]


def test_the_same_change_by_hand_in_many_schemas_is_shown_once(fleet_of: Make) -> None:
    """What differs is compared without the schema's own name; another schema keeps its name."""
    shops = fleet_of(1)
    shops.sql.add("001_a", "create table a (id int);")
    names = ["t_1", "t_2", 't "3"', "t_4", "t_5"]
    for name in names:
        shops.execute("shop_01", f"create schema {_quoted(name)}")
    call = Quick(shops.folder, {"DATABASE_URL": shops.urls["shop_01"]})
    call("fleet", "up", "--schemas", "t*")
    for name in names[:3]:
        own = _quoted(name)
        shops.execute("shop_01", f"alter table {own}.a add x int; create view {own}.v as select id from {own}.a")
        shops.execute("shop_01", f"create function {own}.f({own}.a, t_4.a) returns int language sql as 'select 1'")
    shops.execute("shop_01", "alter table t_4.a drop column id")

    ended = call("fleet", "drift", "--schemas", "t*")
    as_json = call("fleet", "drift", "--schemas", "t*", "--format", "json")

    assert ended.code == 1
    assert ended.stdout.splitlines() == [
        '3 targets: t "3", t_1, t_2',
        "   added: function f(a, t_4.a)",
        "   added: view v",
        "   added: column a.x",
        "",
        "1 target: t_4",
        "   missing: column a.id",
        "",
        "4 of 5 targets changed by hand",
        "to expect the schemas as they are now: sqlmigrate fleet drift --schemas 't*' --accept",
    ]
    summary = summary_of(as_json)
    assert summary["failed"] == ['t "3"', "t_1", "t_2", "t_4"]
    changed: dict[str, list[str]] = summary["changed"]  # type: ignore[assignment]
    assert "left over view t_1.v" in changed["t_1"]


def test_schemas_without_a_history_are_one_group(fleet_of: Make) -> None:
    """Each schema has its own history; its name alone is not a difference."""
    shops = fleet_of(1)
    shops.sql.add("001_a", "create table a (id int);")
    for name in ("t_1", 't "2"'):
        shops.execute("shop_01", f"create schema {_quoted(name)}")

    ended = Quick(shops.folder, {"DATABASE_URL": shops.urls["shop_01"]})("fleet", "drift", "--schemas", "t*")

    assert ended.stderr.splitlines()[:3] == [
        "⏸️ there is no history in *.migrations, so there is no snapshot to compare with",
        '   2 targets: t "2", t_1',
        "",
    ]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.mark.parametrize("action", ["status", "verify", "drift"])
def test_the_summary_has_the_keys_of_the_document(action: str, fleet_of: Make) -> None:
    """With a folder that has a note, all of them; the table in docs/fleet.md names them in their order."""
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    shops.call("up")
    (shops.folder / "sql" / "002_b").mkdir()
    (shops.folder / "sql" / "002_b" / "up.sql").write_text("select 1;", encoding="utf-8")
    _, _, table = (
        (documents.ROOT / "docs" / "fleet.md").read_text(encoding="utf-8").partition("\n| summary of | keys |")
    )
    row = next(line for line in table.splitlines() if line.startswith(f"| `{action}` "))

    summary = summary_of(shops.call(action, "--format", "json"))

    assert list(summary) == re.findall(r"`(\w+)`", row)[1:]


# -- a report of an earlier call ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["status", "verify", "drift"])
def test_only_failed_takes_those_that_a_look_has_named(action: str, fleet_of: Make) -> None:
    """Not those that are only pending."""
    shops = fleet_of(4)
    shops.sql.add_tables("a")
    shops.call("up", "--skip", "shop_04")
    shops.execute("shop_04", "create table migrations (version text)") if action == "status" else shops.call("up")
    shops.execute("shop_02", "update migrations set checksum = 'other'; create table own ()")
    shops.write("gone host=/nowhere dbname=x")
    shops.sql.add("002_b", "create table b ();")
    report = shops.call(action, "--format", "json")
    (shops.folder / "report.json").write_text(report.stdout, encoding="utf-8")

    ended = shops.call("status", "--only-failed", "report.json", "--verbose", "--format", "json")

    seen = [json.loads(line)["target"] for line in ended.stdout.splitlines()[:-1]]
    assert set(seen) == {"shop_02", "gone", *(["shop_04"] if action == "status" else [])}


@pytest.mark.parametrize("action", ["up", "down", "status", "verify", "drift"])
def test_a_report_without_failures_leaves_nothing_to_do(action: str, fleet_of: Make) -> None:
    """As a step of CI that tries again: it succeeds, and so does one that reads the report of that call."""
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    path = shops.folder / "report.json"
    path.write_text('{"summary": {"failed": [], "left": []}}\n', encoding="utf-8")

    ended = shops.call(action, "--only-failed", "report.json")
    report = shops.call(action, "--only-failed", "report.json", "--format", "json", *["--yes"] * (action == "down"))
    path.write_text(report.stdout, encoding="utf-8")
    again = shops.call(action, "--only-failed", "report.json")

    assert ended.stdout == "in report.json no target failed or was left out: there is nothing to do\n"
    assert (ended.code, report.code, again.code, again.stdout) == (0, 0, 0, ended.stdout)
    assert shops.recorded() == {"shop_01": []}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not the JSON report of a fleet: it has no JSON"),
        ("sql/ · 3 targets\n", "is not the JSON report of a fleet: it has no JSON"),
        ('{"target": "a", "event": "started"}\n', "its last line, the summary, is missing"),
        ('{"database": "x", "migrations": []}\n', "it is of a command for one database"),
        ('{"findings": []}\n', "it has no summary"),
        ('{"summary": {"failed": ["other"]}}\n', "--only, --skip and --only-failed leave out all targets"),
    ],
)
def test_a_file_that_is_no_report_of_failures_says_what_it_is(text: str, message: str, fleet_of: Make) -> None:
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    (shops.folder / "report.json").write_text(text, encoding="utf-8")

    ended = shops.call("up", "--only-failed", "report.json")

    assert (ended.code, message in " ".join(ended.stderr.split())) == (2, True)
    assert shops.recorded() == {"shop_01": []}


def test_verify_warns_of_tables_without_a_history(fleet_of: Make) -> None:
    """Such a database agrees with nothing; its way in is named, and the exit code is that of `verify` of one."""
    shops = fleet_of(3)
    shops.sql.add_tables("a")
    shops.call("up", "--only", "shop_01")
    shops.execute("shop_02", "create table own ()")

    ended = shops.call("verify")

    assert ended.stdout == "2 targets agree with the files · 1 with tables and without a history\n"
    assert "1 target: shop_02" in ended.stderr
    assert "sqlmigrate baseline VERSION --database-url" in ended.stderr
    assert ended.code == 0
    assert summary_of(shops.call("verify", "--format", "json"))["existing"] == ["shop_02"]

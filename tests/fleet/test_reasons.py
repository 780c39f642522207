"""Why targets are left out or have failed: what is true for one of them, and what can be done for that one."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from contextlib import ExitStack

import psycopg
from fleet_project import Fleet
from in_process import Quick
from psycopg.conninfo import conninfo_to_dict
from terminal import Ended

from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.fleet.differing import shared

Make = Callable[[int], Fleet]


def _executed(shops: Fleet, line: str) -> Ended:
    """Execute the command of a hint as it stands, and say yes."""
    return Quick(shops.folder, {})(*shlex.split(line[line.index("sqlmigrate ") :])[1:], "--yes")


def test_no_hint_leads_to_a_change_of_the_shared_folder(fleet_of: Make) -> None:
    """One of three has another text: its database is named, and the commands that are shown write no file."""
    shops = fleet_of(3)
    shops.sql.add_tables("a")
    shops.run()
    other = "update migrations set checksum = 'other', up_sql = 'create table a (id text);'"
    shops.execute("shop_02", other)
    before = {file.name: file.read_bytes() for file in (shops.folder / "sql").iterdir()}
    database = str(conninfo_to_dict(shops.urls["shop_02"])["dbname"])
    shops.sql.add("002_b", "create table b ();")

    for action in ("verify", "up"):
        said = shops.call(action).stderr

        assert "the file was edited after it was executed" in said
        assert "git stash" not in said
        assert " > " not in said
        assert "2 other targets have executed the text in the folder" in " ".join(said.split())
        steps = [line for line in said.splitlines() if "sqlmigrate" in line]
        assert len(steps) == 2
        assert all(f"dbname={database}" in step for step in steps)
        log = steps[0][steps[0].index("sqlmigrate ") :]
        shown = Quick(shops.folder, {})(*shlex.split(log)[1:])
        assert "create table a (id text);" in shown.stdout

    repair = shlex.split(steps[1][steps[1].index("sqlmigrate ") :])[1:]
    assert Quick(shops.folder, {})(*repair, "--yes").code == 0
    assert shops.call("verify").code == 0
    assert before == {name: (shops.folder / "sql" / name).read_bytes() for name in before}


def test_if_no_target_has_executed_the_text_the_edit_can_be_put_aside(fleet_of: Make) -> None:
    """A target that has executed nothing yet does not speak for the text of the folder."""
    shops = fleet_of(3)
    shops.sql.add_tables("a")
    shops.call("up", "--skip", "shop_03")
    shops.sql.add("001_a", "create table a (id text);")

    for action in ("verify", "up"):
        said = shops.call(action, "--strict") if action == "up" else shops.call(action)

        assert "next    git stash push -- sql/001_a.up.sql" in said.stderr
        assert "or: sqlmigrate log 001 --sql up --database-url" in said.stderr
        assert " > sql" not in said.stderr
        if action == "verify":
            assert "1 target agrees with the files · 2 do not" in said.stdout


def test_where_a_call_has_chosen_some_nothing_is_said_of_the_others(fleet_of: Make) -> None:
    """Two others have executed the text, and were not asked: no edit is put aside before they are."""
    shops = fleet_of(4)
    shops.sql.add_tables("a")
    shops.run()
    shops.execute("shop_02", "update migrations set checksum = 'other', up_sql = 'create table a (id text);'")
    shops.sql.add("002_b", "create table b ();")
    report = shops.call("verify", "--format", "json").stdout
    (shops.folder / "failed.json").write_text(report, encoding="utf-8")

    for action in ("verify", "up"):
        for options in (["--only", "shop_02"], ["--skip", "shop_01,shop_03,shop_04"], ["--only-failed", "failed.json"]):
            said = shops.call(action, *options).stderr

            assert "git" not in said
            assert "   next    sqlmigrate fleet verify --targets targets.txt\n" in said
            assert "ask them too, before anything is changed" in " ".join(said.split())
            assert "repair" not in said

    assert "repair" in shops.call("verify", "--only", "shop_02,shop_03").stderr


def test_a_renamed_file_is_no_edit(fleet_of: Make) -> None:
    """The history of that database takes the name; the database stays as it is, and so does the folder."""
    shops = fleet_of(3)
    shops.sql.add_tables("a")
    shops.run()
    shops.execute("shop_02", "update migrations set name = 'old'")

    said = shops.call("verify").stderr

    assert "there is nothing to do in this database: let its history take the name" in " ".join(said.split())
    assert "git" not in said
    assert "have executed the text" not in said
    step = next(line for line in said.splitlines() if "sqlmigrate " in line)
    assert _executed(shops, step).code == 0
    assert shops.call("verify").code == 0


def test_a_failed_migration_without_a_file_is_only_forgotten(fleet_of: Make) -> None:
    """Nothing of it is in the database, so there is nothing to bring to what the others have."""
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    shops.run()
    shops.sql.add("002_b", "select 1/0;")
    shops.call("up", "--only", "shop_02")
    shops.sql.remove("002_b")

    said = shops.call("verify").stderr

    words_of = " ".join(said.split())
    assert "002_b: failed on this database, and the file is missing" in words_of
    assert "nothing of it is in the database" in words_of
    assert "Bring this database" not in words_of
    step = next(line for line in said.splitlines() if "sqlmigrate " in line)
    assert "next    sqlmigrate repair 002 --database-url" in step
    assert _executed(shops, step).code == 0
    assert shops.call("verify").code == 0


def test_a_target_that_is_ahead_can_undo_what_it_has_ahead(fleet_of: Make) -> None:
    """With the recorded down text, before its history would forget it: the table would stay without a word."""
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    shops.run()
    shops.sql.add("002_b", "create table b ();", "drop table b;")
    shops.call("up", "--only", "shop_02")
    shops.sql.remove("002_b")

    said = shops.call("verify").stderr

    steps = [line[line.index("sqlmigrate ") :] for line in said.splitlines() if "sqlmigrate " in line]
    assert [step.split(" --database-url ")[0] for step in steps] == [
        "sqlmigrate down --to 001",
        "sqlmigrate repair 002",
    ]
    assert Quick(shops.folder, {})(*shlex.split(steps[0])[1:], "--yes").code == 0
    assert shops.call("verify").code == 0
    with psycopg.connect(shops.urls["shop_02"]) as conn:
        assert conn.execute("select to_regclass('b')").fetchone() == (None,)


def test_a_failure_says_whether_the_file_may_be_changed(fleet_of: Make) -> None:
    """Where others have executed it, before or in this run, it stays; in text, in JSON, and in `status`."""
    shops = fleet_of(4)
    shops.sql.add("001_a", "create table a (id int);")
    shops.run()
    for name in ("shop_02", "shop_04"):
        shops.execute(name, "insert into a values (1), (1)")
    shops.sql.add("002_b", "alter table a add unique (id);")
    ways = []

    for options in (["--only", "shop_02"], ["--only", "shop_01"], []):
        ended = shops.call("up", *options, "--max-failures", "100%", "--format", "json")
        summary = json.loads(ended.stdout.splitlines()[-1])["summary"]
        ways.append([each["error"]["next"][0].split(", then: sqlmigrate fleet up")[0] for each in summary["groups"]])
    again = shops.call("up", "--max-failures", "100%").stderr
    status, some = shops.call("status").stdout, shops.call("status", "--only", "shop_02").stdout

    not_known = "fix the data, or the file if no target has executed it"
    stays = "fix the data: the file stays, 2 other targets have executed it"
    assert ways == [[not_known], [], [stays]]
    assert f"   next    {stays}\n" in again
    assert f"hint    {stays}\n" in status
    assert f"hint    {not_known}\n" in some


def test_a_file_that_nobody_has_executed_may_be_fixed(fleet_of: Make) -> None:
    """A dry run that is rolled back has executed it nowhere."""
    shops = fleet_of(3)
    shops.sql.add("001_a", "create table a (id int);")
    shops.run()
    shops.execute("shop_02", "insert into a values (1), (1)")
    shops.sql.add("002_b", "alter table a add unique (id);")

    said = shops.call("up", "--dry-run", "--max-failures", "100%").stderr

    assert "   next    fix the file or the data\n" in said


def test_if_most_have_executed_another_text_both_ways_are_named(fleet_of: Make) -> None:
    shops = fleet_of(3)
    shops.sql.add_tables("a")
    shops.call("up", "--skip", "shop_03")
    shops.sql.add("001_a", "create table a (id text);")
    shops.call("up", "--only", "shop_03")

    said = " ".join(shops.call("verify").stderr.split())

    assert "1 other target has executed the text in the folder" in said
    assert "most targets have executed another text. If the file was edited afterwards, give it that text again" in said


def test_a_schema_is_named(fleet_of: Make) -> None:
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    shops.execute("shop_01", "create schema t_1; create schema t_2")
    call = Quick(shops.folder, {"DATABASE_URL": shops.urls["shop_01"]})
    call("fleet", "up", "--schemas", "t_*")
    shops.execute("shop_01", "update t_2.migrations set checksum = 'other'")

    said = call("fleet", "verify", "--schemas", "t_*").stderr

    step = next(line for line in said.splitlines() if "repair" in line)
    assert step.endswith(" --schema t_2")
    assert call(*shlex.split(step[step.index("sqlmigrate ") :])[1:], "--yes").code == 0
    assert call("fleet", "verify", "--schemas", "t_*").code == 0


def test_what_differs_between_targets_is_said_of_each(fleet_of: Make) -> None:
    """Three databases, three sessions in the way: each is named for its own, on the screen, the page and in JSON."""
    shops = fleet_of(3)
    shops.sql.add_tables("a")
    shops.run()
    shops.sql.add("002_b", "alter table a add b int;")
    limits = ["--lock-timeout", "1s", "--lock-retries", "0", "--max-failures", "9", "--jobs", "1"]

    with ExitStack() as stack:
        holders = {}
        for name, url in shops.urls.items():
            conn = stack.enter_context(psycopg.connect(url, application_name=f"reports of {name}"))
            conn.execute("lock table a in access exclusive mode")
            holders[name] = str(conn.info.backend_pid)
        said = shops.call("up", *limits, "--output", "html=fleet.html").stderr
        summary = json.loads(shops.call("up", *limits, "--format", "json").stdout.splitlines()[-1])["summary"]
    page = (shops.folder / "fleet.html").read_text(encoding="utf-8")

    (group,) = summary["groups"]
    head, *parts = re.split(r"\n   (?=shop_0)", said[said.index("   targets 3: ") :])
    for name, pid in holders.items():
        (part,) = [each for each in parts if each.startswith(name)]
        assert (pid in part, pid in head) == (True, False)
        assert (pid in json.dumps(group["own"][name]), pid in json.dumps(group["error"])) == (True, False)
        assert page[page.index(f"<h5>{name}</h5>") :].split("<h5>")[1].count(pid) > 0


def test_out_of_order_is_one_group_whenever_it_was_executed(fleet_of: Make) -> None:
    """Its way out is said with it, and it names no new number: other targets have executed that one."""
    shops = fleet_of(3)
    shops.sql.add_tables("a", "b", "c")
    shops.run()
    for name in ("shop_01", "shop_02"):
        shops.execute(name, "delete from migrations where version = '002'")
    shops.execute("shop_02", "update migrations set executed_at = executed_at - interval '1 day'")

    said = shops.call("up").stderr

    assert said.count("out of order, the later") >= 1
    assert "2 targets: shop_01, shop_02" in said
    assert "--out-of-order" in said


def test_six_targets_show_five_and_the_number_of_the_others(fleet_of: Make) -> None:
    shops = fleet_of(7)
    shops.sql.add_tables("a")
    shops.run()
    for number, name in enumerate(list(shops.urls)[:6]):
        shops.execute(name, f"update migrations set checksum = 'other', up_sql = 'select {number};'")

    said = shops.call("verify").stderr

    assert "   shop_05" in said
    assert "   shop_06" not in said
    assert "and 1 more, each with its own" in said


def test_a_failure_says_what_it_has_left(fleet_of: Make) -> None:
    shops = fleet_of(2)
    shops.sql.add("001_a", "create table a (); select 1/0;")

    ended = shops.call("up", "--output", "html=fleet.html", "--max-failures", "2")

    said = "001_a was rolled back: nothing of it is in the database"
    assert said in ended.stderr
    assert said in (shops.folder / "fleet.html").read_text(encoding="utf-8")
    assert "the dry run was rolled back: the database is unchanged" in shops.call("up", "--dry-run").stderr


def test_changes_by_hand_that_are_only_noted_are_shown(fleet_of: Make) -> None:
    """Each note once, with its targets, and with what is different in one of them."""
    shops = fleet_of(3)
    shops.sql.add_tables("a")
    shops.run()
    shops.execute("shop_01", "create table own ()")
    shops.execute("shop_02", "create table other ()")
    shops.sql.add("002_b", "create table b ();")

    said = shops.call("up").stderr

    assert said.count("note: ") == 1
    assert "2 targets: shop_01, shop_02" in said
    assert "public.own" in said.split("shop_02")[1]
    assert "public.other" in said.split("shop_02")[2]


def test_the_same_change_by_hand_in_schemas_is_one_note(fleet_of: Make) -> None:
    """It is shown once, without the names of the schemas; so is the refusal, which names ways on for each of them."""
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    shops.execute("shop_01", "create schema t_1; create schema t_2")
    call = Quick(shops.folder, {"DATABASE_URL": shops.urls["shop_01"]})
    call("fleet", "up", "--schemas", "t_*")
    shops.execute("shop_01", "create table t_1.own (); create table t_2.own ()")
    shops.sql.add("002_b", "create table b ();")

    refused = call("fleet", "up", "--schemas", "t_*", "--drift", "refuse").stderr
    noted = call("fleet", "up", "--schemas", "t_*").stderr

    for said in (refused, noted):
        assert said.count("the schema was changed by hand since 001") == 1
        assert said.count("added: table own\n") == 1
    on = " ".join(refused.split("   t_1\n")[1].split("   t_2\n")[0].split())
    assert "to put the schema back, the statements: sqlmigrate drift --sql --database-url" in on
    assert "--schema t_1 to go on this time: sqlmigrate fleet up --schemas 't_*' --drift warn --only t_1 next" in on


def test_a_common_beginning_does_not_end_inside_a_parenthesis() -> None:
    found = [SqlmigrateError(f"the table orders is locked (by process {pid}, idle)") for pid in (17, 23)]

    assert shared(found).message == "the table orders is locked …"


def test_a_missing_file_is_noted_where_nothing_is_pending(fleet_of: Make) -> None:
    """It stops nothing then; once for all that have executed it."""
    shops = fleet_of(3)
    shops.sql.add_tables("a", "b", "c")
    shops.run()
    for path in (shops.folder / "sql").glob("002_*"):
        path.unlink()

    ended = shops.call("up")

    assert ended.code == 0
    assert ended.stdout.splitlines()[0] == "3 targets: 3 up to date"
    assert ended.stderr.splitlines()[:3] == [
        "",
        "⚠️ note: 002_b: executed on this database, but the file is missing",
        "   3 targets: shop_01, shop_02, shop_03",
    ]

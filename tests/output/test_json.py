"""`--format json`: one value for data, one object a line for events, errors on stderr, nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import children
import pytest
from project import Project
from terminal import stable

TIMES = ("at", "executed_at", "since")
STATES = ("executed", "pending", "baseline", "running", "failed", "changed", "missing", "out_of_order")


def value(text: str) -> Any:
    """Read one line of JSON, with equal values for what differs from run to run."""
    assert text.count("\n") == 1, text
    assert text.endswith("\n")
    return json.loads(text, object_hook=_stable)


def values(text: str) -> list[Any]:
    """Read one value a line."""
    return [value(line) for line in text.splitlines(keepends=True)]


def _stable(found: dict[str, Any]) -> dict[str, Any]:
    for key, made in found.items():
        if key in TIMES and made:
            assert made.endswith("+00:00")
            assert "T" in made
            found[key] = "TIME"
        elif key == "duration_ms" and made is not None:
            assert made >= 0
            found[key] = 0
        elif key in ("host", "database", "holder") and made:
            found[key] = key.upper()
        elif key == "checksum" and made:
            assert len(made) == 64
            found[key] = made[:6]
    return found


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]


A, B = "sql/001_a.up.sql", "sql/002_b.up.sql"


@pytest.fixture
def two(project: Project) -> Project:
    """Two migrations, the first of them executed."""
    project.add_tables("a", "b").up(steps=1)
    return project


def test_status(two: Project) -> None:
    """One value: the database, every migration with its state, the counts; `--check` does not change it."""
    ended = two.call("status", "--format", "json", "--check")

    assert (ended.code, ended.stderr) == (3, "")
    assert value(ended.stdout) == {
        "database": "DATABASE", "standby": None, "directory": "sql/", "history": "public.migrations",
        "migrations": [
            {"version": "001", "name": "a", "state": "executed", "file": A,
             "checksum": _checksum("create table a (id int);\n"), "executed_at": "TIME", "duration_ms": 0,
             "executed_by": "postgres", "error": None, "statements": 1, "statements_done": 1, "down_statements": None,
             "down_statements_done": None, "under_way": None, "replaces": None,
             "executed_as": None, "renumbered_to": None},
            {"version": "002", "name": "b", "state": "pending", "file": B,
             "checksum": _checksum("create table b (id int);\n"), "executed_at": None, "duration_ms": None,
             "executed_by": None, "error": None, "statements": None, "statements_done": None,
             "down_statements": None, "down_statements_done": None, "under_way": None, "replaces": None,
             "executed_as": None, "renumbered_to": None},
        ],
        "total": 2, "executed": 1, "pending": 1, "failed": 0, "changed": 0, "missing": 0, "out_of_order": 0,
        "states": {**dict.fromkeys(STATES, 0), "executed": 1, "pending": 1}, "run": None, "existing": None,
        "folds": [], "opened": [],
    }  # fmt: skip


def test_up(two: Project) -> None:
    """One object a line, in the order of the events."""
    two.add("002_b", "drop table if exists b;\ncreate table b ();")

    ended = two.call("--format", "json", "up")

    assert (ended.code, ended.stderr) == (0, "")
    assert values(ended.stdout) == [
        {"event": "planned", "database": "DATABASE", "direction": "up", "migrations": ["002_b"], "dry_run": False},
        {"event": "began", "migration": "002_b", "notes": []},
        {"event": "noticed", "migration": "002_b", "severity": "NOTICE",
         "message": 'table "b" does not exist, skipping'},
        {"event": "statement_done", "migration": "002_b", "statement": 1, "statements": 2},
        {"event": "statement_done", "migration": "002_b", "statement": 2, "statements": 2},
        {"event": "finished", "migration": "002_b", "statements": 2, "duration_ms": 0, "dry_run": False},
    ]  # fmt: skip


def test_nothing_to_do(two: Project) -> None:
    """The only event is a plan without migrations."""
    two.up()

    assert values(two.call("up", "--format=json").stdout) == [
        {"event": "planned", "database": "DATABASE", "direction": "up", "migrations": [], "dry_run": False},
    ]


def test_down(two: Project) -> None:
    """The same for `down`; notes are in the event."""
    two.remove("001_a", "down")

    ended = two.call("down", "--format", "json")

    assert (ended.code, ended.stderr) == (0, "")
    assert values(ended.stdout) == [
        {"event": "planned", "database": "DATABASE", "direction": "down", "migrations": ["001_a"], "dry_run": False},
        {"event": "began", "migration": "001_a",
         "notes": ["the down file is missing, so the text recorded in the history is used"]},
        {"event": "statement_done", "migration": "001_a", "statement": 1, "statements": 1},
        {"event": "finished", "migration": "001_a", "statements": 1, "duration_ms": 0, "dry_run": False},
    ]  # fmt: skip


def test_a_failure(two: Project) -> None:
    """The event has the place and the server's own words; both streams have nothing but JSON."""
    two.add("002_b", "create table c (name text unique);\n  insert into c (nam) values ('é');")

    ended = two.call("up", "--format", "json")

    assert (ended.code, ended.stderr) == (1, "")
    assert values(ended.stdout)[-1] == {
        "event": "failed", "migration": "002_b", "statement": 2, "statements": 2, "duration_ms": 0, "kept": [],
        "gone": [], "now_at": "", "dry_run": False,
        "error": {
            "kind": "StatementError", "message": 'column "nam" of relation "c" does not exist', "exit_code": 1,
            "file": B, "line": 2, "column": 18, "sqlstate": "42703", "code": "42703 undefined_column",
            "hint": None, "next": ["fix the file, then: sqlmigrate up"],
        },
    }  # fmt: skip


def test_detail_hint_and_context_of_the_server(two: Project) -> None:
    """DETAIL, HINT and CONTEXT are there; `detail` is always a list."""
    raise_ = "raise 'no' using detail = 'it is so', hint = 'do it\nthus', errcode = 'SM001'"
    two.add("002_b", f"do $$ begin {raise_}; end $$;")

    error = values(two.call("up", "--format", "json").stdout)[-1]["error"]

    assert (error["message"], error["detail"], error["hint"], error["sqlstate"], error["context"]) == (
        "no", ["it is so"], "do it\nthus", "SM001", "PL/pgSQL function inline_code_block line 1 at RAISE",
    )  # fmt: skip


def test_without_a_transaction(two: Project) -> None:
    """`kept` says what stays of a file that stopped at a statement."""
    two.add("002_b", "-- sqlmigrate: no-transaction\nselect 1;\nselect nothing;")

    failed = values(two.call("up", "--format", "json").stdout)[-1]

    assert (failed["event"], failed["statement"], failed["kept"]) == (
        "failed",
        2,
        ["statement 1 is executed and stays"],
    )


def test_a_dry_run(two: Project) -> None:
    """The plan and the end of each step are marked: executed, failed, or not tried."""
    two.add("003_c", "vacuum a;")

    assert values(two.call("up", "--dry-run", "--format", "json").stdout) == [
        {"event": "planned", "database": "DATABASE", "direction": "up", "migrations": ["002_b", "003_c"],
         "dry_run": True},
        {"event": "began", "migration": "002_b", "notes": []},
        {"event": "statement_done", "migration": "002_b", "statement": 1, "statements": 1},
        {"event": "finished", "migration": "002_b", "statements": 1, "duration_ms": 0, "dry_run": True},
        {"event": "not_tried", "migration": "003_c",
         "reason": "it runs without a transaction, so it cannot be rolled back", "dry_run": True},
    ]  # fmt: skip


def test_a_dry_run_that_fails(two: Project) -> None:
    """The failure is marked too, so that it is not mistaken for a real one."""
    two.add("002_b", "select nothing;")

    failed = values(two.call("up", "--dry-run", "--format", "json").stdout)[-1]

    assert (failed["event"], failed["dry_run"]) == ("failed", True)


def test_every_row_of_status_has_the_same_keys(two: Project) -> None:
    """The keys are the same in every state, and every state is counted."""
    two.add("003_c", "select 3;").add("004_d", "select 4;").add("005_e", "select 5;").up()
    two.add("001_a", "select 1;").remove("002_b").add("000_z", "select 0;").add("006_f", "select nothing;")
    two.call("up", "--out-of-order", "--to", "6")
    two.remove("003_c")
    two.execute("update migrations set status = 'failed', error = 'no' where version in ('004')")

    shown = value(two.call("status", "--format", "json").stdout)

    states = {row["name"]: row["state"] for row in shown["migrations"]}
    assert states == {"z": "out of order", "a": "changed", "b": "missing", "c": "missing", "d": "failed",
                      "e": "executed", "f": "pending"}  # fmt: skip
    assert {tuple(row) for row in shown["migrations"]} == {tuple(shown["migrations"][0])}
    assert {name: shown[name] for name in list(shown)[5:]} == {
        "total": 7, "executed": 4, "pending": 3, "failed": 1, "changed": 1, "missing": 2, "out_of_order": 1,
        "states": {"executed": 1, "pending": 1, "baseline": 0, "running": 0, "failed": 1, "changed": 1, "missing": 2,
                   "out_of_order": 1},
        "run": None, "existing": None, "folds": [], "opened": [],
    }  # fmt: skip
    assert sum(shown["states"].values()) == shown["total"]


def test_log(two: Project) -> None:
    """One list, oldest first."""
    two.add("002_b", "select nothing;").up()

    ended = two.call("log", "--format", "json")

    assert (ended.code, ended.stderr) == (0, "")
    entries = value(ended.stdout)
    runs = [entry.pop("run") for entry in entries]
    assert len(set(runs)) == 2
    row = {"at": "TIME", "executed_by": "postgres", "host": "HOST"}
    assert entries == [
        {**row, "action": "up", "version": "001", "name": "a", "duration_ms": 0, "detail": None},
        {**row, "action": "failure", "version": "002", "name": "b", "duration_ms": None,
         "detail": 'column "nothing" does not exist'},
    ]  # fmt: skip


def test_verify_before_the_first_up(project: Project) -> None:
    """It has what `status` has about the history of another tool."""
    project.execute("create table schema_migrations (version bigint primary key, dirty boolean not null)")
    project.execute("insert into schema_migrations values (1, false)")
    project.add("001_a", "create table a ();")

    verified = value(project.call("verify", "--format", "json").stdout)

    assert [each["tool"] for each in verified["existing"]["histories"]] == ["golang-migrate"]
    assert verified["existing"] == value(project.call("status", "--format", "json").stdout)["existing"]


def test_verify(two: Project) -> None:
    """Without findings it is a value on stdout, with findings a list of errors on stderr."""
    ended = two.call("verify", "--format", "json")
    assert (ended.code, ended.stderr) == (0, "")
    assert value(ended.stdout) == {"files": 2, "history": "public.migrations", "findings": [], "existing": None}

    two.add("001_a", "create table a (id int, b int);").add("000_z", "select 0;")
    ended = two.call("verify", "--format", "json")
    assert (ended.code, ended.stdout) == (1, "")
    found = value(ended.stderr)["error"]
    assert [(error["kind"], error["message"].partition(":")[0], error["next"]) for error in found] == [
        (
            "HistoryError",
            "001_a",
            [
                "git stash push -- sql/001_a.up.sql",
                "or: sqlmigrate log 001 --sql up > sql/001_a.up.sql",
                "or: sqlmigrate repair 001",
            ],
        ),
        ("HistoryError", "000_z", ["sqlmigrate up --out-of-order"]),
    ]
    assert found[0]["detail"][1:4] == ["@@ -1 +1 @@", "-create table a (id int);", "+create table a (id int, b int);"]


def test_repair_and_baseline(two: Project) -> None:
    """What was done, as a value."""
    ended = two.call("baseline", "2", "--yes", "--format", "json")
    assert (ended.code, ended.stderr, value(ended.stdout)) == (0, "", {"baseline": ["002_b"], "database": "DATABASE"})

    ended = two.call("repair", "2", "--yes", "--format", "json")
    assert (ended.code, ended.stderr) == (0, "")
    assert value(ended.stdout) == {
        "repaired": "002_b",
        "done": "the history has forgotten 002_b (baseline); the database itself was not changed",
        "database": "DATABASE",
    }


def test_reset(two: Project) -> None:
    """The events of `down`, then those of `up`."""
    ended = two.call("reset", "--yes", "--format", "json")

    assert (ended.code, ended.stderr) == (0, "")
    assert [(each["event"], each.get("direction")) for each in values(ended.stdout)] == [
        ("planned", "down"), ("began", None), ("statement_done", None), ("finished", None),
        ("planned", "up"), ("began", None), ("statement_done", None), ("finished", None),
        ("began", None), ("statement_done", None), ("finished", None),
    ]  # fmt: skip


REFUSED: dict[str, tuple[list[str], Callable[[Project], object], int, list[str]]] = {
    "a file with a fault": (
        ["up"], lambda project: project.add("003_c", "select 'open;").add("004_d", "commit;"), 1,
        ["MigrationError", "MigrationError"],
    ),
    "out of order": (["up"], lambda project: project.add("000_z", "select 0;"), 1, ["HistoryError"]),
    "no terminal to ask on": (["reset"], lambda _: None, 2, ["ConfigError"]),
    "an unknown version": (["up", "--to", "9"], lambda _: None, 2, ["ConfigError"]),
    "no server": (["status", "--database-url", "host=/nowhere"], lambda _: None, 5, ["ConnectError"]),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_errors(case: str, two: Project) -> None:
    """All errors found together are one object on stderr, each with its kind and exit code."""
    arguments, prepare, code, kinds = REFUSED[case]
    prepare(two)

    ended = two.call(*arguments, "--format", "json")

    assert (ended.code, ended.stdout) == (code, "")
    errors = value(ended.stderr)["error"]
    assert [error["kind"] for error in errors] == kinds
    assert {error["exit_code"] for error in errors} == {code}
    assert all(error["message"] and "next" in error and "hint" in error for error in errors)


def test_events_come_as_they_happen(project: Project) -> None:
    """The event of the first statement can be read while the second is being executed."""
    project.add("001_a", "create table a (); select pg_sleep(60);")
    running = children.start(
        [sys.executable, "-m", "sqlmigrate", "up", "--format", "json"], cwd=project.folder.parent,
        env={**os.environ, "DATABASE_URL": project.url}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with running:
        assert running.stdout is not None
        lines = [json.loads(running.stdout.readline())["event"] for _ in range(3)]
        running.terminate()
        running.communicate()

    assert lines == ["planned", "began", "statement_done"]


def test_nothing_that_moves_the_cursor(project: Project) -> None:
    """Control characters in names and messages are escaped; read back, they are the same."""
    message = "red \x1b[31m, \u202e turned, \x9b, \u2028 line"
    project.add("001_a", f"do $$ begin raise '{message}'; end $$;")

    ended = project.call("up", "--format", "json")

    assert not set(ended.stdout) & set("\x1b\u202e\x9b\u2028")
    assert json.loads(ended.stdout.splitlines()[-1])["error"]["message"] == message
    assert stable(ended.stderr) == ""

"""Statements that PostgreSQL refuses: the whole screen, the caret under the word; the file is rolled back."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import database_state
import pytest
import stored_refusals
from in_process import Quick, said
from postgres_servers import Server
from terminal import Terminal

STATEMENTS = stored_refusals.stored("statements")
SHOP = """\
create table customers (id int primary key, email text, n int constraint customers_n check (n > 0));
insert into customers values (1, 'a@example.org', 1), (2, 'a@example.org', 2);
create table orders (id int, customer int);
insert into orders values (1, 7);
"""
TABLES = ["public.customers", "public.customers_pkey", "public.orders"]
WIDTH = 100  # of a screen that is none


@pytest.fixture(scope="module")
def shop(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a database with the shop's tables, which every failing migration leaves unchanged."""
    with postgres.database() as url:
        first = Quick(tmp_path_factory.mktemp("shop"), {"DATABASE_URL": url})
        first.write(**{"000_shop.up.sql": SHOP})
        assert first("up").code == 0
        yield url


@pytest.fixture
def failing(tmp_path: Path, shop: str) -> Iterator[Quick]:
    """The program with that database; after the test its history forgets the failure."""
    made = Quick(tmp_path, {"DATABASE_URL": shop})
    made.write(**{"000_shop.up.sql": SHOP})
    yield made
    database_state.ask(
        shop, "delete from migrations where version <> '000'; delete from migrations_log where version <> '000'"
    )


@pytest.fixture
def quick(tmp_path: Path, database: str) -> Quick:
    made = Quick(tmp_path, {"DATABASE_URL": database})
    made.write(**{"000_shop.up.sql": SHOP})
    assert made("up").code == 0
    return made


def _error(message: str) -> str:
    """Return the sentence after `error: `, up to the place."""
    return message.partition("\nerror: ")[2].partition("\n  ──▶")[0]


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("text", "message"), STATEMENTS.values(), ids=STATEMENTS)
def test_a_statement_that_is_refused(text: str, message: str, failing: Quick, shop: str) -> None:
    """The screen is the stored one; the file before stays, this one is rolled back, and its failure is recorded."""
    failing.write(**{"001_a.up.sql": text, "002_b.up.sql": "create table after_it ();"})

    ended = failing("up", SQLMIGRATE_DRIFT="off")

    assert said(ended).rstrip("\n") == message.replace("1 pending", "2 pending")
    assert ended.code == 1
    assert database_state.relations(shop) == TABLES
    assert database_state.history(shop) == [("000", "executed", 4, None), ("001", "failed", 0, _error(message))]
    assert database_state.log(shop) == [("up", "000", None), ("failure", "001", _error(message))]


@pytest.mark.parametrize("name", ["a missing column in a constraint", "RAISE in a block"])
def test_the_next_up_tries_it_again(name: str, quick: Quick, database: str) -> None:
    """A failed migration is tried again by the next `up`, with the file as it is then."""
    quick.write(**{"001_a.up.sql": STATEMENTS[name][0]})
    assert quick("up").code == 1
    quick.write(**{"001_a.up.sql": "create table mended ();"})

    assert quick("up").code == 0
    assert database_state.relations(database) == [
        "public.customers",
        "public.customers_pkey",
        "public.mended",
        "public.orders",
    ]
    assert [row[:2] for row in database_state.history(database)] == [("000", "executed"), ("001", "executed")]
    assert [row[0] for row in database_state.log(database)] == ["up", "failure", "up"]


def test_a_down_that_is_refused(quick: Quick, database: str) -> None:
    """A down that fails leaves the whole migration executed, and is recorded in the log."""
    quick.write(**{"001_a.up.sql": "create table a ();", "001_a.down.sql": "drop table orders;\ndrop table b;\n"})
    assert quick("up").code == 0

    ended = quick("down")

    assert said(ended) == (
        "DATABASE · 1 to undo\n\n"
        "❌ 001_a   statement 2 of 2 N ms\n\n"
        "1 failed\n"
        'error: table "b" does not exist\n'
        "  ──▶ sql/001_a.down.sql:2:12\n"
        "   │\n"
        " 1 │ drop table orders;\n"
        " 2 │ drop table b;\n"
        "   │            ^\n"
        "   │\n"
        "   code    42P01 undefined_table\n\n"
        "what happened   the down file of 001_a was rolled back: the migration stays executed\n"
        "what now        fix the file, then: sqlmigrate down\n\n"
    )
    assert ended.code == 1
    assert database_state.relations(database) == ["public.a", *TABLES]
    assert database_state.history(database)[1] == ("001", "executed", 1, None)
    assert database_state.log(database)[2] == ("failure", "001", 'down: table "b" does not exist')


def test_a_dry_run_that_is_refused(quick: Quick, database: str) -> None:
    """A failure in a dry run leaves no trace, not even a row."""
    quick.write(**{"001_a.up.sql": "create table a ();", "002_b.up.sql": "drop table nothing;"})

    ended = quick("up", "--dry-run")

    assert said(ended) == (
        "DATABASE · 2 pending\n\n"
        "✅ 001_a   1 statement N ms\n"
        "❌ 002_b   statement 1 of 1 N ms\n\n"
        "1 tried and rolled back · 1 failed\n"
        'error: table "nothing" does not exist\n'
        "  ──▶ sql/002_b.up.sql:1:12\n"
        "   │\n"
        " 1 │ drop table nothing;\n"
        "   │            ^^^^^^^\n"
        "   │\n"
        "   code    42P01 undefined_table\n\n"
        "what happened   the dry run was rolled back: the database is unchanged\n"
        "what now        fix the file, then: sqlmigrate up\n\n"
    )
    assert ended.code == 1
    assert database_state.relations(database) == TABLES
    assert database_state.history(database) == [("000", "executed", 4, None)]


def test_a_failure_for_programs(failing: Quick) -> None:
    """In JSON, the event has PostgreSQL's fields word for word, and the place as numbers."""
    failing.write(**{"001_a.up.sql": "select 1;\n  create unique index emails on customers (email);\n"})

    ended = failing("up", "--format", "json")

    event = json.loads(ended.stdout.splitlines()[-1])
    assert event.pop("duration_ms") >= 0
    assert event == {
        "event": "failed", "migration": "001_a", "statement": 2, "statements": 2, "kept": [], "gone": [], "now_at": "",
        "dry_run": False,
        "error": {
            "kind": "StatementError", "message": 'could not create unique index "emails"', "exit_code": 1,
            "file": "sql/001_a.up.sql", "line": 2, "column": 23, "sqlstate": "23505",
            "detail": ["Key (email)=(a@example.org) is duplicated."], "code": "23505 unique_violation", "hint": None,
            "next": ["fix the file or the data, then: sqlmigrate up"],
        },
    }  # fmt: skip
    assert (ended.stderr, ended.code) == ("", 1)


# -- where the caret stands --------------------------------------------------------------------------------------------


def _cells(text: str) -> int:
    """Count the terminal cells of a text, by Unicode's own tables; a tab goes to the next multiple of 4."""
    count = 0
    before = ""
    for character in text:
        if character == "\t":
            count += 4 - count % 4
        elif before == "\u200d" or unicodedata.combining(character) or character in "\u200d\u200b":
            pass
        elif character == "\ufe0f":
            count += unicodedata.east_asian_width(before) not in "WF"
        else:
            count += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        before = character
    return count


# What stands on the line before the word `emial`, and how that is drawn.
BEFORE = {
    "nothing": ("select ", "select "),
    "tabs": ("\tselect\t1,\t", "    select  1,  "),
    "a tab behind a wide character": ("select '日\t',", "select '日  ',"),
    "accents": ("select 'é à ü ñ', ", "select 'é à ü ñ', "),
    "accents of their own": ("select 'e\u0301a\u0300', ", "select 'e\u0301a\u0300', "),
    "emoji": ("select '🎉🚀', ", "select '🎉🚀', "),
    "an emoji of two": ("select '👩\u200d👧', ", "select '👩\u200d👧', "),
    "a flag": ("select '🇩🇪', ", "select '🇩🇪', "),
    "a sign drawn as emoji": ("select '⏸\ufe0f', ", "select '⏸\ufe0f', "),
    "Chinese": ("select '数据库迁移', ", "select '数据库迁移', "),
    "Korean": ("select '마이그레이션', ", "select '마이그레이션', "),
    "Japanese of half the width": ("select 'ｱｲｳ', ", "select 'ｱｲｳ', "),
    "Hebrew": ("select 'שלום', ", "select 'שלום', "),
    "no-break blanks": ("select 'a\u00a0b', ", "select 'a\u00a0b', "),
    "nothing to be seen": ("select 'a\u200bb', ", "select 'a\u200bb', "),
    "an escape sequence": ("select '\x1b[31mred\x1b[0m', ", "select '\ufffd[31mred\ufffd[0m', "),
    "a bell and a backspace": ("select '\a\b\x7f', ", "select '\ufffd\ufffd\ufffd', "),
    "an escape sequence of one byte": ("select '\x9b31m', ", "select '\ufffd31m', "),
    "text turned around": ("select '\u202eabc\u2066', ", "select '\ufffdabc\ufffd', "),
    "ends of lines that are none": ("select '\u2028\u2029\x85\v\f', ", f"select '{chr(0xFFFD) * 5}', "),
    "everything": ("\t/* 🎉 */ select '日\té\u0301',\t", "    /* 🎉 */ select '日 é\u0301', "),
}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "BOM"])
def test_the_caret_stands_under_the_word(ending: str, mark: str, failing: Quick) -> None:
    """Whatever precedes the word in its line, the whole word is underlined, and the line has its number in the file."""
    for name, (before, drawn) in BEFORE.items():
        failing.write(**{"001_a.up.sql": mark + ending.join(["select 1;", f"{before}emial", "from customers;", ""])})

        lines = said(failing("up")).splitlines()

        place = lines.index(f"  ──▶ sql/001_a.up.sql:2:{len(before) + 1}")
        caret = " " * _cells(drawn) + "^^^^^"
        assert lines[place + 1 : place + 7] == [
            "   │", " 1 │ select 1;", f" 2 │ {drawn}emial", f"   │ {caret}", " 3 │ from customers;", "   │",
        ], name  # fmt: skip


FILLER = "x" * 1_000_000
LONG_LINES = {
    "at the end": (f"select '{FILLER}', emial from customers;", "…" + "x" * 69 + "', emial from customers;"),
    "at the beginning": (f"select emial, '{FILLER}' from customers;", "select emial, '" + "x" * 78 + "…"),
    "inside": (
        f"select '{FILLER}', emial, '{FILLER}' from customers;",
        "…" + "x" * 27 + "', emial, '" + "x" * 54 + "…",
    ),
}


@pytest.mark.parametrize(("text", "drawn"), LONG_LINES.values(), ids=LONG_LINES)
def test_a_line_of_a_megabyte(text: str, drawn: str, failing: Quick) -> None:
    """A line that is wider than the screen is shortened around the word."""
    failing.write(**{"001_a.up.sql": text})

    lines = said(failing("up")).splitlines()

    place = lines.index(f"  ──▶ sql/001_a.up.sql:1:{text.index('emial') + 1}")
    assert lines[place + 2 : place + 4] == [f" 1 │ {drawn}", "   │ " + " " * drawn.index("emial") + "^^^^^"]


def test_the_lines_above_and_below_are_shortened_too(failing: Quick) -> None:
    """A line of a megabyte above or below does not fill the screen."""
    failing.write(
        **{"001_a.up.sql": f"select '{'x' * 1_000_000}';\nselect emial from customers;\n-- {'日' * 1_000_000}"}
    )

    lines = said(failing("up")).splitlines()

    place = lines.index("  ──▶ sql/001_a.up.sql:2:8")
    assert lines[place + 2] == " 1 │ select '" + "x" * 85 + "…"
    assert lines[place + 3 : place + 5] == [" 2 │ select emial from customers;", "   │        ^^^^^"]
    assert _cells(lines[place + 5]) in (WIDTH - 1, WIDTH)
    assert lines[place + 5].endswith("日…")


# -- nothing acts on the terminal --------------------------------------------------------------------------------------

ATTACK = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"
SEEN = {"\x1b", "\x07", "\x9b", "\u202e"}


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_escape_sequence_reaches_the_terminal(form: str, failing: Quick) -> None:
    """Escape sequences in a file or in a message of the server are shown, and never act on the terminal."""
    failing.write(**{
        "001_a.up.sql": f"do $$ begin\n  raise notice '{ATTACK}'; raise exception '{ATTACK}' using hint = '{ATTACK}';\n"
        f"end $$; -- {ATTACK}\n",
    })  # fmt: skip

    for command in (["up"], ["status"], ["log"], ["split", "sql/001_a.up.sql"], ["verify"], ["up", "--dry-run"]):
        ended = failing(*command, "--format", form)
        assert not SEEN & set(ended.stdout + ended.stderr), command


def test_programs_get_what_is_replaced_for_a_terminal(failing: Quick) -> None:
    """JSON has the server's words unchanged, but escaped."""
    failing.write(**{"001_a.up.sql": f"do $$ begin raise exception '{ATTACK}'; end $$;"})

    event = json.loads(failing("up", "--format", "json").stdout.splitlines()[-1])

    assert event["error"]["message"] == ATTACK


# -- in a terminal -----------------------------------------------------------------------------------------------------


def test_a_failure_in_a_terminal(terminal: Terminal, database: str) -> None:
    """A separate process does the same: what was executed goes to stdout, the error to stderr, exit 1."""
    terminal.write(**{"000_shop.up.sql": SHOP, "001_a.up.sql": STATEMENTS["SQL in a block"][0]})

    ended = terminal("up")

    error = STATEMENTS["SQL in a block"][1].partition("1 failed\n")[2]
    assert ended.stderr.rstrip("\n") == error.replace(
        "is in the database\n", "is in the database\n                000_shop before it stays executed\n"
    )
    assert ended.stdout.endswith("1 executed · 1 failed\n")
    assert ended.code == 1
    assert database_state.relations(database) == TABLES

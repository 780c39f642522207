"""Directives: the comments that are read, their values and places, and the ones that are refused."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from parsed_files import faults, script

GOOD = {
    "-- sqlmigrate: no-transaction": ("no-transaction", ""),
    "--sqlmigrate:no-transaction": ("no-transaction", ""),
    "--   sqlmigrate \t:  no-transaction  ": ("no-transaction", ""),
    "-- sqlmigrate: lock-timeout 5s": ("lock-timeout", "5s"),
    "-- sqlmigrate: lock-timeout 500 ms": ("lock-timeout", "500 ms"),
    "-- sqlmigrate: lock-timeout 0": ("lock-timeout", "0"),
    "-- sqlmigrate: lock-timeout 700us": ("lock-timeout", "700us"),
    "-- sqlmigrate: lock-timeout 24d": ("lock-timeout", "24d"),
    "-- sqlmigrate: statement-timeout 10min": ("statement-timeout", "10min"),
    "-- sqlmigrate: statement-timeout 2h": ("statement-timeout", "2h"),
    "-- sqlmigrate: irreversible": ("irreversible", ""),
    "-- sqlmigrate: irreversible (the column is gone)": ("irreversible", "(the column is gone)"),
    "-- sqlmigrate: irreversible (with (more) of them)": ("irreversible", "(with (more) of them)"),
    "-- sqlmigrate: allow rewrites-table (it is small)": ("allow", "rewrites-table (it is small)"),
}


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize(("line", "expected"), GOOD.items(), ids=GOOD)
def test_a_directive_at_the_top_of_a_file(line: str, expected: tuple[str, str], line_end: str) -> None:
    """It is read with its value and its place, with any white space around its parts, and any line end."""
    (directive,) = script(f"-- why{line_end}{line}{line_end}select 1;").directives

    assert (directive.name, directive.value) == expected
    assert (directive.span.text, directive.span.line, directive.span.column) == (line.rstrip(), 2, 1)
    assert directive.above is None


@pytest.mark.parametrize("line", [line for line in GOOD if "-timeout" in line])
def test_the_server_accepts_every_duration_that_we_accept(line: str, prepared: psycopg.Connection[Any]) -> None:
    """The value of a timeout is sent as it is written, and the server accepts it."""
    (directive,) = script(line).directives

    prepared.execute(f"set {directive.name.replace('-', '_')} = '{directive.value}'")
    prepared.execute("reset all")


def test_several_directives() -> None:
    """All directives at the top of a file are read, in their order, with their values."""
    made = script(
        "-- Fill the column\n-- sqlmigrate: no-transaction\n\n--sqlmigrate: lock-timeout 1s\n"
        "-- sqlmigrate: allow rewrites-table (small)\n-- sqlmigrate: allow drops-column (unused)\nselect 1;"
    )

    assert [each.name for each in made.directives] == ["no-transaction", "lock-timeout", "allow", "allow"]
    assert (made.value("no-transaction"), made.value("lock-timeout")) == ("", "1s")
    assert made.value("statement-timeout") is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("-- sqlmigrate: irreversible", "its up file says so"),
        ("-- sqlmigrate: irreversible (the data are gone)", "the data are gone"),
        ("-- plain", None),
    ],
)
def test_why_a_migration_is_irreversible(line: str, reason: str | None) -> None:
    """The reason is the text in the parentheses, or a standard one."""
    assert script(f"{line}\nselect 1").irreversible == reason


def test_allow_for_a_file_and_for_a_statement() -> None:
    """At the top it is for the whole file; directly above a later statement it is for that statement."""
    text = (
        "-- sqlmigrate: allow a-rule (for all)\nselect 1;\n-- sqlmigrate: allow b-rule (for this)\n\n/* and */\n"
        "-- sqlmigrate: allow c-rule (too)\nselect 2; select 3;\n-- sqlmigrate: allow d-rule (for nothing)\n"
    )

    made = script(text)

    assert [(each.value.split()[0], each.above and each.above.text) for each in made.directives] == [
        ("a-rule", None), ("b-rule", "select 2"), ("c-rule", "select 2"), ("d-rule", None),
    ]  # fmt: skip


NOT_READ = {
    "in a block comment": "/* say\n-- sqlmigrate: nonsense\n*/ select 1;",
    "in a nested block comment": "/* a /* b */\n-- sqlmigrate: nonsense\n*/ select 1;",
    "in a string": "select '\n-- sqlmigrate: nonsense\n';",
    "in a function": "create function f() returns int language sql as $$\n-- sqlmigrate: nonsense\nselect 1 $$;",
    "in a quoted name": 'select 1 as "\n-- sqlmigrate: nonsense\n";',
    "inside a statement": "select 1\n-- sqlmigrate: nonsense\n+ 1;",
    "in the data of a COPY": "copy t from stdin;\n-- sqlmigrate: nonsense\n\\.\n",
    "after other words": "-- see sqlmigrate: nonsense\nselect 1;",
    "a sentence about us": "-- sqlmigrate does this in one transaction\nselect 1;",
    "a directive of another tool": "-- migrate:up transaction:false\n-- +goose Up\nselect 1;",
    "another word": "-- sqlmigrates: nonsense\nselect 1;",
}


@pytest.mark.parametrize("text", NOT_READ.values(), ids=NOT_READ)
def test_texts_that_are_not_directives(text: str) -> None:
    """Only a separate `--` comment outside of statements that begins with our name is a directive."""
    assert script(text).directives == ()


KNOWN = "the directives are no-transaction, lock-timeout, statement-timeout, irreversible, replaces, allow"
DURATION = "write a number and a unit (ms, s, min, h, d): -- sqlmigrate: "
BAD = {
    "-- sqlmigrate: no-transactions": (
        "1:16 [no-transactions] unknown directive `no-transactions`",
        "did you mean `no-transaction`?",
    ),
    "-- sqlmigrate: notransaction": (
        "1:16 [notransaction] unknown directive `notransaction`",
        "did you mean `no-transaction`?",
    ),
    "-- sqlmigrate: No-Transaction": (
        "1:16 [No-Transaction] unknown directive `No-Transaction`",
        "did you mean `no-transaction`?",
    ),
    "-- sqlmigrate: lock_timeout 5s": (
        "1:16 [lock_timeout] unknown directive `lock_timeout`",
        "did you mean `lock-timeout`?",
    ),
    "-- sqlmigrate: statment-timeout 5s": (
        "1:16 [statment-timeout] unknown directive `statment-timeout`",
        "did you mean `statement-timeout`?",
    ),
    "-- sqlmigrate: ireversible": (
        "1:16 [ireversible] unknown directive `ireversible`",
        "did you mean `irreversible`?",
    ),
    "-- sqlmigrate: replaced 001-042": (
        "1:16 [replaced] unknown directive `replaced`",
        "did you mean `replaces`?",
    ),
    "-- sqlmigrate: replaces": (
        "1:1 [-- sqlmigrate: replaces] the directive `replaces` needs a range",
        "write the first and the last version: -- sqlmigrate: replaces 001-042",
    ),
    "-- sqlmigrate: replaces 042": (
        "1:25 [042] `042` is not a range of versions",
        "write the first and the last version: -- sqlmigrate: replaces 001-042",
    ),
    "-- sqlmigrate: replaces 001-042 (all)": (
        "1:25 [001-042 (all)] `001-042 (all)` is not a range of versions",
        "write the first and the last version: -- sqlmigrate: replaces 001-042",
    ),
    "-- sqlmigrate: replaces 042-001": (
        "1:25 [042-001] the range 042-001 ends before it begins",
        "-- sqlmigrate: replaces 001-042",
    ),
    "-- sqlmigrate: xyz": (
        "1:16 [xyz] unknown directive `xyz`",
        KNOWN,
    ),
    "-- sqlmigrate:": (
        "1:1 [-- sqlmigrate:] the directive has no name",
        KNOWN,
    ),
    "-- sqlmigrate no-transaction": (
        "1:15 [no-transaction] a directive needs a colon",
        "-- sqlmigrate: no-transaction",
    ),
    "-- sqlmigrate lock-timeout 5s": (
        "1:15 [lock-timeout] a directive needs a colon",
        "-- sqlmigrate: lock-timeout 5s",
    ),
    "-- sqlmigrate: no-transaction please": (
        "1:31 [please] the directive `no-transaction` takes no value, but has `please`",
        "-- sqlmigrate: no-transaction",
    ),
    "-- sqlmigrate: lock-timeout": (
        "1:1 [-- sqlmigrate: lock-timeout] the directive `lock-timeout` needs a duration",
        DURATION + "lock-timeout 5s",
    ),
    "-- sqlmigrate: lock-timeout 5 seconds": (
        "1:29 [5 seconds] `5 seconds` is not a duration",
        DURATION + "lock-timeout 5s",
    ),
    "-- sqlmigrate: lock-timeout -1": (
        "1:29 [-1] `-1` is not a duration",
        DURATION + "lock-timeout 5s",
    ),
    "-- sqlmigrate: lock-timeout 1.5s": (
        "1:29 [1.5s] `1.5s` is not a duration",
        DURATION + "lock-timeout 5s",
    ),
    "-- sqlmigrate: lock-timeout 5s'; drop table t": (
        "1:29 [5s'; drop table t] `5s'; drop table t` is not a duration",
        DURATION + "lock-timeout 5s",
    ),
    "-- sqlmigrate: statement-timeout 25d": (
        "1:34 [25d] `25d` is longer than PostgreSQL can wait, which is 24 days",
        DURATION + "statement-timeout 5s",
    ),
    "-- sqlmigrate: irreversible because": (
        "1:29 [because] expected a reason in parentheses, not `because`",
        "-- sqlmigrate: irreversible (because)",
    ),
    "-- sqlmigrate: irreversible ()": (
        "1:29 [()] expected a reason in parentheses, not `()`",
        "-- sqlmigrate: irreversible (why)",
    ),
    "-- sqlmigrate: allow": (
        "1:1 [-- sqlmigrate: allow] the directive `allow` needs one rule and a reason",
        "-- sqlmigrate: allow RULE (why it is intended)",
    ),
    "-- sqlmigrate: allow rewrites-table": (
        "1:22 [rewrites-table] the directive `allow` needs one rule and a reason",
        "-- sqlmigrate: allow RULE (why it is intended)",
    ),
    "-- sqlmigrate: allow rewrites-table ( )": (
        "1:22 [rewrites-table ( )] the directive `allow` needs one rule and a reason",
        "-- sqlmigrate: allow RULE (why it is intended)",
    ),
    "-- sqlmigrate: irreversible (why)": (
        "1:29 [(why)] `(why)` is a placeholder, not a reason",
        "write in the parentheses why it is intended, for those who read the file later",
    ),
    "-- sqlmigrate: irreversible ( Why )": (
        "1:29 [( Why )] `( Why )` is a placeholder, not a reason",
        "write in the parentheses why it is intended, for those who read the file later",
    ),
    "-- sqlmigrate: allow drop-column (why)": (
        "1:22 [drop-column (why)] `(why)` is a placeholder, not a reason",
        "write in the parentheses why it is intended, for those who read the file later",
    ),
    "-- sqlmigrate: allow drop-column (why it is intended)": (
        "1:22 [drop-column (why it is intended)] `(why it is intended)` is a placeholder, not a reason",
        "write in the parentheses why it is intended, for those who read the file later",
    ),
    "-- sqlmigrat: no-transaction": (
        "1:4 [sqlmigrat] `sqlmigrat:` does not begin a directive",
        "did you mean `-- sqlmigrate: no-transaction`?",
    ),
    "-- SQLMigrate: lock-timeout 5s": (
        "1:4 [SQLMigrate] `SQLMigrate:` does not begin a directive",
        "did you mean `-- sqlmigrate: lock-timeout`?",
    ),
    "/* sqlmigrate: no-transaction */": (
        "1:4 [sqlmigrate] a directive must be a `--` comment of its own",
        "-- sqlmigrate: no-transaction …",
    ),
}


@pytest.mark.parametrize(("line", "expected"), BAD.items(), ids=BAD)
def test_a_wrong_directive_is_refused(line: str, expected: tuple[str, str]) -> None:
    """The error names the fault and its place, and how to write the directive."""
    assert faults(f"{line}\nselect 1;") == [" → ".join(expected)]


def test_the_place_of_a_directive() -> None:
    """Line and column count in the file, also after CRLF, an indent and wide characters."""
    assert faults("-- 表😀\r\n/* 表 */  -- sqlmigrate: nonsense\r\nselect 1;") == [
        f"2:25 [nonsense] unknown directive `nonsense` → {KNOWN}"
    ]


@pytest.mark.parametrize("line", [line for line in GOOD if "allow" not in line])
def test_a_directive_after_a_statement_is_refused(line: str) -> None:
    """A directive for the whole file must be at its top, where a reader sees it in time."""
    name, line = GOOD[line][0], line.rstrip()

    hint = "move it to the top of the file, before the first statement"
    fault = f"2:1 [{line}] the directive `{name}` comes after a statement → {hint}"

    assert faults(f"select 1;\n{line}\nselect 2;") == [fault]
    assert faults(f"select 1;\n{line}\n") == [fault]


def test_a_directive_that_is_given_twice_is_refused() -> None:
    """The program does not guess which of two values is intended. Only `allow` may be given several times."""
    assert faults("-- sqlmigrate: lock-timeout 5s\n-- sqlmigrate: lock-timeout 6s\nselect 1;") == [
        (
            "2:1 [-- sqlmigrate: lock-timeout 6s] the directive `lock-timeout` is here and in line 1"
            " → remove one of the two"
        )
    ]

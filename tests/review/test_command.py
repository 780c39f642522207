"""The commands of the review on the command line: completion, and JSON of what is not a review."""

from __future__ import annotations

import json
from pathlib import Path

import click
import narrow_terminal
import pytest
from in_process import Quick

from sqlmigrate.cli.commands import cli
from sqlmigrate.output.excerpt import cell_count
from sqlmigrate.review import sizes
from sqlmigrate.review.rules.all_rules import RULES, SUBJECTS


@pytest.fixture
def quick(tmp_path: Path) -> Quick:
    """The program in an empty folder, with no database named."""
    return Quick(tmp_path, {"CI": "true"})


@pytest.mark.parametrize(
    ("typed", "offered"), [("drop-col", ["drop-column"]), ("", list(RULES)), ("xyz", [])], ids=repr
)
def test_the_names_of_rules_are_completed(typed: str, offered: list[str]) -> None:
    """`sqlmigrate explain` offers every rule that begins with what was typed."""
    command = cli.get_command(click.Context(cli), "explain")
    assert command is not None
    (argument,) = (each for each in command.params if each.name == "rule")

    found = argument.shell_complete(click.Context(command), typed)

    assert [item.value for item in found] == offered


def test_the_list_of_rules(tmp_path: Path, quick: Quick) -> None:
    """Rules are under their subject; on a terminal, a title that does not fit next to the name is on the next line."""
    piped, screen = quick("explain").stdout, narrow_terminal.on_terminal(tmp_path, "", "explain")

    assert piped.startswith(
        "Locks\n   work-under-lock                      danger   long work is done while a lock blocks others\n"
    )
    assert screen.startswith(
        "Locks\n   work-under-lock                      danger\n      long work is done while a lock blocks others\n"
    )
    assert [line for line in screen.splitlines() if cell_count(line) > 80] == []
    assert screen.split() == piped.split()
    heads = [line for line in piped.splitlines() if line and line[0] != " "]
    assert heads == [*SUBJECTS, "all about one rule: sqlmigrate explain RULE"]
    assert [line.split()[0] for line in piped.splitlines() if line[:1] == " "] == list(RULES)


def test_a_page_of_a_rule_fits_the_terminal(tmp_path: Path) -> None:
    """Sentences are wrapped; the address of PostgreSQL's page and SQL are not."""
    screen = narrow_terminal.on_terminal(tmp_path, "", "explain", "drop-index-blocking", columns=60)

    assert [line for line in screen.splitlines() if cell_count(line) > 60 and "https://" not in line] == []


def test_the_list_of_rules_as_json(quick: Quick) -> None:
    """One value with every rule; with a name, the same value with this rule alone."""
    every, one = (json.loads(quick("explain", *name, "--format", "json").stdout) for name in ([], ["drop-column"]))

    assert [rule["name"] for rule in every["rules"]] == list(RULES)
    assert one["rules"] == [rule for rule in every["rules"] if rule["name"] == "drop-column"]


def test_an_unknown_rule_as_json(quick: Quick) -> None:
    """An error on stderr, exit 2, with the nearest name."""
    ended = quick("explain", "drop-colum", "--format", "json")

    ((error,),) = (json.loads(line)["error"] for line in ended.stderr.splitlines())
    assert (ended.code, ended.stdout, error["message"]) == (2, "", "unknown rule `drop-colum`")


def test_the_query_of_sizes(quick: Quick) -> None:
    """As text it can be given to psql as it is; as JSON it is one value."""
    assert quick("review", "--sizes-query").stdout.strip() == sizes.QUERY.strip()
    assert json.loads(quick("review", "--sizes-query", "--format", "json").stdout) == {"query": sizes.QUERY}


WRONG = {
    "an unknown format": (
        ["--output", "pdf=review.pdf"],
        (
            "--output pdf=review.pdf: expected FORMAT=FILE, with one of the formats "
            "text, markdown, json, sarif, github, gitlab, html → for example: --output markdown=review.md"
        ),
    ),
    "no file": (
        ["--output", "html"],
        (
            "--output html: expected FORMAT=FILE, with one of the formats "
            "text, markdown, json, sarif, github, gitlab, html → for example: --output markdown=review.md"
        ),
    ),
    "a missing seed": (["--seed", "rows.sql"], "--seed rows.sql: there is no such file → None"),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_option_of_a_review(arguments: list[str], message: str, quick: Quick) -> None:
    """It is refused before anything is read or executed: exit 2, with the way to write it."""
    ended = quick("review", *arguments, "--format", "json")

    ((error,),) = (json.loads(line)["error"] for line in ended.stderr.splitlines())
    assert (ended.code, ended.stdout, f"{error['message']} → {error['hint']}") == (2, "", message)


def test_an_error_of_a_review_as_json(quick: Quick) -> None:
    """Without a git repository there is nothing to compare with; to a program that is JSON on stderr."""
    ended = quick("review", "--format", "json")

    ((error,),) = (json.loads(line)["error"] for line in ended.stderr.splitlines())
    assert (ended.code, ended.stdout, error["kind"]) == (2, "", "ConfigError")

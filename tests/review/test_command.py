"""The commands of the review on the command line: completion, and JSON of what is not a review."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from in_process import Quick

from sqlmigrate.cli.commands import cli
from sqlmigrate.review import sizes
from sqlmigrate.review.rules.all_rules import RULES


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

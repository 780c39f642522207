"""`--format json` of every command, those of the rooms included: stdout and stderr are JSON, line by line."""

from __future__ import annotations

import json
import re
from typing import Any

import click
import pytest
from git_repository import Repository
from project import Project

from sqlmigrate.cli.commands import cli

NAMES = sorted(cli.list_commands(click.Context(cli)))

# The flags that the example in the help of a command needs to run without a terminal.
MORE = {"repair": ["--yes"], "squash": ["--yes"]}


def _lines(text: str) -> list[Any]:
    """Parse an output: one value, or one on each line."""
    try:
        return [json.loads(text)]
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines()]


def _example(name: str) -> list[str]:
    """Return the arguments in the example that the help of a command shows."""
    example = str(cli.commands[name].epilog).removeprefix("Example: ").removeprefix('eval "$(').removesuffix(')"')
    words = re.findall(r'"[^"]*"|\S+', example)
    assert words[:2] == ["sqlmigrate", name]
    return [word.strip('"') for word in words[1:]]


@pytest.fixture
def branch(project: Project) -> Project:
    """A git repository: two migrations are merged into origin/main and executed, a third is new and pending."""
    root = project.folder.parent
    repository = Repository(root, root / "home").init()
    project.add_tables("a", "b").up()
    repository.commit()
    repository.git("update-ref", "refs/remotes/origin/main", "HEAD")
    return project.add("003_add_roles", "create table c (id int);", "drop table c;")


def _write_dbmate(branch: Project) -> None:
    folder = branch.folder.parent / "db" / "migrations"
    folder.mkdir(parents=True)
    (folder / "20240101_a.sql").write_text("-- migrate:up\nselect 1;\n-- migrate:down\nselect 2;\n")


@pytest.mark.parametrize("name", NAMES)
def test_a_command_writes_json(name: str, branch: Project) -> None:
    """The example in its help ends well, and everything that it writes is JSON."""
    if name == "repair":
        branch.up()
        branch.add("003_add_roles", "create table c (id bigint);")

    if name == "fleet":
        (branch.folder.parent / "targets.txt").write_text("shop application_name=fleet\n", encoding="utf-8")
    if name == "adopt":
        _write_dbmate(branch)

    ended = branch.call(*_example(name), *MORE.get(name, []), "--format", "json")

    assert ended.code == (3 if name == "status" else 0), ended.stderr
    assert _lines(ended.stdout)
    assert ended.stderr == ""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("flags", [["--format", "json"], ["--format=json"]], ids=["apart", "in one word"])
def test_a_wrong_flag_is_told_as_json(name: str, flags: list[str], branch: Project) -> None:
    """Usage errors, which click finds, are errors like all others to a program: exit 2, on stderr."""
    for arguments in ([*flags, name, "--no-such-flag"], [name, "--no-such-flag", *flags]):
        ended = branch.call(*arguments)

        ((error,),) = (each["error"] for each in _lines(ended.stderr))
        assert (ended.code, ended.stdout) == (2, "")
        assert error["message"].startswith("No such option '--no-such-flag'.")
        assert error["next"] == [f"sqlmigrate {name} --help"]


def test_an_unknown_command_is_told_as_json(branch: Project) -> None:
    """As the error of the program itself."""
    ended = branch.call("--format", "json", "statsu")

    ((error,),) = (each["error"] for each in _lines(ended.stderr))
    assert (ended.code, ended.stdout) == (2, "")
    assert error["message"] == "No such command 'statsu'. Did you mean 'status'?"
    assert error["next"] == ["sqlmigrate --help"]


@pytest.mark.parametrize(
    "name", [name for name in NAMES if "database_url" in {p.name for p in cli.commands[name].params}]
)
def test_an_error_of_a_command_is_json(name: str, branch: Project) -> None:
    """An error that the command finds itself goes to stderr, and stdout stays empty."""
    branch.call("reset", "--yes")  # where a question would be asked, there is something to do

    if name == "adopt":
        _write_dbmate(branch)

    ended = branch.call(*_example(name), *MORE.get(name, []), "--format", "json", "--database-url", "")

    ((error,),) = (each["error"] for each in _lines(ended.stderr))
    assert (ended.code, ended.stdout) == (2, "")
    assert (error["kind"], error["message"]) == ("ConfigError", "--database-url is empty")

"""The architecture: imports go one way, each outside thing has one door, every command is told of."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import sqlmigrate
from sqlmigrate.cli import cli

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "sqlmigrate").glob("*.py"))
MODULES = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}

# Data moves down this list: a module imports only from those before it.
CORRIDOR = (
    "source",
    "errors",
    "settings",
    "split",
    "directive",
    "statement",
    "files",
    "config",
    "accounts",
    "embedded",
    "libpq",
    "database",
    "lock",
    "history",
    "logbook",
    "record",
    "observer",
    "plan",
    "way_down",
    "change",
    "refusal",
    "event",
    "outcome",
    "envelope",
    "resume",
    "pooler",
    "upkeep",
    "underway",
    "alone",
    "execution",
    "run",
    "excerpt",
    "fold",
    "writer",
    "progress",
    "machine",
    "listing",
    "report",
    "signals",
    "call",
    "cli",
)

# What is outside, and who may touch it.
DOORS = {
    "sqlparse": {"statement"},
    "psycopg.connect": {"database"},
    "subprocess": {"embedded", "accounts"},
    "click": {"call", "cli"},  # what commands have in common, and the commands
    "rich": {"writer", "excerpt"},
    "signal": {"signals", "embedded"},  # one receives them, one sends them to its server
    "os.environ": {"call", "writer"},  # call hands it to config; writer asks for NO_COLOR and TERM
    "sys.stdout": {"writer"},
    "sys.stderr": {"writer", "call"},  # call asks whether somebody is there to answer
    "print": set(),
}


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            yield from [node.module] if node.module else [alias.name for alias in node.names]


def _touched(tree: ast.Module) -> Iterator[str]:
    """Name the packages that are imported, and the attributes and functions of modules that are used."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Name):
            yield node.id


def _functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for name, tree in MODULES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                yield f"{name}.{node.name}", node


def test_every_module_has_its_place() -> None:
    """The corridor names every module there is, and no other."""
    assert set(CORRIDOR) == set(MODULES) - {"__init__", "__main__"}


@pytest.mark.parametrize("name", CORRIDOR)
def test_imports_go_one_way(name: str) -> None:
    """A module imports only from lines above its own, also inside functions."""
    above = set(CORRIDOR[: CORRIDOR.index(name)])

    assert set(_imported(MODULES[name])) - {"__version__"} <= above


@pytest.mark.parametrize("outside", DOORS)
def test_each_outside_thing_has_one_door(outside: str) -> None:
    """Nobody else imports or calls it."""
    assert {name for name, tree in MODULES.items() if outside in set(_touched(tree))} == DOORS[outside]


def test_no_module_is_called_utils() -> None:
    """A module is one noun that says what is in it."""
    assert not {"utils", "helpers", "common", "lib", "misc"} & set(MODULES)


def test_functions_are_short() -> None:
    """No function is longer than 50 lines, its docstring counted; half of them have at most 10."""
    lengths = {name: (node.end_lineno or 0) - node.lineno + 1 for name, node in _functions()}

    assert {name: length for name, length in lengths.items() if length > 50} == {}
    assert sorted(lengths.values())[len(lengths) // 2] <= 10


def test_modules_are_short() -> None:
    """No module is longer than 400 lines."""
    lengths = {path.stem: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}

    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_public_names_are_exact() -> None:
    """The library is these names, and each can be had."""
    names = ["__version__", "down", "load", "split", "status", "up"]

    assert sorted(sqlmigrate.__all__) == names
    assert all(getattr(sqlmigrate, name) for name in names)


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_is_told_of(name: str) -> None:
    """A command stands in README's table, and its help says what it does and shows an example."""
    command = cli.commands[name]
    shown = command.get_help(click.Context(command, info_name=name))

    assert re.search(rf"^\| `sqlmigrate {name}\b", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert command.help
    assert re.search(rf"Example: .*sqlmigrate {name}\b", shown)


def test_readme_is_short() -> None:
    """README stays under 520 lines, screens included."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 520

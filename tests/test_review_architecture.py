"""The room `review`: imports go one way inside it, and nothing of the corridor leads into it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "sqlmigrate"
ROOM = PACKAGE / "review"

# Data moves down this list: a module imports only from those before it.
ORDER = (
    "rule",
    "rules_lock",
    "rules_index",
    "rules_constraint",
    "rules_rewrite",
    "rules_partition",
    "rules_failure",
    "rules_data",
    "rules_shape",
    "rules_down",
    "rules_git",
    "rules",
    "git",
    "base",
    "renumber",
    "installed",
    "roles",
    "place",
    "shadow",
    "catalog_sql",
    "catalog_rare",
    "catalog_others",
    "catalog",
    "rows",
    "shapes",
    "inventory",
    "fitting",
    "bounds",
    "seed",
    "facts",
    "watch_sql",
    "watch",
    "altered",
    "subject",
    "gaps",
    "skipped",
    "trip",
    "detect_failure",
    "detect_lock",
    "detect_data",
    "detect_text",
    "detect_down",
    "detect",
    "sizes",
    "review",
    "formats",
    "command",
)


def _imported(path: Path) -> Iterator[str]:
    """Name the modules of the room that one of them imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            yield from [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlmigrate.review"):
            yield from (node.module or "").split(".")[2:3] or [alias.name for alias in node.names]


def test_the_list_is_complete() -> None:
    """Every module of the room has its place in the order."""
    found = {path.stem for path in ROOM.glob("*.py")} - {"__init__"} | {path.name for path in ROOM.glob("[a-z]*/")}
    assert found == set(ORDER)


@pytest.mark.parametrize("name", [name for name in ORDER if name != "formats"])
def test_imports_go_one_way(name: str) -> None:
    """A module imports only from those above it."""
    above = ORDER[: ORDER.index(name)]
    assert [other for other in _imported(ROOM / f"{name}.py") if other not in above] == []


def test_nothing_leads_into_the_room() -> None:
    """The corridor does without the room: it can be removed, with its commands and its tests, without another edit."""
    corridor = [path for path in PACKAGE.glob("*.py") if "review" in path.read_text(encoding="utf-8")]
    leading = [
        path.name
        for path in corridor
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and "review" in (node.module or "").split(".")
    ]
    assert leading == []

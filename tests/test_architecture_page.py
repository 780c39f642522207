"""docs/architecture.md lists the packages and modules that there are, in the order in which they import each other."""

from __future__ import annotations

import ast
import re
from typing import Any

from documents import ROOT

PACKAGE = ROOT / "sqlmigrate"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
RULES = ast.parse((ROOT / "tests" / "test_architecture.py").read_text(encoding="utf-8"))


def _constant(name: str) -> Any:
    """Return a list of tests/test_architecture.py, which the program itself is held against."""
    (value,) = [
        node.value
        for node in RULES.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name
    ]
    return ast.literal_eval(value)


def _rows(head: str) -> dict[str, str]:
    """Return a table of the page: the first cell of each row, without its backticks, and the last."""
    _, _, rest = PAGE.partition(f"\n| {head} |")
    rows = [line.strip("| ").split(" | ") for line in rest.split("\n\n")[0].splitlines()[2:]]
    return {row[0].strip("`"): row[-1] for row in rows}


def test_every_module_is_listed() -> None:
    """Each package stands there with its modules, no more and no fewer."""
    listed = {name: set(re.findall(r"`(\w+)`", modules)) for name, modules in _rows("package").items()}
    found: dict[str, set[str]] = {"(top level)": {path.stem for path in PACKAGE.glob("*.py")}}
    for path in PACKAGE.glob("*/*.py"):
        if path.parent.name not in _constant("ROOMS"):
            found.setdefault(path.parent.name, set()).update({path.stem} - {"__init__"})

    assert listed == found


def test_the_packages_stand_in_their_order() -> None:
    """Data moves down the list, as it moves in the code."""
    listed = [name for name in _rows("package") if name != "(top level)"]

    assert listed == [name for name in _constant("TRUNK") if name in listed]


def test_every_part_of_the_review_is_listed() -> None:
    """Its parts stand there in their order."""
    assert tuple(_rows("part of `review`")) == _constant("ROOMS")["review"]


def test_named_files_exist() -> None:
    """A path in the text is a file or a folder of the project."""
    named = re.findall(r"`((?:tests/)?[a-z_]+/[\w./]*)`", PAGE)

    assert [name for name in named if not (ROOT / name).exists() and not (PACKAGE / name).exists()] == []

"""The architecture: packages import one way, each outside thing has one door, every command is documented."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import sqlmigrate
from sqlmigrate.cli.commands import cli

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sqlmigrate"
FILES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}

# Data moves down this list: a package (or a module next to them) imports only from those above it.
TRUNK = (
    "version",
    "source",
    "identifiers",
    "durations",
    "times",
    "spelling",
    "errors",
    "config",
    "parsing",
    "files",
    "embedded",
    "database",
    "catalog",
    "ddl",
    "history",
    "plan",
    "executor",
    "operations",
    "shadow",
    "output",
    "cli",
)
# A room stands on all of the trunk and on no other room. Its own parts, in their order:
ROOMS = {
    "review": (
        "rules",
        "new",
        "seed",
        "measure",
        "results",
        "sizes",
        "findings",
        "advice",
        "formats",
        "base",
        "pipeline",
        "command",
    ),
    "adopt": (
        "foreign",
        "sections",
        "versions",
        "tools",
        "folders",
        "histories",
        "pairs",
        "adoption",
        "checks",
        "record",
        "by_dump",
        "look",
        "files_written",
        "finish",
        "write",
        "undo",
        "screens",
        "command",
    ),
    "schema": (
        "file",
        "screens",
        "drift_result",
        "drift_against",
        "drift_screen",
        "drift_formats",
        "drift_command",
        "squash_carried",
        "squash_text",
        "squash_files",
        "squash_screens",
        "squash_command",
        "command",
    ),
    "fleet": (
        "target",
        "target_file",
        "target_queries",
        "sources",
        "differing",
        "advice",
        "agreeing",
        "results",
        "policy",
        "brake",
        "queue",
        "pool",
        "look",
        "edited",
        "target_run",
        "run",
        "inspection",
        "causes",
        "standings",
        "formats",
        "screens",
        "html_style",
        "html_parts",
        "html",
        "pages",
        "typed",
        "report",
        "call",
        "executing",
        "accepting",
        "looking",
        "calls",
        "command",
    ),
}

# What is outside, and the modules that may touch it.
DOORS = {
    "sqlparse": {"parsing/classify.py"},
    "psycopg.connect": {"database/connect.py"},
    "subprocess": {"embedded/account.py", "embedded/cluster.py", "embedded/programs.py", "review/new/git.py"},
    "signal": {"cli/signals.py", "embedded/cluster.py"},  # one receives them, one sends them to its server
    "click": {f"cli/{name}.py" for name in ("commands", "completion", "context", "options", "program", "usage_errors")}
    | {f"{name}.py" for name in ("review/command", "adopt/command", "schema/command", "fleet/command", "fleet/typed")}
    | {"schema/drift_command.py", "schema/squash_command.py"},
    "rich": {"output/writer.py", "output/excerpt.py"},
    "os.environ": {"cli/context.py", "output/writer.py"},  # the writer asks for NO_COLOR and TERM
    "sys.stdin": {"cli/context.py"},  # which asks whether somebody is there to answer
    "sys.stdout": {"output/writer.py"},
    "sys.stderr": {"output/writer.py", "cli/context.py"},
    "datetime.now": {"times.py"},
    "time.time": {"shadow/databases.py"},  # the age of kept databases
    "print": set(),
}


def _place(name: str) -> str:
    """Give the package of the trunk, or the room, that a file belongs to."""
    return name.split("/", maxsplit=1)[0].removesuffix(".py")


def _imported(name: str) -> Iterator[list[str]]:
    """Give the modules of ours that a file imports, also inside functions, as the parts of their names."""
    package = ["sqlmigrate", *name.split("/")[:-1]]
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1:] for alias in node.names if alias.name.startswith("sqlmigrate."))
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = [*above, *(node.module or "").split(".")] if node.module else above
            if base[:1] == ["sqlmigrate"]:
                yield from ([*base[1:], alias.name] for alias in node.names)


def _touched(tree: ast.Module) -> set[str]:
    """Name the packages that are imported, and the attributes and functions of modules that are used."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found |= {node.module.split(".")[0], *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.add(f"{node.value.id}.{node.attr}")
        elif isinstance(node, ast.Name):
            found.add(node.id)
    return found


def test_every_package_has_its_place() -> None:
    """The lists name every package and module there is, and no other."""
    found = {_place(name) for name in FILES} - {"__init__", "__main__"}
    parts = {room: {name.split("/")[1].removesuffix(".py") for name in FILES if _place(name) == room} for room in ROOMS}

    assert found == {*TRUNK, *ROOMS}
    assert {room: set(order) for room, order in ROOMS.items()} == {
        room: names - {"__init__"} for room, names in parts.items()
    }


@pytest.mark.parametrize("name", [name for name in FILES if _place(name) in TRUNK])
def test_the_trunk_imports_one_way(name: str) -> None:
    """A module imports from its own package and from those above it, also inside functions; never from a room."""
    allowed = {*TRUNK[: TRUNK.index(_place(name)) + 1], "__version__"}

    assert [parts for parts in _imported(name) if parts[0] not in allowed] == []


@pytest.mark.parametrize("name", [name for name in FILES if _place(name) in ROOMS])
def test_a_room_imports_one_way(name: str) -> None:
    """A module of a room imports from the trunk, and in the room from its own part and from those above it."""
    room, *rest = name.split("/")
    order = ROOMS[room]
    part = rest[0].removesuffix(".py")
    above = set(order[: order.index(part) + 1]) if part in order else set(order)  # the package exports its parts

    found = list(_imported(name))
    assert [parts for parts in found if parts[0] != room and parts[0] not in TRUNK] == []
    assert [parts for parts in found if parts[0] == room and parts[1] not in above] == []


@pytest.mark.parametrize("name", FILES)
def test_imports_across_packages_are_absolute(name: str) -> None:
    """Inside a package imports are relative, across packages absolute."""
    package = name.split("/")[:-1]
    relative = [node for node in ast.walk(TREES[name]) if isinstance(node, ast.ImportFrom) and node.level > 1]

    assert relative == []
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").startswith("sqlmigrate."):
            assert (node.module or "").split(".")[1 : len(package) + 1] != package or not package, node.module


def _cycle(graph: dict[str, set[str]]) -> list[str]:
    """Find a circle in a graph; nothing where there is none."""

    def visit(node: str, path: list[str]) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        return next((found for other in graph.get(node, ()) if (found := visit(other, [*path, node]))), [])

    return next((found for node in graph if (found := visit(node, []))), [])


@pytest.mark.parametrize("package", sorted({name.rpartition("/")[0] for name in FILES}))
def test_no_circle_inside_a_package(package: str) -> None:
    """The modules of a package do not import each other in a circle, also not inside functions."""
    inside = {name: name.rpartition("/")[2].removesuffix(".py") for name in FILES if name.rpartition("/")[0] == package}
    depth = len(package.split("/")) if package else 0
    graph = {
        stem: {
            parts[depth]
            for parts in _imported(name)
            if parts[:depth] == (package.split("/") if package else []) and parts[depth] in inside.values()
        }
        for name, stem in inside.items()
        if stem not in ("__init__", "__main__")
    }

    assert _cycle(graph) == []


@pytest.mark.parametrize("outside", DOORS)
def test_each_outside_thing_has_one_door(outside: str) -> None:
    """No other module imports or calls it, in the rooms neither."""
    assert {name for name, tree in TREES.items() if outside in _touched(tree)} == DOORS[outside]


def test_no_module_is_called_utils() -> None:
    """A module's name says what is in it."""
    names = {Path(name).stem for name in FILES} | {part for name in FILES for part in name.split("/")[:-1]}
    assert not {"utils", "helpers", "common", "lib", "misc"} & names


def test_every_package_says_what_it_holds() -> None:
    """Each package has a docstring that tells where it stands."""
    packages = [name for name in TREES if name.endswith("__init__.py")]
    assert [name for name in packages if not ast.get_docstring(TREES[name])] == []


def test_functions_are_short() -> None:
    """No function is longer than 50 lines, its docstring counted; half of them have at most 10."""
    lengths = {
        f"{name}: {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }

    assert {name: length for name, length in lengths.items() if length > 50} == {}
    assert sorted(lengths.values())[len(lengths) // 2] <= 10


def test_public_names_are_exact() -> None:
    """The library is these names, and each can be had."""
    names = ["DriftPolicy", "Limits", "__version__", "down", "load", "split", "status", "up"]

    assert sorted(sqlmigrate.__all__) == names
    assert all(getattr(sqlmigrate, name) for name in names)


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_is_documented(name: str) -> None:
    """A command stands in README's table, and its help says what it does and shows an example."""
    command = cli.commands[name]
    shown = command.get_help(click.Context(command, info_name=name))

    assert re.search(rf"^\| `sqlmigrate {name}\b", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert command.help
    assert re.search(rf"Example: .*sqlmigrate {name}\b", shown)


@pytest.mark.parametrize("test", [path.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")])
def test_tests_mirror_the_source(test: Path) -> None:
    """A folder of tests is named after the package that it tests, but for helpers, figures, faults and other tools."""
    folder = test.parent.as_posix()
    assert folder in (".", "support", "bench", "faults", "adopt/real_tools") or (PACKAGE / folder).is_dir()

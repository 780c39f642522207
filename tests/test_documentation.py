"""README, its companions and `docs/` say what is true: commands, settings, keys, links. What can be run is run."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import children
import citus_cluster
import click
import documents
import psycopg
import pytest
from documents import ROOT
from git_repository import Repository
from postgres_servers import Server
from project import Project

import sqlmigrate
from sqlmigrate.cli.commands import cli
from sqlmigrate.config import project_file
from sqlmigrate.config.settings import SETTINGS, markdown_table
from sqlmigrate.files.folder import load
from sqlmigrate.history.table import COLUMNS

DOCUMENTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in documents.documents()}
COMMANDS = {name: cli.get_command(click.Context(cli), name) for name in cli.list_commands(click.Context(cli))}
PAGES = "\n".join(text for name, text in DOCUMENTS.items() if name == "README.md" or name.startswith("docs/"))

_FENCE = re.compile(
    r"^(?:<!-- copy of (?P<copy>\S+) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    document: str
    line: int
    language: str
    text: str
    copy: str | None

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def _blocks() -> Iterator[Block]:
    for name, text in DOCUMENTS.items():
        for match in _FENCE.finditer(text):
            line = text.count("\n", 0, match.start("language")) + 1
            yield Block(name, line, match["language"], match["text"], match["copy"])


BLOCKS = tuple(_blocks())


def blocks(language: str) -> list[Block]:
    """Return the blocks of a language that are no copies: a copy is tested where its file is."""
    return [block for block in BLOCKS if block.language == language and block.copy is None and not _is_rule(block)]


def _is_rule(block: Block) -> bool:
    """Tell whether a block is on a page of a rule; those are made from files that tests/review/rules executes."""
    return block.document.startswith("docs/rules/")


def prose(text: str) -> str:
    """Return a document without its fenced blocks."""
    return _FENCE.sub("", text)


# copies, links


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_copies_are_fresh(name: str) -> None:
    """A copied screen or file is as its file is now; `make docs` writes it again."""
    assert documents.with_fresh_copies(DOCUMENTS[name]) == DOCUMENTS[name]


def test_every_screen_in_a_document_is_a_copy() -> None:
    """A terminal session in a document is a stored screen, which a test compares with the program."""
    assert blocks("console") == []


def _slug(heading: str) -> str:
    """Return the anchor that GitHub and GitLab give to a heading."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def _anchors(text: str) -> set[str]:
    return {_slug(heading) for heading in re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)}


def _links(name: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", prose(DOCUMENTS[name]))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    """A relative link names a file or folder that there is, and an anchor names a heading of it."""
    missing = []
    for link in _links(name):
        if link.startswith(("https://", "mailto:")):
            continue
        target, _, anchor = link.partition("#")
        path = (ROOT / name).parent / target if target else ROOT / name
        if not path.exists() or (anchor and anchor not in _anchors(path.read_text(encoding="utf-8"))):
            missing.append(link)

    assert missing == []


def test_every_page_is_linked() -> None:
    """A page of docs/ can be reached from README or from the index of docs/."""
    indexes = [name for name in DOCUMENTS if name.endswith("README.md")]
    linked = {os.path.normpath(Path(name).parent / link.partition("#")[0]) for name in indexes for link in _links(name)}

    assert {name for name in DOCUMENTS if name not in linked and str(Path(name).parent) not in linked} <= {"README.md"}


def test_readme_is_short() -> None:
    """README is a first look: what is longer is a page of docs/."""
    assert DOCUMENTS["README.md"].count("\n") <= 260


# commands and settings


def _mentioned() -> Iterator[tuple[str, str]]:
    """Yield what documents write as a call of the program, `sqlmigrate …`, with the document."""
    for name, text in DOCUMENTS.items():
        code = [
            block.text for block in BLOCKS if block.document == name and block.language in ("sh", "yaml", "console")
        ]
        lines = [re.sub(r"(^|\s)#.*", "", line) for part in code for line in part.splitlines()]
        for line in [*lines, *re.findall(r"`([^`\n]+)`", prose(text).replace("\n", " "))]:
            yield from ((name, match[0]) for match in re.finditer(r"(?<![\w./\[-])sqlmigrate [a-z-][^|&;#)>]*", line))


def _words(call: str) -> list[str]:
    """Cut a call into words; what is optional in a table stands in brackets."""
    lexer = shlex.shlex(re.sub(r"[\[\]…]", " ", call), posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        return list(lexer)[1:]
    except ValueError:  # a quote that is open where the call was cut out of its line
        return call.split()[1:]


def _wrong_words(call: str) -> list[str]:
    """Return the command and the options of a call that the program does not know."""
    known = {option for parameter in cli.params for option in parameter.opts}
    wrong: list[str] = []
    command = None
    words = iter(_words(call))
    for word in words:
        name = word.partition("=")[0]
        if word.startswith("--"):
            allowed = known | {option for each in (command.params if command else ()) for option in each.opts}
            wrong += [] if name in allowed | {"--help", "--version"} else [word]
            if command is None and "=" not in word and name not in ("--help", "--version"):
                next(words, None)  # the value of a shared option
        elif command is None:
            command = COMMANDS.get(word)
            wrong += [] if command or word == "COMMAND" else [word]
            if command is None:
                break
    return wrong


def test_every_call_in_a_document_is_known() -> None:
    """A document names no command and no option that the program does not have."""
    calls = [(name, call) for name, call in _mentioned() if name != "CHANGELOG.md"]

    assert len(calls) > 100
    assert [(name, call) for name, call in calls if _wrong_words(call)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_is_documented(command: str) -> None:
    """A command stands in README, and each of its options in README or in a page of docs/."""
    found = COMMANDS[command]
    assert found is not None
    options = [option for each in found.params if isinstance(each, click.Option) for option in each.opts]

    assert f"`sqlmigrate {command}" in DOCUMENTS["README.md"]
    assert [option for option in options if option not in PAGES and option.startswith("--")] == []


def test_readme_lists_no_other_command() -> None:
    """The rows of README's table are the commands, no more and no fewer."""
    rows = re.findall(r"^\| `sqlmigrate ([a-z]+)", DOCUMENTS["README.md"], re.MULTILINE)

    assert sorted(rows) == sorted(COMMANDS)


def test_every_setting_is_documented() -> None:
    """The table is made from the records, a row for each."""
    assert markdown_table() in DOCUMENTS["docs/settings.md"]
    assert markdown_table().count("\n") == len(SETTINGS) + 2


EXIT_CODES = ("0 done", "1 a migration or a check failed", "2 usage or settings", "4 another run holds the lock")


@pytest.mark.parametrize("words", [*EXIT_CODES, "5 cannot connect", "130 interrupted"])
def test_exit_codes_are_documented(words: str) -> None:
    """README and the page about CI say them in the same words."""
    for name in ("README.md", "docs/ci.md"):
        assert words in " ".join(DOCUMENTS[name].split())


# what can be run is run

# Lines of `sh` blocks that are not run, each with its reason.
NOT_RUN = {
    "python3 -m venv .venv": "the tests have an environment already",
    ". .venv/bin/activate": "the tests have an environment already",
    "pip install '.[embedded]'": "needs the index; tests/test_packaging.py builds and installs the wheel",
    "make test": "it runs this test",
    "make check": "it runs this test",
    "make format": "it would change the working tree",
    ".venv/bin/python -m pytest -n 0 tests/plan -k missing": "a test run inside of a test run",
    ".venv/bin/python -m pytest tests/parsing": "a test run inside of a test run",
}


def _empty(_folder: Path) -> None:
    """Begin in an empty folder."""


def _seeds(folder: Path) -> None:
    """Begin with a folder of rows for development."""
    (folder / "seeds").mkdir()
    (folder / "seeds" / "001_customers.up.sql").write_text("create table if not exists customers ();", encoding="utf-8")


def _own_sql(folder: Path) -> None:
    """Begin with the migrations of this repository."""
    shutil.copytree(ROOT / "sql", folder / "sql")


def _shop(folder: Path) -> None:
    """Begin with the example, its program being the one that is tested."""
    shutil.copytree(ROOT / "docs" / "examples" / "shop", folder, dirs_exist_ok=True)
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "sqlmigrate").symlink_to(folder / "bin" / "sqlmigrate")


def _targets(folder: Path) -> None:
    """Begin with the migrations of this repository, and one target: the database of the environment."""
    _own_sql(folder)
    (folder / "targets.txt").write_text("shop_01 application_name=fleet\n", encoding="utf-8")


def _own_sql_in_git(folder: Path) -> None:
    """Write the migrations of this repository into a repository."""
    _own_sql(folder)
    Repository(folder, folder / "home").init().commit()


# How the folder looks that the `sh` blocks of a document are pasted into, one after the other. Those of
# docs/coming-from.md belong to a tool each: tests/adopt/test_coming_from.py runs them.
STAGES: dict[str, Callable[[Path], None]] = {
    "README.md": _empty,
    "CONTRIBUTING.md": _empty,
    "docs/writing-migrations.md": _seeds,
    "docs/ci.md": _own_sql,
    "docs/drift.md": _own_sql,
    "docs/schema.md": _own_sql_in_git,
    "docs/fleet.md": _targets,
    "docs/examples/shop/README.md": _shop,
}


def _shell(folder: Path, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Paste lines into a shell in which the program is on the path; it stops at the first that fails."""
    program = folder / "bin" / "sqlmigrate"
    if not program.exists():
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sqlmigrate "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    path = os.pathsep.join([str(program.parent), environment.pop("PATH", ""), os.environ["PATH"]])
    return children.run(
        ["sh", "-e"], input=script, cwd=folder, env={**os.environ, "PATH": path, **environment},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
    )  # fmt: skip


def test_every_reason_is_needed() -> None:
    """A line that is left out stands in a document."""
    lines = {line for block in blocks("sh") for line in block.text.splitlines()}

    assert set(NOT_RUN) - lines == set()


def test_every_document_with_commands_has_a_folder_to_run_them_in() -> None:
    """What is not run here is run by a test of its own."""
    assert {block.document for block in blocks("sh")} - set(STAGES) == {"docs/coming-from.md"}


@pytest.mark.parametrize("document", STAGES)
def test_shell_commands_run(document: str, tmp_path: Path, postgres: Server, database: str) -> None:
    """The `sh` blocks of a document, pasted as they are written, end well."""
    folder = tmp_path / "my project"
    folder.mkdir()
    STAGES[document](folder)
    lines = [line for block in blocks("sh") if block.document == document for line in block.text.splitlines()]

    ended = _shell(folder, "\n".join(line for line in lines if line not in NOT_RUN), **_environment(postgres, database))

    assert ended.returncode == 0, ended.stdout


def _environment(postgres: Server, database: str) -> dict[str, str]:
    """Name the database, and put psql and pg_dump of its server on the path."""
    return {"DATABASE_URL": database, "PATH": str(postgres.cluster.program("pg_dump").parent)}


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_runs(block: Block, tmp_path: Path, database: str) -> None:
    """A Python block executes the migrations of this repository on the database that it names."""
    _own_sql(tmp_path)
    named = '"postgresql://localhost/shop"'
    assert named in block.text

    program = block.text.replace(named, repr(database))
    ended = children.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)

    assert (ended.returncode, ended.stderr) == (0, "")
    with psycopg.connect(database) as conn:
        assert conn.execute("select count(*) from migrations where status = 'executed'").fetchall() == [(3,)]


def _files(document: str) -> dict[str, str]:
    """Return the files that the SQL blocks of a document show, each below a comment with its path, by path."""
    files: dict[str, str] = {}
    for block in blocks("sql"):
        if block.document == document:
            _, *parts = re.split(r"^-- (sql/\S+)\n", block.text, flags=re.MULTILINE)
            files |= dict(zip(parts[::2], parts[1::2], strict=True))
    return dict(sorted(files.items()))


SHOWN = _files("docs/writing-migrations.md")
PER_ENVIRONMENT = {"PGOPTIONS": "-c shop.environment=staging -c shop.support_email=help@example.org"}


def _write_shown(project: Project, is_wanted: Callable[[str], bool]) -> None:
    project.folder.mkdir()
    for path, text in SHOWN.items():
        if is_wanted(path):
            (project.folder.parent / path).write_text(text, encoding="utf-8")


def test_all_sql_is_a_file() -> None:
    """Each SQL block begins with the path of a file."""
    assert [str(block) for block in blocks("sql") if not re.match(r"-- sql/\d{3}_\w+\.up\.sql\n", block.text)] == []
    assert {block.document for block in blocks("sql")} == {"docs/writing-migrations.md", CITUS}


CITUS = "docs/distributed.md"


def test_the_files_for_citus_can_be_executed(project: Project, citus: citus_cluster.Cluster) -> None:
    """Up, down, and up again, on a cluster; nothing that Citus drops later is called drift."""
    on_citus = project.at(citus.url)
    on_citus.folder.mkdir()
    for path, text in _files(CITUS).items():
        (on_citus.folder.parent / path).write_text(text, encoding="utf-8")
    can_be_undone = [each.version for each in load(on_citus.folder) if each.down]

    assert on_citus.call("up", "--to", can_be_undone[-1]).code == 0
    on_citus.execute("call citus_cleanup_orphaned_resources()")
    assert on_citus.call("drift").code == 0
    assert on_citus.call("down", "--all", "--yes").code == 0
    assert on_citus.query("select * from pg_dist_partition") == []
    assert on_citus.call("up").code == 0


def test_the_patterns_can_be_executed(project: Project) -> None:
    """The files of docs/writing-migrations.md work on tables with rows: up, down, and up again."""
    _write_shown(project, lambda path: "016" not in path)  # that one is irreversible, on purpose
    count = len(load(project.folder))

    assert project.call("up", "--to", "1").code == 0
    customers = "select n || '@example.org', 'A', 'B' from generate_series(1, 12000) n"
    project.execute(f"insert into customers (email, first_name, last_name) {customers}")
    project.execute("insert into orders (customer_id, total) values (1, 100)")
    first = project.call("up", **PER_ENVIRONMENT)

    assert (first.code, first.stderr) == (0, "")
    assert project.value("select count(*) from customers where full_name = 'A B'") == 12000
    assert project.call("down", "--all", "--yes").code == 0
    assert project.relations() == set()
    assert f"\n{count} executed" in project.call("up", **PER_ENVIRONMENT).stdout


def test_a_review_of_the_patterns_finds_nothing(project: Project) -> None:
    """No pattern blocks others, loses something, or cannot be undone, except for what its file says is intended.

    Generated rows have duplicates, so that a unique index fails there; its message asks to look at production's rows.
    """
    _write_shown(project, lambda path: "016" not in path)
    new = [path for path in SHOWN if path.endswith(".up.sql") and "001" not in path and "016" not in path]

    ended = project.call("review", "--postgres", "18", "--format", "json", *new, **PER_ENVIRONMENT)

    found = [
        (each["version"], finding["rule"])
        for each in json.loads(ended.stdout)["migrations"]
        for finding in each["findings"]
        if not finding["allowed"]
    ]
    assert found == [("011", "fails-on-data")]


def test_the_pattern_without_a_way_down_says_so(project: Project) -> None:
    """A new value of an enum cannot be undone, and its file says why."""
    _write_shown(project, lambda path: "015" in path or "016" in path)
    project.call("up")

    assert "PostgreSQL cannot drop a value of an enum" in project.call("down").stderr


def test_a_forgotten_value_stops_the_migration(project: Project) -> None:
    """Without the setting the migration fails, and the message names it."""
    _write_shown(project, lambda path: "017" in path)

    ended = project.call("up")

    assert ended.code == 1
    assert "shop.support_email" in ended.stdout + ended.stderr


def test_hooks_of_pre_commit_exist() -> None:
    """The hooks that docs/ci.md names are those that are delivered, at the version of the program."""
    (text,) = (block.text for block in blocks("yaml") if "hooks" in block.text)
    delivered = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")

    assert re.findall(r"- id: (\S+)", text) == re.findall(r"- id: (\S+)", delivered)
    assert f"rev: v{sqlmigrate.__version__}" in text


def test_settings_in_files_are_read(tmp_path: Path) -> None:
    """A block with settings is one that the program accepts."""
    for block in blocks("toml"):
        name = project_file.SHARED_FILE if project_file.SECTION in block.text else project_file.OWN_FILE
        (tmp_path / name).write_text(block.text, encoding="utf-8")
        assert project_file.find_project(tmp_path).values
        (tmp_path / name).unlink()


def test_every_block_is_looked_at() -> None:
    """A block has a language that a test above knows; one without a language shows names of files."""
    tested = {"sh", "sql", "python", "yaml", "toml", "json"}

    assert {block.language for block in BLOCKS if block.copy is None} <= tested | {""}


def _messages() -> Iterator[str]:
    """Yield every text in the code; what is filled in is a blank."""
    for path in (ROOT / "sqlmigrate").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else " " for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


@pytest.mark.parametrize("page", ["docs/recovery.md", "docs/coming-from.md"])
def test_quoted_messages_are_those_of_the_program(page: str) -> None:
    """What a page quotes in its table of messages is a part of a message that the program has; `…` is filled in."""
    _, _, table = DOCUMENTS[page].partition("| it says | what to do |")
    quoted = re.findall(r"^\| \*([^*]+)\*", table, re.MULTILINE)
    texts = list(_messages())
    patterns = {words: re.compile(".*".join(map(re.escape, words.split("…")))) for words in quoted}

    assert len(quoted) > 5
    assert [words for words in quoted if not any(patterns[words].search(text) for text in texts)] == []


def _first_cells(document: str, head: str) -> list[str]:
    """Return what stands in backticks in the first cells of a table."""
    _, _, rest = DOCUMENTS[document].partition(f"\n| {head} |")
    cells = [line.split("|")[1] for line in rest.split("\n\n")[0].splitlines()[2:]]
    return [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]


def test_the_columns_of_the_history_are_listed() -> None:
    """docs/recovery.md lists them all, in no special order."""
    assert set(_first_cells("docs/recovery.md", "column")) == {column.name for column in COLUMNS}


def test_the_directives_are_listed(project: Project) -> None:
    """docs/writing-migrations.md lists those that the program knows: an unknown one is refused with the list."""
    project.add("001_a", "-- sqlmigrate: unknown\nselect 1;")
    (known,) = re.findall(r"hint    the directives are (.+)$", project.call("up").stderr, re.MULTILINE)

    listed = [text.removeprefix("-- sqlmigrate: ") for text in _first_cells("docs/writing-migrations.md", "directive")]
    assert [text.split()[0] for text in listed] == known.split(", ")

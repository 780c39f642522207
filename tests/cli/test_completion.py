"""Completion: what a real bash makes of a line when the user presses the tab key; the scripts for zsh and fish."""

from __future__ import annotations

import os
import pty
import select
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import children
import click
import pytest
from in_process import Quick
from project import Project

from sqlmigrate.cli.commands import cli
from sqlmigrate.cli.completion import SHELLS, script

FOLDER = {
    "sql/001_a.up.sql", "sql/001_a.down.sql", "sql/002_b.up.sql", "sql/README.md", "other/005_x.up.sql",
    "rows.csv",
}  # fmt: skip


@pytest.fixture
def program(tmp_path: Path) -> dict[str, str]:
    """An environment with `sqlmigrate` on the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "sqlmigrate").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sqlmigrate "$@"\n')
    (folder / "sqlmigrate").chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


# -- bash --------------------------------------------------------------------------------------------------------------

_START = r"""
bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; PS1= PS2=
show() { printf 'LINE<%s>\n' "$READLINE_LINE"; READLINE_LINE= READLINE_POINT=0; }
bind -x '"\C-g": show'
eval "$(sqlmigrate completion bash)"; stty -echo; echo READY
"""


class Bash:
    """An interactive bash on a terminal of its own."""

    def __init__(self, terminal: int) -> None:
        self.terminal = terminal
        self._screen = ""

    def send(self, keys: str) -> None:
        os.write(self.terminal, keys.encode())

    def read_until(self, mark: str) -> str:
        """Read what appears on the terminal up to a text."""
        while mark not in self._screen:
            assert select.select([self.terminal], [], [], 60)[0], f"nothing for a minute: {self._screen!r}"
            self._screen += os.read(self.terminal, 65536).decode()
        before, _, self._screen = self._screen.partition(mark)
        return before

    def completed(self, typed: str) -> str:
        """Type a line, press the tab key, and return what the line is then."""
        self.send(f"{typed}\t\x07")
        self.read_until("LINE<")
        return self.read_until(">")


@contextmanager
def running_bash(folder: Path, environment: Mapping[str, str]) -> Iterator[Bash]:
    """Start bash in a folder, with the completion script evaluated."""
    ours, theirs = pty.openpty()
    running = children.start(
        ["bash", "--norc", "--noprofile", "-i"], cwd=folder, env={**environment, "TERM": "dumb", "HISTFILE": ""},
        preexec_fn=lambda: os.login_tty(theirs), pass_fds=[theirs],
    )  # fmt: skip
    os.close(theirs)
    try:
        bash = Bash(ours)
        bash.send(_START)
        bash.read_until("\nREADY")
        yield bash
    finally:
        running.kill()
        running.wait()
        os.close(ours)


COMPLETED = {
    "a command": ("sqlmigrate st", "sqlmigrate status "),
    "an option": ("sqlmigrate up --dry", "sqlmigrate up --dry-run "),
    "a setting of a command": ("sqlmigrate up --dat", "sqlmigrate up --database-url "),
    "a format": ("sqlmigrate status --format j", "sqlmigrate status --format json "),
    "a shell": ("sqlmigrate completion f", "sqlmigrate completion fish "),
    "a file": ("sqlmigrate split sql/001_a.u", "sqlmigrate split sql/001_a.up.sql "),
    "a folder": ("sqlmigrate up --directory oth", "sqlmigrate up --directory other/"),
    "a version of up": ("sqlmigrate up --to 002", "sqlmigrate up --to 002_b "),
    "a version without its zeros": ("sqlmigrate up --to 2", "sqlmigrate up --to 002_b "),
    "a version of down": ("sqlmigrate down --to 001", "sqlmigrate down --to 001_a "),
    "versions to repair": ("sqlmigrate repair ", "sqlmigrate repair 00"),
    "a version to repair": ("sqlmigrate repair 002", "sqlmigrate repair 002_b "),
    "a version as baseline": ("sqlmigrate baseline 001_", "sqlmigrate baseline 001_a "),
    "what versions have in common": ("sqlmigrate baseline 0", "sqlmigrate baseline 00"),
    "a version of the folder named before": (
        "sqlmigrate --directory other up --to 0", "sqlmigrate --directory other up --to 005_x ",
    ),
    "a version of the folder named behind": (
        "sqlmigrate up --directory other --to 0", "sqlmigrate up --directory other --to 005_x ",
    ),
    "nothing for a new name": ("sqlmigrate create r", "sqlmigrate create r"),
    "nothing from a wrong folder": ("sqlmigrate --directory no up --to 0", "sqlmigrate --directory no up --to 0"),
}  # fmt: skip


def test_completion_in_bash(program: dict[str, str], tmp_path: Path) -> None:
    """A real bash completes commands, options, choices, files and the versions of the folder."""
    for name in FOLDER:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    with running_bash(tmp_path, program) as bash:
        found = {name: bash.completed(typed) for name, (typed, _) in COMPLETED.items()}

    assert found == {name: line for name, (_, line) in COMPLETED.items()}


OFFERED = {
    "sqlmigrate ": {
        "baseline", "completion", "create", "down", "log", "repair", "reset", "split", "status", "up", "verify",
    },
    "sqlmigrate st": {"status"},
    "sqlmigrate re": {"repair", "reset"},
    "sqlmigrate up --d": {"--database-url", "--directory", "--drift", "--dry-run"},
    "sqlmigrate down --": {
        "--all", "--database-url", "--directory", "--drift", "--dry-run", "--format", "--help", "--lock-retries",
        "--lock-timeout", "--lock-wait", "--schema", "--steps", "--table", "--to", "--yes",
    },
    "sqlmigrate --format ": {"json", "text"},
    "sqlmigrate completion ": {"bash", "fish", "zsh"},
}  # fmt: skip
_OFFER = """\
eval "$(sqlmigrate completion bash)"
complete -p sqlmigrate >&2
while IFS= read -r line; do
    COMP_LINE=$line COMP_POINT=${#line} COMP_WORDS=($line) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    case $line in *' ') COMP_CWORD=$((COMP_CWORD + 1)); COMP_WORDS+=('');; esac
    COMPREPLY=()
    _sqlmigrate_completion sqlmigrate
    echo "${COMPREPLY[@]}"
done
"""


@pytest.mark.slow
def test_what_bash_offers(program: dict[str, str]) -> None:
    """Where more than one word fits, all of them are offered; every command, those of the rooms as well."""
    typed = "".join(f"{line}\n" for line in OFFERED)
    ended = children.run(
        ["bash", "--norc", "-c", _OFFER], input=typed, env=program, capture_output=True, text=True, check=True
    )
    of_rooms = set(cli.list_commands(click.Context(cli))) - OFFERED["sqlmigrate "]

    assert "-F _sqlmigrate_completion sqlmigrate" in ended.stderr
    offered = [set(line.split()) for line in ended.stdout.splitlines()]
    assert offered[0] - OFFERED["sqlmigrate "] == of_rooms
    assert dict(zip(OFFERED, (each - of_rooms for each in offered), strict=True)) == OFFERED


def test_the_versions_to_repair_are_offered(program: dict[str, str], tmp_path: Path) -> None:
    """`sqlmigrate repair ` and the tab key: the migrations of the folder, and nothing else."""
    for name in FOLDER:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    ended = children.run(
        ["bash", "--norc", "-c", _OFFER], input="sqlmigrate repair \nsqlmigrate repair --yes 0\n", env=program,
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert ended.stdout.splitlines() == ["001_a 002_b", "001_a 002_b"]


def test_versions_come_from_the_settings(program: dict[str, str], project: Project) -> None:
    """The folder is that of the project's file; a file that is wrong offers nothing, and shows no error."""
    project.add_tables("a")
    folder = project.folder.parent
    project.folder.rename(folder / "db")
    (folder / "sqlmigrate.toml").write_text('directory = "db"\n')

    with running_bash(folder, program) as bash:
        assert bash.completed("sqlmigrate up --to 0") == "sqlmigrate up --to 001_a "
        (folder / "sqlmigrate.toml").write_text("directory = 5\n")
        assert bash.completed("sqlmigrate up --to 0") == "sqlmigrate up --to 0"


# -- zsh and fish ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_printed_as_it_is(shell: str, quick_here: Quick) -> None:
    """Nothing is added, folded or escaped."""
    ended = quick_here("completion", shell)

    assert (ended.code, ended.stdout.strip(), ended.stderr) == (0, script(shell).strip(), "")


@pytest.fixture
def quick_here(tmp_path: Path) -> Quick:
    """The program in an empty folder, with no database named."""
    return Quick(tmp_path, {"CI": "true"})


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_in_other_shells(shell: str, program: dict[str, str]) -> None:
    """The script calls the program back; if the shell is installed, it finds no fault in the script."""
    assert f"_SQLMIGRATE_COMPLETE={shell}_complete" in script(shell)

    answer = children.run(
        ["sqlmigrate"], capture_output=True, text=True, check=True,
        env={**program, "_SQLMIGRATE_COMPLETE": f"{shell}_complete", "COMP_WORDS": "sqlmigrate st", "COMP_CWORD":
             "1" if shell == "zsh" else "st"},
    ).stdout  # fmt: skip
    assert "status" in answer
    assert "Show executed and pending migrations" in answer
    if found := shutil.which(shell):
        children.run([found, "-n"], input=script(shell), text=True, check=True)

"""The command line: help, version, flags before and behind the command, hints, questions, exit codes."""

from __future__ import annotations

import ast
import os
import pty
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import children
import click
import pytest
from in_process import Quick
from postgres_servers import Server
from processes import until_asleep
from project import Project
from terminal import Terminal, stable

import sqlmigrate
from sqlmigrate.cli.commands import cli

COMMANDS = [
    "baseline", "completion", "create", "down", "log", "repair", "reset", "split", "status", "up", "verify",
]  # fmt: skip
PACKAGE = Path(sqlmigrate.__file__).parent


def _of_rooms() -> set[str]:
    """Return the names of the commands in the rooms, which have tests of their own."""
    return {
        node.name
        for path in PACKAGE.glob("*/*command.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
        and node.decorator_list
        and "command" in ast.unparse(node.decorator_list[0])
    }


OF_ROOMS = _of_rooms()


def without_rooms(text: str) -> str:
    """Remove the commands of the rooms from the list of commands."""
    lines = text.splitlines(keepends=True)
    return "".join(
        line for line in lines if not (line.startswith("  ") and line.split()[:1] and line.split()[0] in OF_ROOMS)
    )


@pytest.fixture
def quick(tmp_path: Path) -> Quick:
    """The program in an empty folder, with no database named."""
    return Quick(tmp_path, {"CI": "true"})


# -- help and version --------------------------------------------------------------------------------------------------

HELP = """\
Usage: sqlmigrate [OPTIONS] COMMAND [ARGS]...

  Bring a PostgreSQL database up to date with a folder of plain SQL files.

  Settings are flags, environment variables (SQLMIGRATE_TABLE), or keys in
  sqlmigrate.toml or in [tool.sqlmigrate] of pyproject.toml: directory, table,
  lock_wait, lock_timeout, lock_retries, into_existing, schema_file,
  schema_postgres, drift, drift_ignore, extension, application_name.

Options:
  --database-url URL         Database URL or libpq keywords; without it
                             DATABASE_URL, then libpq's variables (PGHOST …).
  --directory DIR            Folder of the migrations.  [default: sql]
  --table NAME               History table, with its schema if needed.
                             [default: migrations]
  --format [text|json]       Output for people or for programs.  [default:
                             text]
  --lock-wait TIME           How long to wait for another run of sqlmigrate.
                             [default: 60s]
  --lock-timeout TIME        lock_timeout for each migration.  [default: 5s]
  --lock-retries N           How often to retry a migration that did not get
                             its locks.  [default: 10]
  --into-existing            Execute the first `up` although the database has
                             tables or the history of another tool.  [default:
                             no]
  --schema-file FILE         File that `schema` writes.  [default: schema.sql]
  --schema-postgres N        Major version of PostgreSQL that writes the
                             schema; by default the one that `review` starts.
  --drift [off|warn|refuse]  What `up` does if the schema was changed by hand;
                             `off` also keeps no snapshots of it.  [default:
                             warn]
  --extension NAME           Extension that the throwaway server's
                             administrator creates first: postgis, or
                             postgis=3.4.2.
  --version                  Show the version and exit.
  -h, --help                 Show this message and exit.

Commands:
  baseline    Declare that this database already is at VERSION
  completion  Print a shell's completion script
  create      Create a new pair of files
  down        Undo the last executed migration
  log         Show what was done to the database
  repair      Make the history agree with the folder again
  reset       Undo every migration and execute all of them again
  split       Show how a file is split into statements
  status      Show executed and pending migrations
  up          Execute pending migrations
  verify      Check the files

  Example: sqlmigrate status
"""


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help(flag: str, quick: Quick) -> None:
    """It lists every command with a full sentence, and every setting."""
    ended = quick(flag)

    assert (ended.code, without_rooms(ended.stdout), ended.stderr) == (0, HELP, "")


def test_every_command_is_here() -> None:
    """These tests cover every command of the trunk."""
    assert sorted(set(cli.commands) - OF_ROOMS) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command(name: str, quick: Quick) -> None:
    """It says what the command does, explains each option, and ends with an example of this command."""
    ended = quick(name, "--help")

    assert (ended.code, ended.stderr) == (0, "")
    usage, _, rest = ended.stdout.partition("\n\n")
    assert usage.startswith(f"Usage: sqlmigrate {name} [OPTIONS]")
    example = re.search(r'\n  Example: (?:eval "\$\()?sqlmigrate (\w+)[^\n]*\n$', ended.stdout)
    assert example is not None
    assert example[1] == name
    assert re.match(r"  [A-Z][^\n]+", rest)
    for option in cli.commands[name].params:
        if isinstance(option, click.Option) and not option.hidden:
            assert option.help, option.name
            assert option.opts[0] in rest


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_of_a_command_is_understood(name: str, quick: Quick) -> None:
    """The example is not a usage error: it fails at most because there is no database or no file."""
    example = (cli.commands[name].epilog or "").removeprefix("Example: ").removeprefix('eval "$(').removesuffix(')"')
    words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', example)]
    assert words[:2] == ["sqlmigrate", name]

    ended = quick(*words[1:])

    assert "usage:" not in ended.stderr


def test_version(quick: Quick) -> None:
    """It is one line."""
    ended = quick("--version")

    assert (ended.code, ended.stdout, ended.stderr) == (0, f"sqlmigrate {sqlmigrate.__version__}\n", "")


def test_as_a_module_and_as_a_program(bare_terminal: Terminal) -> None:
    """`python -m sqlmigrate` shows the same help as `sqlmigrate`."""
    assert without_rooms(bare_terminal("--help").stdout) == HELP


# -- usage -------------------------------------------------------------------------------------------------------------


_STEPS = "--steps: expected a whole number, 1 or more"
_NO_OPTION = "there is no option `{}`"


@pytest.mark.parametrize(
    ("arguments", "command", "error", "hint"),
    [
        (["statsu"], "", "there is no command `statsu`", "did you mean `status`?"),
        (["UP"], "", "there is no command `UP`", "did you mean `up`?"),
        (["xyz"], "", "there is no command `xyz`", "usage: sqlmigrate [OPTIONS] COMMAND [ARGS]..."),
        (["--directry", "x", "status"], "", _NO_OPTION.format("--directry"), "did you mean `--directory`?"),
        (["up", "--bogus"], " up", _NO_OPTION.format("--bogus"), "usage: sqlmigrate up [OPTIONS]"),
        (["up", "--steps", "1", "x"], " up", "got unexpected extra argument (x)", "usage: sqlmigrate up [OPTIONS]"),
        (["up", "--steps", "0"], " up", _STEPS, "usage: sqlmigrate up [OPTIONS]"),
        (["down", "--steps", "two"], " down", _STEPS, "usage: sqlmigrate down [OPTIONS]"),
        (["up", "--lock-wait", "soon"], " up", "--lock-wait: `soon` is not a duration",
         "a number and a unit: 60s, 500ms, 2min"),
        (["repair"], " repair", "the argument VERSION is missing", "usage: sqlmigrate repair [OPTIONS] VERSION"),
        (["--format", "xml", "status"], "", "--format: 'xml' is not one of 'text', 'json'",
         "usage: sqlmigrate [OPTIONS] COMMAND [ARGS]..."),
        (["completion", "ksh"], " completion", "SHELL: 'ksh' is not one of 'bash', 'zsh', 'fish'",
         "usage: sqlmigrate completion [OPTIONS] {bash|zsh|fish}"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_what_is_not_understood(arguments: list[str], command: str, error: str, hint: str, quick: Quick) -> None:
    """Exit 2, in the shape of all errors: what is wrong, what is possible, and where to read more."""
    ended = quick(*arguments)

    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"error: {error}\n   nothing was changed\n   hint    {hint}\n   next    sqlmigrate{command} --help\n\n"
    )


def test_an_option_without_its_value(quick: Quick) -> None:
    """The error names the option."""
    ended = quick("up", "--to")

    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr == "error: --to needs a value\n   nothing was changed\n   next    sqlmigrate --help\n\n"


def test_without_a_command_the_help_is_shown(quick: Quick) -> None:
    """It is the answer to the bare name of the program; a call that does nothing ends with 2."""
    ended = quick()

    assert (ended.code, without_rooms(ended.stdout + ended.stderr)) == (2, HELP)


@pytest.mark.parametrize("more", [["--to", "2"], ["--steps", "1"]], ids=" ".join)
def test_all_contradicts_a_limit(more: list[str], project: Project) -> None:
    """`down --all` with `--to` or `--steps` is refused, even with `--yes`: no option is ignored silently."""
    project.add_tables("a", "b").up()

    ended = project.call("down", "--all", "--yes", *more)

    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr == (
        "error: `down --all` contradicts --to and --steps\n   nothing was changed\n"
        "   hint    give --all alone, or --to and --steps without it\n\n"
    )
    assert project.relations() == {"a", "b"}


STEERED = [
    (["up", "--to", "002_b"], {"a", "b"}),
    (["up", "--steps", "1"], {"a", "b", "c"}),
    (["down", "--steps", "2"], {"a"}),
    (["up", "--dry-run"], {"a"}),
    (["up", "--lock-wait", "0.5s"], {"a", "b", "c", "d"}),
    (["down", "--to", "3"], {"a", "b", "c"}),
    (["down"], {"a", "b"}),
    (["down", "--to", "0", "--yes"], set()),
]


def test_the_flags_of_up_and_down(project: Project) -> None:
    """Each flag does what its help says."""
    project.add_tables("a", "b", "c", "d")
    for arguments, left in STEERED:
        assert project.call(*arguments).code == 0
        assert project.relations() == left, arguments

    project.up(to="1")
    project.add("000_z", "create table z ();")
    assert project.call("up", "--to", "0").code == 1
    assert project.call("up", "--to", "0", "--out-of-order").code == 0
    assert project.relations() == {"a", "z"}


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["--directory", "db", "--table", "own", "--format", "json", "status", "--check"],
        ["status", "--directory", "db", "--table", "own", "--format", "json", "--check"],
        ["--directory", "db", "status", "--check", "--table=own", "--format=json"],
        ["--directory", "wrong", "--table", "wrong", "status", "--directory", "db", "--table", "own", "--check",
         "--format", "json"],
    ],
    ids=["before", "behind", "around", "behind goes first"],
)  # fmt: skip
def test_settings_may_stand_before_the_command_or_behind_it(
    arguments: list[str], tmp_path: Path, database: str
) -> None:
    """Before and behind the command they mean the same; if one is given twice, the one behind counts."""
    project = Project(tmp_path / "db", database).add_tables("a")

    ended = project.call(*arguments)

    assert (ended.code, ended.stderr) == (3, "")
    assert '"directory": "db/"' in ended.stdout
    assert '"history": "public.own"' in ended.stdout


def test_the_database_may_be_named_behind_the_command(project: Project) -> None:
    """The flag overrides DATABASE_URL."""
    project.add_tables("a")

    ended = project.call("up", "--database-url", project.url, DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")

    assert ended.code == 0
    assert project.relations() == {"a"}


# -- hints -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "repeated"),
    [
        ([], ""),
        (["--directory", "sql"], " --directory sql"),
        (["--table", "public.m"], " --table public.m"),
        (["--table", "odd one's"], """ --table 'odd one'"'"'s'"""),
        (["--table", '"a.b"', "--directory", "./sql"], """ --directory ./sql --table '"a.b"'"""),
        (["--format", "text"], ""),
    ],
)
def test_the_next_command_repeats_the_flags(flags: list[str], repeated: str, project: Project) -> None:
    """A printed command works on the same folder and history when it is pasted; it is quoted for the shell."""
    project.add_tables("a")

    before, behind = project.call(*flags, "status"), project.call("status", *flags)

    assert before.stdout.splitlines()[-1] == f"next: sqlmigrate{repeated} up"
    assert behind.stdout == before.stdout


def test_the_next_command_repeats_the_url(project: Project) -> None:
    """The URL is repeated if it was given as a flag, and not if the environment names it."""
    project.add_tables("a")

    last = project.call("--database-url", project.url, "status").stdout.splitlines()[-1]

    assert last == f"next: sqlmigrate --database-url '{project.url}' up"


def test_a_password_is_not_repeated(project: Project) -> None:
    """It is masked: without its URL the command would go to the database that DATABASE_URL names."""
    project.add_tables("a")
    url = project.url.replace("postgres@", "postgres:Planted-Secret-42@")

    ended = project.call("--database-url", url, "--directory", "sql", "status")

    shown = shlex.quote(url.replace("Planted-Secret-42", "***"))
    assert ended.stdout.splitlines()[-1] == f"next: sqlmigrate --database-url {shown} --directory sql up"
    assert "Planted-Secret-42" not in ended.stdout + ended.stderr


def test_every_hint_repeats_the_flags(project: Project) -> None:
    """The hints of errors repeat the flags too: after a failure, and for a changed file."""
    project.add("001_a", "select nothing;")
    assert project.call("--table", "m", "up").stderr.splitlines()[-2] == (
        "what now        fix the file, then: sqlmigrate --table m up"
    )
    project.add("001_a", "select 1;").up(table="m")
    project.add("001_a", "select 2;")
    assert (
        project.call("--table", "m", "up").stderr.splitlines()[-2] == "           or: sqlmigrate --table m repair 001"
    )


# What others call our commands.
MEANT = {
    "migrate": "`up`", "apply": "`up`", "deploy": "`up`", "upgrade": "`up`", "rollback": "`down`", "undo": "`down`",
    "revert": "`down`", "new": "`create`", "add": "`create`", "generate": "`create`", "info": "`status`",
    "list": "`status`", "Lint": "`review` or `verify`", "check": "`review` or `verify`", "stamp": "`baseline`",
    "history": "`log`", "help": "`--help`",
}  # fmt: skip


@pytest.mark.parametrize(("typed", "meant"), MEANT.items(), ids=MEANT)
def test_a_command_of_another_tool(typed: str, meant: str, quick: Quick) -> None:
    """The error suggests our command for the same task, not one with a similar spelling; exit 2."""
    ended = quick(typed, "--steps", "1")

    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"error: there is no command `{typed}`\n")
    assert f"   hint    did you mean {meant}?\n" in ended.stderr


def test_every_command_that_is_suggested_is_there() -> None:
    """Every suggestion is a command that exists."""
    suggested = {word for meant in MEANT.values() for word in re.findall(r"`(\w+)`", meant)}

    assert suggested <= set(cli.commands)


# -- questions ---------------------------------------------------------------------------------------------------------


def on_terminal(project: Project, *arguments: str, answer: str) -> tuple[int, str]:
    """Call the program on a terminal of its own and answer its question; returns the exit code and the screen."""
    ours, theirs = pty.openpty()
    running = children.start(
        [sys.executable, "-m", "sqlmigrate", *arguments], cwd=project.folder.parent,
        env={**os.environ, "DATABASE_URL": project.url, "NO_COLOR": "1", "TERM": "dumb"},
        preexec_fn=lambda: os.login_tty(theirs), pass_fds=[theirs],
    )  # fmt: skip
    os.close(theirs)
    screen = b""
    try:
        while b"[y/N]: " not in screen:
            screen += _read(ours)
        until_asleep(running.pid)
        os.write(ours, answer.encode())
        while more := _read(ours):
            screen += more
    finally:
        os.close(ours)
    return running.wait(), screen.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    """Read what is written next; empty when the program has ended."""
    try:
        return os.read(terminal, 65536)
    except OSError:  # EIO: the other side has closed it
        return b""


QUESTIONS = {
    ("down", "--all"): "Undo every migration, and lose the data in their tables?",
    ("down", "--to", "0"): "Undo every migration, and lose the data in their tables?",
    ("reset",): "Undo every migration, lose the data in their tables, and execute all of them again?",
    ("repair", "1"): "Accept the current file of 001_a in place of the executed one, without executing it?",
}


@pytest.fixture
def changed(project: Project) -> Project:
    """One executed migration whose file was changed later."""
    project.add_tables("a").up()
    return project.add("001_a", "create table a (id bigint);", "drop table a;")


def test_a_question_is_folded_at_the_width_of_the_terminal(changed: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for the answer behind it."""
    monkeypatch.setenv("COLUMNS", "60")

    _, screen = on_terminal(changed, "repair", "1", answer="n\n")

    assert screen.splitlines()[:2] == [
        "Accept the current file of 001_a in place of the",
        "   executed one, without executing it?",
    ]


def test_the_list_of_commands_has_the_whole_name_of_a_file(project: Project) -> None:
    assert "  schema      Write the schema that the migrations make to schema.sql\n" in project.call("--help").stdout


@pytest.mark.parametrize(
    ("command", "answer"),
    list(zip(QUESTIONS, ["n\n", "no\n", "\n", "\x04"], strict=True)),
    ids=["n", "no", "nothing", "end of input"],
)
def test_a_question_that_is_not_answered_with_yes(command: Sequence[str], answer: str, changed: Project) -> None:
    """It names the action and the database; any answer but yes changes nothing: exit 1, without an error."""
    code, screen = on_terminal(changed, *command, answer=answer)

    asked, _, said = screen.partition(" [y/N]: ")
    assert code == 1
    assert asked == f"{QUESTIONS[tuple(command)]} ({changed.url})"
    assert said.splitlines()[-1] == "not confirmed: nothing was changed"
    assert "error" not in said
    assert changed.states() == {"001_a": "changed"}
    assert changed.logged() == [("up", "001")]


@pytest.mark.parametrize(
    ("command", "log"),
    [
        (("down", "--all"), [("up", "001"), ("down", "001")]),
        (("down", "--to", "0"), [("up", "001"), ("down", "001")]),
        (("reset",), [("up", "001"), ("down", "001"), ("up", "001")]),
        (("repair", "1"), [("up", "001"), ("repair", "001")]),
    ],
    ids=["down --all", "down --to 0", "reset", "repair"],
)
def test_a_question_that_is_answered_with_yes(
    command: Sequence[str], log: list[tuple[str, str]], changed: Project
) -> None:
    """After yes it is done: exit 0."""
    code, _ = on_terminal(changed, *command, answer="y\n")

    assert code == 0
    assert changed.logged() == log


@pytest.mark.parametrize("arguments", [["--all"], ["--to", "0"]], ids=" ".join)
def test_without_a_terminal_yes_is_needed(arguments: Sequence[str], changed: Project) -> None:
    """Undoing everything without a terminal needs `--yes`: exit 2, nothing is changed."""
    ended = changed.call("down", *arguments)

    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr == (
        "error: `down` asks a question first, and there is no terminal to ask on\n"
        "   nothing was changed\n"
        "   hint    to go on without the question, add --yes\n\n"
    )
    assert changed.logged() == [("up", "001")]


def test_what_is_not_everything_is_not_asked(project: Project) -> None:
    """`000` names a migration that exists, and `--steps` is a limit: neither is a word for everything."""
    project.add("000_z", "create table z ();", "drop table z;").add_tables("a", "b").up()

    assert project.call("down", "--to", "0", "--steps", "1").code == 0
    assert project.relations() == {"z", "a"}
    assert project.call("down", "--to", "000").code == 0
    assert project.relations() == {"z"}


def test_an_interrupted_question(changed: Project) -> None:
    """Ctrl-C in place of an answer changes nothing."""
    code, screen = on_terminal(changed, "down", "--all", answer="\x03")

    assert (code, screen.rpartition("\n\n")[0].rpartition("\n")[2]) == (130, "error: interrupted")
    assert changed.logged() == [("up", "001")]


# -- exit codes --------------------------------------------------------------------------------------------------------


def test_exit_codes_are_those_of_the_readme(project: Project, postgres: Server) -> None:
    """0 done, 1 failed, 2 usage, 3 attention, 4 locked, 5 cannot connect: the table of README, one call each."""
    project.add_tables("a")
    found = {
        3: project.call("status", "--check").code,
        0: project.call("up").code,
        1: project.add("002_b", "select nothing;").call("up").code,
        2: project.call("repair", "9").code,
        5: project.call("status", "--database-url", f"{postgres.url('no_such_database')}").code,
    }
    assert found == {code: code for code in found}


def test_data_and_progress_have_their_streams(project: Project) -> None:
    """Results are on stdout; notes, notices and errors are on stderr."""
    project.add("001_a", "drop table if exists nothing;").add("002_b", "-- nothing yet").add("003_c", "select nothing;")

    ended = project.call("up")

    assert stable(ended.stdout).partition(" · ")[2] == (
        "3 pending\n\n"
        "✅ 001_a   1 statement N ms\n"
        "✅ 002_b   0 statements N ms\n"
        "❌ 003_c   statement 1 of 1 N ms\n\n"
        "2 executed · 1 failed\n"
    )
    assert ended.stderr.splitlines()[:3] == [
        '   notice: table "nothing" does not exist, skipping',
        "note: 002_b: the file contains no statement",
        'error: column "nothing" does not exist',
    ]

"""A function per command, a few lines each."""

from __future__ import annotations

import gc
import os
import re
import shlex
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, NoReturn

import click

from . import __version__, config, settings, signals
from .errors import ConfigError, SqlmigrateError, gather

if TYPE_CHECKING:
    from .files import Migration
    from .plan import Direction, Policy
    from .report import Report

EXIT_FAILED, EXIT_ATTENTION = 1, 3
_SIGNALLED = 128  # the exit codes of who was ended by a signal
_LAST_WORDS_SECONDS = 2.0


@dataclass
class Call:
    """One call of the program: its settings, read when a command first asks for them, and its report."""

    flags: dict[str, Any]
    is_interruption_told: bool = False

    @cached_property
    def config(self) -> config.Config:
        """The settings; raises `ConfigError`."""
        return config.resolve(self.flags, os.environ, Path.cwd())

    @cached_property
    def report(self) -> Report:
        """What is said, to whom and in which form."""
        from .report import Report  # noqa: PLC0415 - loads the driver, which `--help` and `create` do without

        directory = self.flags.get("directory") or "sql"
        with suppress(ConfigError):  # it is reported by whoever asks for the settings
            directory = self.config.directory
        return Report(self.program, directory, self.flags.get("format") or "text")

    @property
    def program(self) -> str:
        """How we were called: the flags that a command printed as a hint has to repeat."""
        words = ["sqlmigrate"]
        for name in ("database_url", "directory", "table"):
            value = self.flags.get(name)
            if value and not (name == "database_url" and config.masked(value) != value):
                words += [f"--{name.replace('_', '-')}", shlex.quote(value)]
        return " ".join(words)

    @contextmanager
    def database(self) -> Iterator[str]:
        """Give the URL of the database, the embedded server started where none is named."""
        url = config.require_url(self.config)
        if url != config.EMBEDDED:
            yield config.named(url, self.config.application_name)
            return
        from .embedded import server  # noqa: PLC0415 - only where it is needed

        if not self.config.named_by:
            self.report.text(
                f"no database is named: this is the embedded PostgreSQL in {config.EMBEDDED_DIRECTORY}/",
                stream="stderr",
            )
        self.report.place = f"postgres, embedded in {config.EMBEDDED_DIRECTORY}/"
        with server(Path(config.EMBEDDED_DIRECTORY)) as embedded:
            yield config.named(embedded, self.config.application_name)


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is not None:
        context.ensure_object(dict)[parameter.name] = value


def _settings(*, hidden: bool, own: Collection[str] = ()) -> Callable[[Any], Any]:
    """Add the options that every command has but for its own; they may stand before the command or behind it."""

    def add(command: Any) -> Any:
        for name, option in _OPTIONS.items():
            if name not in own:
                flag = f"--{name.replace('_', '-')}"
                command = click.option(flag, **option, expose_value=False, callback=_remember, hidden=hidden)(command)
        return command

    return add


_OPTIONS: dict[str, dict[str, Any]] = {
    "format": {"type": click.Choice(["text", "json"]), "help": "Screens, or JSON for programs."},
    "table": {"metavar": "NAME", "help": "The history table, `migrations` by default."},
    "directory": {"metavar": "DIR", "help": "The folder of the migrations, `sql` by default."},
    "database_url": {"metavar": "URL", "help": "The database; else DATABASE_URL, else libpq's variables."},
}


def _checked(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None and (fault := settings.SETTINGS[str(parameter.name)].fault(value)):
        raise click.BadParameter("; ".join(fault))
    _remember(context, parameter, value)


def _lock_options(command: Any) -> Any:
    """Add the options that say how long to wait for others."""
    for name, metavar, what in (
        ("lock_retries", "N", "How often to try a migration again that did not get its locks"),
        ("lock_timeout", "TIME", "PostgreSQL's, for each migration"),
        ("lock_wait", "TIME", "How long to wait for another run"),
    ):
        flag, without = f"--{name.replace('_', '-')}", settings.SETTINGS[name].default
        text = f"{what}; {without} by default."
        command = click.option(flag, metavar=metavar, help=text, expose_value=False, callback=_checked)(command)
    return command


class _Program(click.Group):
    """The corridor's commands, and those of the rooms beside it: every package of ours that has a module `command`."""

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.commands:
            self._open_rooms()
        return super().get_command(context, name)

    def list_commands(self, context: click.Context) -> list[str]:
        self._open_rooms()
        return super().list_commands(context)

    def _open_rooms(self) -> None:
        for found in iter_modules([str(Path(__file__).parent)]):
            if found.ispkg and find_spec(f"{__package__}.{found.name}.command"):
                import_module(f"{__package__}.{found.name}.command")


@click.group(
    cls=_Program, context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: sqlmigrate status"
)
@click.version_option(__version__, message="sqlmigrate %(version)s")
@_settings(hidden=False)
@click.pass_context
def cli(context: click.Context) -> None:
    """Bring a PostgreSQL database up to date with a folder of plain SQL files.

    Settings are flags, variables (SQLMIGRATE_TABLE), or keys of [tool.sqlmigrate] in pyproject.toml: directory, table,
    lock_wait, lock_timeout, lock_retries, application_name.
    """
    context.ensure_object(dict)


def command(example: str, own: Collection[str] = ()) -> Callable[[Callable[..., int | None]], click.Command]:
    """Make a command of a function that gets a `Call` and gives the exit code; `own` are settings it has otherwise."""

    def make(function: Callable[..., int | None]) -> click.Command:
        def wrapped(**options: Any) -> NoReturn:
            call = Call(click.get_current_context().ensure_object(dict))
            sys.exit(_guarded(call, function, options))

        wrapped.__doc__ = function.__doc__
        wrapped.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
        name = function.__name__.rstrip("_")
        short = re.split(r"[,:.(]", function.__doc__ or "")[0]  # what fits into the list of commands
        return cli.command(name, short_help=short, epilog=f"Example: {example}")(
            _settings(hidden=True, own=own)(wrapped)
        )

    return make


def _guarded(call: Call, function: Callable[..., int | None], options: dict[str, Any]) -> int:
    """Run a command and give its exit code, as soon as all that it says is written; it has let go of the database."""
    code = _coded(call, function, options)
    try:
        is_written = call.report.close(None if code < _SIGNALLED else _LAST_WORDS_SECONDS)
        if loss := call.report.loss:
            call.report.error(loss)
            call.report.close()
            code = code or EXIT_FAILED
    except KeyboardInterrupt as interrupt:
        code, is_written = signals.exit_code(interrupt), False
    if not is_written:  # a terminal stands still, and who called us waits no longer: Python's own end would wait for it
        os._exit(code)
    return code


def _coded(call: Call, function: Callable[..., int | None], options: dict[str, Any]) -> int:
    try:
        return function(call, **options) or 0
    except SqlmigrateError as error:
        call.report.error(error)
        return error.exit_code
    except KeyboardInterrupt as interrupt:
        if not call.is_interruption_told:
            call.report.error(SqlmigrateError("interrupted"))
        return signals.exit_code(interrupt)


# -- looking -----------------------------------------------------------------------------------------------------------


@command("sqlmigrate status --check")
@click.option("--check", is_flag=True, help="Exit with 3 where anything is pending or needs attention.")
def status(call: Call, *, check: bool) -> int:
    """Show executed and pending migrations, and what needs attention. Writes nothing."""
    from . import files, upkeep  # noqa: PLC0415

    migrations = files.load(call.config.directory)
    with call.database() as url:
        planned = upkeep.status(url, migrations, _policy(call))
    call.report.status(planned)
    settled = all(row.state in ("executed", "baseline") for row in planned.plan.rows)
    return EXIT_ATTENTION if check and not settled else 0


@command("sqlmigrate verify")
def verify(call: Call) -> int:
    """Check the files, and the files against the history (where a database is named). Writes nothing."""
    from . import files, plan, upkeep  # noqa: PLC0415

    migrations = files.load(call.config.directory)
    _require_some(call, migrations)
    plan.read_all(migrations)
    if call.config.url is None and not _has_embedded():
        call.report.verified(len(migrations), None)
        return 0
    with call.database() as url:
        planned, errors = upkeep.verify(url, migrations, _policy(call))
    if errors:
        raise gather(errors)
    call.report.verified(len(migrations), planned)
    return 0


def _has_embedded() -> bool:
    """Tell whether the embedded server was used here; the shadows of reviews lie beside its data."""
    return any((Path(config.EMBEDDED_DIRECTORY) / name).exists() for name in ("data", "elsewhere"))


@command("sqlmigrate log")
def log(call: Call) -> None:
    """Show what was done to the database, by whom and when: every up, down, failure, repair and baseline."""
    from . import upkeep  # noqa: PLC0415

    with call.database() as url:
        state, entries = upkeep.log(url, _policy(call))
    call.report.log(state, entries)


# -- executing ---------------------------------------------------------------------------------------------------------


@command("sqlmigrate up --to 003")
@click.option("--to", metavar="VERSION", help="Up to this migration: 3, 003, or its whole name.")
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="At most N migrations.")
@click.option("--dry-run", is_flag=True, help="Execute in a transaction, and roll it back.")
@click.option("--out-of-order", is_flag=True, help="Also execute what is pending below the newest executed one.")
@_lock_options
def up(call: Call, **options: Any) -> int:
    """Execute what is pending, each file in one transaction with its row in the history."""
    return _execute(call, "up", **options)


@command("sqlmigrate down --steps 2")
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="The last N executions; 1 by default.")
@click.option("--to", metavar="VERSION", help="Down to this migration, which stays executed; 0 for all.")
@click.option("--all", is_flag=True, help="Everything that was executed; asks first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_lock_options
def down(call: Call, *, yes: bool, **options: Any) -> int:
    """Take back the last execution, or more of them, in the reverse order of execution."""
    if options["all"]:
        if options["to"] or options["steps"]:
            raise ConfigError(
                "`down` cannot go --all the way, and only so far: nothing was changed",
                hint="say --all, or say --to or --steps",
            )
        _confirm(call, yes=yes, question="Take back every migration, and lose the data in their tables?")
    return _execute(call, "down", **options)


@command("sqlmigrate reset --yes")
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(call: Call, *, yes: bool) -> int:
    """Take back everything and execute it anew: for development only."""
    _confirm(call, yes=yes, question="Take back every migration, lose the data in their tables, and execute them anew?")
    from . import files, plan  # noqa: PLC0415
    from .outcome import Outcome  # noqa: PLC0415

    with Outcome("down"):
        migrations = files.load(call.config.directory)
        _require_some(call, migrations)
        plan.read_all(migrations)  # what could not be executed again is not taken back
    return _execute(call, "down", all=True) or _execute(call, "up")


def _policy(call: Call, **options: Any) -> Policy:
    from .plan import Policy  # noqa: PLC0415

    chosen = call.config
    return Policy(
        table=chosen.table,
        lock_wait=chosen.lock_wait,
        lock_timeout=chosen.lock_timeout,
        lock_retries=chosen.lock_retries,
        **options,
    )


def _confirm(call: Call, *, yes: bool, question: str) -> None:
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        name = click.get_current_context().info_name
        raise ConfigError(
            f"`{name}` asks before it goes on, and nobody is there to answer: nothing was changed",
            hint="say --yes where it is meant",
        )
    if not _is_confirmed(f"{question} ({call.config.shown})"):
        raise ConfigError("not confirmed: nothing was changed")


def _is_confirmed(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort as abort:
        click.echo(err=True)
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise abort.__context__ from None
        return False


def _execute(call: Call, direction: Direction, **options: Any) -> int:
    from . import files, run  # noqa: PLC0415
    from .outcome import Outcome  # noqa: PLC0415

    events = run.up if direction == "up" else run.down
    with Outcome(direction, options.get("dry_run", False)) as outcome:
        policy = _policy(call, **options)
        migrations = files.load(call.config.directory)
        if direction == "up":
            _require_some(call, migrations)
        try:
            with call.database() as url, closing(events(url, migrations, policy)) as running:
                for event in running:
                    call.report.tell(event)
                    outcome.keep(event)
        except KeyboardInterrupt:
            call.is_interruption_told = True
            if not outcome.failed:
                call.report.error(outcome.interruption())
            raise
        finally:
            call.report.ended(outcome.failed, outcome.executed, rehearsed=policy.dry_run)
    return EXIT_FAILED if outcome.failed else 0


def _require_some(call: Call, migrations: Sequence[Migration]) -> None:
    """Raise `ConfigError` for an empty folder: most likely it is another one that is meant."""
    if not migrations:
        raise ConfigError(
            f"there is no migration in `{call.config.directory}`",
            hint="its files are named VERSION_NAME.up.sql; is it the right folder?",
            next_steps=['sqlmigrate create "my first table"'],
        )


# -- files and history -------------------------------------------------------------------------------------------------


@command('sqlmigrate create "add user settings table"')
@click.argument("name")
@click.option("--timestamp", is_flag=True, help="Stamp it (YYYYMMDD_HHMMSS, UTC) instead of numbering it.")
def create(call: Call, *, name: str, timestamp: bool) -> None:
    """Make a new pair of files, numbered after the newest (or stamped, where the folder does so)."""
    from . import files  # noqa: PLC0415

    up_file, down_file = files.create(call.config.directory, name, now=datetime.now(UTC), timestamp=timestamp)
    call.report.created(up_file, down_file)


@command("sqlmigrate repair 003")
@click.argument("version")
@click.option("--yes", is_flag=True, help="Do not ask.")
def repair(call: Call, *, version: str, yes: bool) -> None:
    """Make the history agree with the folder again: accept a changed file, or forget a failed or missing one."""
    from . import files, upkeep  # noqa: PLC0415

    migrations = files.load(call.config.directory)
    with call.database() as url:
        row, sentence = upkeep.repairable(url, migrations, version, _policy(call))
        _confirm(call, yes=yes, question=sentence[0].upper() + sentence[1:] + "?")
        upkeep.repair(url, row, _policy(call))
    call.report.repaired(row.label, sentence)


@command("sqlmigrate baseline 002")
@click.argument("version")
def baseline(call: Call, *, version: str) -> None:
    """Declare that this database already is at VERSION: everything up to it is recorded, nothing executed."""
    from . import files, upkeep  # noqa: PLC0415

    migrations = files.load(call.config.directory)
    with call.database() as url:
        declared = upkeep.baseline(url, migrations, version, _policy(call))
    call.report.declared(declared)


@command("sqlmigrate split sql/003_add_roles.up.sql")
@click.argument("file")
def split(call: Call, *, file: str) -> None:
    """Show how a file is cut into statements, a line each. No database is needed."""
    from . import files, statement  # noqa: PLC0415

    call.report.cuts(statement.read(files.read(file)))


@cli.command(short_help="Print a shell's completion script", epilog='Example: eval "$(sqlmigrate completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell."""
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    if found := get_completion_class(shell):
        click.echo(found(cli, {}, "sqlmigrate", "_SQLMIGRATE_COMPLETE").source())


def main() -> None:
    """Run the command line.

    A short process makes hardly any garbage: Python's looking for it among all that is imported and read, at the start
    and once more at the end, takes a tenth of the time of `status`.
    """
    signals.listen()
    gc.set_threshold(100_000)
    try:
        cli(prog_name="sqlmigrate")
    finally:
        gc.freeze()

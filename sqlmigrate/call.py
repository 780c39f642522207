"""One call of the program: its settings and its report; and what makes a command of a function."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, NoReturn

import click

from . import __version__, config, settings, signals
from .errors import ConfigError, SqlmigrateError

if TYPE_CHECKING:
    from .plan import Policy
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
        from .embedded import require_installed, server  # noqa: PLC0415 - only where it is needed

        require_installed()
        if not self.config.named_by:
            self.report.text(
                f"no database is named: this is the embedded PostgreSQL in {config.EMBEDDED_DIRECTORY}/",
                stream="stderr",
            )
        self.report.place = f"postgres, embedded in {config.EMBEDDED_DIRECTORY}/"
        with server(Path(config.EMBEDDED_DIRECTORY)) as embedded:
            yield config.named(embedded, self.config.application_name)

    def policy(self, **options: Any) -> Policy:
        """How a run goes about it: the settings, and a command's own options."""
        from .plan import Policy  # noqa: PLC0415 - loads the driver

        chosen = self.config
        return Policy(
            table=chosen.table,
            lock_wait=chosen.lock_wait,
            lock_timeout=chosen.lock_timeout,
            lock_retries=chosen.lock_retries,
            **options,
        )

    def confirm(self, *, yes: bool, question: str) -> None:
        """Ask on a terminal, and end the call where the answer is no.

        Raises `ConfigError` where nobody is there to give one.
        """
        if yes:
            return
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            name = click.get_current_context().info_name
            raise ConfigError(
                f"`{name}` asks before it goes on, and nobody is there to answer: nothing was changed",
                hint="say --yes where it is meant",
            )
        if not _is_confirmed(f"{question} ({self.config.shown})"):
            raise _NotConfirmedError


class _NotConfirmedError(Exception):
    """The user was asked, and has not said yes: an answer, and no error of anybody's."""


def _is_confirmed(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort as abort:
        click.echo(err=True)
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise abort.__context__ from None
        return False


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


def lock_options(command: Any) -> Any:
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


# What other tools call our commands: nobody who types `migrate` means `create`, which is spelled most alike.
_OF_OTHERS = {
    "up": "migrate apply deploy upgrade run sync update execute",
    "down": "rollback undo revert downgrade back",
    "create": "new add generate make revision init",
    "status": "info list ls show current pending",
    "review": "lint check analyze",
    "verify": "lint check validate",
    "log": "history",
    "repair": "resolve fix",
    "baseline": "stamp fake adopt",
    "reset": "redo refresh fresh",
    "--help": "help",
}


class _Program(click.Group):
    """The corridor's commands, and those of the rooms beside it: every package of ours that has a module `command`."""

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.commands:
            self._open_rooms()
        return super().get_command(context, name)

    def list_commands(self, context: click.Context) -> list[str]:
        self._open_rooms()
        return super().list_commands(context)

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; one that there is not is told with the one that was meant."""
        try:
            return super().resolve_command(context, arguments)
        except click.UsageError as error:
            if arguments[0].startswith("-"):  # an option that there is not
                raise
            raise click.UsageError(self._unknown(arguments[0]), error.ctx) from None

    def _unknown(self, name: str) -> str:
        meant = [command for command, others in _OF_OTHERS.items() if name.lower() in others.split()]
        if not meant:
            import difflib  # noqa: PLC0415 - only for an error

            meant = difflib.get_close_matches(name.lower(), sorted(self.commands), n=1)
        said = f"No such command '{name}'."
        return f"{said} Did you mean {' or '.join(map(repr, meant))}?" if meant else said

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
    except _NotConfirmedError:
        call.report.json({"confirmed": False}, stream="stderr")
        call.report.text("not confirmed: nothing was changed", stream="stderr")
        return EXIT_FAILED
    except KeyboardInterrupt as interrupt:
        if not call.is_interruption_told:
            call.report.error(SqlmigrateError("interrupted"))
        return signals.exit_code(interrupt)

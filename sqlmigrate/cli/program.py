"""The click group: finds commands, runs them, and turns errors into exit codes."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Collection
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, NoReturn

import click

from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.spelling import nearest
from sqlmigrate.version import __version__

from . import signals
from .context import EXIT_FAILED, Context, NotConfirmedError
from .options import WORDS_OF_OTHER_TOOLS, shared_options

_SIGNALLED = 128  # the exit codes of who was ended by a signal
_LAST_WORDS_SECONDS = 2.0


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
        meant = [command for command, others in WORDS_OF_OTHER_TOOLS.items() if name.lower() in others.split()]
        if not meant:
            meant = nearest(name.lower(), sorted(self.commands))
        said = f"No such command '{name}'."
        return f"{said} Did you mean {' or '.join(map(repr, meant))}?" if meant else said

    def _open_rooms(self) -> None:
        for found in iter_modules([str(Path(__file__).parents[1])]):
            if found.ispkg and find_spec(f"sqlmigrate.{found.name}.command"):
                import_module(f"sqlmigrate.{found.name}.command")


@click.group(
    cls=_Program, context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: sqlmigrate status"
)
@click.version_option(__version__, message="sqlmigrate %(version)s")
@shared_options(hidden=False)
@click.pass_context
def cli(context: click.Context) -> None:
    """Bring a PostgreSQL database up to date with a folder of plain SQL files.

    Settings are flags, variables (SQLMIGRATE_TABLE), or keys of [tool.sqlmigrate] in pyproject.toml: directory, table,
    lock_wait, lock_timeout, lock_retries, application_name.
    """
    context.ensure_object(dict)


def command(example: str, own: Collection[str] = ()) -> Callable[[Callable[..., int | None]], click.Command]:
    """Make a command of a function that gets a `Context` and returns the exit code.

    `own` names the shared options that it defines itself.
    """

    def make(function: Callable[..., int | None]) -> click.Command:
        def wrapped(**options: Any) -> NoReturn:
            call = Context(click.get_current_context().ensure_object(dict))
            sys.exit(_guarded(call, function, options))

        wrapped.__doc__ = function.__doc__
        wrapped.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
        name = function.__name__.rstrip("_")
        short = re.split(r"[,:.(]", function.__doc__ or "")[0]  # what fits into the list of commands
        return cli.command(name, short_help=short, epilog=f"Example: {example}")(
            shared_options(hidden=True, own=own)(wrapped)
        )

    return make


def _guarded(call: Context, function: Callable[..., int | None], options: dict[str, Any]) -> int:
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


def _coded(call: Context, function: Callable[..., int | None], options: dict[str, Any]) -> int:
    try:
        return function(call, **options) or 0
    except SqlmigrateError as error:
        call.report.error(error)
        return error.exit_code
    except NotConfirmedError:
        call.report.json({"confirmed": False}, stream="stderr")
        call.report.text("not confirmed: nothing was changed", stream="stderr")
        return EXIT_FAILED
    except KeyboardInterrupt as interrupt:
        if not call.is_interruption_told:
            call.report.error(SqlmigrateError("interrupted"))
        return signals.exit_code(interrupt)

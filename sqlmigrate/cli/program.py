"""The program: finds the command, runs it, and turns errors into exit codes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any

import click

from sqlmigrate.config.settings import IN_FILE, SETTINGS, Scope
from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.spelling import nearest
from sqlmigrate.version import __version__

from . import signals
from .context import EXIT_FAILED, Context, NotConfirmedError
from .options import WORDS_OF_OTHER_TOOLS, given_settings, setting_options
from .usage_errors import UnknownCommandError, is_help, refuse

TYPED = "sqlmigrate.typed"  # in click's `meta`: the words behind the name of the program
_LAST_WORDS_SECONDS = 2.0


class Command(click.Command):
    """A command of ours: its function gets a `Context` and its own options, and returns the exit code.

    Attributes:
        actions_of: The options that belong to some of its actions only, each with these: the words that follow it.
    """

    actions_of: Mapping[str, Collection[str]] = MappingProxyType({})

    def invoke(self, context: click.Context) -> int:
        """Run the command; a flag behind the command overrides the same flag before it."""
        own = {name: value for name, value in context.params.items() if name not in SETTINGS}
        flags = context.obj | given_settings(context.params)
        function = self.callback
        if function is None:
            raise AssertionError("a command is made of a function")
        return _run(Context(str(self.name), flags), lambda ours: function(ours, **own))

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options; where an action was typed, only those that it has."""
        params = self.get_params(context)
        arguments = [each for each in params if isinstance(each, click.Argument)]
        actions = {word for each in arguments if isinstance(each.type, click.Choice) for word in each.type.choices}
        action = next((word for word in context.meta.get(TYPED, ()) if word in actions), None)
        left_out = {name for name, having in self.actions_of.items() if action and action not in having}
        options = (each for each in params if isinstance(each, click.Option) and each.name not in left_out)
        records = [record for option in options if (record := option.get_help_record(context))]
        with formatter.section("Options"):
            formatter.write_dl(records)


class _Program(click.Group):
    """The commands of the trunk and of the rooms: the packages of ours that have a module `command`."""

    def parse_args(self, context: click.Context, arguments: list[str]) -> list[str]:
        context.meta[TYPED] = tuple(arguments)
        return super().parse_args(context, arguments)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.commands:
            self._load_rooms()
        return super().get_command(context, name)

    def list_commands(self, context: click.Context) -> list[str]:
        self._load_rooms()
        return super().list_commands(context)

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; the error for an unknown one suggests the command that was most likely intended."""
        try:
            return super().resolve_command(context, arguments)
        except click.UsageError as error:
            if arguments[0].startswith("-"):  # an unknown option
                raise
            raise UnknownCommandError(arguments[0], self._intended(arguments[0]), error.ctx) from None

    def _intended(self, name: str) -> list[str]:
        found = [command for command, others in WORDS_OF_OTHER_TOOLS.items() if name.lower() in others.split()]
        return found or nearest(name.lower(), sorted(self.commands))

    def _load_rooms(self) -> None:
        for found in iter_modules([str(Path(__file__).parents[1])]):
            if found.ispkg and find_spec(f"sqlmigrate.{found.name}.command"):
                import_module(f"sqlmigrate.{found.name}.command")


_HELP = f"""\
Bring a PostgreSQL database up to date with a folder of plain SQL files.

Settings are flags, environment variables (SQLMIGRATE_TABLE), or keys in sqlmigrate.toml or in [tool.sqlmigrate] of
pyproject.toml: {", ".join(IN_FILE)}.
"""


@click.group(
    cls=_Program,
    help=_HELP,
    params=setting_options(["all", "database", "folder", "execution", "first run", "schema", "shadow"]),
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: sqlmigrate status",
)
@click.version_option(__version__, message="sqlmigrate %(version)s")
@click.pass_context
def cli(context: click.Context, /, **flags: Any) -> None:
    """Keep the flags that stand before the command."""
    context.obj = given_settings(flags)


def command(
    example: str, uses: Collection[Scope] = (), actions_of: Mapping[str, Collection[str]] | None = None
) -> Callable[[Callable[..., int | None]], Command]:
    """Make a command of a function; the function is named as the command is.

    Args:
        example: a call of the command, for its help.
        uses: what the command works with: it gets the flags of these settings, but for those that it defines itself.
        actions_of: the options that belong to some of its actions only, as in `Command`.
    """

    def make(function: Callable[..., int | None]) -> Command:
        summary = re.split(r"[,:(]|\.(?=\s|$)", function.__doc__ or "")[0]  # what fits into the list of commands
        made = click.command(cls=Command, short_help=summary, epilog=f"Example: {example}")(function)
        made.actions_of = MappingProxyType(dict(actions_of or {}))
        own = [option.name for option in made.params]
        made.params += [option for option in setting_options(["all", *uses]) if option.name not in own]
        cli.add_command(made)
        return made

    return make


def run(arguments: Sequence[str]) -> int:
    """Run one call of the program, and return its exit code."""
    try:
        return cli.main(list(arguments), prog_name="sqlmigrate", standalone_mode=False) or 0
    except click.ClickException as error:
        is_json = "--format=json" in arguments or ("--format", "json") in pairwise(arguments)
        if is_help(error) and not is_json:
            error.show()
            return error.exit_code
        return _run(Context("", {"format": "json" if is_json else "text"}), partial(refuse, error))
    except click.Abort as abort:
        return signals.exit_code(abort.__cause__)


def _run(context: Context, work: Callable[[Context], int | None]) -> int:
    """Run a command that has a `Context`; returns its exit code when everything is written and the database is left."""
    code = _worked(context, work)
    try:
        is_written = context.report.close(None if code < signals.EXIT_SIGNALLED else _LAST_WORDS_SECONDS)
        if loss := context.report.loss:
            context.report.error(loss)
            context.report.close()
            code = code or EXIT_FAILED
    except KeyboardInterrupt as interrupt:
        code, is_written = signals.exit_code(interrupt), False
    if not is_written:  # the terminal is stopped and the caller waits no longer; Python's own exit would wait for it
        os._exit(code)
    return code


def _worked(context: Context, work: Callable[[Context], int | None]) -> int:
    try:
        return work(context) or 0
    except SqlmigrateError as error:
        context.report.error(error)
        return error.exit_code
    except NotConfirmedError:
        context.report.json({"confirmed": False}, stream="stderr")
        context.report.text("not confirmed: nothing was changed", stream="stderr")
        return EXIT_FAILED
    except KeyboardInterrupt as interrupt:
        if not context.is_interruption_told:
            context.report.error(SqlmigrateError("interrupted"))
        return signals.exit_code(interrupt)
